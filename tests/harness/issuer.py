"""An OpenID Connect provider of the test's own: it signs tokens, and publishes its keys over HTTPS on this machine."""

import json
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePrivateKey, generate_private_key
from jwt.algorithms import ECAlgorithm

from selfkms.adapters.oidc.tokens import signed_by, verified_claims
from selfkms.crypto.certificates import Certificates, self_made_certificates
from selfkms.domain.secrets import SECRET_ACCESS
from selfkms.domain.sts.errors import IDPCommunicationErrorException

AUDIENCE = "sts.amazonaws.com"
SUBJECT = "system:serviceaccount:prod:api"

Answer = bytes | Callable[[socket.socket], None]
"""The bytes of a whole HTTP answer, or what to do with the connection."""

_ANSWER_SECONDS_MAX = 10.0


class Issuer:
    """Signs tokens with an EC key of its own."""

    def __init__(self, url: str, *, key_id: str = "first") -> None:
        self.url = url
        self.key_id = key_id
        self.key: EllipticCurvePrivateKey = generate_private_key(SECP256R1())

    @property
    def jwk(self) -> dict[str, Any]:
        """The public key, as it is published."""
        described = ECAlgorithm.to_jwk(self.key.public_key(), as_dict=True)
        return {**described, "kid": self.key_id, "use": "sig", "alg": "ES256"}

    def claims(self, *, now: float | None = None, **changed: Any) -> dict[str, Any]:
        """The claims of a good token; None takes one away."""
        at = int(time.time() if now is None else now)
        claims = {"iss": self.url, "aud": AUDIENCE, "sub": SUBJECT, "iat": at, "exp": at + 600, **changed}
        return {name: value for name, value in claims.items() if value is not None}

    def token(self, *, now: float | None = None, headers: Mapping[str, Any] | None = None, **changed: Any) -> str:
        """A signed token."""
        return jwt.encode(
            self.claims(now=now, **changed),
            self.key,
            algorithm="ES256",
            headers={"kid": self.key_id, **(headers or {})},
        )

    def documents(self) -> dict[str, bytes]:
        """What it publishes, by path."""
        configuration = {"issuer": self.url, "jwks_uri": f"{self.url}/keys"}
        return {
            "/.well-known/openid-configuration": http_answer(configuration),
            "/keys": http_answer({"keys": [self.jwk]}),
        }


class KnownIssuers:
    """Implements `WebIdentityKeys` without a network: issuers by their URLs, each of which may be known or not."""

    def __init__(self) -> None:
        self.known: dict[str, Issuer] = {}

    def verified_claims(self, issuer: str, token: str) -> Mapping[str, Any]:
        signed = signed_by(token)
        if issuer not in self.known:
            raise IDPCommunicationErrorException("The identity provider could not be reached.")
        return verified_claims(token, signed.algorithm, self.known[issuer].key.public_key())


def http_answer(content: Any, *, status: str = "200 OK", headers: Mapping[str, str] | None = None) -> bytes:
    """A whole HTTP answer; content that is not bytes becomes JSON."""
    body = content if isinstance(content, bytes) else json.dumps(content).encode()
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", "Connection: close"]
    lines += [f"{name}: {value}" for name, value in (headers or {}).items()]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


class Published:
    """An HTTPS server that gives each path its answer, one connection after the other."""

    def __init__(self, listener: socket.socket, tls: ssl.SSLContext) -> None:
        self.port: int = listener.getsockname()[1]
        self.answers: dict[str, Answer] = {}
        self.asked: list[str] = []
        """Paths, in the order in which they were asked for."""
        self.hosts: list[str] = []
        """What stood in the header Host."""
        self._listener = listener
        self._tls = tls
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            # A client that hangs up, or does not trust the certificate, is what some tests are about.
            with suppress(OSError), connection:
                connection.settimeout(_ANSWER_SECONDS_MAX)
                with self._tls.wrap_socket(connection, server_side=True) as guarded:
                    self._answer(guarded)

    def _answer(self, guarded: ssl.SSLSocket) -> None:
        request = b""
        while b"\r\n\r\n" not in request:
            received = guarded.recv(4096)
            if not received:
                return
            request += received
        lines = request.decode().split("\r\n")
        path = lines[0].split(" ")[1]
        self.asked.append(path)
        self.hosts += [line.partition(": ")[2] for line in lines if line.lower().startswith("host:")]
        answer = self.answers.get(path, http_answer(b"", status="404 Not Found"))
        if isinstance(answer, bytes):
            guarded.sendall(answer)
        else:
            answer(guarded)


@contextmanager
def published(
    certificates: Certificates, folder: Path, *, host: str = "127.0.0.1", port: int = 0
) -> Iterator[Published]:
    """The server for the length of a block; `folder` takes its certificate."""
    chain, key = folder / "issuer.pem", folder / "issuer.key"
    chain.write_bytes(certificates.certificate)
    key.write_bytes(certificates.private_key.open(SECRET_ACCESS))
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(chain, key)
    with socket.create_server((host, port)) as listener:
        try:
            yield Published(listener, tls)
        finally:
            # Closing alone does not wake the thread that accepts.
            with suppress(OSError):
                listener.shutdown(socket.SHUT_RDWR)


def certificates_for(*hosts: str) -> Certificates:
    """An authority and a certificate for these names and addresses, valid now."""
    return self_made_certificates(hosts=hosts, not_before=time.time(), days=1)
