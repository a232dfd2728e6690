"""Durations, headers that are put right, indexes that never came."""

import io
import wave
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.recorder.media import made

from callkeeper.recorder.media.facts import Facts, playable, read_facts
from callkeeper.recorder.media.recognition import Format
from callkeeper.recorder.media.wav import wav_facts
from callkeeper.recorder.store.recording import Media


def repaired(content: bytes) -> bytes:
    found = wav_facts(content[:4096], len(content))
    assert found is not None
    mended = bytearray(content)
    for place, data in found.repairs:
        mended[place : place + len(data)] = data
    return bytes(mended)


@pytest.mark.parametrize("stated", [b"\x00\x00\x00\x00", b"\xff\xff\xff\xff", b"\x00\xff\xff\x7f"])
@pytest.mark.parametrize("seconds", [0.5, 2.0])
def test_a_streamed_header_is_put_right(stated: bytes, seconds: float) -> None:
    whole = made.wav(seconds, channels=2)
    streamed = whole[:4] + stated + whole[8:40] + stated + whole[44:]
    assert repaired(streamed) == whole
    with wave.open(io.BytesIO(repaired(streamed))) as reader:
        assert reader.getnframes() == int(seconds * 8_000)


def test_a_right_header_is_left_alone_with_what_stands_behind_the_audio() -> None:
    whole = made.wav(0.5) + b"LIST\x04\x00\x00\x00INFO"
    whole = whole[:4] + (len(whole) - 8).to_bytes(4, "little") + whole[8:]
    found = wav_facts(whole[:4096], len(whole))
    assert found is not None
    assert found.repairs == ()
    assert found.duration == 500_000


@given(cut=st.integers(12, 8_044))
def test_a_wav_cut_anywhere_behind_its_header_plays_to_the_cut(cut: int) -> None:
    whole = made.wav(0.5)
    found = wav_facts(whole[:cut], cut)
    if cut < 44:
        assert found is None
        return
    assert found is not None
    with wave.open(io.BytesIO(repaired(whole[:cut]))) as reader:
        assert reader.getnframes() == (cut - 44) // 2


@given(st.binary(max_size=300))
def test_a_hostile_header_has_facts_or_none(noise: bytes) -> None:
    found = wav_facts(b"RIFF\x00\x00\x00\x00WAVE" + noise, 12 + len(noise))
    assert found is None or found.duration >= 0


def test_an_mp4_says_how_long_it_is_with_its_index_and_nothing_without(tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_bytes(made.mp4(3))
    assert read_facts(path, Format.MP4) == Facts(duration=3_000_000)
    path.write_bytes(made.mp4(3, index=False))
    assert read_facts(path, Format.MP4) == Facts(duration=None)
    path.write_bytes(made.mp4(3)[:-5])
    assert read_facts(path, Format.MP4) == Facts(duration=None)


@pytest.mark.parametrize(("content_type", "duration", "can"), [
    ("video/mp4", None, False), ("video/mp4", 0, True), ("audio/mpeg", None, True), ("audio/wav", 5, True),
])  # fmt: skip
def test_only_an_mp4_without_an_index_cannot_be_played(content_type: str, duration: int | None, can: bool) -> None:
    media = Media(content_type=content_type, bytes=1, duration=duration, sha256="", path="")
    assert playable(media) is can


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(content=st.sampled_from([made.mp3(5), made.ogg_opus(), made.mp4(1, content=50)]), data=st.data())
def test_no_cut_or_altered_file_is_a_fault(tmp_path: Path, content: bytes, data: st.DataObject) -> None:
    format_ = {0xFF: Format.MP3, ord("O"): Format.OGG_OPUS, 0: Format.MP4}[content[0]]
    hostile = bytearray(content[: data.draw(st.integers(50, len(content)))])
    for place in data.draw(st.lists(st.integers(40, len(hostile) - 1), max_size=20)):
        hostile[place] = data.draw(st.integers(0, 255))
    path = tmp_path / "x"
    path.write_bytes(hostile)
    found = read_facts(path, format_)
    assert found.duration is None or found.duration >= 0
