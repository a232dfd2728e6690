"""Whatever happens between reading a folder and watching it is looked at."""

import asyncio
import os
from contextlib import aclosing

from callkeeper.local.folder import content_digest, watched_files
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


async def test_a_folder_moved_away_and_back_while_it_was_read_is_looked_at_again(tmp_path):
    folder = tmp_path / "settings"
    folder.mkdir()
    (folder / "policy.yaml").write_text("a: 1\n")
    async with asyncio.timeout(20), aclosing(changes(folder)) as noticed:
        await anext(noticed)
        folder.rename(tmp_path / "elsewhere")
        assert not watched_files(folder)
        (tmp_path / "elsewhere").rename(folder)
        await anext(noticed)
        assert watched_files(folder)


def test_what_vanishes_while_it_is_listed_is_left_out(tmp_path, monkeypatch):
    (tmp_path / "policy.yaml").write_text("a: 1\n")
    (tmp_path / "teams").mkdir()
    (tmp_path / "teams" / "sales.yaml").write_text("a: 1\n")
    list_folder = os.scandir

    def vanished(path="."):
        if str(path).endswith("teams"):
            raise FileNotFoundError(path)
        return list_folder(path)

    assert len(watched_files(tmp_path)) == 2
    monkeypatch.setattr(os, "scandir", vanished)
    assert [path.name for path in watched_files(tmp_path)] == ["policy.yaml"]
    assert content_digest(tmp_path)


async def test_hidden_files_and_files_of_no_concern_are_not_content(tmp_path):
    before = content_digest(tmp_path)
    (tmp_path / ".policy.yaml.swp").write_text("x")
    (tmp_path / "notes.txt").write_text("x")
    (tmp_path / ".git").mkdir()
    (tmp_path / ".git" / "config.yaml").write_text("x")
    assert content_digest(tmp_path) == before
    (tmp_path / "users.csv").write_text("id\nada\n")
    assert content_digest(tmp_path) != before
