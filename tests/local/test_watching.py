"""Whatever happens between reading a folder and watching it is looked at."""

import asyncio
from contextlib import aclosing

from callkeeper.local.folder import content_digest
from callkeeper.local.watching import changes


async def test_the_first_yield_comes_at_once_and_every_later_change_yields(tmp_path):
    path = tmp_path / "policy.yaml"
    path.write_text("a: 1\n")
    async with asyncio.timeout(20), aclosing(changes(tmp_path)) as noticed:
        await anext(noticed)
        for number in range(5):
            before = content_digest(tmp_path)
            path.write_text(f"a: {number + 2}\n")
            await anext(noticed)
            assert content_digest(tmp_path) != before


async def test_hidden_files_and_files_of_no_concern_are_not_content(tmp_path):
    before = content_digest(tmp_path)
    (tmp_path / ".policy.yaml.swp").write_text("x")
    (tmp_path / "notes.txt").write_text("x")
    (tmp_path / ".git").mkdir()
    (tmp_path / ".git" / "config.yaml").write_text("x")
    assert content_digest(tmp_path) == before
    (tmp_path / "users.csv").write_text("id\nada\n")
    assert content_digest(tmp_path) != before
