"""The form of everything that is signed: one line of text that fits into a message, a commit, a file of lines.

    callkeeper-<kind> v1 name=value … key=<id of the key> sig=<base64>

Facts of the format:
    - ASCII, single spaces, no value holds one; LF at the end in files
    - Ed25519 (RFC 8032) over the text up to and without ` sig=`: `openssl pkeyutl -verify -rawin` checks it by hand
    - the id of a key is the first 16 hexadecimal digits of SHA-256 of its 32 bytes
"""

import base64
import binascii
import re
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256

from callkeeper.audit.errors import CheckpointError
from callkeeper.audit.signing import SigningKey, is_signed

MAX_SIGNED_LINE_BYTES = 4096
"""A line has some 500 bytes; a longer one is none of ours."""

_LINE = re.compile(r"(callkeeper-([a-z-]+) v1((?: [a-z0-9]+=[^\s=]\S*)+)) sig=([A-Za-z0-9+/=]{88})", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedLine:
    """A line and its parts.

    Attributes:
        kind: `checkpoint`, `key`, `deleted`.
        fields: its values by name, in their order.
        text: the line without its end.
    """

    kind: str
    fields: Mapping[str, str]
    text: str

    @property
    def key(self) -> str:
        """Id of the key it is signed with."""
        return self.fields.get("key", "")

    @property
    def sha256(self) -> str:
        """Of the line without its end: what the next one calls `previous`."""
        return sha256(self.text.encode()).hexdigest()

    def is_signed_by(self, public: bytes) -> bool:
        """Whether its signature is that of this public key."""
        text, _, signature = self.text.rpartition(" sig=")
        return is_signed(public, text.encode(), base64.b64decode(signature))


def signed(kind: str, fields: Mapping[str, object], key: SigningKey) -> SignedLine:
    """Make a line."""
    values = {**{name: str(value) for name, value in fields.items()}, "key": key.id}
    text = f"callkeeper-{kind} v1 " + " ".join(f"{name}={value}" for name, value in values.items())
    signature = base64.b64encode(key.sign(text.encode())).decode()
    return SignedLine(kind=kind, fields=values, text=f"{text} sig={signature}")


def read_signed(text: str, kind: str | None = None) -> SignedLine:
    """Read a line; its signature is not checked.

    Args:
        text: with or without its end.
        kind: what it must be; None for any.

    Raises:
        CheckpointError: it is no such line.
    """
    text = text.strip("\r\n ")
    match = _LINE.fullmatch(text) if len(text) <= MAX_SIGNED_LINE_BYTES and text.isascii() else None
    if match is None or kind not in {None, match[2]}:
        raise CheckpointError(f"no signed line{f' of kind {kind}' if kind else ''}: {text[:80]!r}")
    pairs = [field.split("=", 1) for field in match[3].strip(" ").split(" ")]
    fields = {name: value for name, value in pairs}  # noqa: C416 - pairs are lists here
    try:
        base64.b64decode(match[4], validate=True)
    except binascii.Error as error:
        raise CheckpointError(f"the signature is no base64: {text[:80]!r}") from error
    if len(fields) != len(pairs) or "key" not in fields:
        raise CheckpointError(f"no signed line: {text[:80]!r}")
    return SignedLine(kind=match[2], fields=fields, text=text)
