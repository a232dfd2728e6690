"""The tokens by which the parts know each other: hashes where they are checked, files where they are shown."""

import json
import secrets
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any


def write_secret(path: Path, text: str) -> Path:
    """Write a file that only its owner may read."""
    path.touch(mode=0o600)
    path.write_text(text)
    return path


def write_tokens(path: Path, principals: Mapping[str, Mapping[str, Any]]) -> dict[str, str]:
    """Make a token for each principal, and write the file that knows their hashes.

    Args:
        path: of the file.
        principals: what stands in it, by id: `{"operator": {"roles": ["operator"]}}`.

    Returns:
        The tokens by id.
    """
    tokens = {name: secrets.token_urlsafe(24) for name in principals}
    entries = [
        {"id": name, **members, "tokenSha256": sha256(tokens[name].encode()).hexdigest()}
        for name, members in principals.items()
    ]
    write_secret(path, json.dumps({"principals": entries}, indent=1))
    return tokens
