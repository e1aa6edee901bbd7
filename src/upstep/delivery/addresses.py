"""Where a webhook may go: a name is resolved once, its addresses are looked at, and one of them is connected to.

A name may be made to point at a machine inside, also after it was looked at; so what was looked at is what is dialled.
"""

from __future__ import annotations

import socket
from ipaddress import IPv4Address, IPv6Address, ip_address
from urllib.parse import SplitResult, urlsplit

from upstep.errors import ConfigError, Fault, OutsideError

_SHARED = ((IPv4Address("100.64.0.0"), 10), (IPv4Address("192.0.0.0"), 24), (IPv4Address("198.18.0.0"), 15))


class RefusedAddressError(Exception):
    """The target is a machine that is not on the public network."""


def target(url: str, *, allow_private: bool) -> SplitResult:
    """A webhook's address, read.

    Raises:
        ConfigError: It is none, or would send what it says in clear over the public network.
    """
    parts = urlsplit(url)
    place = "upstep.yaml: channels.webhook.url"
    if parts.scheme not in {"https", "http"} or not parts.hostname or parts.username or parts.password:
        raise ConfigError(Fault(place, f"'{url}' is no web address.", "Write it as https://hooks.example.com/upstep."))
    if parts.scheme == "http" and not allow_private:
        raise ConfigError(Fault(place, "is not https.", "Use https, or allow_private: true for a machine of yours."))
    try:
        _ = parts.port
    except ValueError as error:
        raise ConfigError(Fault(place, f"'{url}' has no such port.", "A port is 1 to 65535.")) from error
    return parts


def dial(host: str, port: int, *, allow_private: bool, seconds_max: float) -> socket.socket:
    """A connection to one of a name's addresses, each looked at before.

    Raises:
        RefusedAddressError: Not one of them is public, and private ones are not allowed.
        OutsideError: The name is not known, or nobody answers.
    """
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise OutsideError(f"webhook {host}: the name cannot be resolved ({error})") from error
    allowed = [entry for entry in found if allow_private or is_public(str(entry[4][0]))]
    if not allowed:
        raise RefusedAddressError(f"{host} is an address inside a network; set allow_private: true if that is meant")
    last: OSError | None = None
    for family, kind, protocol, _, address in allowed:
        connection = socket.socket(family, kind, protocol)
        try:
            connection.settimeout(seconds_max)
            connection.connect(address)
        except OSError as error:
            connection.close()
            last = error
            continue
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return connection
    raise OutsideError(f"webhook {host}:{port}: nobody answers ({last})") from last


def is_public(text: str) -> bool:
    """Whether an address belongs to the public network, also one that is wrapped in another kind.

    >>> [is_public(text) for text in ("93.184.215.14", "10.0.0.1", "127.0.0.1", "169.254.169.254", "::ffff:10.0.0.1")]
    [True, False, False, False, False]
    """
    address: IPv4Address | IPv6Address = ip_address(text.partition("%")[0])
    if isinstance(address, IPv6Address):
        inner = address.ipv4_mapped or address.sixtofour or (address.teredo or (None, None))[1] or _translated(address)
        if inner is not None:
            return is_public(str(inner))
        if int(address) >> 32 == 0:  # the old IPv4-compatible form
            return False
    elif any(int(address) >> (32 - bits) == int(network) >> (32 - bits) for network, bits in _SHARED):
        return False
    return address.is_global and not address.is_multicast and not address.is_reserved


def _translated(address: IPv6Address) -> IPv4Address | None:
    """The IPv4 address in one of NAT64's (RFC 6052: 64:ff9b::/96)."""
    return IPv4Address(int(address) & 0xFFFFFFFF) if int(address) >> 32 == 0x64FF9B << 64 else None
