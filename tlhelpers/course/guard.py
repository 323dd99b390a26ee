"""Forbids a process the network, for good: an audit hook cannot be taken off again."""

from __future__ import annotations

import ipaddress
import sys

ASKS = {"socket.getaddrinfo", "socket.gethostbyname", "socket.gethostbyaddr"}
REACHES = {"socket.connect", "socket.sendto", "socket.sendmsg"}


class NetworkUsed(BaseException):
    """A lesson opened a connection. Not an Exception: `except Exception` must not hide it."""


def forbid_network() -> None:
    """From now on every look-up of, and connection to, another machine raises NetworkUsed.

    Programs that a lesson starts are not watched; they inherit the variables that keep libraries
    offline.
    """
    sys.addaudithook(_refuse)


def _refuse(event: str, arguments: tuple) -> None:
    if event in REACHES:
        address = arguments[1]
    elif event in ASKS:
        address = arguments[:1]
    else:
        return
    if not isinstance(address, tuple) or not address[0]:  # a Unix socket, or this machine
        return
    host = address[0].decode() if isinstance(address[0], bytes) else str(address[0])
    if not _is_here(host):
        raise NetworkUsed(f"the lesson opened a connection to {host}; lessons run offline")


def _is_here(host: str) -> bool:
    """True for this machine; a name that only begins like it is another one's."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return host == "localhost"
    return address.is_loopback or address.is_unspecified
