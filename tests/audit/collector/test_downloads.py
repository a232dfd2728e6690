"""The log downloaded over HTTP: whole, in parts, selected; audited before its first byte."""

import asyncio
import json
from datetime import timedelta

import pytest
from tests.audit.collector.served import LOG, collector, token
from tests.audit.collector.test_collector import problem
from tests.audit.making import NOON, event, identifiers, read_csv, seconds

from callkeeper.audit.actions import Action
from callkeeper.audit.collector import bounds
from callkeeper.audit.export import export_range

DAY = f"/v1/audit?log={LOG}&from=2026-11-23&to=2026-11-23"


async def fill(running, count=300):
    async with running.client() as client:
        await client.append(
            [
                event(
                    number,
                    at=seconds(number),
                    email="eve@example.com" if number % 7 else "ada@example.com",
                    action=Action.PLACE_HOLD if number % 5 else Action.LOGIN,
                    app_name="=calls" if number % 3 else "callkeeper",
                )
                for number in range(1, count + 1)
            ]
        )
        # A late run, so that an export is merged.
        await client.append([event(count + 1, at=NOON), event(count + 2, at=seconds(3))])


def own_rows(running):
    """What the collector wrote itself, the Details of each."""
    files = sorted((running.folder / LOG).glob("*.csv"))
    rows = [row for path in files for row in read_csv(path.read_bytes())[1:]]
    return [(row, json.loads(row[5])) for row in rows if row[4] == "DownloadCsvAudit"]


async def test_a_day_comes_as_stored_with_a_name_and_is_audited(tmp_path):
    async with collector(tmp_path) as running:
        await fill(running)
        whole = b"".join(export_range(running.folder / LOG, NOON - timedelta(hours=12), NOON + timedelta(hours=12)))
        status, headers, body = await running.ask("GET", DAY, name="vera")
        assert (status, body) == (200, whole)
        assert headers["Content-Type"] == "text/csv; charset=utf-8"
        assert headers["Content-Length"] == str(len(whole))
        name = "audit-voice-teams-2026-11-23-to-2026-11-24.csv"
        assert headers["Content-Disposition"] == f'attachment; filename="{name}"'
        ((row, details),) = own_rows(running)
        assert row[1:4] == ["vera@example.com", "127.0.0.1", "callkeeper"]
        assert details == {
            "id": "collector:1",
            "bytes": len(whole),
            "chain": details["chain"],
            "from": "2026-11-23T00:00:00Z",
            "rows": 302,
            "to": "2026-11-24T00:00:00Z",
        }
        assert len(details["chain"]) == 64


async def test_a_part_can_be_asked_for_and_joins_to_the_same_bytes(tmp_path):
    async with collector(tmp_path) as running:
        await fill(running)
        _, first, whole = await running.ask("GET", DAY, name="vera")
        assert first["Accept-Ranges"] == "bytes"
        for begin in (0, 1, 48, 5000, len(whole) - 1):
            part = {"Range": f"bytes={begin}-", "If-Range": first["ETag"]}
            status, headers, body = await running.ask("GET", DAY, name="vera", headers=part)
            assert (status, headers["ETag"]) == (206, first["ETag"])
            assert whole[:begin] + body == whole
        status, headers, body = await running.ask("GET", DAY, name="vera", headers={"Range": "bytes=100-199"})
        assert (status, headers["Content-Range"], body) == (206, f"bytes 100-199/{len(whole)}", whole[100:200])
        assert [details.get("resumedAt") for _, details in own_rows(running)] == [
            None, None, 1, 48, 5000, len(whole) - 1, 100,
        ]  # fmt: skip
        answer = await running.ask("GET", DAY, name="vera", headers={"Range": f"bytes={len(whole)}-"})
        assert problem(answer)[0] == "range-not-satisfiable"
        assert answer[1]["Content-Range"] == f"bytes */{len(whole)}"


async def test_a_tag_names_the_bytes_and_what_is_known_is_not_sent_again(tmp_path):
    async with collector(tmp_path) as running:
        await fill(running)
        _, first, whole = await running.ask("GET", DAY, name="vera")
        again = {"If-None-Match": first["ETag"]}
        status, _, body = await running.ask("GET", DAY, name="vera", headers=again)
        assert (status, body, len(own_rows(running))) == (304, b"", 1)
        async with running.client() as client:
            await client.append([event(999, at=seconds(5))])
        status, later, body = await running.ask(
            "GET", DAY, name="vera", headers={"Range": "bytes=100-", "If-Range": first["ETag"]}
        )
        # The range has grown by a late row: the whole, not a part that would not fit.
        assert (status, len(body) > len(whole)) == (200, True)
        assert later["ETag"] != first["ETag"]


@pytest.mark.parametrize(
    ("query", "wanted"),
    [
        ("&email=ADA@example.com", lambda row: row[1] == "ada@example.com"),
        ("&action=Login&action=placehold", lambda row: row[4] in {"Login", "PlaceHold"}),
        ("&area=legal%20hold", lambda row: row[4] == "PlaceHold"),
        ("&app=%3Dcalls", lambda row: row[3] == "=calls"),
        ("&email=eve@example.com&area=user%20access&app=callkeeper", None),
    ],
)
async def test_a_selection_is_what_a_reader_of_the_whole_would_pick(query, wanted, tmp_path):
    def all_three(row):
        return (row[1], row[4], row[3]) == ("eve@example.com", "Login", "callkeeper")

    async with collector(tmp_path) as running:
        await fill(running)
        _, _, whole = await running.ask("GET", DAY, name="vera")
        status, headers, body = await running.ask("GET", DAY + query, name="ann", headers={"Range": "bytes=10-"})
        assert (status, headers["Accept-Ranges"]) == (200, "none")
        rows = read_csv(whole)
        picked = [row for row in rows[1:] if (wanted or all_three)(row)]
        assert len(picked) > 5
        assert read_csv(body) == [rows[0], *picked]
        details = own_rows(running)[-1][1]
        assert (details["rows"], details["bytes"]) == (len(picked), len(body))


async def test_a_spreadsheet_safe_export_is_asked_for(tmp_path):
    async with collector(tmp_path) as running:
        await fill(running)
        _, _, body = await running.ask("GET", DAY + "&spreadsheetSafe=true", name="vera")
        assert {row[3] for row in read_csv(body)[1:]} == {"'=calls", "callkeeper"}
        assert own_rows(running)[-1][1]["spreadsheetSafe"] is True


REFUSED = [
    ("vera", "/v1/audit?from=2026-10&to=2026-10", "invalid-request", "name one log (`log`, on the command line --log)"),
    ("vera", "/v1/audit?log=voice&from=2026-10&to=2026-10", "invalid-request", "names no log"),
    ("vera", "/v1/audit?log=voice/none&from=2026-10&to=2026-10", "unknown-log", "no log voice/none"),
    ("vera", "/v1/audit?log=other/teams&from=2026-10&to=2026-10", "forbidden", "not among those"),
    ("vera", f"/v1/audit?log={LOG}&from=2026-11&to=2026-10", "invalid-request", "give the earlier end first"),
    ("vera", f"/v1/audit?log={LOG}&from=never&to=2026-10", "invalid-request", "'never' is no time"),
    ("vera", f"/v1/audit?log={LOG}&from=2026-10&to=2026-10&mail=a", "invalid-request", "no parameter `mail`"),
    ("operator", DAY, "forbidden", "roles administrator, auditor"),
    ("recorder-teams", DAY, "forbidden", "roles administrator, auditor"),
]


async def test_what_is_refused_is_said_and_leaves_no_row(tmp_path):
    async with collector(tmp_path) as running:
        await fill(running, 10)
        for name, path, kind, said in REFUSED:
            found, document = problem(await running.ask("GET", path, name=name))
            assert found == kind
            assert said in document["detail"]
        assert own_rows(running) == []


async def test_without_its_row_nothing_leaves(tmp_path, monkeypatch):
    async with collector(tmp_path) as running:
        await fill(running, 10)

        async def refuse(*_arguments, **_named):
            raise OSError(28, "No space left on device")

        monkeypatch.setattr("callkeeper.audit.collector.downloads.record_download", refuse)
        status, _, body = await running.ask("GET", DAY, name="vera")
        assert status == 500
        assert b"eve@example.com" not in body


async def test_as_many_downloads_as_may_be_are_sent_at_once(tmp_path, monkeypatch):
    monkeypatch.setattr(bounds, "DOWNLOADS", 2)
    async with collector(tmp_path) as running:
        await fill(running, 10)
        answers = await asyncio.gather(*(running.ask("GET", DAY, name="vera") for _ in range(8)))
        assert {status for status, _, _ in answers} <= {200, 429}
        # Every place is free again.
        for _ in range(4):
            assert (await running.ask("GET", DAY, name="vera"))[0] == 200


async def test_a_client_that_stops_reading_does_not_keep_its_place(tmp_path, monkeypatch):
    monkeypatch.setattr(bounds, "DOWNLOADS", 1)
    monkeypatch.setattr(bounds, "SEND_SECONDS", 0.5)
    async with collector(tmp_path) as running:
        async with running.client() as client:
            long = {"text": "x" * 60_000}
            await client.append([event(number, at=seconds(number), details=long) for number in range(1, 400)])
        reader, writer = await asyncio.open_connection("127.0.0.1", int(running.url.rpartition(":")[2]), limit=1024)
        writer.write(f"GET {DAY} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token('vera')}\r\n\r\n".encode())
        assert (await reader.readline()).startswith(b"HTTP/1.1 200")
        status = 0
        async with asyncio.timeout(60):
            while status != 200:
                status, _, _ = await running.ask("GET", f"{DAY}&app=none", name="vera")
        writer.close()


async def test_the_download_is_in_the_next_one(tmp_path):
    async with collector(tmp_path) as running:
        await fill(running, 3)
        today = f"/v1/audit?log={LOG}&from=2026-11-20&to=9000"
        _, _, first = await running.ask("GET", today, name="vera")
        _, _, second = await running.ask("GET", today, name="vera")
        assert identifiers([second]) == [*identifiers([first]), "collector:1"]
