"""The settings of the folder's own audit log come into force with the config."""

from callkeeper.audit.log_settings import LogSettings
from callkeeper.audit.store import AuditStore
from callkeeper.local.log_keeping import keep_log_as
from callkeeper.policy.config import AuditSection


async def test_what_the_config_says_is_how_the_log_is_kept_and_a_closed_store_is_no_failure(tmp_path):
    store = AuditStore.open(tmp_path)
    await keep_log_as(store, AuditSection(rotation="16Mi", retention="90d", application_name="prod"))
    assert store.settings == LogSettings(rotation="16Mi", retention="90d", application_name="prod")
    await keep_log_as(store, AuditSection(compress_closed=True))
    assert store.settings == LogSettings(compress_closed=True)
    await keep_log_as(store, AuditSection())
    assert store.settings == LogSettings()
    await store.close()
    await keep_log_as(store, AuditSection(rotation="16Mi"))
    async with AuditStore.open(tmp_path) as again:
        assert again.settings.rotation == "daily"
