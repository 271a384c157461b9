"""TLS, by the standard library. The protocol above it is the same as without."""

import asyncio
import ssl
from pathlib import Path

from selfkms.protocol.http import TLSDetails


def server_context(certificate: Path, private_key: Path) -> ssl.SSLContext:
    """TLS 1.2 and 1.3, as AWS's own endpoints have them.

    Args:
        certificate: PEM file with the certificate of the server, then those between it and its root.
        private_key: PEM file with the certificate's private key, not encrypted.

    Raises:
        OSError: a file cannot be read; ssl.SSLError, its subclass: no certificate, or a private key of another one.

    Source: AWS General Reference, "Minimum requirements for TLS".
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    # A password is given so that an encrypted key is an error, and not a question to a terminal.
    context.load_cert_chain(certificate, private_key, password="")
    return context


def tls_details(transport: asyncio.BaseTransport) -> TLSDetails | None:
    """How the connection is encrypted, or None if it is not."""
    connection = transport.get_extra_info("ssl_object")
    if connection is None:
        return None
    return TLSDetails(tls_version=connection.version(), cipher_suite=connection.cipher()[0])
