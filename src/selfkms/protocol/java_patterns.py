r"""The patterns of the service models are Java's; here they are read by Python's `re`.

Two things differ. In Java \w, \d and \s mean ASCII. And Python has no \p{…}, which IAM and STS have in the patterns
of tags, always in the one form that is known here: letters, separators, numbers and the underscore.

Source: Java SE API, `java.util.regex.Pattern`; IAM and STS service models, `tagKeyType` and `tagValueType`.
"""

import functools
import re
from typing import Final

_CLASS_OF_TAGS: Final = r"\p{L}\p{Z}\p{N}_"

# The same class in Python's words: with Unicode \w is exactly L, N and the underscore; the rest is all of Z.
_SAME_CLASS: Final = r"\w\u0020\u00A0\u1680\u2000-\u200A\u2028\u2029\u202F\u205F\u3000"


@functools.cache
def java_pattern(pattern: str) -> re.Pattern[str]:
    """A pattern of a service model, compiled.

    Raises:
        re.error: it needs something of Java's that is not known here: a new model is to be looked at.
    """
    translated = pattern.replace(_CLASS_OF_TAGS, _SAME_CLASS)
    return re.compile(translated, re.ASCII if translated == pattern else re.UNICODE)
