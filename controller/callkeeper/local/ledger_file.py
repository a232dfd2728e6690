"""The ledger of one recorder in a file of the state folder, read once and written whole."""

import asyncio
import json
import secrets
from pathlib import Path

from callkeeper.local.files import write_file
from callkeeper.policy.config_json import ConfigError
from callkeeper.reconcile.ledger import Ledger
from callkeeper.reconcile.ledger_json import ledger_from_json, ledger_to_json


class FileLedger:
    """Keeps a ledger in one file. The state folder's lock makes this process its only writer."""

    def __init__(self, path: Path, owner: str) -> None:
        """Prepare.

        Args:
            path: the file.
            owner: who this is to the recorder, for a ledger made anew; one that is there keeps its own.
        """
        self._path = path
        self._owner = owner
        self._kept: Ledger | None = None

    async def load(self) -> Ledger:
        """See `LedgerStore.load`.

        Raises:
            OSError: the file cannot be read, or does not hold a ledger.
        """
        if self._kept is None:
            try:
                self._kept = ledger_from_json(json.loads(await asyncio.to_thread(self._path.read_bytes)))
            except FileNotFoundError:
                self._kept = Ledger(owner=self._owner, sender=f"reconcile-{secrets.token_hex(8)}")
            except (ValueError, KeyError, TypeError, ConfigError) as error:
                raise OSError(
                    f"{self._path} does not hold what was written there; restore it, or remove it and every object "
                    "must be valid at the next start"
                ) from error
        return self._kept

    async def save(self, ledger: Ledger) -> None:
        """See `LedgerStore.save`."""
        data = await asyncio.to_thread(lambda: json.dumps(ledger_to_json(ledger), separators=(",", ":")).encode())
        await asyncio.to_thread(write_file, self._path, data)
        self._kept = ledger
