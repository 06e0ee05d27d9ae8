"""Which addresses may be connected to: those that everybody on the internet can reach, and nothing behind our own walls.

`is_global` of the standard library lets multicast and the forms pass that carry an IPv4 address inside an IPv6 one, so
what is inside is judged as well.
"""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address

Address = IPv4Address | IPv6Address

_NAT64 = IPv6Network("64:ff9b::/96")
_NEVER = tuple(
    map(
        IPv6Network,
        (
            "::/96",  # IPv4-compatible, with the unspecified and the loopback address
            "64:ff9b:1::/48",  # NAT64 inside one network
            "100::/64",  # discards
            "5f00::/16",  # segment routing
            "fec0::/10",  # site-local of old
        ),
    )
)
_ISATAP = (0x00005EFE, 0x02005EFE)


def is_public(address: Address) -> bool:
    """Tell whether an address, and every address hidden in it, can be reached from anywhere on the internet."""
    if address.is_multicast or address.is_unspecified or address.is_reserved or not address.is_global:
        return isinstance(address, IPv6Address) and address in _NAT64 and is_public(_low_32(address))
    if isinstance(address, IPv4Address):
        return True
    return not any(address in network for network in _NEVER) and all(is_public(inner) for inner in _inner(address))


def literal(host: str) -> Address | None:
    """Return the address that a host is written as, or None when it is a name."""
    try:
        return ip_address(host)
    except ValueError:
        return None


def _inner(address: IPv6Address) -> list[IPv4Address]:
    inner = [address.ipv4_mapped, address.sixtofour, *(address.teredo or ())]
    if address in _NAT64 or (int(address) >> 32) & 0xFFFFFFFF in _ISATAP:
        inner.append(_low_32(address))
    return [one for one in inner if one is not None]


def _low_32(address: IPv6Address) -> IPv4Address:
    return IPv4Address(int(address) & 0xFFFFFFFF)
