"""One document from a host that is not trusted."""

import socket
import ssl
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from harness.issuer import Published, certificates_for, http_answer, published
from selfkms.adapters.oidc.fetch import (
    DOCUMENT_BYTES_MAX,
    Fetcher,
    UnreachableError,
    UnusableDocumentError,
    _place,
    look_up,
)
from selfkms.crypto.certificates import Certificates

MakeFetcher = Callable[..., Fetcher]


def soon(seconds: float = 5.0) -> float:
    return time.monotonic() + seconds


def test_a_document_is_fetched_by_name(server: Published, make_fetcher: MakeFetcher) -> None:
    """The address is looked up once; the server and its certificate are asked by the name."""
    server.answers["/a?b=c"] = http_answer(b"{}")
    looked_up: list[tuple[str, int]] = []

    def resolve(host: str, port: int) -> Sequence[str]:
        looked_up.append((host, port))
        return ["127.0.0.1"]

    fetcher = make_fetcher(resolve=resolve)
    assert fetcher.get(f"https://localhost:{server.port}/a?b=c", deadline=soon()) == b"{}"
    assert looked_up == [("localhost", server.port)]
    assert (server.asked, server.hosts) == (["/a?b=c"], [f"localhost:{server.port}"])


def test_an_address_needs_no_look_up(server: Published, make_fetcher: MakeFetcher) -> None:
    """And its certificate is one for the address."""
    server.answers["/"] = http_answer(b"{}")
    fetcher = make_fetcher(resolve=lambda _host, _port: [])
    assert fetcher.get(f"https://127.0.0.1:{server.port}", deadline=soon()) == b"{}"


def test_chunks_are_put_together(server: Published, make_fetcher: MakeFetcher) -> None:
    """As many servers send what they make on the way (RFC 9112, 7.1)."""
    server.answers["/"] = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n{\r\n1\r\n}\r\n0\r\n\r\n"
    assert make_fetcher().get(f"https://localhost:{server.port}/", deadline=soon()) == b"{}"


@pytest.mark.parametrize("addresses", [["127.0.0.1"], ["::1"], ["10.0.0.1", "169.254.169.254"], []])
def test_private_addresses_are_not_connected_to(
    server: Published, make_fetcher: MakeFetcher, addresses: list[str]
) -> None:
    """Unless a setting allows it."""
    fetcher = make_fetcher(allow_private_addresses=False, resolve=lambda _host, _port: addresses)
    with pytest.raises(UnreachableError, match="no public address"):
        fetcher.get(f"https://localhost:{server.port}/", deadline=soon())
    with pytest.raises(UnreachableError, match="no public address"):
        fetcher.get(f"https://127.0.0.1:{server.port}/", deadline=soon())
    assert not server.asked


def test_a_name_with_both_kinds_of_address_is_asked_at_the_public_one(make_fetcher: MakeFetcher) -> None:
    """However they are mixed."""
    fetcher = make_fetcher(allow_private_addresses=False, resolve=lambda _host, _port: ["127.0.0.1", "8.8.8.8", "::1"])
    assert fetcher._permitted(_place("https://a.example/"), soon()) == ["8.8.8.8"]


def test_the_next_address_is_tried(server: Published, make_fetcher: MakeFetcher) -> None:
    """If one takes no connection."""
    server.answers["/"] = http_answer(b"{}")
    fetcher = make_fetcher(resolve=lambda _host, _port: ["127.0.0.77", "127.0.0.1"])
    assert fetcher.get(f"https://localhost:{server.port}/", deadline=soon()) == b"{}"


def test_nobody_listens(make_fetcher: MakeFetcher) -> None:
    """A refused connection is told to the operator."""
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    with pytest.raises(UnreachableError, match="ConnectionRefusedError"):
        make_fetcher().get(f"https://localhost:{port}/", deadline=soon())


def test_a_name_that_does_not_exist(make_fetcher: MakeFetcher) -> None:
    """Nor one that cannot be a name."""

    def unknown(_host: str, _port: int) -> Sequence[str]:
        raise socket.gaierror("unknown")

    def impossible(_host: str, _port: int) -> Sequence[str]:
        raise UnicodeError("label too long")

    for resolve in (unknown, impossible):
        with pytest.raises(UnreachableError):
            make_fetcher(resolve=resolve).get("https://nowhere.example/", deadline=soon())


def test_a_look_up_without_end_is_not_waited_for(make_fetcher: MakeFetcher) -> None:
    """The deadline counts for it, too."""
    over = threading.Event()

    def never(_host: str, _port: int) -> Sequence[str]:
        over.wait()
        return []

    with pytest.raises(UnreachableError, match="not looked up in time"):
        make_fetcher(resolve=never).get("https://slow.example/", deadline=soon(0.05))
    over.set()


def test_the_system_looks_names_up() -> None:
    """`localhost` has an address of this machine."""
    assert {"127.0.0.1", "::1"} & set(look_up("localhost", 443))


@pytest.mark.parametrize("status", ["301 Moved Permanently", "302 Found", "307 Temporary Redirect"])
def test_redirects_are_not_followed(server: Published, make_fetcher: MakeFetcher, status: str) -> None:
    """They may lead anywhere."""
    server.answers["/"] = http_answer(b"", status=status, headers={"Location": "/there"})
    server.answers["/there"] = http_answer(b"{}")
    with pytest.raises(UnusableDocumentError, match=status[:3]):
        make_fetcher().get(f"https://localhost:{server.port}/", deadline=soon())
    assert server.asked == ["/"]


@pytest.mark.parametrize(
    ("status", "error"),
    [
        ("404 Not Found", UnusableDocumentError),
        ("204 No Content", UnusableDocumentError),
        ("429 Too Many Requests", UnreachableError),
        ("500 Internal Server Error", UnreachableError),
        ("503 Service Unavailable", UnreachableError),
    ],
)
def test_other_answers(server: Published, make_fetcher: MakeFetcher, status: str, error: type[Exception]) -> None:
    """What may pass by itself is told from what will not."""
    server.answers["/"] = http_answer(b"{}", status=status)
    with pytest.raises(error):
        make_fetcher().get(f"https://localhost:{server.port}/", deadline=soon())


def test_a_document_has_a_longest(server: Published, make_fetcher: MakeFetcher) -> None:
    """Whatever length the server states, or none."""
    fetcher, url = make_fetcher(), f"https://localhost:{server.port}/"
    server.answers["/"] = http_answer(b" " * DOCUMENT_BYTES_MAX)
    assert len(fetcher.get(url, deadline=soon())) == DOCUMENT_BYTES_MAX
    endless = b"HTTP/1.1 200 OK\r\n\r\n" + b" " * (DOCUMENT_BYTES_MAX + 1)
    for answer in (http_answer(b" " * (DOCUMENT_BYTES_MAX + 1)), endless):
        server.answers["/"] = answer
        with pytest.raises(UnusableDocumentError, match="more than 262144 bytes"):
            fetcher.get(url, deadline=soon())


def test_a_slow_server_is_cut_off(server: Published, make_fetcher: MakeFetcher) -> None:
    """A byte now and then does not buy more time: in the headers, and in the document."""
    over = threading.Event()

    def dripping(sent_first: bytes) -> Callable[[socket.socket], None]:
        def answer(connection: socket.socket) -> None:
            connection.sendall(sent_first)
            while not over.wait(0.02):
                connection.sendall(b" ")

        return answer

    for sent_first in (b"", b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n"):
        server.answers["/"] = dripping(sent_first)
        began = time.monotonic()
        with pytest.raises(UnreachableError):
            make_fetcher().get(f"https://localhost:{server.port}/", deadline=soon(0.2))
        assert time.monotonic() - began < 2.0
    over.set()


def test_a_handshake_without_end_is_cut_off(make_fetcher: MakeFetcher) -> None:
    """A port that takes connections and says nothing."""
    with (
        socket.create_server(("127.0.0.1", 0)) as silent,
        pytest.raises(UnreachableError),
    ):
        make_fetcher().get(f"https://localhost:{silent.getsockname()[1]}/", deadline=soon(0.1))


def test_a_deadline_that_is_over(make_fetcher: MakeFetcher) -> None:
    """Nothing is begun."""
    with pytest.raises(UnreachableError, match="in time"):
        make_fetcher().get("https://localhost/", deadline=soon(-1.0))


def test_what_is_no_http_is_no_answer(server: Published, make_fetcher: MakeFetcher) -> None:
    """Nor an end before the answer."""
    for answer in (b"SSH-2.0-OpenSSH\r\n\r\n", b"", b"HTTP/1.1 x\r\n\r\n"):
        server.answers["/"] = answer
        with pytest.raises(UnreachableError):
            make_fetcher().get(f"https://localhost:{server.port}/", deadline=soon())


def test_certificates_are_verified(server: Published, make_fetcher: MakeFetcher) -> None:
    """One of an authority that nobody trusts is none."""
    with pytest.raises(UnreachableError, match="CERTIFICATE_VERIFY_FAILED"):
        make_fetcher(tls=ssl.create_default_context()).get(f"https://localhost:{server.port}/", deadline=soon())
    assert not server.asked


def test_a_certificate_is_for_the_name(make_fetcher: MakeFetcher, tmp_path: Path) -> None:
    """Of the URL, whatever the address."""
    other: Certificates = certificates_for("other.example")
    trusting = ssl.create_default_context(cadata=other.authority.decode())
    with (
        published(other, tmp_path) as server,
        pytest.raises(UnreachableError, match="CERTIFICATE_VERIFY_FAILED"),
    ):
        make_fetcher(tls=trusting).get(f"https://localhost:{server.port}/", deadline=soon())


def test_without_verification_there_is_no_fetcher(make_fetcher: MakeFetcher) -> None:
    """It is no setting."""
    trusting_all = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    trusting_all.check_hostname = False
    with pytest.raises(AssertionError):
        make_fetcher(tls=trusting_all)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "http://localhost/",
        "HTTP://localhost/",
        "file:///etc/passwd",
        "ftp://localhost/",
        "https:///path",
        "https://",
        "https://user@localhost/",
        "https://user:password@localhost/",
        "https://localhost:99999/",
        "https://localhost:x/",
        "https://localhost/#fragment",
        "https://localhost/a b",
        "https://localhost/\u00e4",
        "https://local host/",
        "https://.localhost/",
        "https://a..b/",
        "https://local$host/",
        f"https://{'a' * 64}/",
        f"https://{'a.' * 127}a/",
        "https://localhost%00.example/",
        "https://[::1/",
        "//localhost/",
        "localhost",
    ],
)
def test_other_urls_are_refused(make_fetcher: MakeFetcher, url: str) -> None:
    """Only https, with a plain host and a plain path."""
    with pytest.raises(UnusableDocumentError):
        make_fetcher().get(url, deadline=soon())
