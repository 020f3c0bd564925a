#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Draws tests/bench/flash.svg, flash by part, out of tests/bench/size.txt: tools/plot_size.py. Needs python3-matplotlib."""
import pathlib

import matplotlib
matplotlib.use("svg")
from matplotlib import pyplot  # noqa: E402

BENCH = pathlib.Path(__file__).resolve().parent.parent / "tests/bench"
# Program of size.txt, and what stands beside its bar.
BARS = [("core", "the core alone", 8), ("plain_bytes", "motor, plaintext,\nby hand", 12), ("plain_typed", "motor, plaintext,\nnanopb", 18),
        ("pinned_bytes", "motor, pinned key,\nby hand", 44), ("slim_bytes", "motor, TLS slim,\nby hand", 54),
        ("slim_typed", "motor, TLS slim,\nnanopb", 60)]
# Name in the legend, colour, parts. What is not named is of the core.
GROUPS = [("HTTP/2: h2, hpack", "#1f4e79", ["h2", "hpack"]),
          ("calls: call, grpc, conn", "#2e75b6", ["call", "grpc", "conn"]),
          ("client: dial, auth, session, motion", "#9dc3e6", ["client", "dial", "auth", "session", "motion", "address", "internal"]),
          ("base, codecs, texts", "#d0cece", None),
          ("TLS, ours: trust, x509, tls", "#548235", ["trust", "x509", "tls", "crypto", "date"]),
          ("BearSSL: protocol", "#a9d18e", ["BearSSL_handshake_and_records", "BearSSL_certificates"]),
          ("BearSSL: cryptography", "#e2f0d9", ["BearSSL_curves", "BearSSL_big_integers", "BearSSL_RSA", "BearSSL_ciphers,_hashes,_random"]),
          ("typed calls, nanopb", "#c55a11", ["typed_calls", "nanopb"])]


def read():
    """{program: {part: KiB}}."""
    parts = {}
    for line in (BENCH / "size.txt").read_text().splitlines():
        name, value = line.split()
        fields = name.split(".")
        if fields[0] == "flash" and len(fields) == 3:
            parts.setdefault(fields[1], {})[fields[2]] = int(value) / 1024
    return parts


def share(parts, names):
    named = {part for _, _, others in GROUPS if others for part in others}
    return sum(size for part, size in parts.items() if (part in names if names else part not in named))


def main():
    matplotlib.rcParams.update({"svg.hashsalt": "viamc", "svg.fonttype": "none", "font.size": 9, "font.family": "sans-serif"})
    parts = read()
    figure, axes = pyplot.subplots(figsize=(9, 4.6))
    places = range(len(BARS))[::-1]
    left = [0.0] * len(BARS)
    for label, colour, names in GROUPS:
        widths = [share(parts[program], names) for program, _, _ in BARS]
        axes.barh(places, widths, 0.62, left, label=label, color=colour, edgecolor="white", linewidth=0.5)
        left = [start + width for start, width in zip(left, widths)]
    for place, total, (_, _, goal) in zip(places, left, BARS):
        axes.text(total + 0.7, place, f"{total:.1f}", va="center")
        axes.plot([goal, goal], [place - 0.42, place + 0.42], color="black", linewidth=1.5, label="goal" if place == 0 else None)
    axes.set_yticks(places, [label for _, label, _ in BARS])
    axes.set_xlabel("KiB of flash: Cortex-M4, -Os, newlib-nano, client role, without texts")
    axes.set_xlim(0, max(left) * 1.08)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(loc="upper right", frameon=False, fontsize=8)
    figure.tight_layout()
    figure.savefig(BENCH / "flash.svg", metadata={"Date": None})
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
