"""The grammar of the annotation `callkeeper.dev/confirm`: the word that a change which takes something away needs.

Facts
    A confirmation names the change from and to, and the most it may take away:
    `retention=forever->90d extraRetention=365d->disabled shortens<=5200 deletes<=1300 holds<=4` on a RetentionRule,
    `removes<=1200` on a Blacklist or Recorder, `auditRetention=forever->90d` on an AuditLog, `changes<=12%` on a
    Recorder with a guardrail. Parts are separated by spaces, stand in any order, each at most once.

Whether a confirmation covers a change, and that it is spent once, is decided in `policy`.
"""

import re
from dataclasses import dataclass

from callkeeper.kinds.duration import (
    DurationError,
    parse_audit_retention,
    parse_extra_retention,
    parse_retention,
)

MAX_CONFIRMATION_LENGTH = 512
"""The longest one with every part and twelve-digit bounds has under 200 characters."""

_COUNT = re.compile(r"0|[1-9][0-9]{0,11}")
"""Up to twelve digits: more than any store holds recordings."""

_PART = re.compile(r"(?P<name>[A-Za-z]+)(?P<sign>=|<=)(?P<value>\S+)")

_CHANGES = {
    "retention": parse_retention,
    "extraRetention": parse_extra_retention,
    "auditRetention": parse_audit_retention,
}
_BOUNDS = ("shortens", "deletes", "holds", "removes", "changes")
_RETENTION_BOUNDS = ("shortens", "deletes", "holds")
_MAX_PERCENT = 100


class ConfirmationError(ValueError):
    """The text is not a confirmation; the message says which part, and what it should look like."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


@dataclass(frozen=True, slots=True, kw_only=True)
class Confirmation:
    """A change that somebody allows, and the most it may take away.

    Attributes:
        retention: the retention before and after, as written in a RetentionRule; None where it does not change.
        extra_retention: the extra retention before and after; None where it does not change.
        audit_retention: the audit log's retention before and after; None where it does not change.
        shortens: the most recordings that may expire earlier; None without a change of retention.
        deletes: the most recordings that may be deleted at once; None without a change of retention.
        holds: the most holds that may lose their protection; None without a change of retention.
        removes: the most blacklist entries that may be taken away; None where none is.
        changes_percent: the most decisions that may come out otherwise, 0 to 100; None where no guardrail asks.
    """

    retention: tuple[str, str] | None = None
    extra_retention: tuple[str, str] | None = None
    audit_retention: tuple[str, str] | None = None
    shortens: int | None = None
    deletes: int | None = None
    holds: int | None = None
    removes: int | None = None
    changes_percent: int | None = None

    def text(self) -> str:
        """The canonical text: every part once, in the order of the attributes."""
        changes = (
            ("retention", self.retention),
            ("extraRetention", self.extra_retention),
            ("auditRetention", self.audit_retention),
        )
        bounds = (
            ("shortens", self.shortens),
            ("deletes", self.deletes),
            ("holds", self.holds),
            ("removes", self.removes),
        )
        parts = [f"{name}={change[0]}->{change[1]}" for name, change in changes if change is not None]
        parts += [f"{name}<={bound}" for name, bound in bounds if bound is not None]
        if self.changes_percent is not None:
            parts.append(f"changes<={self.changes_percent}%")
        return " ".join(parts)

    @property
    def parts(self) -> tuple[str, ...]:
        """The names of the parts that are there, `retention`, `removes`, in the order of the canonical text."""
        return tuple(re.split("<?=", part)[0] for part in self.text().split())


def parse_confirmation(text: str) -> Confirmation:
    """Read a confirmation.

    Raises:
        ConfirmationError: a part is unknown, ill-formed, given twice or missing.
    """
    if len(text) > MAX_CONFIRMATION_LENGTH:
        raise ConfirmationError(
            f"a confirmation has at most {MAX_CONFIRMATION_LENGTH} characters, this has {len(text)}"
        )
    changes: dict[str, tuple[str, str]] = {}
    bounds: dict[str, int] = {}
    for part in text.split():
        name, sign, value = _split(part)
        if name in changes or name in bounds:
            raise ConfirmationError(f"`{name}` is given twice")
        if name in _CHANGES and sign == "=":
            changes[name] = _change(name, value)
        elif name in _BOUNDS and sign == "<=":
            bounds[name] = _bound(name, value)
        else:
            raise ConfirmationError(_form_of(name, part))
    _complete(changes, bounds)
    return Confirmation(
        retention=changes.get("retention"),
        extra_retention=changes.get("extraRetention"),
        audit_retention=changes.get("auditRetention"),
        shortens=bounds.get("shortens"),
        deletes=bounds.get("deletes"),
        holds=bounds.get("holds"),
        removes=bounds.get("removes"),
        changes_percent=bounds.get("changes"),
    )


def _split(part: str) -> tuple[str, str, str]:
    match = _PART.fullmatch(part)
    if match is None:
        raise ConfirmationError(
            f"`{part[:40]}` is not a part of a confirmation (`name=before->after` or `name<=bound`)"
        )
    return match["name"], match["sign"], match["value"]


def _change(name: str, value: str) -> tuple[str, str]:
    before, arrow, after = value.partition("->")
    if not arrow:
        raise ConfirmationError(f"`{name}={value[:40]}` does not say from what to what, as in `{name}=before->after`")
    try:
        _CHANGES[name](before)
        _CHANGES[name](after)
    except DurationError as error:
        raise ConfirmationError(f"in `{name}`: {error.message}") from error
    if before == after:
        raise ConfirmationError(f"`{name}={value}` is no change; leave it out")
    return before, after


def _bound(name: str, value: str) -> int:
    digits = value
    if name == "changes":
        digits = value.removesuffix("%")
        if digits == value or _COUNT.fullmatch(digits) is None or int(digits) > _MAX_PERCENT:
            raise ConfirmationError(f"`changes<={value[:40]}` is not a share from 0% to 100%, as in `changes<=12%`")
    elif _COUNT.fullmatch(digits) is None:
        raise ConfirmationError(f"`{name}<={value[:40]}` is not a count, as in `{name}<=1200`")
    return int(digits)


def _form_of(name: str, part: str) -> str:
    if name in _CHANGES:
        return f"`{part[:40]}` should read `{name}=before->after`"
    if name in _BOUNDS:
        return f"`{part[:40]}` should read `{name}<=bound`"
    known = ", ".join(f"`{known}`" for known in (*_CHANGES, *_BOUNDS))
    return f"`{name[:40]}` is not a part of a confirmation ({known})"


def _complete(changes: dict[str, tuple[str, str]], bounds: dict[str, int]) -> None:
    """Hold the rule that a change of retention and its three bounds come together."""
    if not changes and not bounds:
        raise ConfirmationError("the confirmation is empty")
    of_retention = [name for name in ("retention", "extraRetention") if name in changes]
    missing = [name for name in _RETENTION_BOUNDS if name not in bounds]
    if of_retention and missing:
        raise ConfirmationError(f"a change of retention also bounds `{missing[0]}`, as in `{missing[0]}<=0`")
    if not of_retention and len(missing) < len(_RETENTION_BOUNDS):
        given = next(name for name in _RETENTION_BOUNDS if name in bounds)
        raise ConfirmationError(
            f"`{given}` bounds a change of retention, which is not named; add `retention=before->after`"
        )
