"""Ed25519 keys: the file they lie in, signing, checking.

Facts:
    - A key file holds one or more private keys as PEM (PKCS#8), the one in use first. Older ones behind it may sign the
      word that the first one follows them, and are not needed afterwards.
    - It is made with mode 0600 where it is missing.

The library is loaded when something is signed or checked: most commands do neither.
"""

import os
import re
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from secrets import token_hex
from typing import TYPE_CHECKING

from callkeeper.audit.disk import Disk, create_complete, write_all
from callkeeper.audit.errors import KeyUnusable

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

PUBLIC_BYTES = 32
_PRIVATE = re.compile(rb"-----BEGIN PRIVATE KEY-----.*?-----END PRIVATE KEY-----\s*", re.DOTALL)
UNFINISHED = ".new"
MAKING_SECONDS = 60.0
"""A key file is made in milliseconds; a disk that stalls may take seconds."""

_ID_DIGITS = 16
"""Of a key's hash: enough to tell one organisation's keys apart. What is trusted is the key, never its id."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SigningKey:
    """A private key.

    Attributes:
        private: the library's key.
        public: its public key, 32 bytes.
    """

    private: "Ed25519PrivateKey"
    public: bytes

    @property
    def id(self) -> str:
        """Names the key in lines signed with it."""
        return key_id(self.public)

    def sign(self, text: bytes) -> bytes:
        """64 bytes."""
        return self.private.sign(text)

    def pem(self) -> bytes:
        """As it stands in a key file."""
        from cryptography.hazmat.primitives import serialization  # noqa: PLC0415 - loaded when used

        return self.private.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )


def key_id(public: bytes) -> str:
    """The name of a public key."""
    return sha256(public).hexdigest()[:_ID_DIGITS]


def new_key() -> SigningKey:
    """A key nobody has."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey  # noqa: PLC0415 - loaded when used

    private = Ed25519PrivateKey.generate()
    return SigningKey(private=private, public=private.public_key().public_bytes_raw())


def load_keys(path: Path) -> tuple[SigningKey, ...]:
    """The keys of a file, the one in use first.

    Raises:
        KeyUnusable: it cannot be read, or holds no key, or another kind of key.
    """
    from cryptography.exceptions import InternalError, UnsupportedAlgorithm  # noqa: PLC0415 - loaded when used
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey  # noqa: PLC0415 - loaded when used
    from cryptography.hazmat.primitives.serialization import load_pem_private_key  # noqa: PLC0415 - loaded when used

    keys = []
    try:
        for pem in _PRIVATE.findall(path.read_bytes()):
            private = load_pem_private_key(pem, None)
            if not isinstance(private, Ed25519PrivateKey):
                raise KeyUnusable(f"{path} holds a key that is not Ed25519; make one with `openssl genpkey`")
            keys.append(SigningKey(private=private, public=private.public_key().public_bytes_raw()))
    except (OSError, ValueError, TypeError, InternalError, UnsupportedAlgorithm) as error:
        raise KeyUnusable(f"the signing key {path} cannot be read: {error}") from error
    if not keys:
        raise KeyUnusable(f"{path} holds no private key as PEM (PKCS#8)")
    return tuple(keys)


def save_keys(path: Path, keys: Sequence[SigningKey], disk: Disk) -> None:
    """Write a key file, mode 0600; complete or as it was.

    Raises:
        KeyUnusable: it could not be written.
    """
    try:
        create_complete(disk, path, b"".join(key.pem() for key in keys))
    except OSError as error:
        raise KeyUnusable(f"the signing key {path} cannot be made: {error.strerror or error}") from error


def make_first_key(path: Path, disk: Disk) -> None:
    """Make a key file where there is none; whoever else makes one at the same moment, one key is made.

    Raises:
        KeyUnusable: it could not be written.
    """
    unfinished = path.with_name(f"{path.name}.{token_hex(4)}{UNFINISHED}")
    try:
        descriptor = disk.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL)
        try:
            write_all(disk, descriptor, new_key().pem())
            disk.sync(descriptor)
        finally:
            os.close(descriptor)
        disk.rename_new(unfinished, path)
        disk.sync_folder(path.parent)
    except OSError as error:
        with suppress(OSError):  # what is left of it goes at the next start
            disk.remove(unfinished)
        raise KeyUnusable(f"the signing key {path} cannot be made: {error.strerror or error}") from error


def remove_unfinished(path: Path, disk: Disk, *, alone: bool) -> None:
    """Remove what the making of a key file has left that broke off: it may hold a private key that nobody guards.

    Args:
        path: the key file.
        disk: the port to the disk.
        alone: nobody else makes this key file; otherwise what is younger than `MAKING_SECONDS` may still become one.

    Raises:
        KeyUnusable: something is left that cannot be removed.
    """
    unfinished = re.compile(re.escape(path.name) + r"(?:\.[0-9a-f]{8})?" + re.escape(UNFINISHED))
    try:
        left = [one for one in path.parent.iterdir() if unfinished.fullmatch(one.name)]
        left = [one for one in left if alone or time.time() - one.stat().st_mtime > MAKING_SECONDS]
        for one in left:
            disk.remove(one)
        if left:
            disk.sync_folder(path.parent)
    except FileNotFoundError:
        return  # the folder is not there yet, or another one has removed it
    except OSError as error:
        raise KeyUnusable(
            f"what is left of making the signing key {path} cannot be removed ({error.strerror or error}): remove "
            f"{path.name}*{UNFINISHED} by hand, it may hold a private key"
        ) from error


def is_signed(public: bytes, text: bytes, signature: bytes) -> bool:
    """Whether this is the key's signature of that text."""
    from cryptography.exceptions import InvalidSignature  # noqa: PLC0415 - loaded when used
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey  # noqa: PLC0415 - loaded when used

    try:
        Ed25519PublicKey.from_public_bytes(public).verify(signature, text)
    except (InvalidSignature, ValueError):
        return False
    return True


def public_pem(public: bytes) -> str:
    """A public key as openssl reads it."""
    from cryptography.hazmat.primitives import serialization  # noqa: PLC0415 - loaded when used
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey  # noqa: PLC0415 - loaded when used

    key = Ed25519PublicKey.from_public_bytes(public)
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    return key.public_bytes(serialization.Encoding.PEM, form).decode()


def read_public_key(pem: bytes) -> bytes:
    """The 32 bytes of a public key given as PEM; of a private one its public half.

    Raises:
        KeyUnusable: it is none.
    """
    from cryptography.exceptions import InternalError, UnsupportedAlgorithm  # noqa: PLC0415 - loaded when used
    from cryptography.hazmat.primitives.asymmetric import ed25519  # noqa: PLC0415 - loaded when used
    from cryptography.hazmat.primitives.serialization import (  # noqa: PLC0415 - loaded when used
        load_pem_private_key,
        load_pem_public_key,
    )

    try:
        if b"PRIVATE KEY" in pem:
            private = load_pem_private_key(pem, None)
            key: object = private.public_key()
        else:
            key = load_pem_public_key(pem)
    except (ValueError, TypeError, InternalError, UnsupportedAlgorithm) as error:
        raise KeyUnusable("this is no public key as PEM") from error
    if not isinstance(key, ed25519.Ed25519PublicKey):
        raise KeyUnusable("the public key is not Ed25519")
    return key.public_bytes_raw()
