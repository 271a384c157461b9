"""What AWS still asks for and nobody should pick: OAEP with SHA-1, and PKCS#1 v1.5 signatures.

Neither is broken as it is used here: OAEP needs no collision resistance of its hash, and the signatures are made with
SHA-2. But SHA-1 is retired (NIST SP 800-131A), and PKCS#1 v1.5 has no proof and a long history of verifiers that read
the padding carelessly. RSAES_OAEP_SHA_256 and RSASSA_PSS do the same and have neither.

PKCS#1 v1.5 *encryption* is not here and never will be: AWS KMS does not offer it, and whoever can ask whether a
ciphertext has the right padding can decrypt (RFC 8017, 7.2, note).
"""

from typing import Final

from cryptography.hazmat.primitives.asymmetric.padding import MGF1, OAEP, PKCS1v15
from cryptography.hazmat.primitives.hashes import SHA1

OAEP_SHA_1: Final = OAEP(mgf=MGF1(SHA1()), algorithm=SHA1(), label=None)  # noqa: S303 (AWS's RSAES_OAEP_SHA_1)
"""RFC 8017, 7.1, with SHA-1 as hash and in MGF1, and an empty label."""

SIGNATURE_PKCS1_V1_5: Final = PKCS1v15()
"""RFC 8017, 8.2."""
