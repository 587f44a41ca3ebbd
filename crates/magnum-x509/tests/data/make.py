"""Makes the golden files of this folder with Python's cryptography, the library that upstream writes keys with.

Run once by hand: the files are kept as they are, so that reading them proves compatibility with what is stored in
existing clouds. `openssl` adds the form that OpenSSL 1.0 wrote.
"""

import datetime
import pathlib
import subprocess

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

here = pathlib.Path(__file__).parent
passphrase = b"a golden passphrase"
pem = serialization.Encoding.PEM
pkcs8 = serialization.PrivateFormat.PKCS8
traditional = serialization.PrivateFormat.TraditionalOpenSSL
plain = serialization.NoEncryption()
locked = serialization.BestAvailableEncryption(passphrase)

rsa_key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
ec_key = ec.generate_private_key(ec.SECP256R1())
p384_key = ec.generate_private_key(ec.SECP384R1())


def write(name, data):
    (here / name).write_bytes(data)


write("rsa-encrypted.pem", rsa_key.private_bytes(pem, pkcs8, locked))
write("rsa-pkcs1.pem", rsa_key.private_bytes(pem, traditional, plain))
write("rsa-public.pem", rsa_key.public_key().public_bytes(pem, serialization.PublicFormat.SubjectPublicKeyInfo))
write("rsa-legacy-encrypted.pem", rsa_key.private_bytes(pem, traditional, locked))
write("ec-encrypted.pem", ec_key.private_bytes(pem, pkcs8, locked))
write("ec-sec1.pem", ec_key.private_bytes(pem, traditional, plain))
write("ec-public.pem", ec_key.public_key().public_bytes(pem, serialization.PublicFormat.SubjectPublicKeyInfo))
write("p384-key.pem", p384_key.private_bytes(pem, pkcs8, plain))

subprocess.run(
    ["openssl", "pkcs8", "-topk8", "-v2", "aes-256-cbc", "-v2prf", "hmacWithSHA1",
     "-in", here / "rsa-pkcs1.pem", "-passout", b"pass:" + passphrase, "-out", here / "rsa-encrypted-sha1.pem"],
    check=True,
)


def name(*pairs):
    return x509.Name([x509.NameAttribute(oid, value) for oid, value in pairs])


admin = name(
    (NameOID.COMMON_NAME, "admin"),
    (NameOID.ORGANIZATION_NAME, "system:masters"),
    (NameOID.ORGANIZATION_NAME, "dev"),
    (NameOID.ORGANIZATION_NAME, "ops"),
)


def request(key, extensions, digest=None, subject=admin):
    builder = x509.CertificateSigningRequestBuilder().subject_name(subject)
    for value, critical in extensions:
        builder = builder.add_extension(value, critical)
    return builder.sign(key, digest or hashes.SHA256()).public_bytes(pem)


def usage(**bits):
    every = dict.fromkeys(
        ["digital_signature", "content_commitment", "key_encipherment", "data_encipherment", "key_agreement",
         "key_cert_sign", "crl_sign", "encipher_only", "decipher_only"], False)
    return x509.KeyUsage(**{**every, **bits})


ca = x509.BasicConstraints(ca=True, path_length=None)
policies = x509.CertificatePolicies([x509.PolicyInformation(x509.ObjectIdentifier("1.2.3.4"), None)])

write("admin.csr", request(rsa_key, []))
write("admin-p384.csr", request(p384_key, [], hashes.SHA384()))
write("admin-sha512.csr", request(rsa_key, [], hashes.SHA512()))
write("weak.csr", request(rsa.generate_private_key(public_exponent=65537, key_size=1024), []))
write("p521.csr", request(ec.generate_private_key(ec.SECP521R1()), []))
write("server.csr", request(rsa_key, [
    (x509.SubjectAlternativeName([x509.DNSName("node-1.example")]), False),
    (x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), False),
    (usage(digital_signature=True, key_encipherment=True), True),
    (x509.BasicConstraints(ca=False, path_length=None), True),
    (x509.SubjectKeyIdentifier.from_public_key(rsa_key.public_key()), False),
    (policies, False),
]))
write("critical-policies.csr", request(rsa_key, [(policies, True)]))
write("ca.csr", request(rsa_key, [(ca, False), (usage(digital_signature=True, key_cert_sign=True), False)]))
write("critical-ca.csr", request(rsa_key, [(ca, True)]))
write("critical-cert-sign.csr", request(rsa_key, [(usage(digital_signature=True, key_cert_sign=True), True)]))
write("only-cert-sign.csr", request(rsa_key, [(usage(key_cert_sign=True), False)]))
write("printable-subject.csr", request(rsa_key, [], subject=x509.Name([
    x509.NameAttribute(NameOID.COMMON_NAME, "node", _type=x509.name._ASN1Type.PrintableString),
    x509.NameAttribute(NameOID.ORGANIZATION_NAME, "caf\u00e9", _type=x509.name._ASN1Type.BMPString),
])))

old_name = name((NameOID.COMMON_NAME, "old cluster"))
old_ca = (
    x509.CertificateBuilder()
    .subject_name(old_name)
    .issuer_name(old_name)
    .public_key(rsa_key.public_key())
    .serial_number(0x1234)
    .not_valid_before(datetime.datetime(2018, 1, 1))
    .not_valid_after(datetime.datetime(2048, 1, 1))
    .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
    .add_extension(usage(key_cert_sign=True), critical=True)
    .sign(rsa_key, hashes.SHA256())
)
write("old-ca.pem", old_ca.public_bytes(pem))
