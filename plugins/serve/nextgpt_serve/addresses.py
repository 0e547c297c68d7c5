"""Which addresses of the net may be connected to: those of the public one. Fetches nothing."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
_NAT64 = ipaddress.ip_network("64:ff9b::/96")
_NAT64_LOCAL = ipaddress.ip_network("64:ff9b:1::/48")


def is_public(text: str) -> bool:
    """Whether an address, and whatever is spelled inside it, is of the public net.

    Loopback, private, link-local (where clouds keep their metadata), multicast and reserved ones
    are not, and neither is one that carries such a one: mapped, translated, tunnelled.
    """
    try:
        address = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return False
    return all(one.is_global and not one.is_multicast for one in _within(address))


def _within(address: Address) -> Iterator[Address]:
    """The address, or the ones that it stands for."""
    if isinstance(address, ipaddress.IPv4Address):
        yield address
        return
    inner = [address.ipv4_mapped, address.sixtofour, *(address.teredo or ())]
    if address in _NAT64:
        inner.append(ipaddress.IPv4Address(int(address) & 0xFFFFFFFF))
    carried = [one for one in inner if one is not None]
    if address in _NAT64_LOCAL or int(address) >> 32 == 0:  # the old "compatible" form
        carried.append(ipaddress.IPv4Address("0.0.0.0"))
    yield from carried or [address]
