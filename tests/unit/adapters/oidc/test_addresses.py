"""Which addresses lead out, and which into what trusts its neighbours."""

import pytest

from selfkms.adapters.oidc.addresses import is_public


@pytest.mark.parametrize(
    "address", ["93.184.216.34", "8.8.8.8", "2606:2800:220:1::1", "::ffff:8.8.8.8", "64:ff9b::8.8.8.8"]
)
def test_hosts_of_the_internet_are_public(address: str) -> None:
    """Also when an IPv6 address stands for an IPv4 one."""
    assert is_public(address)


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "127.255.255.254",
        "0.0.0.0",
        "10.0.0.1",
        "172.16.0.1",
        "192.168.1.1",
        "100.64.0.1",
        "169.254.169.254",
        "192.0.2.1",
        "198.18.0.1",
        "224.0.0.1",
        "255.255.255.255",
        "::",
        "::1",
        "fe80::1",
        "fe80::1%eth0",
        "fc00::1",
        "fd00:ec2::254",
        "ff02::1",
        "2001:db8::1",
        "2001::1",
    ],
)
def test_hosts_of_this_machine_and_its_network_are_not(address: str) -> None:
    """Loopback, private, shared, link-local with the metadata service of clouds, documentation, multicast."""
    assert not is_public(address)


@pytest.mark.parametrize(
    "address",
    [
        "::ffff:127.0.0.1",
        "::ffff:169.254.169.254",
        "::ffff:10.0.0.1",
        "::127.0.0.1",
        "64:ff9b::10.0.0.1",
        "64:ff9b:1::8.8.8.8",
        "2002:7f00:1::",
        "2002:a9fe:a9fe::1",
    ],
)
def test_a_disguise_does_not_help(address: str) -> None:
    """An IPv6 address that leads to a private IPv4 one is as private."""
    assert not is_public(address)


@pytest.mark.parametrize("text", ["", "localhost", "127.1", "0x7f000001", "2130706433", "[::1]"])
def test_what_is_no_address_is_not_public(text: str) -> None:
    """Only what is understood is let through."""
    assert not is_public(text)
