"""Asymmetric keys against OpenSSL: what is made here is good there, and the other way round."""

import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from harness.calls import make_key, refusal

HASHES = {"SHA_256": "sha256", "SHA_384": "sha384", "SHA_512": "sha512"}
RSA = [f"RSASSA_{scheme}_{name}" for scheme in ("PKCS1_V1_5", "PSS") for name in HASHES]
SIGNING = [
    *(("RSA_2048", algorithm) for algorithm in RSA),
    ("RSA_3072", "RSASSA_PSS_SHA_384"),
    ("ECC_NIST_P256", "ECDSA_SHA_256"),
    ("ECC_NIST_P384", "ECDSA_SHA_384"),
    ("ECC_NIST_P521", "ECDSA_SHA_512"),
    ("ECC_SECG_P256K1", "ECDSA_SHA_256"),
]


@pytest.fixture(scope="module", autouse=True)
def _needs_openssl() -> None:
    if shutil.which("openssl") is None:
        message = "needs the openssl command"
        if os.environ.get("CI"):
            pytest.fail(message)
        pytest.skip(message)


def openssl(folder: Path, *arguments: str) -> subprocess.CompletedProcess[bytes]:
    """Run the command; its files are in this folder."""
    return subprocess.run(["openssl", *arguments], cwd=folder, capture_output=True, check=False, timeout=30)


def made(folder: Path, *arguments: str) -> bytes:
    """The public key, SubjectPublicKeyInfo in DER, of a new key pair of OpenSSL's."""
    assert openssl(folder, "genpkey", *arguments, "-out", "made.pem").returncode == 0
    public = openssl(folder, "pkey", "-in", "made.pem", "-pubout", "-outform", "DER")
    assert public.returncode == 0
    return public.stdout


def download(kms: Any, key_id: str, folder: Path) -> None:
    (folder / "public.der").write_bytes(kms.get_public_key(KeyId=key_id)["PublicKey"])


@pytest.mark.parametrize(("spec", "algorithm"), SIGNING)
def test_signatures_verify_with_openssl(alice: Any, tmp_path: Path, spec: str, algorithm: str) -> None:
    """From the downloaded public key, offline; a changed message does not."""
    key_id = make_key(alice, KeySpec=spec, KeyUsage="SIGN_VERIFY")["KeyId"]
    download(alice, key_id, tmp_path)
    (tmp_path / "message").write_bytes(b"message")
    (tmp_path / "other").write_bytes(b"massage")
    signed = alice.sign(KeyId=key_id, Message=b"message", SigningAlgorithm=algorithm)
    (tmp_path / "signature").write_bytes(signed["Signature"])
    digest = next(name for ending, name in HASHES.items() if algorithm.endswith(ending))
    pss = ("-sigopt", "rsa_padding_mode:pss", "-sigopt", "rsa_pss_saltlen:digest") if "PSS" in algorithm else ()
    verify = ("dgst", f"-{digest}", *pss, "-verify", "public.der", "-keyform", "DER", "-signature", "signature")
    assert b"Verified OK" in openssl(tmp_path, *verify, "message").stdout
    assert openssl(tmp_path, *verify, "other").returncode == 1


def test_ed25519_verifies_with_openssl(alice: Any, tmp_path: Path) -> None:
    """Pure Ed25519 over the message itself."""
    key_id = make_key(alice, KeySpec="ECC_NIST_EDWARDS25519", KeyUsage="SIGN_VERIFY")["KeyId"]
    download(alice, key_id, tmp_path)
    (tmp_path / "message").write_bytes(b"message")
    signed = alice.sign(KeyId=key_id, Message=b"message", SigningAlgorithm="ED25519_SHA_512")
    (tmp_path / "signature").write_bytes(signed["Signature"])
    verify = ("pkeyutl", "-verify", "-pubin", "-inkey", "public.der", "-keyform", "DER", "-rawin")
    assert openssl(tmp_path, *verify, "-in", "message", "-sigfile", "signature").returncode == 0


@pytest.mark.parametrize(("algorithm", "digest"), [("RSAES_OAEP_SHA_1", "sha1"), ("RSAES_OAEP_SHA_256", "sha256")])
def test_what_openssl_encrypted_decrypts(alice: Any, tmp_path: Path, algorithm: str, digest: str) -> None:
    """Under the downloaded public key; a changed ciphertext does not."""
    key_id = make_key(alice, KeySpec="RSA_2048", KeyUsage="ENCRYPT_DECRYPT")["KeyId"]
    download(alice, key_id, tmp_path)
    (tmp_path / "plaintext").write_bytes(b"a secret made elsewhere")
    padding = ("rsa_padding_mode:oaep", f"rsa_oaep_md:{digest}", f"rsa_mgf1_md:{digest}")
    options = [word for option in padding for word in ("-pkeyopt", option)]
    encrypt = ("pkeyutl", "-encrypt", "-pubin", "-inkey", "public.der", "-keyform", "DER", *options)
    assert openssl(tmp_path, *encrypt, "-in", "plaintext", "-out", "ciphertext").returncode == 0
    blob = (tmp_path / "ciphertext").read_bytes()
    opened = alice.decrypt(KeyId=key_id, CiphertextBlob=blob, EncryptionAlgorithm=algorithm)
    assert opened["Plaintext"] == b"a secret made elsewhere"
    changed = blob[:-1] + bytes([blob[-1] ^ 1])
    code, _ = refusal(alice.decrypt, KeyId=key_id, CiphertextBlob=changed, EncryptionAlgorithm=algorithm)
    assert code == "InvalidCiphertextException"


@pytest.mark.parametrize(
    ("spec", "curve"), [("ECC_NIST_P256", "P-256"), ("ECC_NIST_P384", "P-384"), ("ECC_NIST_P521", "P-521")]
)
def test_openssl_derives_the_same_secret(alice: Any, tmp_path: Path, spec: str, curve: str) -> None:
    """ECDH with a key pair of OpenSSL's; one of another curve is refused."""
    key_id = make_key(alice, KeySpec=spec, KeyUsage="KEY_AGREEMENT")["KeyId"]
    download(alice, key_id, tmp_path)
    other = "P-256" if curve != "P-256" else "P-384"
    for name, wanted in (("ours", curve), ("other", other)):
        generate = ("genpkey", "-algorithm", "EC", "-pkeyopt", f"ec_paramgen_curve:{wanted}", "-out", f"{name}.pem")
        assert openssl(tmp_path, *generate).returncode == 0
        public = ("pkey", "-in", f"{name}.pem", "-pubout", "-outform", "DER", "-out", f"{name}.der")
        assert openssl(tmp_path, *public).returncode == 0
    derive = ("pkeyutl", "-derive", "-inkey", "ours.pem", "-peerkey", "public.der", "-peerform", "DER")
    secret = openssl(tmp_path, *derive).stdout
    common = {"KeyId": key_id, "KeyAgreementAlgorithm": "ECDH"}
    derived = alice.derive_shared_secret(**common, PublicKey=(tmp_path / "ours.der").read_bytes())
    assert derived["SharedSecret"] == secret
    code, _ = refusal(alice.derive_shared_secret, **common, PublicKey=(tmp_path / "other.der").read_bytes())
    assert code == "ValidationException"


STRANGERS = [
    ("-algorithm", "RSA"),
    ("-algorithm", "ED25519"),
    ("-algorithm", "X25519"),
    ("-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:secp256k1"),
    ("-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:prime192v1"),
    ("-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:brainpoolP256r1"),
    ("-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:sect233r1"),
]


@pytest.mark.parametrize("stranger", STRANGERS, ids=lambda arguments: arguments[-1])
def test_no_secret_with_another_kind_of_key(alice: Any, tmp_path: Path, stranger: tuple[str, ...]) -> None:
    """Public keys of other algorithms and curves: ValidationException without a text, as for no key at all."""
    common = {
        "KeyId": make_key(alice, KeySpec="ECC_NIST_P256", KeyUsage="KEY_AGREEMENT")["KeyId"],
        "KeyAgreementAlgorithm": "ECDH",
    }
    refused = ("ValidationException", "")
    assert refusal(alice.derive_shared_secret, **common, PublicKey=made(tmp_path, *stranger)) == refused


def test_no_secret_with_a_changed_key(alice: Any, tmp_path: Path) -> None:
    """A public key with any one of its bytes changed, cut or lengthened gives no secret: it is on no curve of ours."""
    common = {
        "KeyId": make_key(alice, KeySpec="ECC_NIST_P256", KeyUsage="KEY_AGREEMENT")["KeyId"],
        "KeyAgreementAlgorithm": "ECDH",
    }
    good = made(tmp_path, "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256")
    assert len(alice.derive_shared_secret(**common, PublicKey=good)["SharedSecret"]) == 32
    changed = [bytes([*good[:place], good[place] ^ 1, *good[place + 1 :]]) for place in range(len(good))]
    for wrong in (*changed, good[:-1], good + b"\0", b"\0" + good, good[26:], b"\x30\x00"):
        assert refusal(alice.derive_shared_secret, **common, PublicKey=wrong) == ("ValidationException", "")
