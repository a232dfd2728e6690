"""How a log is kept, as the operator puts it (`AuditLog`), in JSON."""

from typing import Any

from callkeeper.audit.collector.wire import WireError, read_object
from callkeeper.audit.errors import SettingsError
from callkeeper.audit.log_settings import LogSettings

MAX_APPLICATION_NAME = 64
"""Characters, as the kind `AuditLog` has it."""

_TEXTS = {"rotation": "rotation", "retention": "retention", "applicationName": "application_name"}
_COMPRESS = "compressClosed"


def settings_json(settings: LogSettings) -> dict[str, Any]:
    """As they are sent."""
    texts = {name: getattr(settings, attribute) for name, attribute in _TEXTS.items()}
    return {**texts, _COMPRESS: settings.compress_closed}


def read_settings(value: Any) -> LogSettings:
    """As they were received; what is absent has its default.

    Raises:
        WireError: a member is something else.
    """
    body = read_object(value, frozenset(), frozenset({*_TEXTS, _COMPRESS}))
    texts = {attribute: body[name] for name, attribute in _TEXTS.items() if name in body}
    if not all(isinstance(text, str) for text in texts.values()):
        raise WireError("`rotation`, `retention` and `applicationName` are texts")
    if type(body.get(_COMPRESS, False)) is not bool:
        raise WireError(f"`{_COMPRESS}` is true or false")
    if len(texts.get("application_name", "")) > MAX_APPLICATION_NAME:
        raise WireError(f"`applicationName` is more than {MAX_APPLICATION_NAME} characters")
    try:
        return LogSettings(**texts, compress_closed=body.get(_COMPRESS, False))
    except SettingsError as error:
        raise WireError(str(error)) from error
