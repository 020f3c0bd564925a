#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Makes the keys and certificates of the TLS tests, good ones and bad ones, into build/certs. Nothing of them is checked in.

    tests/certs/make.py [DIR]

The certificates are put together here, octet by octet, so that each can be wrong in exactly one way; the openssl program makes keys
and signatures. Per certificate: NAME.der, and NAME.key.der (PKCS#8) and NAME.key (PEM) of its key; NAME.pem has the chain that a
server sends. Does nothing if the folder is there and newer than this file.
"""
import base64
import concurrent.futures
import fcntl
import os
import pathlib
import shutil
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
FROM, UNTIL = "20200101000000Z", "20491231235959Z"

# ---- DER ----


def der(tag, *parts):
    """One element: tag, shortest length, content."""
    content = b"".join(parts)
    size = len(content)
    if size < 128:
        head = bytes([size])
    else:
        octets = size.to_bytes((size.bit_length() + 7) // 8, "big")
        head = bytes([128 + len(octets)]) + octets
    return bytes([tag]) + head + content


def seq(*parts):
    return der(0x30, *parts)


def oid(text):
    numbers = [int(n) for n in text.split(".")]
    out = bytearray([numbers[0] * 40 + numbers[1]])
    for number in numbers[2:]:
        groups = [number & 127]
        while number > 127:
            number >>= 7
            groups.insert(0, 128 | number & 127)
        out += bytes(groups)
    return der(0x06, bytes(out))


def integer(number):
    return der(0x02, number.to_bytes(number.bit_length() // 8 + 1, "big"))


def name(text):
    return seq() if text == "" else seq(der(0x31, seq(oid("2.5.4.3"), der(0x0C, text.encode()))))


def time(text):
    return der(0x17, text[2:].encode()) if "1950" <= text[:4] < "2050" else der(0x18, text.encode())


def ext(number, value, critical=False):
    return seq(oid(number), der(0x01, b"\xff") if critical else b"", der(0x04, value))


def dns(text):
    return der(0x82, text.encode())


def ip4(*octets):
    return der(0x87, bytes(octets))


def ip6(text):
    return der(0x87, bytes.fromhex(text))


def san(*names):
    return ext("2.5.29.17", seq(*names))


def eku(*purposes):
    return ext("2.5.29.37", seq(*[oid(p) for p in purposes]))


def basic(ca, path=None, critical=True):
    return ext("2.5.29.19", seq(der(0x01, b"\xff") if ca else b"", integer(path) if path is not None else b""), critical)


def usage(octet):
    return ext("2.5.29.15", der(0x03, bytes([1, octet])), True)


SIGN, CERT_SIGN = 0x80, 0x06
SERVER, CLIENT, ANY = "1.3.6.1.5.5.7.3.1", "1.3.6.1.5.5.7.3.2", "2.5.29.37.0"
CONSTRAINTS = seq(der(0xA0, seq(dns("test"))))
SIGNATURES = {
    ("rsa", "sha1"): seq(oid("1.2.840.113549.1.1.5"), der(0x05)),
    ("rsa", "sha256"): seq(oid("1.2.840.113549.1.1.11"), der(0x05)),
    ("rsa", "sha384"): seq(oid("1.2.840.113549.1.1.12"), der(0x05)),
    ("rsa", "sha512"): seq(oid("1.2.840.113549.1.1.13"), der(0x05)),
    ("ec", "sha256"): seq(oid("1.2.840.10045.4.3.2")),
    ("ec", "sha384"): seq(oid("1.2.840.10045.4.3.3")),
    ("ec", "sha512"): seq(oid("1.2.840.10045.4.3.4")),
}

# ---- keys ----

KEYS = {
    "rsa4096": ["RSA", "rsa_keygen_bits:4096"],
    **{f"rsa{i}": ["RSA", "rsa_keygen_bits:2048"] for i in range(3)},
    "weak": ["RSA", "rsa_keygen_bits:1024"],
    "odd": ["RSA", "rsa_keygen_bits:2052"],
    **{f"ec{i}": ["EC", "ec_paramgen_curve:P-256"] for i in range(5)},
    "p384": ["EC", "ec_paramgen_curve:P-384"],
    "p384b": ["EC", "ec_paramgen_curve:P-384"],
    "p521": ["EC", "ec_paramgen_curve:P-521"],
}


def openssl(*arguments, data=None):
    return subprocess.run(["openssl", *[str(a) for a in arguments]], input=data, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                          check=True).stdout


def make_key(folder, key):
    kind, option = KEYS[key]
    pem = folder / f"key-{key}.pem"
    pem.write_bytes(openssl("genpkey", "-algorithm", kind, "-pkeyopt", option))
    return key, (pem, "rsa" if kind == "RSA" else "ec", openssl("pkey", "-in", pem, "-pubout", "-outform", "DER"))


# ---- certificates: name: (issuer, key, options) in the order of making. Names of Windows' devices (nul, con, aux) are no files there ----

GOOD_NAMES = [dns("robot.test"), dns("*.wild.test"), dns("localhost"), ip4(10, 0, 0, 7), ip4(127, 0, 0, 1),
              ip6("00000000000000000000000000000001"), ip6("20010db800000000000000000000beef")]
CA = [basic(True), usage(CERT_SIGN)]
LEAF = [basic(False), usage(SIGN), eku(SERVER), san(*GOOD_NAMES)]
CERTS = {
    # authorities
    "root-ec": (None, "ec0", {"ext": CA}),
    "root-ed": (None, "ec0", {"ext": CA}),       # root-ec's key, and a name of the same length
    "root-rsa": (None, "rsa0", {"ext": CA}),
    "root-web": (None, "rsa4096", {"ext": CA}),
    "root-384": (None, "p384", {"ext": CA, "hash": "sha384"}),
    "root-weak": (None, "weak", {"ext": CA}),
    "root-names": (None, "ec0", {"ext": CA + [ext("2.5.29.30", CONSTRAINTS, True)]}),
    "root-expired": (None, "ec0", {"ext": CA, "until": "20260301000000Z"}),
    "root-client": (None, "ec0", {"ext": CA + [eku(CLIENT)]}),
    "root-critical": (None, "ec0", {"ext": CA + [ext("1.3.6.1.4.1.99999.1", seq(), True)]}),
    "root-no-sign": (None, "ec0", {"ext": [basic(True), usage(SIGN)]}),
    "root-no-ca": (None, "ec0", {"ext": [usage(CERT_SIGN)]}),
    "root-twin-a": (None, "ec1", {"ext": CA, "subject": "twin"}),
    "root-twin-b": (None, "ec2", {"ext": CA, "subject": "twin"}),
    "root-p521": (None, "p521", {"ext": CA, "hash": "sha512"}),
    "root-nameless": (None, "ec0", {"ext": CA, "subject": ""}),
    "root-odd": (None, "odd", {"ext": CA}),
    "inter-limits": ("root-ec", "ec3", {"ext": CA + [ext("2.5.29.36", seq(der(0x80, b"\0")))]}),
    "inter-no-any": ("root-ec", "ec3", {"ext": CA + [ext("2.5.29.54", integer(0))]}),
    "inter-web": ("root-web", "rsa1", {"ext": [basic(True, 0), usage(CERT_SIGN)]}),
    "inter-not-ca": ("root-ec", "ec3", {"ext": [basic(False), usage(SIGN)]}),
    "inter-no-basic": ("root-ec", "ec3", {"ext": [usage(CERT_SIGN)]}),
    "inter-client": ("root-ec", "ec3", {"ext": CA + [eku(CLIENT)]}),
    "inter-any": ("root-ec", "ec3", {"ext": CA + [eku(ANY)]}),
    "inter-any-plain": (None, "ec3", {"ext": LEAF, "subject": "inter-any"}),  # inter-any's name and key, but no authority
    "inter-names": ("root-ec", "ec3", {"ext": CA + [ext("2.5.29.30", CONSTRAINTS)]}),
    "inter-names-critical": ("root-ec", "ec3", {"ext": CA + [ext("2.5.29.30", CONSTRAINTS, True)]}),
    "inter-expired": ("root-ec", "ec3", {"ext": CA, "until": "20260301000000Z"}),
    "inter-short": ("root-ec", "ec2", {"ext": [basic(True, 0), usage(CERT_SIGN)]}),
    "inter-under-short": ("inter-short", "ec3", {"ext": CA}),
    # servers that are to be believed
    "ec": ("root-ec", "ec4", {"ext": LEAF}),
    "rsa": ("root-rsa", "rsa2", {"ext": LEAF}),
    "web": ("inter-web", "ec4", {"ext": LEAF}),
    "web-rsa": ("inter-web", "rsa2", {"ext": LEAF, "hash": "sha384"}),
    "p384": ("root-384", "p384b", {"ext": LEAF, "hash": "sha384"}),
    "sha512": ("root-rsa", "ec4", {"ext": LEAF, "hash": "sha512"}),
    "no-eku": ("root-ec", "ec4", {"ext": [san(*GOOD_NAMES)]}),
    "any-inter": ("inter-any", "ec4", {"ext": LEAF}),
    "twin": ("root-twin-b", "ec4", {"ext": LEAF}),
    "self": (None, "ec4", {"ext": LEAF}),
    "upper": ("root-ec", "ec4", {"ext": [san(dns("ROBOT.Test"))]}),
    "top-wildcard": ("root-ec", "ec4", {"ext": [san(dns("*.test"))]}),
    "client-too": ("root-ec", "ec4", {"ext": [eku(CLIENT, SERVER), san(*GOOD_NAMES)]}),
    "any-too": ("root-ec", "ec4", {"ext": [eku(ANY, SERVER), san(*GOOD_NAMES)]}),
    "general-time": ("root-ec", "ec4", {"ext": LEAF, "until": "20991231235959Z"}),
    "rsa4096": ("root-ec", "rsa4096", {"ext": LEAF}),
    "subject-empty": ("root-ec", "ec4", {"ext": LEAF, "subject": ""}),
    "policies": ("root-ec", "ec4", {"ext": LEAF + [ext("2.5.29.32", seq(seq(oid("1.3.6.1.4.1.99999.3"))), True)]}),
    "many-names": ("root-ec", "ec4", {"ext": [san(*[dns(f"n{i:04}.robot.test") for i in range(2000)], dns("robot.test"))]}),
    # servers that are not
    "zero-middle": ("root-ec", "ec4", {"ext": [san(dns("robot.test\0.evil.test"))]}),
    "zero-end": ("root-ec", "ec4", {"ext": [san(dns("robot.test\0"))]}),
    "zero-begin": ("root-ec", "ec4", {"ext": [san(dns("\0robot.test"))]}),
    "star": ("root-ec", "ec4", {"ext": [san(dns("*"))]}),
    "star-inside": ("root-ec", "ec4", {"ext": [san(dns("r*.test"), dns("*t.test"))]}),
    "star-behind": ("root-ec", "ec4", {"ext": [san(dns("robot.*"))]}),
    "two-stars": ("root-ec", "ec4", {"ext": [san(dns("*.*"), dns("*.*.test"))]}),
    "star-name": ("root-ec", "ec4", {"ext": [san(dns("*robot.test"))]}),
    "dot": ("root-ec", "ec4", {"ext": [san(dns(".robot.test"), dns("robot.test."), dns(".test"))]}),
    "san-empty": ("root-ec", "ec4", {"ext": [san()], "subject": "robot.test"}),
    "san-nameless": ("root-ec", "ec4", {"ext": [san(dns(""))], "subject": "robot.test"}),
    "san-others": ("root-ec", "ec4", {"ext": [san(der(0x81, b"robot.test"), der(0x86, b"robot.test"))], "subject": "robot.test"}),
    "ip-mask": ("root-ec", "ec4", {"ext": [san(ip4(10, 0, 0, 7, 255, 255, 255, 255))]}),
    "ip-short": ("root-ec", "ec4", {"ext": [san(ip4(10, 0, 0))]}),
    "ip-mapped": ("root-ec", "ec4", {"ext": [san(ip6("00000000000000000000ffff0a000007"))]}),
    "ip-text": ("root-ec", "ec4", {"ext": [san(der(0x87, b"10.0.0.7"))]}),
    "backwards": ("root-ec", "ec4", {"ext": LEAF, "from": "20270101000000Z", "until": "20260101000000Z"}),
    "odd": ("root-ec", "odd", {"ext": LEAF}),
    "by-limits": ("inter-limits", "ec4", {"ext": LEAF}),
    "by-no-any": ("inter-no-any", "ec4", {"ext": LEAF}),
    "under-odd": ("root-odd", "ec4", {"ext": LEAF}),
    "by-leaf": ("ec", "ec1", {"ext": LEAF}),
    "expired": ("root-ec", "ec4", {"ext": LEAF, "until": "20260301000000Z"}),
    "early": ("root-ec", "ec4", {"ext": LEAF, "from": "20261001000000Z"}),
    "no-san": ("root-ec", "ec4", {"ext": [eku(SERVER)], "subject": "robot.test"}),
    "ip-as-dns": ("root-ec", "ec4", {"ext": [san(dns("10.0.0.7"))], "subject": "10.0.0.7"}),
    "authority": ("root-ec", "ec4", {"ext": [basic(True), san(*GOOD_NAMES)]}),
    "self-authority": (None, "ec4", {"ext": [basic(True), san(*GOOD_NAMES)]}),
    "v1": ("root-ec", "ec4", {"ext": None, "subject": "robot.test"}),
    "weak": ("root-ec", "weak", {"ext": LEAF}),
    "weak-root": ("root-weak", "ec4", {"ext": LEAF}),
    "client": ("root-ec", "ec4", {"ext": [eku(CLIENT), san(*GOOD_NAMES)]}),
    "empty-eku": ("root-ec", "ec4", {"ext": [ext("2.5.29.37", seq()), san(*GOOD_NAMES)]}),
    "any": ("root-ec", "ec4", {"ext": [eku(ANY), san(*GOOD_NAMES)]}),
    "names": ("root-ec", "ec4", {"ext": [ext("2.5.29.30", CONSTRAINTS), san(*GOOD_NAMES)]}),
    "critical": ("root-ec", "ec4", {"ext": LEAF + [ext("1.3.6.1.4.1.99999.1", seq(), True)]}),
    "critical-aia": ("root-ec", "ec4", {"ext": LEAF + [ext("1.3.6.1.5.5.7.1.1", seq(), True)]}),
    "long-name": ("root-ec", "ec4", {"ext": LEAF, "subject": "long " * 140}),
    "long-key": ("root-ec", "ec4", {"ext": LEAF, "spki": seq(seq(oid("1.3.6.1.4.1.99999.2")), der(0x03, bytes(20000)))}),
    "twice": ("root-ec", "ec4", {"ext": [san(dns("other.test")), san(*GOOD_NAMES)]}),
    "no-signing": ("root-ec", "ec4", {"ext": [usage(0x20), san(*GOOD_NAMES)]}),
    "sha1": ("root-rsa", "ec4", {"ext": LEAF, "hash": "sha1"}),
    "forged": ("root-ec", "ec4", {"ext": LEAF, "sign_with": "ec1"}),
    "p521": ("root-ec", "p521", {"ext": LEAF}),
    "under-p521": ("root-p521", "ec4", {"ext": LEAF, "hash": "sha512"}),
    "under-names": ("root-names", "ec4", {"ext": LEAF}),
    "under-nameless": ("root-nameless", "ec4", {"ext": LEAF}),
    "under-expired": ("root-expired", "ec4", {"ext": LEAF}),
    "under-client": ("root-client", "ec4", {"ext": LEAF}),
    "under-critical": ("root-critical", "ec4", {"ext": LEAF}),
    "under-no-sign": ("root-no-sign", "ec4", {"ext": LEAF}),
    "under-no-ca": ("root-no-ca", "ec4", {"ext": LEAF}),
    "by-not-ca": ("inter-not-ca", "ec4", {"ext": LEAF}),
    "by-no-basic": ("inter-no-basic", "ec4", {"ext": LEAF}),
    "by-client": ("inter-client", "ec4", {"ext": LEAF}),
    "by-names": ("inter-names", "ec4", {"ext": LEAF}),
    "by-names-critical": ("inter-names-critical", "ec4", {"ext": LEAF}),
    "by-expired": ("inter-expired", "ec4", {"ext": LEAF}),
    "by-too-long": ("inter-under-short", "ec4", {"ext": LEAF}),
}


def make_cert(folder, keys, label, made):
    issuer, key, options = CERTS[label]
    signer = options.get("sign_with") or (CERTS[issuer][1] if issuer else key)
    algorithm = SIGNATURES[keys[signer][1], options.get("hash", "sha256")]
    subject = name(options.get("subject", label))
    issuer_name = name(CERTS[issuer][2].get("subject", issuer)) if issuer else subject
    extensions = options["ext"]
    tbs = seq(der(0xA0, integer(2)) if extensions is not None else b"", integer(1000 + len(made)), algorithm, issuer_name,
              seq(time(options.get("from", FROM)), time(options.get("until", UNTIL))), subject, options.get("spki", keys[key][2]),
              der(0xA3, seq(*extensions)) if extensions is not None else b"")
    signature = openssl("dgst", "-" + options.get("hash", "sha256"), "-sign", keys[signer][0], data=tbs)
    cert = seq(tbs, algorithm, der(0x03, b"\0", signature))
    (folder / f"{label}.der").write_bytes(cert)
    return cert


def pem_of(cert):
    text = base64.b64encode(cert).decode()
    lines = "\n".join(text[i:i + 64] for i in range(0, len(text), 64))
    return f"-----BEGIN CERTIFICATE-----\n{lines}\n-----END CERTIFICATE-----\n"


def make_all(folder):
    folder.mkdir(parents=True)
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        keys = dict(pool.map(lambda key: make_key(folder, key), KEYS))
    made = {}
    for label in CERTS:
        made[label] = make_cert(folder, keys, label, made)
    for label, (issuer, key, _) in CERTS.items():
        chain = [label]
        while issuer and CERTS[issuer][0]:
            chain.append(issuer)
            issuer = CERTS[issuer][0]
        (folder / f"{label}.pem").write_text("".join(pem_of(made[c]) for c in chain))
        shutil.copy(keys[key][0], folder / f"{label}.key")
    for key in keys:
        pem, kind, _ = keys[key]
        (folder / f"key-{key}.der").write_bytes(openssl("pkcs8", "-topk8", "-nocrypt", "-in", pem, "-outform", "DER"))
        (folder / f"key-{key}.old.der").write_bytes(openssl("rsa" if kind == "rsa" else "ec", "-in", pem, "-outform", "DER",
                                                            *(["-traditional"] if kind == "rsa" else [])))
    for label, (_, key, _) in CERTS.items():
        shutil.copy(folder / f"key-{key}.der", folder / f"{label}.key.der")


def main():
    folder = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else ROOT / "build/certs").resolve()
    folder.parent.mkdir(parents=True, exist_ok=True)
    with open(folder.parent / (folder.name + ".lock"), "w", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)        # tests run side by side
        if folder.is_dir() and folder.stat().st_mtime >= pathlib.Path(__file__).stat().st_mtime:
            return
        fresh = folder.with_name(folder.name + ".new")
        for old in (fresh, folder):
            shutil.rmtree(old, ignore_errors=True)
        make_all(fresh)
        os.rename(fresh, folder)
        os.utime(folder)


if __name__ == "__main__":
    main()
