"""The keys that sign digests: made in this process, sealed with the installation's keys."""

from selfkms.crypto.rsa import RSAKeyPair, RSAPublicKey
from selfkms.domain.cloudtrail.digests import DigestKey, fingerprint
from selfkms.domain.kms.algorithms import MessageType, SigningAlgorithm
from selfkms.domain.kms.errors import KMSInvalidSignatureException
from selfkms.domain.kms.keys import KeySpec
from selfkms.ports.installation_keys import InstallationKeys


class SoftwareDigestSigner:
    """`ports.digest_signer.DigestSigner`."""

    def __init__(self, keys: InstallationKeys) -> None:
        self._keys = keys

    def new_key(self, region: str, *, created_at: float, valid_until: float) -> DigestKey:
        pair = RSAKeyPair.generate(KeySpec.RSA_2048)
        public_key = pair.public_key_pkcs1()
        name = fingerprint(public_key)
        return DigestKey(
            region=region,
            fingerprint=name,
            public_key=public_key,
            sealed_private_key=self._keys.seal(pair.pkcs8(), bound_to=_binding(region, name)),
            created_at=created_at,
            valid_until=valid_until,
        )

    def sign(self, key: DigestKey, data: bytes) -> bytes:
        private_key = self._keys.open(key.sealed_private_key, bound_to=_binding(key.region, key.fingerprint))
        pair = RSAKeyPair.load(KeySpec.RSA_2048, private_key)
        return pair.sign(SigningAlgorithm.RSASSA_PKCS1_V1_5_SHA_256, data, message_type=MessageType.RAW)

    def verify(self, key: DigestKey, data: bytes, signature: bytes) -> bool:
        public_key = RSAPublicKey.load(KeySpec.RSA_2048, key.public_key)
        try:
            public_key.verify(SigningAlgorithm.RSASSA_PKCS1_V1_5_SHA_256, data, signature, message_type=MessageType.RAW)
        except KMSInvalidSignatureException:
            return False
        return True


def _binding(region: str, name: str) -> tuple[str, ...]:
    return (DigestKey.TABLE, region, name)
