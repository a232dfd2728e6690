"""The page for people in a browser: signing in, finding, playing, holding, deleting, and what each may do."""

import csv
import io
import json
import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Locator, Page, expect
from tests.browser.calls import Recorder

Opened = Callable[[str], Page]
MP4_WITHOUT_INDEX = b"\0\0\0\x18ftypisom\0\0\0\0isommp42" + b"\0\0\x10\0mdat" + bytes(4088)


def sign_in(page: Page, token: str) -> None:
    page.get_by_label("Your token").fill(token)
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("button", name="Sign out")).to_be_visible()


def open_recording(page: Page, name: str) -> None:
    page.locator(f"tr[data-recording='{name}']").get_by_role("button").click()
    expect(page.locator("#details-title")).to_be_visible()


def answer(page: Page, text: str | None, button: str) -> None:
    dialog = page.get_by_role("dialog")
    if text is not None:
        dialog.get_by_role("textbox").fill(text)
    dialog.get_by_role("button", name=button, exact=True).click()


def until(page: Page, condition: str) -> None:
    """Wait until this is so; the page's policy lets nothing be evaluated in it, so it is asked from outside."""
    for _ in range(400):
        if page.evaluate(condition):
            return
        page.wait_for_timeout(50)
    raise AssertionError(condition)


def actions(recorder: Recorder, name: str) -> list[tuple[str, str]]:
    return [(row["ActionType"], row["Email"]) for row in recorder.audited() if name in row["Details"]]


def test_a_recording_is_played_from_anywhere_in_it(recorder: Recorder, opened: Opened) -> None:
    name = recorder.recorded(seconds=4)
    page = opened(recorder.url)
    sign_in(page, recorder.token_of("ada"))
    open_recording(page, name)
    page.get_by_role("button", name="Play").click()
    until(page, "document.querySelector('audio').currentTime > 0.2")
    assert page.evaluate("document.querySelector('audio').duration") == 4
    # The ticket is an address of its own: no token is in it, and nothing of it stays behind.
    source = page.evaluate("document.querySelector('audio').src")
    assert recorder.token_of("ada") not in source
    page.evaluate("document.querySelector('audio').currentTime = 3.5")
    until(page, "document.querySelector('audio').currentTime >= 3.5")
    assert page.evaluate("document.querySelector('audio').error") is None
    assert actions(recorder, name).count(("PlayRecording", "ada@example.com")) == 1
    assert page.evaluate("[localStorage.length, sessionStorage.length, document.cookie]") == [0, 0, ""]


def test_a_ticket_that_ended_is_renewed_where_the_listener_was(recorder: Recorder, opened: Opened) -> None:
    name = recorder.recorded(seconds=6)
    page = opened(recorder.url)
    sign_in(page, recorder.authorization)
    open_recording(page, name)
    page.get_by_role("button", name="Play").click()
    until(page, "document.querySelector('audio').currentTime > 0.2")
    page.evaluate("document.querySelector('audio').currentTime = 3")
    first = page.evaluate("document.querySelector('audio').src")
    page.evaluate("{ const audio = document.querySelector('audio'); audio.src = '/v1/play/ended'; audio.load(); }")
    until(page, "!document.querySelector('audio').error && document.querySelector('audio').src.length > 60")
    assert page.evaluate("document.querySelector('audio').src") != first


def hold(page: Page, reason: str) -> Locator:
    """Hold the conversation of the open recording; its details."""
    details = page.locator("#details")
    details.get_by_role("button", name="Hold the conversation…").click()
    answer(page, reason, "Hold")
    expect(details).to_contain_text(f"On hold: {reason}")
    return details


def test_a_held_recording_is_not_deleted_until_it_is_released(recorder: Recorder, opened: Opened) -> None:
    name = recorder.recorded()
    page = opened(recorder.url)
    sign_in(page, recorder.authorization)
    open_recording(page, name)
    details = hold(page, "Case 4711")
    expect(page.locator(f"tr[data-recording='{name}']")).to_contain_text(
        re.compile(r"held (until \d{4}-\d\d-\d\d|without end)")
    )
    details.get_by_role("button", name="Delete the recording…").click()
    answer(page, None, "Delete")
    expect(details.get_by_role("alert").filter(has_text="legal hold")).to_be_visible()
    details.get_by_role("button", name="Release").click()
    answer(page, None, "Release")
    expect(details).to_contain_text("Released")
    assert [action for action, _ in actions(recorder, name.rpartition("-")[0])] != []


def test_media_that_no_player_takes_is_said_to_be_so_in_the_list_and_the_details(
    recorder: Recorder, opened: Opened
) -> None:
    whole, cut = recorder.recorded(), recorder.recorded(media=MP4_WITHOUT_INDEX)
    page = opened(recorder.url)
    sign_in(page, recorder.authorization)
    expect(page.locator(f"tr[data-recording='{cut}']")).to_contain_text("not playable")
    expect(page.locator(f"tr[data-recording='{whole}']")).not_to_contain_text("not playable")
    open_recording(page, cut)
    expect(page.locator("#details")).to_contain_text("not playable: its index never came")
    expect(page.get_by_role("button", name="Download")).to_be_visible()
    expect(page.get_by_role("button", name="Play", exact=True)).to_have_count(0)


def test_a_deleted_recording_leaves_its_tombstone_and_its_row(recorder: Recorder, opened: Opened) -> None:
    name = recorder.recorded()
    page = opened(recorder.url)
    sign_in(page, recorder.token_of("ada"))
    open_recording(page, name)
    page.get_by_role("button", name="Delete the recording…").click()
    answer(page, None, "Delete")
    details = page.locator("#details")
    expect(details.get_by_role("heading", name="Removed")).to_be_visible()
    expect(details).to_contain_text("SHA-256 of the media")
    expect(page.locator(f"tr[data-recording='{name}']")).to_have_count(0)
    assert ("DeleteRecording", "ada@example.com") in actions(recorder, name)


def test_notes_and_tags_are_text_whatever_they_hold(recorder: Recorder, opened: Opened) -> None:
    name = recorder.recorded()
    page = opened(recorder.url)
    sign_in(page, recorder.authorization)
    open_recording(page, name)
    hostile = "<img src=x onerror=document.title='taken'>"
    page.get_by_role("button", name="Write a note…").click()
    answer(page, hostile, "Keep")
    expect(page.locator(".note")).to_have_text(hostile)
    page.get_by_role("button", name="Edit…").click()
    expect(page.get_by_role("dialog").get_by_label("Note")).to_have_value(hostile)
    answer(page, f"{hostile}\ntwo lines", "Keep")
    expect(page.locator(".note")).to_have_text(f"{hostile}\ntwo lines")
    page.locator(".notes").get_by_role("button", name="Delete").click()
    answer(page, None, "Delete")
    expect(page.locator(".note")).to_have_count(0)
    page.get_by_role("button", name="Add a tag…").click()
    answer(page, "very/important", "Add")
    expect(page.locator("#details").get_by_role("alert")).to_contain_text("A tag holds no slash.")
    page.get_by_role("button", name="Add a tag…").click()
    answer(page, "vip", "Add")
    expect(page.locator(".tag")).to_contain_text("vip")
    page.get_by_role("button", name="Remove the tag vip").click()
    expect(page.locator(".tag")).to_have_count(0)
    assert page.title() != "taken"
    assert page.locator("#details img").count() == 0


def test_the_search_narrows_the_list_and_no_number_stands_in_an_address(recorder: Recorder, opened: Opened) -> None:
    name = recorder.recorded(caller="+390555000111")
    recorder.recorded(caller="+390555000222")
    page = opened(recorder.url)
    addresses: list[str] = []
    page.on("request", lambda request: addresses.append(request.url))
    sign_in(page, recorder.authorization)
    page.get_by_label("Number of a party").fill("+390555000111")
    page.get_by_role("button", name="Search").click()
    expect(page.locator("#list tr")).to_have_count(1)
    expect(page.locator(f"tr[data-recording='{name}']")).to_contain_text("+390555000111")
    assert [one for one in addresses if "390555" in one] == []
    page.get_by_label("From").fill("nonsense")
    page.get_by_role("button", name="Search").click()
    expect(page.locator("#list-problem")).to_contain_text("nonsense")


def test_the_list_is_saved_as_it_was_searched_and_with_the_token_in_no_address(
    recorder: Recorder, opened: Opened
) -> None:
    name = recorder.recorded(caller="+390555000333")
    recorder.recorded(caller="+390555000444")
    page = opened(recorder.url)
    sign_in(page, recorder.authorization)
    page.get_by_label("Number of a party").fill("+390555000333")
    page.get_by_role("button", name="Search").click()
    expect(page.locator("#list tr")).to_have_count(1)
    # What is typed after the search has no say in what is saved.
    page.get_by_label("Number of a party").fill("+390555000444")
    saved = {}
    for kind in ("CSV", "JSON"):
        with page.expect_download() as download:
            page.get_by_role("button", name=f"Save all as {kind}").click()
        assert download.value.suggested_filename == f"recordings.{kind.lower()}"
        saved[kind] = download.value.path().read_text()
    assert [row["Id"] for row in csv.DictReader(io.StringIO(saved["CSV"]))] == [name]
    assert [one["id"] for one in json.loads(saved["JSON"])] == [name]
    rows = [json.loads(row["Details"]) for row in recorder.audited() if row["ActionType"] == "SearchRecordings"]
    assert [row["export"] for row in rows if "export" in row] == ["csv", "json"]


def test_a_request_to_erase_is_answered_in_the_recorders_words(recorder: Recorder, opened: Opened) -> None:
    name = recorder.recorded()
    page = opened(recorder.url)
    sign_in(page, recorder.authorization)
    open_recording(page, name)
    details = hold(page, "Case 4712")
    details.get_by_role("button", name="Ask for erasure…").click()
    answer(page, "Request 17", "Ask")
    expect(details).to_contain_text("Not erased yet: a legal hold protects the recording until it is released.")
    expect(details).to_contain_text("A request to erase is registered")
    expect(details.get_by_role("button", name="Ask for erasure…")).to_have_count(0)
    other = recorder.recorded()
    page.get_by_role("button", name="Search").click()
    open_recording(page, other)
    details.get_by_role("button", name="Ask for erasure…").click()
    answer(page, "Request 18", "Ask")
    expect(details.get_by_role("heading", name="Removed")).to_be_visible()
    expect(page.locator(f"tr[data-recording='{other}']")).to_have_count(0)


def test_people_see_what_is_theirs_and_are_offered_what_their_role_has(recorder: Recorder, opened: Opened) -> None:
    name = recorder.recorded(user="ada")
    page = opened(recorder.url)
    sign_in(page, recorder.token_of("grace"))
    page.locator("#to-settings").click()
    expect(page.locator("#settings-body")).to_contain_text("Your mode")
    # A supervisor of ada's group hears what is recorded, and does not delete it.
    page.locator("#to-recordings").click()
    open_recording(page, name)
    expect(page.get_by_role("button", name="Play")).to_be_visible()


def test_the_settings_in_force_are_shown_by_object(recorder: Recorder, opened: Opened) -> None:
    page = opened(recorder.url)
    sign_in(page, recorder.authorization)
    page.locator("#to-settings").click()
    card = page.locator(".card").filter(has_text="Blacklist/default/never")
    expect(card).to_contain_text("90XX")
    # The log's own retention is told apart from that of recordings.
    expect(page.locator(".card").filter(has_text="AuditLog/default/default")).to_contain_text("Audit log retention")
    expect(page.locator(".card").filter(has_text="RetentionRule/default/default")).to_contain_text("Retention90d")
    expect(page.locator(".card").filter(has_text="UserPolicy/default/sales")).to_contain_text("ada@example.com")


def test_nothing_there_is_told_apart_from_nothing_that_fits(recorder: Recorder, opened: Opened) -> None:
    page = opened(recorder.url)
    sign_in(page, recorder.token_of("edsger"))
    expect(page.locator("#list-count")).to_have_text("There is no recording yet that you may see.")
    page.locator("input[name=tag]").fill("none")
    page.get_by_role("button", name="Search").click()
    expect(page.locator("#list-count")).to_have_text("No recording fits.")
    page.locator("input[name=from]").fill("2026-11-28")
    page.locator("input[name=to]").fill("2026-11-01")
    page.get_by_role("button", name="Search").click()
    expect(page.locator("#list-problem")).to_contain_text("Give the earlier end as `from`.")


def test_who_signs_out_leaves_nothing_behind(recorder: Recorder, opened: Opened) -> None:
    name = recorder.recorded()
    page = opened(recorder.url)
    sign_in(page, recorder.authorization)
    open_recording(page, name)
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_label("Your token")).to_be_focused()
    assert name not in page.content()
    page.reload()
    expect(page.get_by_label("Your token")).to_have_value("")


@pytest.mark.parametrize("token", ["nonsense", "Authorization: Bearer x"])
def test_a_token_that_is_not_known_is_said_to_be_so(recorder: Recorder, opened: Opened, token: str) -> None:
    page = opened(recorder.url)
    page.get_by_label("Your token").fill(token)
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("alert")).to_contain_text("does not know this token")
    expect(page.get_by_role("button", name="Sign out")).to_be_hidden()


def test_everything_that_takes_a_hand_has_a_name(recorder: Recorder, opened: Opened) -> None:
    """What a screen reader says of fields and buttons; the name of a control is what its label or text gives."""
    name = recorder.recorded()
    page = opened(recorder.url)
    sign_in(page, recorder.authorization)
    open_recording(page, name)
    nameless = page.evaluate(
        """[...document.querySelectorAll('button, input, select, audio')]
            .filter((one) => !one.closest('dialog'))
            .filter((one) => !(one.getAttribute('aria-label') || one.labels?.length || one.textContent.trim()))
            .map((one) => one.outerHTML)"""
    )
    assert nameless == []
    assert page.evaluate("document.documentElement.lang") == "en"
