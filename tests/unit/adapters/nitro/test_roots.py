"""The roots: AWS's, by its published fingerprint, or those in a file."""

import hashlib
from pathlib import Path

import pytest
from cryptography import x509

from harness.attestation import TEST_ROOT, Issued
from selfkms.adapters.nitro.roots import AWS_ROOT_G1_SHA_256, trusted_roots


def test_without_a_file_it_is_awss() -> None:
    """The one certificate whose fingerprint stands on AWS's page, for P-384 and thirty years."""
    (root,) = trusted_roots(None)
    assert hashlib.sha256(root).hexdigest() == AWS_ROOT_G1_SHA_256
    certificate = x509.load_der_x509_certificate(root)
    assert certificate.subject.rfc4514_string() == "CN=aws.nitro-enclaves,OU=AWS,O=Amazon,C=US"
    certificate.verify_directly_issued_by(certificate)
    assert (certificate.not_valid_before_utc.year, certificate.not_valid_after_utc.year) == (2019, 2049)


def test_a_file_takes_its_place(tmp_path: Path) -> None:
    """All certificates in it, and AWS's no more."""
    another = Issued.root()
    file = tmp_path / "roots.pem"
    file.write_bytes(TEST_ROOT.pem + b"a comment\n" + another.pem)
    assert trusted_roots(file) == {TEST_ROOT.certificate_der, another.certificate_der}


@pytest.mark.parametrize("content", [b"", b"none", b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"])
def test_a_file_without_certificates(tmp_path: Path, content: bytes) -> None:
    """Is an error: nothing would be trusted."""
    file = tmp_path / "roots.pem"
    file.write_bytes(content)
    with pytest.raises(ValueError, match=r"."):
        trusted_roots(file)
    with pytest.raises(FileNotFoundError):
        trusted_roots(tmp_path / "missing.pem")
