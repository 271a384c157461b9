"""An issuer that publishes its keys on this machine, and what fetches them."""

import ssl
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from harness.issuer import Issuer, Published, certificates_for, published
from selfkms.adapters.oidc.fetch import Fetcher
from selfkms.crypto.certificates import Certificates

MakeFetcher = Callable[..., Fetcher]


@pytest.fixture(scope="module")
def certificates() -> Certificates:
    """For `localhost` and its address."""
    return certificates_for("localhost", "127.0.0.1")


@pytest.fixture
def server(certificates: Certificates, tmp_path: Path) -> Iterator[Published]:
    """The HTTPS server, without answers yet."""
    with published(certificates, tmp_path) as serving:
        yield serving


@pytest.fixture
def make_fetcher(certificates: Certificates) -> MakeFetcher:
    """A fetcher that trusts the server's authority and knows `localhost`; whatever is given wins."""

    def make(**changed: object) -> Fetcher:
        given = {
            "tls": ssl.create_default_context(cadata=certificates.authority.decode()),
            "allow_private_addresses": True,
            "monotonic": time.monotonic,
            "resolve": lambda _host, _port: ["127.0.0.1"],
            **changed,
        }
        return Fetcher(**given)  # type: ignore[arg-type]  # the test says what it replaces

    return make


@pytest.fixture
def issuer(server: Published) -> Issuer:
    """Publishes its keys by the server."""
    made = Issuer(f"https://localhost:{server.port}")
    server.answers.update(made.documents())
    return made
