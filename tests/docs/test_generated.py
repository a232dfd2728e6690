"""The generated blocks of the pages are current."""

from docs.generate.bounds import bounds_in_code
from docs.generate.explained import BLACKLISTED, RECORDED
from docs.generate.pages import PACKAGE, ROOT, stale_pages


def test_every_generated_block_is_what_the_code_says() -> None:
    stale = [str(path.relative_to(ROOT)) for path in stale_pages()]
    assert stale == [], "run: make docs"


def test_every_named_bound_says_what_it_bounds_or_has_a_name_that_does() -> None:
    assert len(bounds_in_code(PACKAGE)) > 50


def test_the_explanations_shown_belong_to_the_commands_above_them() -> None:
    tutorial = (ROOT / "docs" / "tutorial" / "first-decision.md").read_text()
    assert f"callkeeper explain {BLACKLISTED}\n" in (ROOT / "README.md").read_text()
    assert f"callkeeper explain {RECORDED}\n" in tutorial
    assert f"callkeeper explain {BLACKLISTED}\n" in tutorial
