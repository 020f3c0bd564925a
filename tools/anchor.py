#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Writes trust anchors for boards: a const C array made of the certificates in PEM or DER files.

    tools/anchor.py [--name NAME] [-o FILE] CERTIFICATE...

The array goes into a desc: `dial.anchors = NAME; dial.anchor_count = NAME_count;`. It holds what a check needs, the name and the key:
a fifth of the certificate. Refused, because the library would refuse what they vouch for: keys other than P-256, P-384 and RSA of 2,048
bits or more, name constraints, and extensions that are critical and unknown. A certificate that is no authority (CA:FALSE) becomes an
anchor for the server with this very key. One that has expired is written with a warning.
"""
import argparse
import base64
import datetime
import pathlib
import re
import sys

RSA, EC = "1.2.840.113549.1.1.1", "1.2.840.10045.2.1"
CURVES = {"1.2.840.10045.3.1.7": "VIAMC_CURVE_P256", "1.3.132.0.34": "VIAMC_CURVE_P384"}
BASIC, USAGE, NAMES, PURPOSES = "2.5.29.19", "2.5.29.15", "2.5.29.30", "2.5.29.37"
KNOWN_CRITICAL = {BASIC, USAGE, PURPOSES, "2.5.29.17", "2.5.29.32"}
FOR_SERVERS = {"1.3.6.1.5.5.7.3.1", "2.5.29.37.0"}
EPOCH = datetime.date(1970, 1, 1)
LABELS = {"2.5.4.3": "CN", "2.5.4.10": "O", "2.5.4.11": "OU", "2.5.4.6": "C"}


class Problem(Exception):
    """What is wrong with a certificate, as one line of text."""


# ---- DER ----

def elements(data):
    """The elements of one level as (tag, whole, content)."""
    at = 0
    while at < len(data):
        if at + 2 > len(data):
            raise Problem("cut short")
        head, size = at + 2, data[at + 1]
        if size >= 128:
            head += size - 128
            size = int.from_bytes(data[at + 2:head], "big")
        if head + size > len(data):
            raise Problem("cut short")
        yield data[at], data[at:head + size], data[head:head + size]
        at = head + size


def inside(data, *tags):
    """The contents of the first elements, which must have these tags."""
    parts = list(elements(data))
    if len(parts) < len(tags) or any(part[0] != tag for part, tag in zip(parts, tags)):
        raise Problem("not a certificate")
    return [part[2] for part in parts[:len(tags)]]


def oid(data):
    numbers, value = [], 0
    for octet in data:
        value = value << 7 | octet & 127
        if octet < 128:
            numbers.append(value)
            value = 0
    first = min(numbers[0] // 40, 2) if numbers else 0
    return ".".join(str(n) for n in [first, numbers[0] - 40 * first, *numbers[1:]]) if numbers else ""


def date(tag, data):
    text = data.decode("ascii", "replace")
    if tag == 0x17:
        text = ("19" if text[0] >= "5" else "20") + text
    if not re.fullmatch(r"\d{14}Z", text):
        raise Problem("bad date")
    return datetime.date(int(text[:4]), int(text[4:6]), int(text[6:8]))


# ---- certificates ----

def extensions(parts):
    """OID to (critical, value)."""
    found = {}
    for tag, _, content in parts:
        if tag != 0xA3:
            continue
        for _, _, ext in elements(inside(content, 0x30)[0]):
            fields = list(elements(ext))
            found[oid(fields[0][2])] = (len(fields) == 3 and fields[1][2] != b"\0", fields[-1][2])
    return found


def is_authority(exts):
    """CA:TRUE, and keyCertSign where there is a keyUsage."""
    basic = list(elements(inside(exts[BASIC][1], 0x30)[0])) if BASIC in exts else []
    signs = USAGE not in exts or len(exts[USAGE][1]) > 3 and exts[USAGE][1][3] & 4
    return bool(basic and basic[0][0] == 1 and basic[0][2] != b"\0" and signs)


def check_extensions(exts):
    if NAMES in exts:
        raise Problem("has name constraints, which are not supported")
    for name, (critical, _) in exts.items():
        if critical and name not in KNOWN_CRITICAL:
            raise Problem(f"has a critical extension that is not supported: {name}")
    if PURPOSES in exts:
        if not FOR_SERVERS & {oid(part[2]) for part in elements(inside(exts[PURPOSES][1], 0x30)[0])}:
            raise Problem("is not for servers (extended key usage)")


def key_of(spki):
    """Members of the struct: type, curve, and octets of n, e and q."""
    alg, bits = inside(spki, 0x30, 0x03)
    fields = list(elements(alg))
    kind = oid(fields[0][2])
    if kind == RSA:
        n, e = [number.lstrip(b"\0") for number in inside(inside(bits[1:], 0x30)[0], 0x02, 0x02)]
        if len(n) * 8 < 2048 or len(n) == 256 and n[0] < 128:
            raise Problem("RSA key has less than 2,048 bits")
        return "VIAMC_KEY_RSA", "0", n, e, b""
    curve = CURVES.get(oid(fields[1][2])) if kind == EC and len(fields) > 1 else None
    if not curve:
        raise Problem("key is neither RSA nor P-256 nor P-384")
    return "VIAMC_KEY_EC", curve, b"", b"", bits[1:]


def title_of(name):
    """A subject for people."""
    words = []
    for _, _, group in elements(inside(name, 0x30)[0]):
        for _, _, pair in elements(group):
            label, value = list(elements(pair))[:2]
            if oid(label[2]) in LABELS:
                words.append(f"{LABELS[oid(label[2])]}={value[2].decode('utf-8', 'replace')}")
    return re.sub(r"[^ -~]", "?", ", ".join(words)).replace("*/", "* /").replace("/*", "/ *") or "(no name)"


def read_certificate(data):
    """An anchor as a dict."""
    try:
        tbs, _, _ = inside(inside(data, 0x30)[0], 0x30, 0x30, 0x03)
        parts = list(elements(tbs))
        if parts[0][0] == 0xA0:
            parts.pop(0)
        dates = list(elements(parts[3][2]))
        exts = extensions(parts[6:])
        check_extensions(exts)
        kind, curve, n, e, q = key_of(parts[5][2])
        return {"dn": parts[4][1], "title": title_of(parts[4][1]), "kind": kind, "curve": curve, "n": n, "e": e, "q": q,
                "ca": int(is_authority(exts)), "from": date(*dates[0][::2]), "until": date(*dates[1][::2])}
    except (IndexError, ValueError) as err:
        raise Problem("not a certificate") from err


def certificates_of(path):
    """The DER of each certificate in a file."""
    data = pathlib.Path(path).read_bytes()
    found = re.findall(rb"-----BEGIN (?:TRUSTED |X509 )?CERTIFICATE-----(.*?)-----END", data, re.S)
    if not found and data[:1] == b"\x30":
        return [data]
    if not found:
        raise Problem("no certificate in it")
    return [base64.b64decode(text) for text in found]


# ---- C ----

def array(name, data):
    lines = [", ".join(f"0x{octet:02x}" for octet in data[at:at + 20]) for at in range(0, len(data), 20)]
    return f"static const uint8_t {name}[] = {{\n    " + ",\n    ".join(lines) + "\n};\n"


def view(name, data):
    return f"{{ {name}, sizeof {name} }}" if data else "{ NULL, 0 }"


def days(when):
    return max(0, (when - EPOCH).days)


def text_of(name, anchors):
    """The C file."""
    out = [f"/* Trust anchors for viamc, made by tools/anchor.py: dial.anchors = {name}; dial.anchor_count = {name}_count; */\n",
           '#include "viamc.h"\n\n']
    rows = []
    for number, a in enumerate(anchors):
        parts = {part: f"{name}_{number}_{part}" for part in ("dn", "n", "e", "q")}
        out.append(f"/* {a['title']}: {a['from']} to {a['until']} */\n")
        out += [array(parts[part], a[part]) for part in parts if a[part]] + ["\n"]
        views = {part: view(parts[part], a[part]) for part in parts}
        rows.append(f"    {{ {views['dn']}, {a['kind']}, {a['curve']}, {a['ca']},\n      {views['n']}, {views['e']}, {views['q']},\n"
                    f"      {days(a['from'])}u, {days(a['until'])}u }}")
    out.append(f"extern const viamc_anchor {name}[];\nextern const size_t {name}_count;\n\n")
    out.append(f"const viamc_anchor {name}[] = {{\n" + ",\n".join(rows) + "\n};\n")
    out.append(f"const size_t {name}_count = sizeof {name} / sizeof {name}[0];\n")
    return "".join(out)


def main():
    parser = argparse.ArgumentParser(description="writes trust anchors as a const C array")
    parser.add_argument("--name", default="app_anchors", help="name of the array (app_anchors)")
    parser.add_argument("-o", metavar="FILE", help="where the C goes (standard output)")
    parser.add_argument("certificates", nargs="+", help="PEM or DER files")
    args = parser.parse_args()
    if not re.fullmatch(r"[A-Za-z]\w*", args.name):
        parser.error("the name must be a C identifier")
    anchors = []
    for path in args.certificates:
        try:
            for data in certificates_of(path):
                anchors.append(read_certificate(data))
        except (Problem, OSError) as err:
            print(f"anchor: {path}: {err}", file=sys.stderr)
            return 1
    for anchor in anchors:
        if anchor["until"] < datetime.date.today():
            print(f"anchor: warning: {anchor['title']} has expired on {anchor['until']}", file=sys.stderr)
        if not anchor["ca"]:
            print(f"anchor: warning: {anchor['title']} is no authority: it vouches for the server with this key alone", file=sys.stderr)
    text = text_of(args.name, anchors)
    if args.o:
        pathlib.Path(args.o).write_text(text, encoding="ascii", newline="\n")
    else:
        sys.stdout.write(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
