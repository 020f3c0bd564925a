# SPDX-License-Identifier: MIT
"""Certificates made on the spot: two authorities (P-256 and RSA-2048) that the tests trust, one that they do not, and leaves.

    all = certs.make(folder)
    all.ca              both trusted roots in one file, as SSL_CERT_FILE wants it
    all.other_ca        a root that signed none of the leaves
    all["ec"].chain     leaf, then intermediate if any; all["ec"].key, PKCS#8; all["ec"].sec1, the same key in the older form
"""
import datetime
import ipaddress
from dataclasses import dataclass

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

NOW = datetime.datetime.now(datetime.timezone.utc).replace(microsecond=0, tzinfo=None)
DAY = datetime.timedelta(days=1)
VALID = (NOW - DAY, NOW + 30 * DAY)
EXPIRED = (datetime.datetime(2019, 3, 1), datetime.datetime(2020, 3, 1))
NOT_YET = (datetime.datetime(2095, 10, 1), datetime.datetime(2096, 10, 1))
TEST_NET = "192.0.2.1"                      # run.sh puts it on lo: for clients that verify everywhere but on 127.*
CLOUD = "rover-main.abc.viam.cloud"
LOCAL = ["localhost", "127.0.0.1", "::1", TEST_NET]


@dataclass
class Issuer:
    name: x509.Name
    key: object
    certificate: x509.Certificate


@dataclass
class Leaf:
    chain: str
    key: str
    sec1: str


class Certs(dict):
    ca = ""
    other_ca = ""


def new_key(kind):
    if kind == "rsa":
        return rsa.generate_private_key(public_exponent=65537, key_size=2048)
    return ec.generate_private_key(ec.SECP256R1())


def sign(common_name, key, issuer, dates, extensions):
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])
    builder = (x509.CertificateBuilder().subject_name(name).issuer_name(issuer.name if issuer else name)
               .public_key(key.public_key()).serial_number(x509.random_serial_number())
               .not_valid_before(dates[0]).not_valid_after(dates[1]))
    for extension, critical in extensions:
        builder = builder.add_extension(extension, critical)
    return name, builder.sign(issuer.key if issuer else key, hashes.SHA256())


def usage(*names):
    every = ("digital_signature", "content_commitment", "key_encipherment", "data_encipherment", "key_agreement",
             "key_cert_sign", "crl_sign", "encipher_only", "decipher_only")
    return x509.KeyUsage(**{name: name in names for name in every}), True


def new_authority(common_name, kind, issuer=None):
    key = new_key(kind)
    name, certificate = sign(common_name, key, issuer, VALID,
                             [(x509.BasicConstraints(ca=True, path_length=None), True), usage("key_cert_sign", "crl_sign")])
    return Issuer(name, key, certificate)


def new_leaf(kind, issuer, dates, names):
    key = new_key(kind)
    alternatives = [x509.DNSName(n) if n[0].isalpha() else x509.IPAddress(ipaddress.ip_address(n)) for n in names]
    _, certificate = sign(names[0], key, issuer, dates,
                          [(x509.BasicConstraints(ca=False, path_length=None), True),
                           usage(*(["digital_signature", "key_encipherment"] if kind == "rsa" else ["digital_signature"])),
                           (x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), False),
                           (x509.SubjectAlternativeName(alternatives), False)])
    return key, certificate


def pem(*certificates):
    return b"".join(c.public_bytes(serialization.Encoding.PEM) for c in certificates)


def make(folder):
    """Makes them all in a folder; takes well under a second."""
    folder.mkdir(parents=True, exist_ok=True)

    def write(name, data):
        (folder / name).write_bytes(data)
        return str(folder / name)

    def key_bytes(key, form):
        return key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption())

    roots = {kind: new_authority(f"peer tests {kind}", kind) for kind in ("ec", "rsa")}
    middle = new_authority("peer tests middle", "ec", roots["ec"])
    stranger = new_authority("nobody trusts this one", "ec")
    leaves = {
        "ec": ("ec", roots["ec"], VALID, LOCAL),
        "rsa": ("rsa", roots["rsa"], VALID, LOCAL),
        "middle": ("ec", middle, VALID, LOCAL),
        "expired": ("ec", roots["ec"], EXPIRED, LOCAL),
        "not-yet": ("ec", roots["ec"], NOT_YET, LOCAL),
        "wrong-name": ("ec", roots["ec"], VALID, ["rover.example", "198.51.100.7"]),
        "cloud": ("ec", roots["ec"], VALID, [CLOUD]),
        "stranger-cloud": ("ec", stranger, VALID, [CLOUD]),
        "stranger": ("ec", stranger, VALID, LOCAL),
    }
    result = Certs()
    result.ca = write("ca.pem", pem(*(r.certificate for r in roots.values())))
    result.other_ca = write("other-ca.pem", pem(new_authority("another root", "ec").certificate))
    for name, (kind, issuer, dates, names) in leaves.items():
        key, certificate = new_leaf(kind, issuer, dates, names)
        chain = [certificate, issuer.certificate] if issuer is middle else [certificate]
        result[name] = Leaf(write(f"{name}.pem", pem(*chain)),
                            write(f"{name}.key", key_bytes(key, serialization.PrivateFormat.PKCS8)),
                            write(f"{name}-sec1.key", key_bytes(key, serialization.PrivateFormat.TraditionalOpenSSL)))
    return result
