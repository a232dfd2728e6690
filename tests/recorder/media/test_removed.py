"""Media that is still arriving when its recording is removed: it goes with it, and nothing comes after it."""

from collections.abc import AsyncIterator

import pytest
from tests.recorder.media import made
from tests.recorder.media.sending import files, media_folder, recording, send
from tests.recorder.recordings.kept import ruled
from tests.recorder.stage import Stage, stage

WAV = made.wav(1.5)


async def arriving(recorder: Stage) -> str:
    """The id of a recording whose call has ended, and of whose media half has arrived."""
    await recorder.program(ruled("1h"))
    name = await recording(recorder)
    await recorder.event(name.removesuffix("-1"), "end")
    await recorder.recorder.keeper.finish(5)
    await send(recorder, name, WAV[:9_000], complete=False)
    await recorder.ask("ingest", "PUT", f"/v1/recordings/{name}/channels", json={"channels": ["calling"]})
    assert files(recorder) == [f"incoming/{name}.channels", f"incoming/{name}.part"]
    return name


async def remove(recorder: Stage, name: str, how: str) -> None:
    if how == "expired":
        recorder.clock.forward(3_601)
        assert (await recorder.recorder.sweeper.once()).expired == 1
    elif how == "deleted":
        assert (await recorder.ask("user:ada", "DELETE", f"/v1/recordings/{name}")).status_code == 204
    else:
        answer = await recorder.ask("user:ada", "POST", f"/v1/recordings/{name}:erase", json={"reason": "request 12"})
        assert answer.json()["executed"] is True


@pytest.mark.parametrize("how", ["expired", "deleted", "erased"])
async def test_what_had_arrived_goes_with_its_recording_and_the_rest_is_refused(recorder: Stage, how: str) -> None:
    name = await arriving(recorder)
    await remove(recorder, name, how)
    assert files(recorder) == []
    answer = await send(recorder, name, WAV[9_000:], 9_000)
    assert answer.status_code == 404, answer.text
    assert files(recorder) == []


async def test_what_nobody_sent_on_goes_too(recorder: Stage) -> None:
    name = await arriving(recorder)
    after = stage(recorder.folder)
    await after.recorder.media.recover()
    assert len(files(after)) == 2
    await remove(after, name, "deleted")
    assert files(after) == []


async def test_who_sends_while_it_is_removed_is_told_and_leaves_nothing(recorder: Stage) -> None:
    name = await arriving(recorder)

    async def content() -> AsyncIterator[bytes]:
        yield WAV[9_000:12_000]
        await remove(recorder, name, "deleted")
        assert files(recorder) == []
        yield WAV[12_000:]

    answer = await send(recorder, name, content(), 9_000)
    assert answer.status_code in {404, 409}, answer.text
    assert files(recorder) == []
    assert (await send(recorder, name, b"", 9_000)).status_code == 404


async def test_what_comes_to_lie_there_after_the_removal_is_found_and_goes(recorder: Stage) -> None:
    name = await arriving(recorder)
    late = media_folder(recorder) / "incoming" / f"{name}.part"
    content = late.read_bytes()
    await remove(recorder, name, "deleted")
    late.write_bytes(content)
    await recorder.recorder.media.settle()
    assert files(recorder) == []
