"""How the folder's own audit log is kept: what `AuditLog` says of the embedded recorder, in force without a restart."""

from dataclasses import replace

import structlog

from callkeeper.audit.errors import AuditError
from callkeeper.audit.store import AuditStore
from callkeeper.policy.config import AuditSection

log = structlog.get_logger()


async def keep_log_as(store: AuditStore, section: AuditSection) -> None:
    """Bring the settings of the log in force, where they are not; what fails is told, and tried with the next change.

    Args:
        store: open.
        section: of the config in force.
    """
    wanted = replace(
        store.settings,
        rotation=section.rotation,
        retention=section.retention,
        application_name=section.application_name,
        compress_closed=section.compress_closed,
    )
    if wanted == store.settings:
        return
    try:
        await store.apply(wanted)
    except AuditError as error:
        log.error("audit_log_settings_not_in_force", error=str(error))  # noqa: TRY400 - said in words
