"""Everything at once: calls, uploads, deletes, holds, notes, tags, searches, plays and config puts, from several tasks.

Each writes down what was acknowledged. A connection that breaks leaves a doubt: what was asked for may have been done.
"""

import asyncio
import json
import random
from collections.abc import Awaitable, Callable, Mapping
from hashlib import sha256
from typing import Any

import aiohttp
from tests.recorder.media import made
from tests.recorder.whole.journal import HoldKept, Journal, NoteKept, RecordingKept

from callkeeper.kinds.terms import Mode
from callkeeper.policy.config import BlacklistEntry, PolicySection, RecorderConfig, RetentionSection
from callkeeper.policy.config_json import revision, to_json

TASKS = 6
ANSWER_SECONDS = 60
CONVERSATIONS = 40
RETENTION = RetentionSection(retention="1h", extra_retention="3650d", object="RetentionRule/voice/default")
BROKEN = (aiohttp.ClientError, ConnectionError, asyncio.IncompleteReadError)


class Lost(Exception):  # noqa: N818 - what happened, not whose fault
    """No answer came: the recorder has died."""


class Driver:
    """Drives one recorder after the other on the same folder."""

    def __init__(self, journal: Journal, tokens: Mapping[str, str], seed: int) -> None:
        self.journal = journal
        self._tokens = tokens
        self._draw = random.Random(seed)
        self._calls = self._configs = 0
        self._one_config_at_a_time = asyncio.Lock()
        self._busy: set[str] = set()
        self._url = ""
        self._client: aiohttp.ClientSession | None = None

    async def drive(self, port: int) -> None:
        """Ask this recorder for everything until it does not answer any more."""
        self._url = f"http://127.0.0.1:{port}"
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=ANSWER_SECONDS)) as self._client:
            await asyncio.gather(*[self._work() for _ in range(TASKS)])

    async def _work(self) -> None:
        doings: list[tuple[int, Callable[[], Awaitable[None]]]] = [
            (6, self._call), (3, self._place_hold), (2, self._release_hold), (4, self._add_note), (2, self._edit_note),
            (1, self._delete_note), (2, self._add_tag), (2, self._delete), (2, self._search), (1, self._next_config),
        ]  # fmt: skip
        weights, choices = zip(*doings, strict=True)
        try:
            while True:
                (doing,) = self._draw.choices(choices, weights)
                await doing()
        except Lost:
            return

    async def put_config(self, port: int) -> None:
        """Put the first config."""
        self._url = f"http://127.0.0.1:{port}"
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=ANSWER_SECONDS)) as self._client:
            await self._put_config()

    async def _ask(
        self, role: str, method: str, path: str, body: Any = None, headers: Mapping[str, str] | None = None
    ) -> tuple[int, Any]:
        """Status and JSON of the answer.

        Raises:
            Lost: there was none.
        """
        assert self._client is not None
        sent = {"Authorization": f"Bearer {self._tokens[role]}", **(headers or {})}
        data = body
        if body is not None and not isinstance(body, bytes):
            sent["Content-Type"], data = "application/json", json.dumps(body).encode()
        try:
            async with self._client.request(method, self._url + path, data=data, headers=sent) as answer:
                text = await answer.read()
                assert answer.status < 500, text
                return answer.status, json.loads(text) if text[:1] in {b"{", b"["} else text
        except BROKEN as error:
            self.journal.doubtful += 1
            raise Lost from error

    async def _call(self) -> None:
        """A call of one recorded user, its media in two pieces, its end."""
        self._calls += 1
        number = self._calls
        body = {
            "nativeId": f"native-{number}",
            "conversation": f"conversation-{number % CONVERSATIONS}",
            "calling": {"number": f"+3902{number}"},
            "called": {"user": "ada", "identity": "user"},
        }
        status, answer = await self._ask("ingest", "POST", "/v1/calls", body)
        assert status == 201, answer
        found = RecordingKept(
            name=f"{answer['segment']}-1", segment=answer["segment"], conversation=body["conversation"]
        )
        self.journal.recordings[found.name] = found
        content = made.wav(0.2 + self._draw.random() * 0.3, streamed=False)
        cut = self._draw.randrange(1, len(content))
        path = f"/v1/recordings/{found.name}/media"
        status, answer = await self._ask("ingest", "PATCH", path, content[:cut], {"Upload-Offset": "0"})
        assert status == 204, answer
        if self._draw.random() < 0.5:
            await self._end(found)
        last = {"Upload-Offset": str(cut), "Upload-Complete": "?1"}
        status, answer = await self._ask("ingest", "PATCH", path, content[cut:], last)
        if status == 200:
            found.sha256 = sha256(content).hexdigest()
        else:
            assert status in {404, 409, 410}, answer
        if not found.ended:
            await self._end(found)

    async def _end(self, found: RecordingKept) -> None:
        status, answer = await self._ask("ingest", "POST", f"/v1/calls/{found.segment}:end")
        assert status == 200, answer
        found.ended = True

    def _any(self) -> RecordingKept | None:
        """One of the latest recordings: earlier ones have expired."""
        names = list(self.journal.recordings)[-60:]
        return self.journal.recordings[self._draw.choice(names)] if names else None

    async def _place_hold(self) -> None:
        found = self._any()
        if found is None:
            return
        body = {"reason": f"reason {self._draw.random()}"}
        status, answer = await self._ask("administrator", "POST", f"/v1/conversations/{found.conversation}/holds", body)
        if status == 201:
            self.journal.holds[answer["id"]] = HoldKept(conversation=found.conversation)
        else:
            assert status in {404, 409, 410}, answer

    async def _release_hold(self) -> None:
        held = [name for name, hold in self.journal.holds.items() if not hold.perhaps_released]
        if not held:
            return
        name = self._draw.choice(held)
        hold = self.journal.holds[name]
        hold.perhaps_released = True
        path = f"/v1/conversations/{hold.conversation}/holds/{name}:release"
        status, answer = await self._ask("administrator", "POST", path)
        assert status == 200, answer
        hold.released = True

    async def _add_note(self) -> None:
        found = self._any()
        if found is None:
            return
        text = f"note {self._draw.random()}"
        status, answer = await self._ask("administrator", "POST", f"/v1/recordings/{found.name}/notes", {"text": text})
        if status == 201:
            found.notes[answer["id"]] = NoteKept(texts={text})
        else:
            assert status in {404, 410}, answer

    def _any_note(self) -> tuple[RecordingKept, str, NoteKept] | None:
        found = self._any()
        if found is None:
            return None
        free = [name for name, note in found.notes.items() if not note.perhaps_deleted and name not in self._busy]
        name = self._draw.choice(free) if free else None
        return None if name is None else (found, name, found.notes[name])

    async def _edit_note(self) -> None:
        chosen = self._any_note()
        if chosen is None:
            return
        found, name, note = chosen
        text = f"edited {self._draw.random()}"
        note.texts.add(text)
        note.doubtful_edits += 1
        path = f"/v1/recordings/{found.name}/notes/{name}"
        self._busy.add(name)
        try:
            status, answer = await self._ask("administrator", "PUT", path, {"text": text})
        finally:
            self._busy.remove(name)
        note.doubtful_edits -= 1
        if status == 200:
            note.edits, note.texts = note.edits + 1, {text}
        else:
            assert status in {404, 410}, answer

    async def _delete_note(self) -> None:
        chosen = self._any_note()
        if chosen is None:
            return
        found, name, note = chosen
        note.perhaps_deleted = True
        status, answer = await self._ask("administrator", "DELETE", f"/v1/recordings/{found.name}/notes/{name}")
        assert status in {204, 404, 410}, answer
        note.deleted = True

    async def _add_tag(self) -> None:
        found = self._any()
        if found is None:
            return
        tag = f"tag-{self._draw.randrange(5)}"
        status, answer = await self._ask("administrator", "PUT", f"/v1/recordings/{found.name}/tags/{tag}")
        if status == 200:
            found.tags.add(tag)
        else:
            assert status in {404, 410}, answer

    async def _delete(self) -> None:
        found = self._any()
        if found is None or not found.ended:
            return
        found.perhaps_deleted = True
        status, answer = await self._ask("administrator", "DELETE", f"/v1/recordings/{found.name}")
        if status == 204:
            found.deleted = True
        else:
            assert status in {404, 409, 410}, answer

    async def _search(self) -> None:
        body = {"conversation": f"conversation-{self._draw.randrange(CONVERSATIONS)}"}
        self.journal.perhaps_told["SearchRecordings"] += 1
        status, answer = await self._ask("administrator", "POST", "/v1/recordings:search", body)
        assert status == 200, answer
        self.journal.perhaps_told["SearchRecordings"] -= 1
        self.journal.told["SearchRecordings"] += 1
        complete = [one for one in answer["items"] if one["status"] == "complete"]
        if complete:
            await self._play(self._draw.choice(complete)["id"])

    async def _play(self, name: str) -> None:
        status, content = await self._ask("administrator", "GET", f"/v1/recordings/{name}/media")
        found = self.journal.recordings.get(name)
        if status == 200 and found is not None and found.sha256 is not None:
            assert sha256(content).hexdigest() == found.sha256

    async def _next_config(self) -> None:
        async with self._one_config_at_a_time:
            await self._put_config()

    async def _put_config(self) -> None:
        self._configs += 1
        config = RecorderConfig(
            policy=PolicySection(default_mode=Mode.ALWAYS_ON, object="RecordingPolicy/voice/default"),
            blacklist=(BlacklistEntry(pattern=f"+999{self._configs}", object="Blacklist/voice/one", entry="one"),),
            retention=RETENTION,
        )
        envelope = {"owner": "folder:here", "epoch": self._configs, "config": to_json(config)}
        wanted = revision(config)
        self.journal.perhaps_revisions.add(wanted)
        first = self.journal.revision is None and len(self.journal.perhaps_revisions) == 1
        precondition = {"If-None-Match": "*"} if first else {"If-Match": "*"}
        status, answer = await self._ask("settings", "PUT", "/v1/config", envelope, precondition)
        assert status == 200, answer
        # Those asked for earlier came before it, or not at all.
        self.journal.revision, self.journal.perhaps_revisions = wanted, set()
