"""Who may speak to the embedded recorder: the person who started it, and the reconciler itself.

The person's token is in `authorization`, in the form `curl -H @file` takes, and only there; the token file holds its
hash. The reconciler's token lives in this process's memory alone.
"""

import json
import secrets
from dataclasses import dataclass
from hashlib import sha256
from hmac import compare_digest
from pathlib import Path

from callkeeper.local.attribution import system_user
from callkeeper.local.exits import CannotRun
from callkeeper.local.files import write_file
from callkeeper.policy.directory import Role, User
from callkeeper.recorder.principals import Principal, TokenFile, create_principal

AUTHORIZATION = "authorization"
TOKENS = "tokens.json"
PEOPLE = "people"
_PREFIX = "Authorization: Bearer "

RECONCILE = Principal(id="reconcile", roles=frozenset({Role.SETTINGS}))

LOCAL_ROLES = frozenset({Role.ADMINISTRATOR, Role.AUDITOR, Role.INGEST})
"""What whoever runs `callkeeper up` may do: everything but change settings past the folder, or act as somebody else."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalPrincipals:
    """The principals of the token file, and one more that no file knows.

    Attributes:
        file: those of the file.
        token: of the reconciler.
    """

    file: TokenFile
    token: str

    @property
    def fault(self) -> str | None:
        """See `Principals.fault`."""
        return self.file.fault

    def principal(self, token: str) -> Principal | None:
        """See `Principals.principal`."""
        if compare_digest(token.encode(), self.token.encode()):
            return RECONCILE
        return self.file.principal(token)


def open_principals(state: Path, email: str | None) -> LocalPrincipals:
    """Make the local person's token where there is none that works, and read the token file.

    Args:
        state: the state folder.
        email: the person's e-mail address for the audit log, where known.

    Raises:
        OSError: a file cannot be written.
        TokenFileError: the token file cannot be used.
    """
    person = local_person(email)
    path = state / TOKENS
    if not _works(state, person):
        token = create_principal(path, person)
        write_file(state / AUTHORIZATION, f"{_PREFIX}{token}\n".encode())
    return LocalPrincipals(file=TokenFile(path), token=secrets.token_urlsafe(32))


def local_person(email: str | None) -> Principal:
    """Whoever runs `callkeeper up`."""
    user = system_user()
    return Principal(id=f"local:{user}", email=email or user, roles=LOCAL_ROLES)


def create_user_header(state: Path, user: User) -> Path:
    """Make a token for a user of the directory, and return the file (0600) that holds it as a header line.

    An earlier token of the same user stops working.

    Raises:
        OSError: a file cannot be written.
        TokenFileError: the token file cannot be used.
    """
    folder = state / PEOPLE
    folder.mkdir(mode=0o700, exist_ok=True)
    token = create_principal(state / TOKENS, Principal(id=user.id, email=user.email, roles=user.roles))
    path = folder / f"{_file_name(user.id)}.header"
    write_file(path, f"{_PREFIX}{token}\n".encode())
    return path


def read_token(header: Path) -> str | None:
    """The token of a header file; None where there is none.

    Raises:
        OSError: it is there and cannot be read.
    """
    try:
        text = header.read_text(encoding="utf-8")
    except FileNotFoundError:
        return None
    return text.strip().removeprefix(_PREFIX) or None


def given_token(file: Path) -> str:
    """The token of a file that somebody named.

    Raises:
        CannotRun: there is none in it, or it cannot be read.
    """
    try:
        token = read_token(file)
        if token is None:
            file.stat()  # not there is another matter than empty
    except (OSError, UnicodeDecodeError) as error:
        raise CannotRun(f"cannot read the token file {file}: {getattr(error, 'strerror', None) or error}") from error
    if token is None or not token.isascii() or not token.isprintable():
        raise CannotRun(f"there is no token in {file}; write it there alone, or as `Authorization: Bearer …`")
    return token


def _file_name(user: str) -> str:
    plain = "".join(letter if letter.isalnum() and letter.isascii() else "_" for letter in user)
    return plain if plain == user else f"{plain}-{sha256(user.encode()).hexdigest()[:8]}"


def _works(state: Path, person: Principal) -> bool:
    """Whether the header file still holds this person's token."""
    try:
        token = read_token(state / AUTHORIZATION)
        entries = json.loads((state / TOKENS).read_bytes())["principals"]
    except (OSError, ValueError, KeyError, TypeError):
        return False
    wanted = {
        "id": person.id,
        "email": person.email,
        "roles": sorted(person.roles),
        "tokenSha256": sha256((token or "").encode()).hexdigest(),
    }
    return bool(token) and wanted in entries
