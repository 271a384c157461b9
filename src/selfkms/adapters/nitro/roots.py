"""The roots that certificates of attestation documents have to lead to.

Source: AWS Nitro Enclaves User Guide, "Verifying the root of trust": the certificate is published as
AWS_NitroEnclaves_Root-G1.zip, and its SHA-256 fingerprint stands on that page. NitroTPM has the same root.
"""

from pathlib import Path
from typing import Final

from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import load_pem_x509_certificates

AWS_ROOT_G1: Final = b"""\
-----BEGIN CERTIFICATE-----
MIICETCCAZagAwIBAgIRAPkxdWgbkK/hHUbMtOTn+FYwCgYIKoZIzj0EAwMwSTEL
MAkGA1UEBhMCVVMxDzANBgNVBAoMBkFtYXpvbjEMMAoGA1UECwwDQVdTMRswGQYD
VQQDDBJhd3Mubml0cm8tZW5jbGF2ZXMwHhcNMTkxMDI4MTMyODA1WhcNNDkxMDI4
MTQyODA1WjBJMQswCQYDVQQGEwJVUzEPMA0GA1UECgwGQW1hem9uMQwwCgYDVQQL
DANBV1MxGzAZBgNVBAMMEmF3cy5uaXRyby1lbmNsYXZlczB2MBAGByqGSM49AgEG
BSuBBAAiA2IABPwCVOumCMHzaHDimtqQvkY4MpJzbolL//Zy2YlES1BR5TSksfbb
48C8WBoyt7F2Bw7eEtaaP+ohG2bnUs990d0JX28TcPQXCEPZ3BABIeTPYwEoCWZE
h8l5YoQwTcU/9KNCMEAwDwYDVR0TAQH/BAUwAwEB/zAdBgNVHQ4EFgQUkCW1DdkF
R+eWw5b6cp3PmanfS5YwDgYDVR0PAQH/BAQDAgGGMAoGCCqGSM49BAMDA2kAMGYC
MQCjfy+Rocm9Xue4YnwWmNJVA44fA0P5W2OpYow9OYCVRaEevL8uO1XYru5xtMPW
rfMCMQCi85sWBbJwKKXdS6BptQFuZbT73o/gBh1qUxl/nNr12UO8Yfwr6wPLb+6N
IwLz3/Y=
-----END CERTIFICATE-----
"""
"""CN=aws.nitro-enclaves, valid from 2019 to 2049."""

AWS_ROOT_G1_SHA_256: Final = "641a0321a3e244efe456463195d606317ed7cdcc3c1756e09893f3c68f79bb5b"
"""The fingerprint on AWS's page."""


def roots_of(pem: bytes) -> frozenset[bytes]:
    """The certificates in a PEM file, each in DER.

    Raises:
        ValueError: there is none, or one cannot be read.
    """
    return frozenset(certificate.public_bytes(Encoding.DER) for certificate in load_pem_x509_certificates(pem))


def trusted_roots(file: Path | None) -> frozenset[bytes]:
    """Those in a file, which then are the only ones; without a file AWS's.

    Raises:
        OSError: the file cannot be read.
        ValueError: it is no PEM file of certificates.
    """
    return roots_of(AWS_ROOT_G1 if file is None else file.read_bytes())
