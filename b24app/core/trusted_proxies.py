"""Whose X-Forwarded-* headers are believed: those of TRUSTED_PROXIES, for anybody may write such a header."""

from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

from django.conf import settings


def is_trusted_proxy(peer: str) -> bool:
    """Return whether the client at the other end of the connection is one of our proxies."""
    return _is_inside(peer, tuple(settings.TRUSTED_PROXIES))


@lru_cache(maxsize=1024)
def _is_inside(peer: str, networks: tuple[str, ...]) -> bool:
    address = _parse_address(peer)
    return address is not None and any(address in network for network in _parse_networks(networks))


@lru_cache(maxsize=8)
def _parse_networks(networks: tuple[str, ...]) -> tuple[IPv4Network | IPv6Network, ...]:
    return tuple(ip_network(network) for network in networks)


def _parse_address(peer: str) -> IPv4Address | IPv6Address | None:
    try:
        address = ip_address(peer)
    except ValueError:
        return None
    return address.ipv4_mapped or address if isinstance(address, IPv6Address) else address
