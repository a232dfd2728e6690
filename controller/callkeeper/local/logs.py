"""How the process logs: to standard error, what needs attention; what people read is said by `telling`."""

import logging

from callkeeper.recorder.logs import configure_logging


def configure_logs(log_format: str) -> None:
    """Warnings and worse for people, information too as JSON for machines.

    Args:
        log_format: `text` or `json`.
    """
    as_json = log_format == "json"
    configure_logging(as_json=as_json, level=logging.INFO if as_json else logging.WARNING)
