"""Entity tags in preconditions (RFC 9110, section 13.1): which state a request was written for."""

import re
from typing import Annotated

from fastapi import Header

IfMatch = Annotated[str | None, Header(alias="If-Match", max_length=2_000)]
IfNoneMatch = Annotated[str | None, Header(alias="If-None-Match", max_length=2_000)]

_ENTITY_TAG = re.compile(r'(?:^|,)\s*"([^"]*)"\s*(?=,|$)')
"""Strong entity tags only (RFC 9110, section 8.8.3): a weak one never matches where it counts."""


def tags(header: str | None) -> tuple[str, ...]:
    """The strong entity tags of a header, without their quotes."""
    return () if header is None else tuple(_ENTITY_TAG.findall(header))


def matches(header: str, tag: str) -> bool:
    """Whether an `If-Match` header lets a request through that meets the state of this tag."""
    return header.strip() == "*" or tag in tags(header)
