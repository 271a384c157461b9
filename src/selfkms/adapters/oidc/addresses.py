"""Which addresses the server may connect to when the name it asks for was written by somebody else.

Whoever may register a provider, or publishes its documents, chooses a name. What stands behind it must not be a service
of the machine, of its network or of its cloud that trusts whoever can reach it (server-side request forgery).

Source: RFC 6890; RFC 4291, 2.5.5; RFC 6052, 2.1; RFC 3056, 2.
"""

from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address
from typing import Final

# An IPv4 address is the last 32 bits of these: compatible, mapped, translated.
_EMBEDDING: Final = (IPv6Network("::/96"), IPv6Network("::ffff:0:0/96"), IPv6Network("64:ff9b::/96"))
# RFC 8215: translated to whatever the network wants.
_LOCAL_TRANSLATION: Final = IPv6Network("64:ff9b:1::/48")


def is_public(text: str) -> bool:
    """Whether everybody on the internet reaches the same host by an IP address; so not a private or loopback one.

    Args:
        text: an address without brackets.
    """
    try:
        address: IPv4Address | IPv6Address = ip_address(text)
    except ValueError:
        return False
    if isinstance(address, IPv6Address):
        if address in _LOCAL_TRANSLATION:
            return False
        address = _embedded(address) or address
    return address.is_global and not address.is_multicast


def _embedded(address: IPv6Address) -> IPv4Address | None:
    """The IPv4 host that an IPv6 address leads to, if it is of such a kind."""
    if any(address in network for network in _EMBEDDING):
        return IPv4Address(int(address) & 0xFFFF_FFFF)
    return address.sixtofour
