"""The option that names proxies, the same for every command that serves the recorder."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from callkeeper.cli.main import CouldNotRun

if TYPE_CHECKING:
    from collections.abc import Iterable
    from ipaddress import IPv4Network, IPv6Network

trusted_proxy_option = click.option(
    "--trusted-proxy", multiple=True, metavar="NETWORK", help="Believe its X-Forwarded-For; repeatable."
)


def networks(texts: Iterable[str]) -> tuple[IPv4Network | IPv6Network, ...]:
    """What it said.

    Raises:
        CouldNotRun: one is no network.
    """
    return tuple(_network(text) for text in texts)


def _network(text: str) -> IPv4Network | IPv6Network:
    from ipaddress import ip_network  # noqa: PLC0415 - imported when it is run

    try:
        return ip_network(text)
    except ValueError as error:
        raise CouldNotRun(f"--trusted-proxy {text}: {error}; name a network such as 10.0.0.0/8") from error
