import asyncio

import pytest

from callkeeper.recorder.http.joined_writes import HELD_BYTES, JoinedWrites


class Transport(asyncio.Transport):
    """Remembers what it was handed, a call each."""

    def __init__(self) -> None:
        super().__init__({"peername": ("192.0.2.7", 50_000)})
        self.handed: list[bytes] = []
        self.ended = False
        self.closed = False

    def writelines(self, list_of_data):
        assert not self.closed
        self.handed.append(b"".join(list_of_data))

    def write_eof(self):
        self.ended = True

    def close(self):
        self.closed = True

    def is_closing(self):
        return self.closed


@pytest.fixture
async def transport():
    return Transport()


@pytest.fixture
async def joined(transport):
    return JoinedWrites(transport, asyncio.get_running_loop())


async def test_what_is_written_in_one_turn_is_handed_over_together_at_its_end(transport, joined):
    joined.write(b"head")
    joined.write(b"body")
    assert transport.handed == []
    await asyncio.sleep(0)
    assert transport.handed == [b"headbody"]
    joined.write(b"next")
    await asyncio.sleep(0)
    assert transport.handed == [b"headbody", b"next"]


async def test_what_is_large_goes_out_at_once_and_in_its_order(transport, joined):
    joined.write(b"head")
    joined.write(bytes(HELD_BYTES))
    joined.write(b"tail")
    assert transport.handed == [b"head" + bytes(HELD_BYTES)]
    await asyncio.sleep(0)
    assert transport.handed[1:] == [b"tail"]


@pytest.mark.parametrize("end", ["close", "write_eof"])
async def test_what_was_written_is_handed_over_before_the_end(transport, joined, end):
    joined.write(b"last words")
    getattr(joined, end)()
    assert transport.handed == [b"last words"]
    assert transport.closed or transport.ended
    await asyncio.sleep(0)
    assert transport.handed == [b"last words"]


async def test_nothing_is_handed_to_a_transport_that_closed_in_the_same_turn(transport, joined):
    joined.write(b"too late")
    transport.close()
    await asyncio.sleep(0)
    assert transport.handed == []


async def test_everything_else_is_the_transport_s_own(transport, joined):
    assert joined.get_extra_info("peername") == ("192.0.2.7", 50_000)
    assert joined.is_closing() is False
