"""The system's Chromium without a window, driven by playwright, and a recorder for it to look at."""

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, sync_playwright
from tests.browser.calls import Recorder
from tests.local.running import UpProcess

QUICKSTART = Path(__file__).parents[2] / "examples" / "quickstart"
NAMES = ("chromium", "chromium-browser", "google-chrome-stable", "google-chrome")
FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


def executable() -> str:
    """Where Chromium is; without one these tests fail, for a page that nobody opened is not known to work."""
    named = os.environ.get("CALLKEEPER_CHROMIUM")
    found = next((path for name in (named, *NAMES) if name and (path := shutil.which(name))), None)
    if found is None:
        pytest.fail("no Chromium here: run `make browser` as root, or name one in CALLKEEPER_CHROMIUM", pytrace=False)
    return found


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    # Not for the session: while it lives, an event loop runs in this thread, and other tests want to run their own.
    path = executable()
    with sync_playwright() as playwright:
        found = playwright.chromium.launch(executable_path=path, args=FLAGS)
        yield found
        found.close()


@pytest.fixture(scope="module")
def recorder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Recorder]:
    """`callkeeper up` on a copy of the quickstart."""
    home = tmp_path_factory.mktemp("home")
    folder = Path(shutil.copytree(QUICKSTART, home / "settings"))
    up = UpProcess(home, folder)
    try:
        yield Recorder(up.started())
    finally:
        up.kill()


@pytest.fixture
def opened(browser: Browser) -> Iterator[Callable[[str], Page]]:
    """Opens an address in a window of its own; what its console complains of fails the test."""
    complaints: list[str] = []
    contexts = []

    def open_page(url: str) -> Page:
        context = browser.new_context(viewport={"width": 1400, "height": 1000})
        context.set_default_timeout(20_000)
        contexts.append(context)
        page = context.new_page()
        # What the recorder refuses is noted by the browser as well; everything else is a fault of the page.
        page.on("console", lambda said: complaints.append(said.text) if not _is_refusal(said.text) else None)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.goto(url)
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert complaints == []


def _is_refusal(text: str) -> bool:
    return text.startswith("Failed to load resource: the server responded with a status of 4")
