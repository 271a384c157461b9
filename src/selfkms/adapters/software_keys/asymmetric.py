"""Which class works for which key spec: new key pairs, and key pairs and public keys from their encodings.

At rest and for callers a private key is PKCS#8 in DER, ML-DSA and ML-KEM as a seed; a public key is
SubjectPublicKeyInfo in DER.
"""

from typing import Final

from selfkms.adapters.software_keys.rsa_pool import RSAPool
from selfkms.crypto import edwards, mldsa, mlkem
from selfkms.crypto.ecc import CURVES, CurveKeyPair, CurvePublicKey
from selfkms.crypto.edwards import EdwardsKeyPair, EdwardsPublicKey
from selfkms.crypto.mldsa import MLDSAKeyPair, MLDSAPublicKey
from selfkms.crypto.mlkem import MLKEM512KeyPair, MLKEM512PublicKey, MLKEMKeyPair, MLKEMPublicKey
from selfkms.crypto.rsa import BITS, RSAKeyPair, RSAPublicKey
from selfkms.domain.kms.keys import KeySpec
from selfkms.domain.secrets import Secret
from selfkms.ports.entropy import Entropy

KeyPair = RSAKeyPair | CurveKeyPair | EdwardsKeyPair | MLDSAKeyPair | MLKEMKeyPair | MLKEM512KeyPair
PublicKey = RSAPublicKey | CurvePublicKey | EdwardsPublicKey | MLDSAPublicKey | MLKEMPublicKey | MLKEM512PublicKey

RSA: Final = frozenset(BITS)
CURVE: Final = frozenset(CURVES)
ML_DSA: Final = frozenset({KeySpec.ML_DSA_44, KeySpec.ML_DSA_65, KeySpec.ML_DSA_87})
ML_KEM: Final = frozenset({KeySpec.ML_KEM_512, KeySpec.ML_KEM_768, KeySpec.ML_KEM_1024})
PAIRS: Final = RSA | CURVE | ML_DSA | ML_KEM | {KeySpec.ECC_NIST_EDWARDS25519}
"""Every key spec with a private and a public key that there is an implementation of."""


def new_key_pair(key_spec: KeySpec, entropy: Entropy, rsa_pool: RSAPool[RSAKeyPair]) -> KeyPair:
    """A key pair that nobody had before.

    Where a private key is a string of random bytes (Ed25519, ML-DSA, ML-KEM) they come from `entropy`; RSA and the
    other curves take what they need from the library's own generator.
    """
    if key_spec in RSA:
        return rsa_pool.take(key_spec)
    if key_spec in CURVE:
        return CurveKeyPair.generate(key_spec)
    if key_spec in ML_DSA:
        return MLDSAKeyPair.from_seed(key_spec, Secret(entropy.random_bytes(mldsa.SEED_BYTES)))
    if key_spec in ML_KEM:
        seed = Secret(entropy.random_bytes(mlkem.SEED_BYTES))
        return MLKEM512KeyPair(seed) if key_spec is KeySpec.ML_KEM_512 else MLKEMKeyPair.from_seed(key_spec, seed)
    assert key_spec is KeySpec.ECC_NIST_EDWARDS25519
    return EdwardsKeyPair.from_seed(Secret(entropy.random_bytes(edwards.SEED_BYTES)))


def load_key_pair(key_spec: KeySpec, pkcs8: Secret) -> KeyPair:
    """A private key that was made or checked by this program, and authenticated since."""
    if key_spec in RSA:
        return RSAKeyPair.load(key_spec, pkcs8)
    if key_spec in CURVE:
        return CurveKeyPair.load(key_spec, pkcs8)
    if key_spec in ML_DSA:
        return MLDSAKeyPair.load(key_spec, pkcs8)
    if key_spec in ML_KEM:
        return MLKEM512KeyPair.load(pkcs8) if key_spec is KeySpec.ML_KEM_512 else MLKEMKeyPair.load(key_spec, pkcs8)
    assert key_spec is KeySpec.ECC_NIST_EDWARDS25519
    return EdwardsKeyPair.load(pkcs8)


def load_public_key(key_spec: KeySpec, spki: bytes) -> PublicKey:
    """The public key of such a pair, authenticated likewise."""
    if key_spec in RSA:
        return RSAPublicKey.load(key_spec, spki)
    if key_spec in CURVE:
        return CurvePublicKey.load(key_spec, spki)
    if key_spec in ML_DSA:
        return MLDSAPublicKey.load(key_spec, spki)
    if key_spec in ML_KEM:
        return MLKEM512PublicKey.load(spki) if key_spec is KeySpec.ML_KEM_512 else MLKEMPublicKey.load(key_spec, spki)
    assert key_spec is KeySpec.ECC_NIST_EDWARDS25519
    return EdwardsPublicKey.load(spki)
