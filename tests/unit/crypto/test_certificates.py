"""Self-made certificates, as a TLS client sees them. No sockets: the handshake runs in memory."""

import ssl
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from selfkms.crypto.certificates import Certificates, self_made_certificates
from selfkms.domain.secrets import SECRET_ACCESS

HOSTS: Final = ("127.0.0.1", "::1", "localhost", "kms.example.com")
DAY: Final = 86_400.0


@pytest.fixture(scope="module")
def made() -> Certificates:
    """For all of HOSTS, valid now."""
    return self_made_certificates(hosts=HOSTS, not_before=time.time(), days=365)


def shake_hands(server: Certificates, folder: Path, name: str, *, trusting: Certificates | None = None) -> None:
    """A handshake with a client that trusts one authority and no other, and is as strict as Python can be."""
    (folder / "server.pem").write_bytes(server.certificate)
    (folder / "server.key").write_bytes(server.private_key.open(SECRET_ACCESS))
    server_context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server_context.load_cert_chain(folder / "server.pem", folder / "server.key")
    client_context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    client_context.load_verify_locations(cadata=(trusting or server).authority.decode())
    client_context.verify_flags |= ssl.VERIFY_X509_STRICT
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    server_side = server_context.wrap_bio(to_server, to_client, server_side=True)
    client_side = client_context.wrap_bio(to_client, to_server, server_hostname=name)
    waiting = {client_side, server_side}
    for side in (client_side, server_side) * 3:
        try:
            side.do_handshake()
        except ssl.SSLWantReadError:
            continue
        waiting.discard(side)
    assert not waiting


def extension(certificate: bytes, kind: type[x509.ExtensionType]) -> x509.Extension[x509.ExtensionType]:
    """An extension of a certificate in PEM."""
    return x509.load_pem_x509_certificate(certificate).extensions.get_extension_for_class(kind)


@pytest.mark.parametrize("name", HOSTS)
def test_a_client_that_trusts_the_authority_connects(made: Certificates, tmp_path: Path, name: str) -> None:
    """By each name and each address that it was made for, with RFC 5280 taken strictly."""
    shake_hands(made, tmp_path, name)


@pytest.mark.parametrize("name", ["127.0.0.2", "::2", "example.com", "a.kms.example.com", "localhost.localdomain"])
def test_it_is_for_no_other_host(made: Certificates, tmp_path: Path, name: str) -> None:
    """Not for another address, and for neither parents nor children of a name."""
    with pytest.raises(ssl.SSLCertVerificationError, match="mismatch"):
        shake_hands(made, tmp_path, name)


def test_another_authority_of_the_same_name_is_not_trusted(made: Certificates, tmp_path: Path) -> None:
    """Each call makes an authority of its own."""
    other = self_made_certificates(hosts=HOSTS, not_before=time.time(), days=365)
    with pytest.raises(ssl.SSLCertVerificationError):
        shake_hands(made, tmp_path, "localhost", trusting=other)


@pytest.mark.parametrize(("begin_days", "told"), [(-11, "expired"), (1, "not yet valid")])
def test_it_is_valid_for_its_days_only(tmp_path: Path, begin_days: float, told: str) -> None:
    """10 days from its beginning."""
    made = self_made_certificates(hosts=HOSTS, not_before=time.time() + begin_days * DAY, days=10)
    with pytest.raises(ssl.SSLCertVerificationError, match=told):
        shake_hands(made, tmp_path, "localhost")


def test_a_client_whose_clock_is_behind_connects(tmp_path: Path) -> None:
    """Half an hour is forgiven."""
    made = self_made_certificates(hosts=HOSTS, not_before=time.time() + 1_800, days=10)
    shake_hands(made, tmp_path, "localhost")


def test_when_it_is_valid() -> None:
    """From an hour before the moment that was given, authority and certificate alike."""
    made = self_made_certificates(hosts=HOSTS, not_before=1_790_000_000.0, days=30)
    begin = datetime.fromtimestamp(1_790_000_000 - 3_600, UTC)
    for pem in (made.authority, made.certificate):
        certificate = x509.load_pem_x509_certificate(pem)
        assert certificate.not_valid_before_utc == begin
        assert certificate.not_valid_after_utc == begin + timedelta(days=30)


def test_the_server_signs_no_certificates(made: Certificates) -> None:
    """RFC 5280, 4.2.1.9 and 4.2.1.3: whoever has the server's private key makes no further names with it."""
    for pem, authority in ((made.authority, True), (made.certificate, False)):
        constraints = extension(pem, x509.BasicConstraints)
        assert constraints.critical
        assert constraints.value == x509.BasicConstraints(ca=authority, path_length=0 if authority else None)
        usage = extension(pem, x509.KeyUsage)
        assert isinstance(usage.value, x509.KeyUsage)
        assert usage.critical
        assert usage.value.key_cert_sign is authority
        assert usage.value.digital_signature is not authority


def test_only_the_servers_private_key_is_kept(made: Certificates) -> None:
    """It fits the certificate and not the authority, and shows itself nowhere."""
    pem = made.private_key.open(SECRET_ACCESS)
    public_key = load_pem_private_key(pem, None).public_key()
    assert x509.load_pem_x509_certificate(made.certificate).public_key() == public_key
    assert x509.load_pem_x509_certificate(made.authority).public_key() != public_key
    assert "PRIVATE" not in repr(made)


def test_a_host_that_is_named_twice_stands_there_once() -> None:
    """`localhost` is always added to the host, which may be the same."""
    made = self_made_certificates(hosts=("localhost", "localhost", "127.0.0.1"), not_before=time.time(), days=1)
    names = extension(made.certificate, x509.SubjectAlternativeName).value
    assert isinstance(names, x509.SubjectAlternativeName)
    assert [str(name.value) for name in names] == ["localhost", "127.0.0.1"]
