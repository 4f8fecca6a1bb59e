"""No address passes that leads inside; the lists of the operator come first."""

from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from maoocr.outbound.addresses import Address, Policy, is_public
from maoocr.settings import OutboundSettings

INSIDE_V4 = (
    "0.0.0.0/8",
    "10.0.0.0/8",
    "100.64.0.0/10",
    "127.0.0.0/8",
    "169.254.0.0/16",
    "172.16.0.0/12",
    "192.0.0.0/24",
    "192.0.2.0/24",
    "192.88.99.0/24",
    "192.168.0.0/16",
    "198.18.0.0/15",
    "198.51.100.0/24",
    "203.0.113.0/24",
    "224.0.0.0/4",
    "240.0.0.0/4",
    "168.63.129.16/32",
)
INSIDE_V6 = (
    "::/128",
    "::1/128",
    "::/96",
    "64:ff9b:1::/48",
    "100::/64",
    "2001::/32",
    "2001:2::/48",
    "2001:10::/28",
    "2001:20::/28",
    "2001:db8::/32",
    "2002::/16",
    "3fff::/20",
    "5f00::/16",
    "fc00::/7",
    "fd00:ec2::254/128",
    "fd20:ce::254/128",
    "fe80::/10",
    "fec0::/10",
    "ff00::/8",
)


NAT64 = ip_network("64:ff9b::/96")


def edges(networks: tuple[str, ...]) -> list[str]:
    found = []
    for network in map(ip_network, networks):
        found += [str(network[0]), str(network[-1]), str(network[network.num_addresses // 2])]
    return list(dict.fromkeys(found))


@pytest.mark.parametrize("address", edges(INSIDE_V4) + edges(INSIDE_V6))
def test_the_edges_of_every_inside_range_are_refused(address: str) -> None:
    assert not is_public(ip_address(address))
    assert not Policy().permits(ip_address(address))


@pytest.mark.parametrize("address", edges(INSIDE_V4))
@pytest.mark.parametrize(
    "prefix",
    ["::ffff:0:0", "::", "64:ff9b::", "2001:4860:4860:0:0:5efe::", "2001:4860:4860:0:200:5efe::"],
)
def test_an_inside_address_within_another_is_refused(address: str, prefix: str) -> None:
    assert not is_public(IPv6Address(int(IPv6Address(prefix)) | int(IPv4Address(address))))


@pytest.mark.parametrize("address", ["127.0.0.1", "10.0.0.1", "8.8.8.8"])
def test_obsolete_tunnels_are_refused_whatever_they_hold(address: str) -> None:
    inner = int(IPv4Address(address))
    assert not is_public(IPv6Address((0x2002 << 112) | (inner << 80) | 1))
    assert not is_public(IPv6Address((0x20010000 << 96) | (inner ^ 0xFFFFFFFF)))
    assert not is_public(IPv6Address((0x20010000 << 96) | (inner << 64)))


@pytest.mark.parametrize(
    "address",
    [
        "1.1.1.1",
        "8.8.8.8",
        "100.63.255.255",
        "100.128.0.0",
        "172.15.255.255",
        "172.32.0.0",
        "223.255.255.255",
        "2606:4700:4700::1111",
        "2a00:1450::1",
        "::ffff:8.8.8.8",
        "64:ff9b::8.8.8.8",
    ],
)
def test_a_public_address_passes(address: str) -> None:
    assert Policy().permits(ip_address(address))


def test_an_address_of_one_interface_is_refused() -> None:
    assert not is_public(IPv6Address("2606:4700::1%eth0"))


@given(st.ip_addresses(v=4))
@example(IPv4Address("169.254.169.254"))
def test_no_ipv4_address_passes_that_python_knows_as_special(address: IPv4Address) -> None:
    if is_public(address):
        assert address.is_global
        assert not is_special(address)


@given(st.ip_addresses(v=6))
@example(IPv6Address("::ffff:127.0.0.1"))
def test_no_ipv6_address_passes_that_python_knows_as_special(address: IPv6Address) -> None:
    if is_public(address) and address.ipv4_mapped is None and address not in NAT64:
        assert address.is_global
        assert not is_special(address)
        assert address.sixtofour is None
        assert address.teredo is None


@given(st.one_of(*(st.ip_addresses(network=network) for network in INSIDE_V4 + INSIDE_V6)))
def test_no_inside_address_ever_passes(address: Address) -> None:
    assert not Policy().permits(address)
    assert not Policy.from_lists("", "8.8.8.8").permits(address, "example.com")
    if isinstance(address, IPv4Address):
        assert not is_public(IPv6Address((0xFFFF << 32) | int(address)))


def is_special(address: Address) -> bool:
    return (
        address.is_private
        or address.is_loopback
        or address.is_link_local
        or address.is_multicast
        or address.is_reserved
        or address.is_unspecified
    )


@pytest.mark.parametrize(
    ("allow", "deny", "address", "host", "permitted"),
    [
        ("10.1.0.0/16", "", "10.1.2.3", None, True),
        ("10.1.0.0/16", "", "10.2.0.1", None, False),
        ("10.1.0.0/16", "", "::ffff:10.1.2.3", None, True),
        ("10.1.2.3", "0.0.0.0/0, ::/0", "10.1.2.3", None, True),
        ("", "0.0.0.0/0,::/0", "8.8.8.8", None, False),
        ("", "8.8.8.0/24", "8.8.8.8", "dns.google", False),
        ("", "8.8.8.0/24", "::ffff:8.8.8.8", None, False),
        ("", "8.8.8.0/24", "64:ff9b::8.8.8.8", None, False),
        ("files.example.com", "0.0.0.0/0,::/0", "8.8.8.8", "files.example.com", True),
        ("files.example.com", "0.0.0.0/0,::/0", "8.8.8.8", "example.com", False),
        ("minio", "", "10.0.0.9", "minio", True),
        ("MinIO.", "", "10.0.0.9", "minio", True),
        ("minio", "", "10.0.0.9", None, False),
        ("minio", "", "10.0.0.9", "other", False),
        ("*.inside.example", "", "10.0.0.9", "a.b.inside.example", True),
        ("*.inside.example", "", "10.0.0.9", "inside.example", False),
        ("*.inside.example", "", "10.0.0.9", "notinside.example", False),
        ("", "*.evil.example", "8.8.8.8", "a.evil.example", False),
        ("", "evil.example", "8.8.8.8", "evil.example", False),
        ("8.8.8.0/24", "evil.example", "8.8.8.8", "evil.example", False),
        ("::1", "", "::1", None, True),
    ],
)
def test_lists(allow: str, deny: str, address: str, host: str | None, permitted: bool) -> None:
    assert Policy.from_lists(allow, deny).permits(ip_address(address), host) is permitted


@pytest.mark.parametrize(
    "address", ["169.254.169.254", "100.100.100.200", "fd00:ec2::254", "fe80::1", "0.0.0.0", "::"]
)
def test_an_allowed_name_cannot_lead_to_credentials(address: str) -> None:
    policy = Policy.from_lists("minio", "")
    assert not policy.permits(ip_address(address), "minio")
    assert not policy.permits(IPv6Address("::ffff:169.254.169.254"), "minio")


def test_a_denied_name_is_not_even_looked_up() -> None:
    policy = Policy.from_lists("good.evil.example", "*.evil.example")
    assert not policy.permits_name("bad.evil.example")
    assert policy.permits_name("good.evil.example")
    assert policy.permits_name("elsewhere.example")


@pytest.mark.parametrize(
    "entry",
    [
        "10.0.0.0/33",
        "10.0.0.1/8",
        "fe80::/200",
        "300.1.1.1",
        "127.1",
        "2130706433",
        "*",
        "*.*.example",
        "a.*",
        "bücher.example",
        "http://example.com",
        "a b",
        "[::1]",
    ],
)
@pytest.mark.parametrize("which", ["allow", "deny"])
def test_an_entry_that_would_match_nothing_stops_the_start(entry: str, which: str) -> None:
    with pytest.raises(ValueError, match="validation error"):
        OutboundSettings.model_validate({which: f"example.com, {entry}"})


def test_lists_may_be_spaced_and_end_with_a_comma() -> None:
    settings = OutboundSettings(allow=" 10.0.0.0/8 ,, ::1, *.Files.example. ,", deny="")
    policy = Policy.from_lists(settings.allow, settings.deny)
    assert policy.permits(ip_address("10.1.1.1"))
    assert policy.permits(ip_address("10.1.1.1"), "a.files.example")
