"""What `callkeeper up` says while it runs: few lines for people, or one JSON object a line for machines."""

import json
import os
import shlex
import shutil
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol, TextIO

from callkeeper.kinds.finding import ObjectKey
from callkeeper.local.page import Line, Locate, change_words
from callkeeper.local.state import state_folder
from callkeeper.manifests.located import LocatedFinding
from callkeeper.manifests.output.colour import wants_colour
from callkeeper.manifests.output.text import render_text
from callkeeper.manifests.report import Report
from callkeeper.policy.config import Source
from callkeeper.reconcile.changes import config_changes
from callkeeper.reconcile.outcome import Outcome
from callkeeper.reconcile.plan import short

_NAME = "callkeeper"

MAX_FINDINGS_SHOWN = 20
MAX_CHANGES_SHOWN = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class Started:
    """What there is to say once everything runs.

    Attributes:
        folder: the settings folder, as it was named.
        state: the state folder.
        url: the embedded recorder's API; None without one.
        own_url: the same as this machine reaches it whatever is in its certificate.
        recorders: how many the folder is about.
        pages: per Recorder whose settings in force are known, their revision and they themselves.
        users: how many there are, and how many of them may be recorded; None without users.csv.
        sample: who may be called in the example of a call; None where nobody can be named.
        stays: whether it goes on running.
    """

    folder: Path
    state: Path
    url: str | None
    own_url: str | None
    recorders: int
    pages: Mapping[ObjectKey, tuple[str | None, Sequence[Line]]]
    users: tuple[int, int] | None
    sample: str | None
    stays: bool = True


def _where(started: Started) -> str:
    """What names this state folder to other commands: the settings folder, unless it was put somewhere else."""
    usual = started.state == state_folder(started.folder)
    return shlex.quote(str(started.folder)) if usual else f"--state {shlex.quote(str(started.state))}"


def _program() -> str:
    """What a shell here starts this program by: its name, or its path where the name is not known."""
    started_as = Path(sys.argv[0])
    if started_as.name != _NAME or shutil.which(_NAME) is not None:
        return _NAME
    with suppress(ValueError):
        started_as = started_as.absolute().relative_to(Path.cwd())
    return shlex.quote(str(started_as))


class Teller(Protocol):
    """Says what happens.

    Attributes:
        masks: whether what it says is kept, so that numbers in patterns must be masked.
    """

    masks: bool

    def started(self, started: Started) -> None:
        """Everything runs."""
        ...

    def in_force(self, outcome: Outcome, recorder: ObjectKey, milliseconds: float | None) -> None:
        """A change came into force."""
        ...

    def findings(self, findings: Sequence[LocatedFinding], *, kept: bool) -> None:
        """What is wrong or surprising now; `kept` when the files as a whole were not taken."""
        ...

    def note(self, what: str, text: str) -> None:
        """Anything else, in one sentence."""
        ...


class TextTeller:
    """For people."""

    masks = False

    def __init__(self, out: TextIO, locate: Locate) -> None:
        self._out = out
        self._locate = locate
        self._colour = wants_colour(os.environ, is_terminal=out.isatty())

    def started(self, started: Started) -> None:
        """See `Teller.started`."""
        lines = [self._bold(f"Callkeeper governs {started.folder}"), ""]
        for key, (revision, page) in started.pages.items():
            lines.append(f"In force on {key.name}" + self._dim(f"  revision {short(revision)}"))
            lines += [*self._table(page), ""]
        if not started.recorders:
            lines += ["There are no settings here: nothing is in force, and nothing is recorded.", ""]
        elif len(started.pages) < started.recorders:
            lines += [f"What is in force{' on the others' if started.pages else ''} is not known: see above.", ""]
        if started.users is not None:
            lines += [f"  users.csv: {_counted(started.users[0], 'user')}, {started.users[1]} may be recorded", ""]
        if not started.stays:
            self._say(*lines, f"State   {started.state}")
            return
        if started.url is not None and started.own_url is not None:
            header = started.state / "authorization"
            lines += [f"API     {started.url}", f"Page    {started.url}/  (sign in with the line in authorization)"]
            lines += [f"State   {started.state}", "", "Offer a call:", ""]
            lines += [f"  {example_call(started.own_url, header, started.sample)}", "", "See who changed what:", ""]
            lines += [f"  {_program()} audit export {_where(started)} --from today", ""]
        else:
            lines += [f"State   {started.state}", ""]
        lines.append("Save a file and the change is in force within a second. Ctrl-C ends.")
        self._say(*lines)

    def in_force(self, outcome: Outcome, recorder: ObjectKey, milliseconds: float | None) -> None:
        """See `Teller.in_force`."""
        lines = []
        if outcome.reverted is not None:
            lines.append(
                f"Somebody else had programmed {recorder.name} (revision {short(outcome.reverted)}); it is as the "
                "files say again"
            )
        # Told anew, because the outcome's own are masked for the audit log.
        changes = config_changes(outcome.before, outcome.in_force, str) if outcome.changes and outcome.in_force else ()
        for change in changes[:MAX_CHANGES_SHOWN]:
            place = self._locate(Source(object=change.object, entry=_entry(change.details))) if change.object else None
            where = f"  {self._dim(str(place))}" if place else ""
            lines.append(f"  {change_words(change.details)}{where}")
        if len(changes) > MAX_CHANGES_SHOWN:
            lines.append(f"  … {len(changes) - MAX_CHANGES_SHOWN} more changes, all in the audit log")
        effects = outcome.effects
        if effects is not None and effects.considered_calls:
            lines.append(f"  {effects.changed_decisions} of {effects.considered_calls} recent calls would differ")
        if not lines:
            return
        after = f" after {milliseconds:.0f} ms" if milliseconds is not None else ""
        lines.append(f"In force{after}{self._dim(f'  revision {short(outcome.revision)}')}")
        self._say(f"{_now()}  {self._bold('Changed')}", *lines)

    def findings(self, findings: Sequence[LocatedFinding], *, kept: bool) -> None:
        """See `Teller.findings`."""
        shown = list(findings[:MAX_FINDINGS_SHOWN])
        report = Report.of(shown, files=sorted({one.file for one in shown}), objects=0, skipped=0, strict=False)
        # The last line of the report counts; here the sentence below says what follows from it.
        text = render_text(report, colour=self._colour).splitlines()[:-1]
        if len(findings) > len(shown):
            text.append(f"… {len(findings) - len(shown)} more; `callkeeper validate` lists them all")
        if kept:
            text.append(self._bold("Not taken: what was in force stays until this is mended."))
        elif any(one.is_error for one in findings):
            text.append(self._bold("What is wrong here is not in force; what was in force of it stays."))
        self._say(*text)

    def note(self, what: str, text: str) -> None:
        """See `Teller.note`."""
        after_ctrl_c = what == "ended" and self._out.isatty()  # a terminal has just shown `^C`
        self._say(*([""] if after_ctrl_c else []), f"{_now()}  {text}")

    def _table(self, page: Sequence[Line]) -> list[str]:
        name = max((len(line.name) for line in page), default=0)
        value = min(max((len(line.value) for line in page), default=0), 56)
        return [
            f"  {line.name:<{name}}  {line.value:<{value}}  {self._dim(str(line.place) if line.place else 'default')}"
            for line in page
        ]

    def _say(self, *lines: str) -> None:
        self._out.write("\n".join(line.rstrip() for line in lines) + "\n")
        self._out.flush()

    def _bold(self, text: str) -> str:
        return f"\x1b[1m{text}\x1b[0m" if self._colour else text

    def _dim(self, text: str) -> str:
        return f"\x1b[2m{text}\x1b[0m" if self._colour else text


class JsonTeller:
    """For machines: one object a line."""

    masks = True

    def __init__(self, out: TextIO, clock: Callable[[], datetime]) -> None:
        self._out = out
        self._clock = clock

    def started(self, started: Started) -> None:
        """See `Teller.started`."""
        recorders = {
            str(key): {"revision": revision, "settings": [line.to_json() for line in page]}
            for key, (revision, page) in started.pages.items()
        }
        self._say(
            "started",
            folder=str(started.folder),
            state=str(started.state),
            url=started.url,
            recorders=recorders,
            users=started.users[0] if started.users else None,
        )

    def in_force(self, outcome: Outcome, recorder: ObjectKey, milliseconds: float | None) -> None:
        """See `Teller.in_force`."""
        changes = [{"action": one.action, "object": one.object, **one.details} for one in outcome.changes]
        self._say(
            "in_force",
            recorder=str(recorder),
            revision=outcome.revision,
            reverted=outcome.reverted,
            milliseconds=None if milliseconds is None else round(milliseconds, 1),
            changes=changes,
        )

    def findings(self, findings: Sequence[LocatedFinding], *, kept: bool) -> None:
        """See `Teller.findings`."""
        for one in findings:
            self._say(
                "finding",
                rule=one.finding.rule,
                severity=one.finding.severity,
                message=one.finding.message,
                hint=one.finding.hint,
                object=str(one.finding.key) if one.finding.key else None,
                file=one.file,
                line=one.line,
                column=one.column,
                kept=kept,
            )

    def note(self, what: str, text: str) -> None:
        """See `Teller.note`."""
        self._say(what, message=text)

    def _say(self, event: str, **members: Any) -> None:
        at = self._clock().astimezone(UTC).isoformat(timespec="milliseconds")
        self._out.write(json.dumps({"at": at, "event": event, **members}, ensure_ascii=False, default=str) + "\n")
        self._out.flush()


def example_call(url: str, header: Path, user: str | None) -> str:
    """One line for a shell that offers a call."""
    body = {
        "nativeId": "try-1",
        "conversation": "try-1",
        "kind": "peerToPeer",
        "calling": {"number": "+390212345"},
        "called": {"user": user, "identity": "user"} if user else {"number": "2001"},
    }
    text = json.dumps(body, separators=(",", ":"))
    return f"curl -sH @{shlex.quote(str(header))} -H 'Content-Type: application/json' {url}/v1/calls -d '{text}'"


def _entry(details: Mapping[str, Any]) -> str:
    """The entry or field that a change is about, for its place."""
    if "user" in details:
        return str(details["user"])
    names = [name for name in details.get("to", {}) if name not in {"object", "entries", "sha256"}]
    return names[0] if names else ""


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _now() -> str:
    return datetime.now().astimezone().strftime("%H:%M:%S")


def standard_output() -> TextIO:
    """Where all of it goes."""
    return sys.stdout
