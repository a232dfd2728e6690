"""A recorder in this process with fakes at its ports, and a client per role."""

import gc
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from ipaddress import ip_network
from pathlib import Path
from typing import Any, TypeVar

import httpx
from fastapi import FastAPI
from tests.audit.documented import assert_documented

from callkeeper.audit.actions import Action
from callkeeper.audit.asked import AskedExport
from callkeeper.audit.checkpoints import Checkpoint
from callkeeper.audit.download import Download
from callkeeper.audit.export import Export
from callkeeper.audit.mask import NumberMask
from callkeeper.audit.verification import Verification
from callkeeper.audit.verify_row import verification_details
from callkeeper.policy.config import PolicySection, RecorderConfig, Source
from callkeeper.policy.config_json import to_json
from callkeeper.policy.directory import Directory, Licence, Role, User, line
from callkeeper.recorder.app import create_app
from callkeeper.recorder.auditing import Actor
from callkeeper.recorder.config_store import ConfigStore, DiskConfigStore
from callkeeper.recorder.errors import AuditFault
from callkeeper.recorder.files import Disk, LocalDisk
from callkeeper.recorder.locating import Location
from callkeeper.recorder.media.files import MediaFiles
from callkeeper.recorder.parts import Recorder, RecorderParts
from callkeeper.recorder.principals import Principal
from callkeeper.recorder.retention.clock_guard import SteadyClock
from callkeeper.recorder.store.port import Store, Writing
from callkeeper.recorder.store.sqlite import SqliteStore

T = TypeVar("T")
POLICY = "RecordingPolicy/voice/default"
FILTER = "RecordingFilter/voice/default"
BLACKLIST = "Blacklist/voice/numbers"


class FakeClock:
    """Stands still until it is moved."""

    def __init__(self) -> None:
        self.instant = datetime(2026, 3, 1, 12, tzinfo=UTC)
        self.jumped = timedelta(0)

    def now(self) -> datetime:
        return self.instant

    def forward(self, seconds: float) -> None:
        self.instant += timedelta(seconds=seconds)

    def jump(self, ahead: timedelta) -> None:
        """Be set ahead, or back, while no time passes."""
        self.instant += ahead
        self.jumped += ahead


class FakeSteady(SteadyClock):
    """Runs with the fake clock, but for what that one is said to jump."""

    def __init__(self, clock: FakeClock) -> None:
        self._clock = clock
        self._begun = clock.instant

    def seconds(self) -> float:
        return (self._clock.instant - self._begun - self._clock.jumped).total_seconds()


@dataclass
class FakeAudit:
    """Keeps rows in a list; fails when told to, and does something in between when told to."""

    store: Store
    rows: list[tuple[Action, Actor, Mapping[str, Any]]] = field(default_factory=list)
    failing: bool = False
    meanwhile: Any = None

    async def emit(self, action: Action, *, at: datetime, actor: Actor, details: Mapping[str, Any]) -> None:
        await self.act(lambda _: None, action, at=at, actor=actor, details=details)

    async def act_all(
        self,
        doing: Callable[[Writing], T],
        rows: Sequence[tuple[Action, Mapping[str, Any]]],
        *,
        at: datetime,
        actor: Actor,
    ) -> T:
        if not rows:
            return await self.store.write(doing)
        (action, details), *others = rows
        done = await self.act(doing, action, at=at, actor=actor, details=details)
        for action, details in others:
            await self.emit(action, at=at, actor=actor, details=details)
        return done

    async def act(
        self, doing: Callable[[Writing], T], action: Action, *, at: datetime, actor: Actor, details: Mapping[str, Any]
    ) -> T:
        if self.failing:
            raise AuditFault("the disk is full")
        assert at.utcoffset() is not None
        assert_documented(action, details)
        done = await self.store.write(doing)
        self.rows.append((action, actor, details))
        if self.meanwhile is not None:
            act, self.meanwhile = self.meanwhile, None
            act()
        return done

    async def check(self) -> None:
        if self.failing:
            raise AuditFault("the disk is full")

    async def fix(self, asked: AskedExport) -> Download:
        export = Export(start=asked.start, end=asked.end, selection=asked.selection, days=())
        return Download(export=export, totals=export.totals(), chain_head="the head")

    async def record(self, download: Download, offset: int, *, at: datetime, actor: Actor) -> None:
        await self.emit(Action.DOWNLOAD_CSV_AUDIT, at=at, actor=actor, details=download.details(offset))

    async def verify(
        self, against: Sequence[Checkpoint], public_keys: Sequence[bytes], *, at: datetime, actor: Actor
    ) -> Verification:
        found = Verification(chain="the head", keys=tuple(key.hex() for key in public_keys))
        await self.emit(Action.VERIFY_AUDIT, at=at, actor=actor, details=verification_details(found, len(against)))
        return found

    @property
    def actions(self) -> list[str]:
        return [action.value for action, _, _ in self.rows]


class FakePrincipals:
    """The token is the role, or `role:id` for a principal of another id."""

    fault: str | None = None

    def principal(self, token: str) -> Principal | None:
        role, _, name = token.partition(":")
        if role not in {found.value for found in Role}:
            return None
        email = f"{name}@example.com" if name else ""
        return Principal(id=name or f"the-{role}", email=email, roles=frozenset({Role(role)}))


class FakeLocator:
    """Everything is in one file, at line 14."""

    def locate(self, source: Source) -> Location | None:
        return Location(file="examples/x.yaml", line=14, column=16) if source.object else None


def licensed(name: str, extension: str | None = None, **more: Any) -> User:
    lines = (line(extension=extension, e164=f"+3906{extension}"),) if extension else ()
    return User(
        id=name,
        name=name.capitalize(),
        email=f"{name}@example.com",
        licences=frozenset({Licence.CALL_RECORDING}),
        lines=lines,
        **more,
    )


DIRECTORY = Directory.of(
    [
        licensed("ada", "2001", groups=("sales",)),
        licensed("bob", "2002", groups=("support",)),
        licensed("sue", groups=("sales",)),
        User(id="eve", email="eve@example.com"),
    ]
)


def config(mode: str = "AlwaysOn", **more: Any) -> RecorderConfig:
    policy = PolicySection(default_mode=type(PolicySection().default_mode)(mode), object=POLICY)
    return RecorderConfig(policy=policy, **more)


@dataclass
class Stage:
    """One recorder."""

    folder: Path
    clock: FakeClock
    audit: FakeAudit
    app: FastAPI

    @property
    def recorder(self) -> Recorder:
        found: Recorder = self.app.state.recorder
        return found

    @property
    def store(self) -> SqliteStore:
        return _STORES[self.folder]

    def client(self, token: str | None, peer: str = "192.0.2.7") -> httpx.AsyncClient:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        transport = httpx.ASGITransport(app=self.app, client=(peer, 4711))
        return httpx.AsyncClient(transport=transport, base_url="http://recorder", headers=headers)

    async def ask(self, token: str | None, method: str, path: str, **more: Any) -> httpx.Response:
        async with self.client(token) as client:
            return await client.request(method, path, **more)

    async def put(self, wanted: RecorderConfig | dict[str, Any], **more: Any) -> httpx.Response:
        """Put a config for the one in force, unless `headers` says otherwise."""
        value = to_json(wanted) if isinstance(wanted, RecorderConfig) else wanted
        in_force = self.recorder.programming.revision
        headers = more.pop("headers", None)
        if headers is None:
            headers = {"If-None-Match": "*"} if in_force is None else {"If-Match": f'"{in_force}"'}
        body = {"owner": "folder:here", "epoch": 1, "config": value} | more
        return await self.ask("settings", "PUT", "/v1/config", json=body, headers=headers)

    async def program(self, wanted: RecorderConfig) -> None:
        answer = await self.put(wanted)
        assert answer.status_code == 200, answer.text

    async def call(self, **body: Any) -> httpx.Response:
        default = {"nativeId": "n-1", "conversation": "c-1", "calling": {"number": "+390212345"}}
        return await self.ask("ingest", "POST", "/v1/calls", json=default | {"called": {"user": "ada"}} | body)

    async def segment(self, **body: Any) -> str:
        answer = await self.call(**body)
        assert answer.status_code == 201, answer.text
        return str(answer.json()["segment"])

    async def event(self, segment: str, verb: str, token: str = "ingest", **body: Any) -> httpx.Response:
        return await self.ask(token, "POST", f"/v1/calls/{segment}:{verb}", json=body)


_STORES: dict[Path, SqliteStore] = {}


def strike() -> None:
    """End every recorder of this process."""
    while _STORES:
        _STORES.popitem()[1].close_now()


def stage(
    folder: Path, *, disk: Disk | None = None, directory: Directory | None = DIRECTORY, store: ConfigStore | None = None
) -> Stage:
    """Raise a recorder over this folder; `directory=None` lets users be put over HTTP."""
    if folder in _STORES:
        _STORES.pop(folder).close_now()  # the one before it has ended
    rows = _STORES[folder] = SqliteStore.open(folder / "recorder" / "store")
    clock, audit, disk = FakeClock(), FakeAudit(rows), disk or LocalDisk()
    parts = RecorderParts(
        config_store=store or DiskConfigStore(folder / "recorder", disk),
        principals=FakePrincipals(),
        store=rows,
        media_files=MediaFiles.open(folder / "recorder" / "media", disk),
        audit=audit,
        audit_reader=audit,
        mask=NumberMask(bytes(16)),
        steady_clock=FakeSteady(clock),
        directory=directory,
        directory_source=None if directory is None else "users.csv",
        locator=FakeLocator(),
        clock=clock,
        trusted_proxies=(ip_network("10.0.0.0/8"),),
    )
    with _no_search_for_garbage():
        app = create_app(parts)
    return Stage(folder=folder, clock=clock, audit=audit, app=app)


@contextmanager
def _no_search_for_garbage() -> Iterator[None]:
    """Routes and their models are some 100,000 objects that stay: looking for garbage meanwhile doubles the time."""
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
