"""Addresses as options take them: `HOST:PORT`, IPv6 in brackets."""

import click

LAST_PORT = 65_535


def host_and_port(option: str, text: str) -> tuple[str, int]:
    """The two parts of what an option was given.

    Raises:
        click.UsageError: it has not the two.
    """
    host, _, port = text.rpartition(":")
    if not host or not (port.isascii() and port.isdigit()) or int(port) > LAST_PORT:
        raise click.UsageError(f"{option} takes HOST:PORT, not {text}")
    return host.strip("[]"), int(port)
