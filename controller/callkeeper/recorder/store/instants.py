"""Instants as the store keeps them: whole microseconds since 1970 in UTC, which sort and subtract as they are."""

from datetime import UTC, datetime, timedelta
from typing import overload

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)


@overload
def micros(instant: datetime) -> int: ...
@overload
def micros(instant: None) -> None: ...
def micros(instant: datetime | None) -> int | None:
    """The instant in microseconds; exact."""
    return None if instant is None else (instant - EPOCH) // MICROSECOND


@overload
def instant_of(value: int) -> datetime: ...
@overload
def instant_of(value: None) -> None: ...
def instant_of(value: int | None) -> datetime | None:
    """The instant these microseconds mean."""
    return None if value is None else EPOCH + value * MICROSECOND
