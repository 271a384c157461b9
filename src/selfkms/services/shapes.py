"""The base of all request and result shapes: AWS's member names in snake_case, and nothing else renamed.

Lengths, patterns and enums are the service model's and are checked before a shape is made.
"""

import functools
from typing import Final

import msgspec

_CAPITALS: Final = {"aws": "AWS", "openid": "OpenID", "clientid": "ClientID"}

# CloudTrail has its own ways.
_OTHERWISE: Final = {
    "trail_arn": "TrailARN",
    "trail_name_list": "trailNameList",
    "trail_list": "trailList",
    "include_shadow_trails": "includeShadowTrails",
}


@functools.cache
def aws_name(member: str) -> str:
    """`key_id` → `KeyId`, `aws_account_id` → `AWSAccountId`. Remembered: there are as many names as the tables have."""
    if member in _OTHERWISE:
        return _OTHERWISE[member]
    return "".join(_CAPITALS.get(word, word.capitalize()) for word in member.split("_"))


class Shape(msgspec.Struct, frozen=True, kw_only=True, rename=aws_name, omit_defaults=True):
    """A request or a result. A member that is None is left out of an answer, as AWS does it."""
