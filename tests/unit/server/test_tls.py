"""TLS: what is offered, and how it is told. No sockets: the handshake runs in memory."""

import asyncio
import ssl
from datetime import UTC, datetime
from ipaddress import ip_address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from selfkms.protocol.http import TLSDetails
from selfkms.server.tls import server_context, tls_details


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A certificate for 127.0.0.1 that stands for itself, and its private key."""
    folder = tmp_path_factory.mktemp("tls")
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "selfkms test")])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(datetime(2020, 1, 1, tzinfo=UTC))
        .not_valid_after(datetime(2100, 1, 1, tzinfo=UTC))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    (folder / "certificate.pem").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    (folder / "key.pem").write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return folder / "certificate.pem", folder / "key.pem"


def shake_hands(pair: tuple[Path, Path], version: ssl.TLSVersion) -> ssl.SSLObject:
    """The server's side of a connection with a client that speaks this version only."""
    client_context = ssl.create_default_context(cafile=str(pair[0]))
    client_context.minimum_version = client_context.maximum_version = version
    client_context.set_alpn_protocols(["h2", "http/1.1"])
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    server = server_context(*pair).wrap_bio(to_server, to_client, server_side=True)
    client = client_context.wrap_bio(to_client, to_server, server_hostname="127.0.0.1")
    waiting = {client, server}
    for side in (client, server) * 3:
        try:
            side.do_handshake()
        except ssl.SSLWantReadError:
            continue
        waiting.discard(side)
    assert not waiting
    return server


@pytest.mark.parametrize(
    ("version", "named"), [(ssl.TLSVersion.TLSv1_2, "TLSv1.2"), (ssl.TLSVersion.TLSv1_3, "TLSv1.3")]
)
def test_tls_1_2_and_1_3_are_spoken(pair: tuple[Path, Path], version: ssl.TLSVersion, named: str) -> None:
    """The details are what CloudTrail calls them; HTTP/1.1 is chosen, since HTTP/2 is not spoken."""
    server = shake_hands(pair, version)
    assert server.selected_alpn_protocol() == "http/1.1"
    details = tls_details(asyncio.BaseTransport({"ssl_object": server}))
    assert isinstance(details, TLSDetails)
    assert details.tls_version == named
    cipher = server.cipher()
    assert cipher is not None
    assert details.cipher_suite == cipher[0]


def test_nothing_older_is_spoken(pair: tuple[Path, Path]) -> None:
    """TLS 1.2 is the least."""
    assert server_context(*pair).minimum_version is ssl.TLSVersion.TLSv1_2


def test_without_tls_there_are_no_details() -> None:
    """Plain HTTP says so by saying nothing."""
    assert tls_details(asyncio.BaseTransport({})) is None


def test_a_certificate_that_is_none_is_an_error(pair: tuple[Path, Path]) -> None:
    """At the start, not at the first connection."""
    with pytest.raises(ssl.SSLError):
        server_context(pair[1], pair[1])
