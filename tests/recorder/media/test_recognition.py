"""What media is, by its content, however little of it has come."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.recorder.media import made

from callkeeper.recorder.media.recognition import MEDIA_HEAD_BYTES, Format, UnknownContent, recognise

SAMPLES = {
    Format.WAV: made.wav(0.5),
    Format.OGG_OPUS: made.ogg_opus(),
    Format.MP3: made.mp3(),
    Format.MP4: made.mp4(),
}


@pytest.mark.parametrize("format_", Format)
def test_each_format_is_found_as_soon_as_it_can_be_told_and_nothing_else_before(format_: Format) -> None:
    content = SAMPLES[format_]
    answers = [recognise(content[:size], complete=False) for size in range(1, 2_000)]
    found = answers.index(format_)
    assert answers[:found] == [None] * found
    assert set(answers[found:]) == {format_}
    assert found < 500


@pytest.mark.parametrize("format_", Format)
def test_what_is_cut_before_it_can_be_told_is_refused_when_nothing_more_comes(format_: Format) -> None:
    with pytest.raises(UnknownContent):
        recognise(SAMPLES[format_][:4], complete=True)


@pytest.mark.parametrize("size", [0, 300, 4_000])
def test_an_mp3_is_found_behind_its_tag(size: int) -> None:
    assert recognise(made.mp3(tag=made.id3(size)), complete=False) is Format.MP3


@pytest.mark.parametrize(
    "content",
    [
        b"{}",
        b"<html>" + bytes(100),
        b"RIFF\x10\x00\x00\x00AVI LIST",
        b"OggS\x00\x02" + bytes(20) + b"\x01\x1e\x01vorbis" + bytes(30),
        b"OggS\x00\x02" + bytes(20) + b"\x01\x7fFLAC" + bytes(30),
        b"\x00\x00\x00\x14ftypqt  \x00\x00\x00\x00qt  ",
        b"\x00\x00\x00\x18ftypheic\x00\x00\x00\x00mif1heic",
        b"\xff\xff\xff\xffftypisom",
        b"\x00\x00\x00\x00ftypisom",
        b"ID3\x04\x00\x00\x00\x00\x00\x08" + bytes(8) + b"fLaC" + bytes(40),
        b"ID3\x04\x00\x00\xff\xff\xff\xff" + bytes(40),
        made.id3(MEDIA_HEAD_BYTES) + made.mp3(),
        b"\xff\xfb\x50\xc4" + bytes(1_000),
        b"\xff\xf9\x50\x80" * 500,
        b"fLaC" + bytes(100),
        b"MZ" + bytes(100),
    ],
)
def test_all_else_is_refused(content: bytes) -> None:
    with pytest.raises(UnknownContent):
        recognise(content, complete=True)


@given(st.binary(min_size=1, max_size=200))
def test_noise_is_refused_or_needs_more(content: bytes) -> None:
    try:
        assert recognise(content, complete=False) is None
    except UnknownContent:
        with pytest.raises(UnknownContent):
            recognise(content + b"more", complete=True)


@given(st.sampled_from(Format), st.integers(1, 3_000), st.integers(0, 3_000))
def test_an_answer_stays_when_more_comes(format_: Format, first: int, more: int) -> None:
    content = SAMPLES[format_]
    early = recognise(content[:first], complete=False)
    if early is not None:
        assert recognise(content[: first + more], complete=False) is early
