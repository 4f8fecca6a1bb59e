"""Which addresses may be dialled on behalf of somebody else.

Everything is refused that is not a public unicast address, by the registries of special-purpose
addresses (IANA; RFC 6890 and what followed), and so are addresses that carry such a one inside.
What an operator names in the lists comes before that: first the lists of names, then those of
addresses, in each the list of what is allowed before the list of what is denied.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import (
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    ip_address,
    ip_network,
)
from typing import Self

__all__ = ["Address", "Policy", "is_public"]

Address = IPv4Address | IPv6Address
_Network = IPv4Network | IPv6Network

_SPECIAL_V4 = tuple(
    IPv4Network(network)
    for network in (
        "0.0.0.0/8",  # this network
        "10.0.0.0/8",  # private
        "100.64.0.0/10",  # shared by a provider's customers; 100.100.100.200 is cloud metadata
        "127.0.0.0/8",  # loopback
        "168.63.129.16/32",  # the platform of Azure, from inside it
        "169.254.0.0/16",  # link-local; 169.254.169.254 is cloud metadata
        "172.16.0.0/12",  # private
        "192.0.0.0/24",  # protocol assignments; 192.0.0.192 is cloud metadata
        "192.0.2.0/24",  # documentation
        "192.88.99.0/24",  # relays of 6to4
        "192.168.0.0/16",  # private
        "198.18.0.0/15",  # benchmarking
        "198.51.100.0/24",  # documentation
        "203.0.113.0/24",  # documentation
        "224.0.0.0/4",  # multicast
        "240.0.0.0/4",  # reserved, and the broadcast address
    )
)
_GLOBAL_UNICAST = IPv6Network("2000::/3")
_SPECIAL_V6 = tuple(
    IPv6Network(network)
    for network in (
        "2001::/23",  # protocol assignments: Teredo, benchmarking, ORCHID
        "2001:db8::/32",  # documentation
        "2002::/16",  # 6to4
        "3ffe::/16",  # the 6bone, given back
        "3fff::/20",  # documentation
    )
)
_MAPPED = IPv6Network("::ffff:0:0/96")
_NAT64 = IPv6Network("64:ff9b::/96")
_METADATA = frozenset(
    map(
        ip_address,
        (
            "100.100.100.200",
            "168.63.129.16",
            "169.254.169.254",
            "169.254.170.2",
            "169.254.170.23",
            "192.0.0.192",
            "fd00:ec2::23",
            "fd00:ec2::254",
            "fd20:ce::254",
        ),
    )
)
"""They hand out credentials to whoever asks: allowed only by address, never by a name."""


def is_public(address: Address) -> bool:
    """Whether the address belongs to the internet at large.

    Of the ways to write an IPv4 address in IPv6, the mapped one and NAT64 (which networks without
    IPv4 cannot do without) are judged by the address inside; the rest are obsolete and refused.
    """
    if isinstance(address, IPv4Address):
        return not any(address in network for network in _SPECIAL_V4)
    if address.scope_id is not None:
        return False
    if address in _MAPPED or address in _NAT64:
        return is_public(_last_four(address))
    if address not in _GLOBAL_UNICAST or any(address in network for network in _SPECIAL_V6):
        return False
    return not _is_isatap(address) or is_public(_last_four(address))


@dataclass(frozen=True, slots=True)
class Policy:
    """What may be dialled.

    Attributes:
        allowed_names: host names, lower case; `*.` in front takes every name below.
        denied_names: the same, refused whatever they lead to.
        allowed_networks: dialled though they are not public, or denied by the other list.
        denied_networks: refused though they are public.
    """

    allowed_names: frozenset[str] = frozenset()
    denied_names: frozenset[str] = frozenset()
    allowed_networks: tuple[_Network, ...] = ()
    denied_networks: tuple[_Network, ...] = ()

    @classmethod
    def from_lists(cls, allow: str, deny: str) -> Self:
        """The policy of two lists: addresses, networks (CIDR) and names, with commas between.

        Raises:
            ValueError: a network is not one.
        """
        allowed_names, allowed_networks = _sorted_out(allow)
        denied_names, denied_networks = _sorted_out(deny)
        return cls(allowed_names, denied_names, allowed_networks, denied_networks)

    def permits_name(self, host: str) -> bool:
        """Whether the name may be looked up at all."""
        return _is_named(host, self.allowed_names) or not _is_named(host, self.denied_names)

    def permits(self, address: Address, host: str | None = None) -> bool:
        """Whether the address may be dialled.

        Args:
            address: as it would be dialled.
            host: the name that led to it, lower case; None when the address itself was given.
        """
        if host is not None:
            if _is_named(host, self.allowed_names):
                return self._permits_under_allowed_name(address)
            if _is_named(host, self.denied_names):
                return False
        forms = tuple(_forms(address))
        if _is_within(forms, self.allowed_networks):
            return True
        return not _is_within(forms, self.denied_networks) and is_public(address)

    def _permits_under_allowed_name(self, address: Address) -> bool:
        # Whoever answers for the name must not be able to point it at the machine's credentials.
        forms = tuple(_forms(address))
        if _is_within(forms, self.allowed_networks):
            return True
        return not any(
            form in _METADATA or form.is_link_local or form.is_unspecified or form.is_multicast
            for form in forms
        )


def _last_four(address: IPv6Address) -> IPv4Address:
    return IPv4Address(int(address) & 0xFFFF_FFFF)


def _is_isatap(address: IPv6Address) -> bool:
    """An interface identifier with an IPv4 address in it (RFC 5214, section 6.1)."""
    return (int(address) >> 32) & 0xFDFF_FFFF == 0x0000_5EFE


def _forms(address: Address) -> Iterator[Address]:
    """The address, and the IPv4 address that a packet to it would reach."""
    yield address
    if isinstance(address, IPv6Address) and (address in _MAPPED or address in _NAT64):
        yield _last_four(address)


def _is_within(forms: tuple[Address, ...], networks: tuple[_Network, ...]) -> bool:
    return any(form in network for form in forms for network in networks)


def _is_named(host: str, names: frozenset[str]) -> bool:
    if host in names:
        return True
    labels = host.split(".")
    return any("*." + ".".join(labels[n:]) in names for n in range(1, len(labels)))


def _sorted_out(entries: str) -> tuple[frozenset[str], tuple[_Network, ...]]:
    names, networks = set(), []
    for entry in filter(None, (part.strip().lower().rstrip(".") for part in entries.split(","))):
        if "/" in entry or ":" in entry or entry.replace(".", "").isdigit():
            networks.append(ip_network(entry))
        else:
            names.add(entry)
    return frozenset(names), tuple(networks)
