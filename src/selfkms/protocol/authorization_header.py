"""The parameters of an Authorization header.

All but the signature are the same in each request that a client sends in a day, so they are read once. The signature
itself is nothing that is remembered.

Source: IAM User Guide, "Elements of an AWS API request signature". The texts of the errors: see `protocol.sigv4`.
"""

import base64
import functools
import hashlib
from collections.abc import Mapping
from typing import Final

from selfkms.domain.errors import IncompleteSignatureException

ALGORITHM: Final = "AWS4-HMAC-SHA256"

_FRONT_CHARACTERS_MAX: Final = 512
"""Of what stands before the signature in an Authorization header: longer ones are not remembered; clients send 200."""


def read_fields(authorization: str) -> Mapping[str, str]:
    """The parameters by their names.

    Raises:
        IncompleteSignatureException: it is of another algorithm, or cannot be read.
    """
    front, name, signature = authorization.rpartition("Signature=")
    if name and front.startswith(ALGORITHM) and len(front) <= _FRONT_CHARACTERS_MAX and signature.isalnum():
        known = _fields_before_signature(front)
        if known is not None:
            return {**known, "Signature": signature}
    return _read_fields(authorization)


@functools.lru_cache(maxsize=1_024)
def _fields_before_signature(front: str) -> Mapping[str, str] | None:
    """What stands before the signature is the same in all requests of a client in a day; None: not as clients do it."""
    if not front.endswith((" ", ",")):
        return None
    try:
        found = _read_fields(front)
    except IncompleteSignatureException:
        # What is wrong is said of the whole header.
        return None
    return None if "Signature" in found else found


def _read_fields(authorization: str) -> Mapping[str, str]:
    algorithm, _, rest = authorization.partition(" ")
    # What is no AWS signature may be somebody's password or token: it is shown as a hash only.
    unreadable = (
        "Invalid key=value pair (missing equal-sign) in Authorization header "
        "(hashed with SHA-256 and encoded with Base64): "
    )
    if not algorithm.startswith("AWS4-"):
        raise IncompleteSignatureException(f"{unreadable}'{shown_hashed(authorization)}'.")
    if algorithm != ALGORITHM:
        raise IncompleteSignatureException(f"Unsupported AWS 'algorithm': '{algorithm}' (only {ALGORITHM} for now). ")
    found: dict[str, str] = {}
    for pair in rest.replace(",", " ").split():
        name, equals, value = pair.partition("=")
        if not equals:
            raise IncompleteSignatureException(f"{unreadable}'{shown_hashed(pair)}'.")
        if name in found:
            raise IncompleteSignatureException("Authorization header has a parameter more than once.")
        found[name] = value
    return found


def shown_hashed(text: str) -> str:
    """How a text that may be a secret stands in an error."""
    return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode("ascii")
