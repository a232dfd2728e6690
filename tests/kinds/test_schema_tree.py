"""The tree that both dialects are written from refuses to guess."""

from typing import Annotated

import pytest
from pydantic import Field

from callkeeper.kinds.resource import Part
from callkeeper.kinds.schema_tree import schema_tree


class Undescribed(Part):
    """A model with a field nobody described."""

    name: str


class Strange(Part):
    """A model whose schema has a word the renderer was not taught."""

    name: Annotated[str, Field(json_schema_extra={"x-strange": True})]
    """Described."""


class Inner(Part):
    """A part of another."""

    number: int = 5
    """A number. Default 5."""


class Outer(Part):
    """A model

    whose docstring goes on.
    """

    inner: Inner | None = None
    """Described in
    two lines."""


def test_a_field_without_a_docstring_is_an_error():
    with pytest.raises(LookupError, match=r"Undescribed\.name has no docstring"):
        schema_tree(Undescribed)


def test_a_word_that_is_not_understood_is_an_error():
    with pytest.raises(LookupError, match="`x-strange` is not understood"):
        schema_tree(Strange)


def test_references_and_nulls_are_gone_and_the_fields_own_words_stay():
    tree = schema_tree(Outer)
    assert tree["description"] == "A model"
    inner = tree["properties"]["inner"]
    assert inner["description"] == "Described in two lines."
    assert inner["properties"]["number"] == {"description": "A number. Default 5.", "type": "integer", "default": 5}
