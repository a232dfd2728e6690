"""How log events are written: one a line on stderr, as JSON for machines or aligned for people.

Events carry ids the recorder gave, revisions, counts and places in the code; never a number, a token, a pattern or what
a request held. Stdout stays free for what a command answers.
"""

import logging
import os
import sys
from typing import TextIO

import structlog


def configure_logging(*, as_json: bool, level: int = logging.INFO, stream: TextIO | None = None) -> None:
    """Set it for the process; call it once, before the recorder is made.

    Args:
        as_json: JSON lines, else lines for people (coloured on a terminal).
        level: what is worse or as bad is written, `logging.INFO`.
        stream: where to; stderr by default.
    """
    stream = stream or sys.stderr
    # Plain tracebacks: the pretty ones show what variables hold.
    renderer: structlog.typing.Processor = structlog.dev.ConsoleRenderer(
        colors=stream.isatty() and not os.environ.get("NO_COLOR"), exception_formatter=structlog.dev.plain_traceback
    )
    if as_json:
        renderer = structlog.processors.JSONRenderer()
    before: list[structlog.typing.Processor] = [
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    _configure_libraries(before, renderer, stream)
    structlog.configure(
        processors=[*before, renderer],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.PrintLoggerFactory(stream),
        cache_logger_on_first_use=False,
    )


def _configure_libraries(
    before: list[structlog.typing.Processor], renderer: structlog.typing.Processor, stream: TextIO
) -> None:
    """What the libraries say (the HTTP server, the event loop) goes the same way, from warnings on."""
    finishing: list[structlog.typing.Processor] = [
        structlog.stdlib.ProcessorFormatter.remove_processors_meta,
        structlog.processors.format_exc_info,
        renderer,
    ]
    handler = logging.StreamHandler(stream)
    handler.setFormatter(structlog.stdlib.ProcessorFormatter(foreign_pre_chain=before, processors=finishing))
    logging.basicConfig(handlers=[handler], level=logging.WARNING, force=True)
