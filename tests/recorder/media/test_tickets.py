"""Play tickets: who gets one, what it lets in, when it ends, and what is written about it."""

import io
import re
from datetime import timedelta
from pathlib import Path

import pytest
import structlog
from tests.recorder.media import made
from tests.recorder.media.sending import recording, send
from tests.recorder.stage import Stage, stage

from callkeeper.audit.actions import Action
from callkeeper.recorder import bounds
from callkeeper.recorder.logs import configure_logging
from callkeeper.recorder.principals import Principal

WAV = made.wav(1.5)
ADA = "user:ada"


async def stored(recorder: Stage, **body: object) -> str:
    name = await recording(recorder, **body)
    assert (await send(recorder, name, WAV)).status_code == 200
    return name


async def ticket(recorder: Stage, name: str, token: str = ADA) -> str:
    answer = await recorder.ask(token, "POST", f"/v1/recordings/{name}:playTicket")
    assert answer.status_code == 201, answer.text
    assert answer.headers["cache-control"] == "no-store"
    return str(answer.json()["url"])


def plays(recorder: Stage) -> list[tuple[str, str]]:
    """Who played which recording."""
    rows = recorder.audit.rows
    return [
        (actor.principal.audit_email, str(details["recording"]))
        for action, actor, details in rows
        if action is Action.PLAY_RECORDING
    ]


async def test_a_ticket_plays_its_recording_in_ranges_without_a_token(recorder: Stage) -> None:
    name = await stored(recorder)
    url = await ticket(recorder, name)
    assert re.fullmatch(r"/v1/play/[A-Za-z0-9_-]{43}", url)
    whole = await recorder.ask(None, "GET", url)
    assert (whole.status_code, whole.content) == (200, WAV)
    assert whole.headers["cache-control"] == "private, no-store"
    assert whole.headers["cross-origin-resource-policy"] == "same-origin"
    part = await recorder.ask(None, "GET", url, headers={"Range": "bytes=100-199"})
    assert (part.status_code, part.content) == (206, WAV[100:200])
    assert part.headers["content-range"] == f"bytes 100-199/{len(WAV)}"


async def test_every_listener_is_audited_under_the_name_of_who_asked_for_the_ticket(recorder: Stage) -> None:
    name = await stored(recorder)
    url = await ticket(recorder, name)
    assert plays(recorder) == []
    for _ in range(3):
        await recorder.ask(None, "GET", url, headers={"Range": "bytes=5-"})
    # A play is a quarter of an hour, however it is asked for.
    await recorder.ask(ADA, "GET", f"/v1/recordings/{name}/media")
    assert plays(recorder) == [("ada@example.com", name)]
    async with recorder.client(None, peer="198.51.100.9") as elsewhere:
        await elsewhere.get(url)
    assert plays(recorder) == [("ada@example.com", name)] * 2
    assert recorder.audit.rows[-1][1].ip_address == "198.51.100.9"
    await recorder.ask(None, "GET", f"{url}?download=true")
    assert recorder.audit.actions[-1] == "DownloadRecording"


async def test_nothing_is_heard_when_it_cannot_be_audited(recorder: Stage) -> None:
    url = await ticket(recorder, await stored(recorder))
    recorder.audit.failing = True
    assert (await recorder.ask(None, "GET", url)).status_code == 503


async def test_a_ticket_ends_after_its_minutes_whatever_the_wall_clock_says(recorder: Stage) -> None:
    url = await ticket(recorder, await stored(recorder))
    recorder.clock.forward(bounds.PLAY_TICKET_SECONDS - 1)
    assert (await recorder.ask(None, "GET", url)).status_code == 200
    recorder.clock.jump(-timedelta(days=1))
    recorder.clock.forward(1)
    answer = await recorder.ask(None, "GET", url)
    assert (answer.status_code, answer.json()["type"]) == (404, "/problems/unknown-ticket")


async def test_a_ticket_is_no_right_of_its_own(recorder: Stage) -> None:
    name = await stored(recorder)
    url = await ticket(recorder, name)
    deleted = await ticket(recorder, name, "administrator")
    assert (await recorder.event(name.rpartition("-")[0], "end")).status_code == 200
    erased = await recorder.ask(ADA, "DELETE", f"/v1/recordings/{name}")
    assert erased.status_code == 204
    for one in (url, deleted):
        assert (await recorder.ask(None, "GET", one)).status_code == 410


@pytest.mark.parametrize(
    ("token", "status"),
    [("user:bob", 404), ("supervisor:sue", 201), ("auditor", 403), ("ingest", 403), ("settings", 403), (None, 401)],
)
async def test_who_may_not_hear_it_gets_no_ticket(recorder: Stage, token: str | None, status: int) -> None:
    name = await stored(recorder)
    answer = await recorder.ask(token, "POST", f"/v1/recordings/{name}:playTicket")
    assert answer.status_code == status


async def test_a_recording_without_media_gets_none(recorder: Stage) -> None:
    name = await recording(recorder)
    answer = await recorder.ask(ADA, "POST", f"/v1/recordings/{name}:playTicket")
    assert (answer.status_code, answer.json()["type"]) == (404, "/problems/no-media")


async def test_a_restart_ends_all_tickets(recorder: Stage) -> None:
    url = await ticket(recorder, await stored(recorder))
    await recorder.recorder.media.stop()
    assert (await stage(recorder.folder).ask(None, "GET", url)).status_code == 404


def lose_media(folder: Path) -> None:
    for path in folder.rglob("*.wav"):
        path.unlink()


@pytest.mark.parametrize("given", ["x", "0" * 43, "%2e%2e", "x" * bounds.PLAY_TICKET_CHARACTERS + "y", "é"])
async def test_what_is_no_ticket_plays_nothing(recorder: Stage, given: str) -> None:
    answer = await recorder.ask(None, "GET", f"/v1/play/{given}")
    assert answer.status_code in {404, 422}
    assert given not in answer.text or given == "x"


async def test_a_ticket_stands_in_no_log_and_no_answer_but_its_own(recorder: Stage, tmp_path: Path) -> None:
    stream = io.StringIO()
    configure_logging(as_json=True, level=0, stream=stream)
    try:
        name = await stored(recorder)
        url = await ticket(recorder, name)
        await recorder.ask(None, "GET", url)
        lose_media(tmp_path)
        lost = await recorder.ask(None, "GET", url)
        recorder.audit.failing = True
        failed = await recorder.ask(None, "GET", url)
        metrics = await recorder.ask("settings", "GET", "/metrics")
    finally:
        structlog.reset_defaults()
    secret = url.rpartition("/")[2]
    assert (lost.status_code, failed.status_code) == (410, 410)
    assert all(secret not in text for text in (stream.getvalue(), lost.text, failed.text, metrics.text))
    assert all(secret not in str(details) for _, _, details in recorder.audit.rows)


async def test_the_oldest_ticket_ends_first_when_there_are_too_many(
    recorder: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bounds, "PLAY_TICKETS", 3)
    tickets, ada = recorder.recorder.tickets, Principal(id="ada")
    made_here = [tickets.make(f"r-{n}", ada)[0] for n in range(4)]
    with pytest.raises(Exception, match="not known here"):
        tickets.find(made_here[0])
    assert [tickets.find(one).recording for one in made_here[1:]] == ["r-1", "r-2", "r-3"]
