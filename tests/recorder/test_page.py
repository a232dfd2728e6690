"""The page for people, as files: what is sent, and under which policy. What it does is in tests/browser."""

import re
from importlib.resources import files

import pytest
from tests.recorder.stage import Stage

FOLDER = files("callkeeper.recorder.page")
PARTS = sorted(one.name for one in FOLDER.iterdir() if one.name.endswith((".js", ".css", ".svg")))


async def test_the_page_needs_no_token_and_is_sent_under_a_strict_policy(recorder: Stage) -> None:
    answer = await recorder.ask(None, "GET", "/")
    assert (answer.status_code, answer.headers["content-type"]) == (200, "text/html; charset=utf-8")
    policy = dict(one.split(" ", 1) for one in answer.headers["content-security-policy"].split("; "))
    assert policy["default-src"] == "'none'"
    assert policy["script-src"] == policy["style-src"] == policy["connect-src"] == policy["media-src"] == "'self'"
    assert policy["frame-ancestors"] == policy["form-action"] == policy["base-uri"] == "'none'"
    assert "unsafe" not in answer.headers["content-security-policy"]
    assert answer.headers["referrer-policy"] == "no-referrer"
    assert answer.headers["x-content-type-options"] == "nosniff"


async def test_a_file_that_has_not_changed_is_not_sent_again(recorder: Stage) -> None:
    first = await recorder.ask(None, "GET", "/page/main.js")
    again = await recorder.ask(None, "GET", "/page/main.js", headers={"If-None-Match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")


@pytest.mark.parametrize("name", PARTS)
async def test_every_part_is_sent_as_what_it_is(recorder: Stage, name: str) -> None:
    answer = await recorder.ask(None, "GET", f"/page/{name}")
    kind = {"js": "text/javascript", "css": "text/css", "svg": "image/svg+xml"}[name.rpartition(".")[2]]
    assert (answer.status_code, answer.headers["content-type"].partition(";")[0]) == (200, kind)
    assert answer.content == (FOLDER / name).read_bytes()


@pytest.mark.parametrize("path", ["/page/index.py", "/page/__init__.py", "/page/", "/page/%2e%2e%2fparts.py", "/x"])
async def test_nothing_else_is_there(recorder: Stage, path: str) -> None:
    assert (await recorder.ask(None, "GET", path)).status_code == 404


def test_the_page_holds_no_script_or_style_of_its_own_and_nothing_from_elsewhere() -> None:
    text = (FOLDER / "index.html").read_text()
    assert re.findall(r"<script(?![^>]* src=\"/page/)", text) == []
    assert re.search(r"<style|\sstyle=|\son[a-z]+=|javascript:", text) is None
    for name in ("index.html", *PARTS):
        found = (FOLDER / name).read_text()
        addresses = re.findall(r"(?:https?:)?//[a-z][a-z0-9.-]+", found.replace("http://www.w3.org/2000/svg", ""))
        assert [one for one in addresses if not one.startswith("// ")] == [], name


def test_what_the_recorder_answers_becomes_text_and_never_markup() -> None:
    for name in PARTS:
        found = (FOLDER / name).read_text()
        assert re.search(r"innerHTML|outerHTML|insertAdjacent|document\.write|eval\(|Function\(", found) is None, name
        assert re.search(r"localStorage|sessionStorage|document\.cookie|indexedDB", found) is None, name


def test_every_file_the_page_names_is_there() -> None:
    named = re.findall(r'"/page/([^"]+)"', (FOLDER / "index.html").read_text())
    for name in PARTS:
        named += re.findall(r'from "\./([^"]+)"', (FOLDER / name).read_text())
    assert set(named) == set(PARTS)
