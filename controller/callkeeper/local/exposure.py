"""Who can reach the embedded recorder: nobody else on loopback; elsewhere plain HTTP can be read on the way."""

import ipaddress
import socket


def exposed_address(bound: socket.socket) -> str | None:
    """The address a bound socket listens on, where other machines can reach it; None on the loopback address."""
    host = str(bound.getsockname()[0])
    # A link-local IPv6 address carries its interface behind a `%`, which is no part of the address.
    return None if ipaddress.ip_address(host.partition("%")[0]).is_loopback else host


def warning(address: str) -> str:
    """What is said about listening there."""
    return (
        f"The recorder listens on {address} with plain HTTP: tokens and calls can be read on the network. "
        "Leave --host away, give it a certificate with --tls-cert, or put a proxy with TLS in front of it"
    )
