"""The generated blocks of the pages are current."""

from docs.generate.bounds import bounds_in_code
from docs.generate.pages import PACKAGE, ROOT, stale_pages


def test_every_generated_block_is_what_the_code_says() -> None:
    stale = [str(path.relative_to(ROOT)) for path in stale_pages()]
    assert stale == [], "run: make docs"


def test_every_named_bound_says_what_it_bounds_or_has_a_name_that_does() -> None:
    assert len(bounds_in_code(PACKAGE)) > 50
