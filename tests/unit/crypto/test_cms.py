"""EnvelopedData: opened by `openssl`, by a reader that follows the SDK's, and laid out as AWS KMS lays it out."""

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicNumbers
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from harness.attestation import Enclave, parse_enveloped
from selfkms.crypto.cms import check_recipient_key, enveloped
from selfkms.domain.secrets import Secret
from unit.crypto.conftest import OpenSSL

CONTENT_KEY = Secret(bytes(range(32)))
IV = bytes(range(16))


@pytest.fixture(scope="module")
def enclave() -> Enclave:
    return Enclave()


def made(plaintext: bytes, enclave: Enclave) -> bytes:
    return enveloped(Secret(plaintext), enclave.public_key, content_key=CONTENT_KEY, iv=IV)


@pytest.mark.parametrize("length", [1, 15, 16, 17, 28, 32, 1_024, 2_400, 4_096])
def test_openssl_opens_it(openssl: OpenSSL, enclave: Enclave, length: int) -> None:
    """`openssl cms -decrypt`, with the private key and nothing else."""
    plaintext = bytes(number % 251 for number in range(length))
    arguments = ("cms", "-decrypt", "-inform", "DER", "-in", "in", "-inkey", "key.pem", "-binary", "-out", "out")
    assert openssl(*arguments, **{"in": made(plaintext, enclave), "key.pem": enclave.pem}) == plaintext


@pytest.mark.parametrize("length", [1, 16, 4_096])
def test_the_sdk_opens_it(enclave: Enclave, length: int) -> None:
    """As it goes through the elements: versions, kinds, tags and the ends of the indefinite ones."""
    assert enclave.open(made(b"\xa5" * length, enclave)) == b"\xa5" * length


def test_it_is_laid_out_as_on_aws(enclave: Enclave) -> None:
    """An answer of AWS KMS to a plaintext of 28 bytes has these bytes and this length; dots are another's.

    Source: github.com/yawn/ned, README.
    """
    ber = made(b"hello world - goodbye world!", enclave)
    assert len(ber) == 477
    assert ber.hex().startswith("308006092a864886f70d010703a08030800201023182016b308201670201028020")
    assert ber[65:131].hex() == (
        "303c06092a864886f70d010107302fa00f300d06096086480165030402010500"
        "a11c301a06092a864886f70d010108300d06096086480165030402010500" + "04820100"
    )
    assert ber[387:].hex() == (
        "308006092a864886f70d010701301d060960864801650304012a0410"
        + IV.hex()
        + "a0800420"
        + parse_enveloped(ber)[2].hex()
        + "00" * 10
    )


@pytest.mark.parametrize("bits", [2_048, 3_072, 4_096])
def test_the_keys_of_the_sdk(bits: int) -> None:
    """All three sizes that it can make."""
    enclave = Enclave(bits)
    check_recipient_key(enclave.public_key)
    assert enclave.open(made(b"secret", enclave)) == b"secret"


def test_other_keys_are_refused(enclave: Enclave) -> None:
    """Other lengths, other kinds, cut off, extended, and what is no key."""
    curve = ec.generate_private_key(ec.SECP384R1()).public_key()
    good = enclave.public_key
    others = [
        Enclave(1_024).public_key,
        Enclave(2_056).public_key,
        curve.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo),
        enclave.key.public_key().public_bytes(Encoding.DER, PublicFormat.PKCS1),
        enclave.key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo),
        good[:-1],
        good + b"\x00",
        b"",
        b"\x00" * 294,
    ]
    for other in others:
        with pytest.raises(ValueError, match="not an RSA key"):
            check_recipient_key(other)
        with pytest.raises(ValueError, match="not an RSA key"):
            enveloped(Secret(b"x"), other, content_key=CONTENT_KEY, iv=IV)


def spki_of(modulus: int, exponent: int) -> bytes:
    key = RSAPublicNumbers(exponent, modulus).public_key()
    return key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


@pytest.mark.parametrize("bits", [2_048, 3_072, 4_096])
@pytest.mark.parametrize(
    ("less", "exponent"),
    [(2, 65_537), (1, 2**64 + 1), (1, 2**2_047 + 1)],
    ids=["even modulus", "65 bits", "2048 bits"],
)
def test_keys_that_nothing_can_be_encrypted_for(bits: int, less: int, exponent: int) -> None:
    """The library reads them, and fails when it is to encrypt: then the data key would have been made already."""
    with pytest.raises(ValueError, match="an RSA key that nothing can be encrypted for"):
        check_recipient_key(spki_of(2**bits - less, exponent))


@pytest.mark.parametrize("bits", [2_048, 3_072, 4_096])
@pytest.mark.parametrize("exponent", [3, 2**64 - 1])
def test_other_exponents(bits: int, exponent: int) -> None:
    """Up to 64 bits they are good for every length of key."""
    spki = spki_of(2**bits - 1, exponent)
    check_recipient_key(spki)
    assert len(parse_enveloped(enveloped(Secret(b"x"), spki, content_key=CONTENT_KEY, iv=IV))[0]) == bits // 8
