"""Chains of certificates: each rule of AWS's page by a chain that breaks it alone."""

from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256, SHA384

from harness.attestation import AUTHORITY, NOW, SIGNER, TEST_ROOT, Hypervisor, Issued, usage
from selfkms.crypto.certificate_chain import UntrustedError, document_key

ROOTS = frozenset({TEST_ROOT.certificate_der})
NO_AUTHORITY = (x509.BasicConstraints(ca=False, path_length=None), True)
MAY_SIGN_CERTIFICATES = (usage(signs_certificates=True), True)
MAY_SIGN_DOCUMENTS = (usage(signs_certificates=False), True)
ANOTHER_CRITICAL: tuple[x509.ExtensionType, bool] = (x509.InhibitAnyPolicy(1), True)


def authority(path_length: int | None = None) -> Any:
    return ((x509.BasicConstraints(ca=True, path_length=path_length), True), MAY_SIGN_CERTIFICATES)


def refusal(chain: list[bytes], *, at: float = NOW, roots: frozenset[bytes] = ROOTS) -> str:
    with pytest.raises(UntrustedError) as refused:
        document_key(chain, roots=roots, at=at)
    return str(refused.value)


def es384(key: Any, message: bytes) -> bytes:
    r, s = decode_dss_signature(key.sign(message, ec.ECDSA(SHA384())))
    return r.to_bytes(48, "big") + s.to_bytes(48, "big")


def test_a_good_chain_verifies_signatures() -> None:
    """With the key of its last certificate; of another message, another key or another length it is none."""
    hypervisor = Hypervisor()
    key = document_key(hypervisor.chain, roots=ROOTS, at=NOW)
    signature = es384(hypervisor.signer.key, b"message")
    key.verify(signature, b"message")
    for wrong, message in (
        (signature, b"another"),
        (es384(TEST_ROOT.key, b"message"), b"message"),
        (signature[:-1], b"message"),
        (signature + b"\x00", b"message"),
        (bytes(96), b"message"),
        (b"\xff" * 96, b"message"),
        (b"", b"message"),
    ):
        with pytest.raises(UntrustedError, match="signature does not verify"):
            key.verify(wrong, message)


@pytest.mark.parametrize("count", [0, 1, 2, 5])
def test_chains_of_other_lengths(count: int) -> None:
    """With no authority between root and signer, or several."""
    document_key(Hypervisor(authorities=[AUTHORITY] * count).chain, roots=ROOTS, at=NOW)


def test_path_lengths_that_are_just_long_enough() -> None:
    """As in AWS's chains: each authority allows as many below it as there are."""
    root = Issued.root(extensions=authority(2))
    chain = Hypervisor(root, authorities=[authority(1), authority(0)]).chain
    document_key(chain, roots=frozenset({root.certificate_der}), at=NOW)


@pytest.mark.parametrize(
    ("root", "others"),
    [(1, (1, 0)), (2, (0, 0)), (0, (None, None)), (None, (0, None))],
)
def test_path_lengths_that_are_too_short(root: int | None, others: tuple[int | None, int | None]) -> None:
    """Of the root, or of one below it."""
    made = Issued.root(extensions=authority(root))
    chain = Hypervisor(made, authorities=[authority(length) for length in others]).chain
    told = refusal(chain, roots=frozenset({made.certificate_der}))
    assert told == "its chain of certificates is longer than one of them allows"


def test_the_root_must_be_a_trusted_one() -> None:
    """Byte for byte: one with the same name is another. And a root alone signs nothing."""
    begin = "its certificates do not begin with a trusted root"
    assert refusal(Hypervisor(Issued.root()).chain) == begin
    assert refusal(Hypervisor().chain, roots=frozenset()) == begin
    assert refusal(Hypervisor().chain[1:]) == begin
    assert refusal([TEST_ROOT.certificate_der]) == begin
    assert refusal([]) == begin
    assert refusal([TEST_ROOT.certificate_der, *Hypervisor(Issued.root()).chain]) != begin


def test_the_order_is_the_documents() -> None:
    """Missing, exchanged, repeated, and of another chain."""
    chain, other = Hypervisor().chain, Hypervisor().chain
    issued = "one of its certificates was not issued by the one before it"
    assert refusal([chain[0], chain[2], chain[3]]) == issued
    assert refusal([chain[0], chain[2], chain[1], chain[3]]) == issued
    assert refusal([chain[0], chain[1], chain[1], chain[3]]) == issued
    # The same names, another key.
    assert refusal([*chain[:3], other[3]]) == issued


@pytest.mark.parametrize("changed", [{}, {"of_0": True}, {"of_1": True}])
def test_all_have_to_be_valid_now(changed: dict[str, Any]) -> None:
    """The signer, or one of the authorities: not yet, and not any more; at both ends they are."""
    validity: dict[str, Any] = {"not_before": NOW - 10, "not_after": NOW + 10}
    hypervisor = Hypervisor(**(dict.fromkeys(changed, validity) or validity))
    for at in (NOW - 10, NOW + 10):
        document_key(hypervisor.chain, roots=ROOTS, at=at)
    for at in (NOW - 11, NOW + 11):
        assert refusal(hypervisor.chain, at=at) == "one of its certificates is not valid at this time"


def test_the_root_has_to_be_valid_too() -> None:
    """Although it is trusted."""
    root = Issued.root(not_after=NOW - 1)
    told = refusal(Hypervisor(root).chain, roots=frozenset({root.certificate_der}))
    assert told == "one of its certificates is not valid at this time"


@pytest.mark.parametrize(
    ("extensions", "told"),
    [
        ((NO_AUTHORITY, MAY_SIGN_CERTIFICATES), "one of its certificates issued another one and is no authority"),
        ((MAY_SIGN_CERTIFICATES,), "one of its certificates issued another one and is no authority"),
        ((AUTHORITY[0], MAY_SIGN_DOCUMENTS), "one of its certificates issued another one and may not"),
        ((AUTHORITY[0],), "one of its certificates issued another one and may not"),
        ((*AUTHORITY, ANOTHER_CRITICAL), "one of its certificates has a critical extension that is not known"),
    ],
)
@pytest.mark.parametrize("which", ["root", "below"])
def test_who_issues_must_be_allowed_to(extensions: Any, told: str, which: str) -> None:
    """BasicConstraints and KeyUsage of all but the last."""
    root = Issued.root(extensions=extensions) if which == "root" else TEST_ROOT
    chain = Hypervisor(root, authorities=[AUTHORITY if which == "root" else extensions]).chain
    assert refusal(chain, roots=frozenset({root.certificate_der})) == told


@pytest.mark.parametrize(
    ("extensions", "told"),
    [
        (AUTHORITY, "it is signed by an authority"),
        ((AUTHORITY[0], MAY_SIGN_DOCUMENTS), "it is signed by an authority"),
        ((NO_AUTHORITY, MAY_SIGN_CERTIFICATES), "its certificate may not sign documents"),
        ((NO_AUTHORITY,), "its certificate may not sign documents"),
        ((*SIGNER, ANOTHER_CRITICAL), "one of its certificates has a critical extension that is not known"),
    ],
)
def test_who_signs_must_be_allowed_to(extensions: Any, told: str) -> None:
    """KeyUsage of the last, and that it is no authority."""
    assert refusal(Hypervisor(signer=extensions).chain) == told


def test_extensions_that_are_not_critical_may_be_there() -> None:
    """As in AWS's: key identifiers, where lists of revoked certificates are."""
    more = (x509.SubjectKeyIdentifier(b"x"), False)
    document_key(Hypervisor(signer=(*SIGNER, more), authorities=[(*AUTHORITY, more)]).chain, roots=ROOTS, at=NOW)


@pytest.mark.parametrize("key", [ec.generate_private_key(ec.SECP256R1()), rsa.generate_private_key(65_537, 2_048)])
@pytest.mark.parametrize("which", ["of_0", "of_1", "last"])
def test_all_keys_are_on_one_curve(key: Any, which: str) -> None:
    """Another curve and RSA are refused, wherever in the chain."""
    hypervisor = Hypervisor(**({"key": key} if which == "last" else {which: {"key": key}}))
    assert refusal(hypervisor.chain) == "one of its certificates has a key of another kind"


@pytest.mark.parametrize("which", ["of_0", "last"])
def test_all_signatures_are_with_sha_384(which: str) -> None:
    """Another hash is another algorithm."""
    changed: dict[str, Any] = {"algorithm": SHA256()}
    chain = Hypervisor(**(changed if which == "last" else {which: changed})).chain
    assert refusal(chain) == "one of its certificates is signed with another algorithm"


@pytest.mark.parametrize("position", [1, 2, 3])
def test_bytes_that_are_no_certificate(position: int) -> None:
    """Cut off, extended, or none at all."""
    good = Hypervisor().chain
    for bad in (good[position][:-1], good[position] + b"\x00", b"", b"\x30\x80"):
        chain = [*good]
        chain[position] = bad
        assert refusal(chain) == "one of its certificates cannot be read"


def test_an_extension_twice() -> None:
    """A certificate that says two things is not read: the library refuses to make one, so the bytes are changed."""
    # Both OIDs are of the same length: KeyUsage becomes a second BasicConstraints.
    chain = Hypervisor().chain
    chain[1] = chain[1].replace(bytes.fromhex("0603551d0f"), bytes.fromhex("0603551d13"))
    assert refusal(chain) == "one of its certificates was not issued by the one before it"
    root = TEST_ROOT.certificate_der.replace(bytes.fromhex("0603551d0f"), bytes.fromhex("0603551d13"))
    told = refusal([root, *chain[1:]], roots=frozenset({root}))
    assert told == "one of its certificates cannot be read"
