"""What `callkeeper show` tells, as one value: what is in force, what each object's status is, where files differ.

Of a folder: from the running recorder where one runs, else from the state folder; and from the files as they are now.
Of a URL: from that recorder alone.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from callkeeper.kinds.finding import ObjectKey
from callkeeper.local.exits import CannotRun
from callkeeper.local.folder import FolderContent, read_content
from callkeeper.local.ledger_file import FileLedger
from callkeeper.local.page import Line, change_words, settings_page
from callkeeper.local.running import read_running
from callkeeper.local.state import is_held, state_folder
from callkeeper.local.status_file import read_statuses
from callkeeper.local.tokens import AUTHORIZATION, read_token
from callkeeper.manifests.located import LocatedFinding, Place
from callkeeper.policy.compile import compile as compile_objects
from callkeeper.policy.config import RecorderConfig, Source
from callkeeper.policy.config_json import revision as revision_of
from callkeeper.reconcile.changes import config_changes
from callkeeper.reconcile.errors import RecorderError, Refused
from callkeeper.reconcile.http_recorder import HttpRecorder
from callkeeper.reconcile.port import RecorderState
from callkeeper.reconcile.status import ObjectStatus
from callkeeper.reconcile.status_json import status_to_json

MAX_FINDINGS_SHOWN = 20
"""On the page for people."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """Something the files say that is not in force.

    Attributes:
        object: `kind/namespace/name`, or None where several are concerned.
        words: from what is in force to what the files say.
        place: where the files say it.
    """

    object: str | None
    words: str
    place: Place | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """The page.

    Attributes:
        source: the folder or URL.
        running: where the recorder answers; None where none runs.
        state: the state folder; None for a URL.
        revision: in force; None where nothing is.
        owner: who programmed it, where known.
        settings: what is in force.
        statuses: of every object, as of the last reconcile.
        places: where the objects stand in the files.
        differences: what the files say and is not in force.
        findings: what is wrong with the files.
    """

    source: str
    running: str | None
    state: Path | None = None
    revision: str | None = None
    owner: str | None = None
    settings: tuple[Line, ...] = ()
    statuses: Mapping[ObjectKey, ObjectStatus] = field(default_factory=dict)
    places: Mapping[ObjectKey, Place] = field(default_factory=dict)
    differences: tuple[Difference, ...] = ()
    findings: tuple[LocatedFinding, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """The same as plain JSON values."""
        return {
            "source": self.source,
            "running": self.running,
            "state": str(self.state) if self.state else None,
            "revision": self.revision,
            "owner": self.owner,
            "settings": [line.to_json() for line in self.settings],
            "objects": {
                str(key): {**status_to_json(status), "place": place_json(self.places.get(key))}
                for key, status in sorted(self.statuses.items())
            },
            "differences": [
                {"object": one.object, "words": one.words, "place": place_json(one.place)} for one in self.differences
            ],
            "findings": [
                {
                    "rule": one.finding.rule,
                    "severity": one.finding.severity,
                    "message": one.finding.message,
                    "file": one.file,
                    "line": one.line,
                    "column": one.column,
                }
                for one in self.findings
            ],
        }


def place_json(place: Place | None) -> dict[str, Any] | None:
    """A place as plain JSON values."""
    return None if place is None else {"file": place.file, "line": place.line, "column": place.column}


async def show_folder(folder: Path, state: Path | None = None) -> Shown:
    """The page of a settings folder.

    Raises:
        CannotRun: there is no such folder, or what is in force cannot be read.
    """
    if not folder.is_dir():  # noqa: ASYNC240 - this loop runs this one page
        raise CannotRun(f"{folder} is neither a folder nor a URL; name the settings folder, or a recorder's base URL")
    path = state_folder(folder, state)
    content = read_content(folder)
    url = _running_url(path)
    config, owner = await _in_force(path, url)
    locate = _locator(content)
    manifests = content.manifests
    places = {} if manifests is None else {one.reading.key: _place(one) for one in manifests.objects}
    return Shown(
        source=str(folder),
        running=url,
        state=path if path.is_dir() else None,
        revision=revision_of(config) if config is not None else None,
        owner=owner,
        settings=settings_page(config, locate) if config is not None else (),
        statuses=read_statuses(path),
        places=places,
        differences=_differences(content, config),
        findings=tuple(one for one in (*content.findings, *content.users.findings) if one.is_error),
    )


async def show_url(url: str, token: str | None) -> Shown:
    """The page of a recorder.

    Raises:
        CannotRun: it cannot be reached or does not answer.
    """
    state = await _read(url, token)
    return Shown(
        source=url,
        running=url,
        revision=state.revision,
        owner=state.owner,
        settings=settings_page(state.config, lambda _: None) if state.config is not None else (),
    )


async def _read(url: str, token: str | None) -> RecorderState:
    async with HttpRecorder(url, lambda: token) as port:
        try:
            return await port.read()
        except RecorderError as error:
            is_asked = isinstance(error, Refused) and token is None
            hint = "; name a file that holds a token: --authorization FILE" if is_asked else ""
            raise CannotRun(error.message + hint) from error


def _running_url(path: Path) -> str | None:
    running = read_running(path) if is_held(path) else None
    return running.url if running is not None else None


async def _in_force(path: Path, url: str | None) -> tuple[RecorderConfig | None, str | None]:
    """The config in force and its owner: the recorder's word where it runs, else what was noted last."""
    if url is not None:
        state = await _read(url, read_token(path / AUTHORIZATION))
        return state.config, state.owner
    for file in sorted((path / "reconcile").glob("*.json"), key=lambda file: file.name != "embedded.json"):
        try:
            ledger = await FileLedger(file, "").load()
        except OSError as error:
            raise CannotRun(str(error)) from error
        return ledger.config, ledger.owner
    return None, None


def _locator(content: FolderContent) -> Any:
    manifests = content.manifests
    if manifests is None:
        return lambda _: None
    return lambda source: manifests.locate(source.object, source.entry)


def _differences(content: FolderContent, config: RecorderConfig | None) -> tuple[Difference, ...]:
    """What the files would bring into force, and is not."""
    recorders = sorted(one.key for one in content.readings if one.key.kind == "Recorder")
    if content.broken or not recorders:
        return ()
    wanted = compile_objects(content.readings, recorder=recorders[0], in_force=config).config
    if wanted is None or wanted == config:
        return ()
    locate = _locator(content)
    return tuple(
        Difference(
            object=change.object,
            words=change_words(change.details),
            place=locate(Source(object=change.object)) if change.object else None,
        )
        for change in config_changes(config, wanted, str)
    )


def _place(one: Any) -> Place:
    return Place(file=one.file, line=one.line, column=one.column)


def page_text(shown: Shown, *, colour: bool = False) -> str:
    """The page for people."""
    bold = (lambda text: f"\x1b[1m{text}\x1b[0m") if colour else str
    dim = (lambda text: f"\x1b[2m{text}\x1b[0m") if colour else str
    where = f"running at {shown.running}" if shown.running else "not running"
    lines = [bold(shown.source) + ("" if shown.running == shown.source else f"  {where}")]
    if shown.revision is None:
        lines += ["", "Nothing is in force yet." + ("" if shown.running else f" Run: callkeeper up {shown.source}")]
    else:
        lines += [dim(f"revision {shown.revision}"), dim(f"programmed by {shown.owner}"), "", bold("In force")]
        name = max(len(line.name) for line in shown.settings)
        value = min(max(len(line.value) for line in shown.settings), 56)
        for line in shown.settings:
            where = str(line.place or line.object or "built-in default")
            lines.append(f"  {line.name:<{name}}  {line.value:<{value}}  {dim(where)}".rstrip())
    if shown.statuses:
        lines += ["", bold("Objects")]
        width = max(len(str(key)) for key in shown.statuses)
        for key, status in sorted(shown.statuses.items()):
            ready = next(one for one in status.conditions if one.type == "Ready")
            word = "in force" if status.ready else f"{ready.reason}: {ready.message}"
            lines.append(
                f"  {key!s:<{width}}  {word}  {dim(f'since {ready.last_transition_time:%Y-%m-%d %H:%M:%S} UTC')}"
            )
    if shown.differences:
        lines += ["", bold("In the files, and not in force")]
        lines += [f"  {one.words}  {dim(str(one.place or one.object or ''))}".rstrip() for one in shown.differences]
    if shown.findings:
        lines += ["", bold("Wrong in the files")]
        lines += [
            f"  {one.file}:{one.line}:{one.column} {one.finding.rule}: {one.finding.message}"
            for one in shown.findings[:MAX_FINDINGS_SHOWN]
        ]
        if (more := len(shown.findings) - MAX_FINDINGS_SHOWN) > 0:
            lines.append(f"  … {more:,} more; `callkeeper validate {shown.source}` lists them all")
    return "\n".join(lines) + "\n"


def page_json(shown: Shown) -> str:
    """The page for machines."""
    return json.dumps(shown.to_json(), indent=1, ensure_ascii=False) + "\n"
