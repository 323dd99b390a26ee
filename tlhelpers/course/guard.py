"""Forbids a process the network, for good: an audit hook cannot be taken off again."""

from __future__ import annotations

import sys

LOCAL = ("localhost", "127.", "::1", "0.0.0.0")


class NetworkUsed(BaseException):
    """A lesson opened a connection. Not an Exception: `except Exception` must not hide it."""


def forbid_network() -> None:
    """From now on every look-up of, and connection to, another machine raises NetworkUsed."""
    sys.addaudithook(_refuse)


def _refuse(event: str, arguments: tuple) -> None:
    if event == "socket.connect":
        address = arguments[1]
    elif event in ("socket.getaddrinfo", "socket.gethostbyname"):
        address = arguments[:1]
    else:
        return
    if not isinstance(address, tuple) or not address[0]:  # a Unix socket, or this machine
        return
    host = address[0].decode() if isinstance(address[0], bytes) else str(address[0])
    if not host.startswith(LOCAL):
        raise NetworkUsed(f"the lesson opened a connection to {host}; lessons run offline")
