"""The socket a recorder listens on: taken before anything else is begun, and the address it is reached under."""

import errno
import socket

from callkeeper.local.exits import EXIT_PORT_TAKEN, CannotRun

BACKLOG = 1024

_ANY = {"0.0.0.0": "127.0.0.1", "::": "::1", "": "127.0.0.1"}  # noqa: S104 - named here to be reached from this machine
_PORTS = range(65536)


def bind(host: str, port: int, option: str = "--port") -> socket.socket:
    """Take the port before anything else is begun.

    Args:
        host: a name or address of this machine.
        port: 0 picks a free one.
        option: of the command line, where another port is chosen.

    Raises:
        CannotRun: it is taken, or the address is not this machine's.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    bound = socket.socket(family, socket.SOCK_STREAM)
    try:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind((host, port))
        bound.listen(BACKLOG)
        bound.setblocking(False)
    except OSError as error:
        bound.close()
        if error.errno == errno.EADDRINUSE:
            raise CannotRun(
                f"port {port} on {host} is taken; see who listens there (`ss -ltnp 'sport = :{port}'`), or choose "
                f"another with {option} (0 picks a free one)",
                EXIT_PORT_TAKEN,
            ) from error
        raise CannotRun(f"cannot listen on {host}:{port}: {error.strerror or error}", EXIT_PORT_TAKEN) from error
    return bound


def url_of(bound: socket.socket, scheme: str = "http") -> str:
    """The address under which this machine reaches a bound socket."""
    host, port = bound.getsockname()[:2]
    host = _ANY.get(host, host)
    return f"{scheme}://[{host}]:{port}" if ":" in host else f"{scheme}://{host}:{port}"


def host_and_port(text: str) -> tuple[str, int]:
    """The two halves of `HOST:PORT`, `[::1]:8470` or `:8470` (every address of this machine).

    Raises:
        ValueError: it is none.
    """
    host, colon, port = text.rpartition(":")
    if not colon or not port.isascii() or not port.isdigit() or int(port) not in _PORTS:
        raise ValueError(f"{text!r} is not HOST:PORT, such as 127.0.0.1:8470 or [::1]:8470")
    if host.startswith("[") and host.endswith("]"):
        host = host[1:-1]
    elif ":" in host:
        raise ValueError(f"{text!r}: put an IPv6 address in brackets, such as [::1]:8470")
    return host or "0.0.0.0", int(port)  # noqa: S104 - what a leading colon means
