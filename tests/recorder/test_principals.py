"""The token file: what it must look like, and what happens when it changes."""

import json
from pathlib import Path

import pytest

from callkeeper.audit.errors import TokenFileError
from callkeeper.policy.directory import Role
from callkeeper.recorder.principals import Principal, TokenFile, create_principal

ADA = Principal(id="ada", email="ada@example.com", roles=frozenset({Role.USER}))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "tokens.json"


def test_a_made_token_names_its_principal_and_is_kept_nowhere(path: Path) -> None:
    token = create_principal(path, ADA)
    assert TokenFile(path).principal(token) == ADA
    assert TokenFile(path).principal(token + "x") is None
    assert token not in path.read_text()
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_file_that_others_can_read_is_refused(path: Path) -> None:
    create_principal(path, ADA)
    for mode in (0o640, 0o604, 0o620):
        path.chmod(mode)
        with pytest.raises(TokenFileError, match="chmod 600"):
            TokenFile(path)


def test_a_missing_file_is_refused(path: Path) -> None:
    with pytest.raises(TokenFileError, match="cannot read"):
        TokenFile(path)


def test_a_new_token_of_a_principal_replaces_the_old_one_at_once(path: Path) -> None:
    old = create_principal(path, ADA)
    tokens = TokenFile(path)
    new = create_principal(path, ADA)
    assert tokens.principal(old) is None
    assert tokens.principal(new) == ADA
    assert len(json.loads(path.read_text())["principals"]) == 1


def test_a_changed_file_that_cannot_be_used_leaves_the_principals_and_says_so(path: Path) -> None:
    token = create_principal(path, ADA)
    tokens = TokenFile(path)
    whole = path.read_bytes()
    path.write_bytes(whole[:20])
    assert tokens.principal(token) == ADA
    assert "not a token file" in str(tokens.fault)
    path.write_bytes(whole)
    assert tokens.fault is None
    path.unlink()
    assert tokens.principal(token) == ADA
    assert "cannot read" in str(tokens.fault)
    create_principal(path, Principal(id="bob", roles=frozenset()))
    assert (tokens.fault, tokens.principal(token)) == (None, None)


@pytest.mark.parametrize(
    "change",
    [
        {"id": ""},
        {"id": 7},
        {"email": 7},
        {"roles": None},
        {"roles": ["king"]},
        {"roles": [{}]},
        {"tokenSha256": "secret"},
        {"tokenSha256": None},
    ],
)
def test_an_ill_formed_principal_is_named_by_its_place(path: Path, change: dict[str, object]) -> None:
    create_principal(path, ADA)
    value = json.loads(path.read_text())
    value["principals"][0] |= change
    path.write_text(json.dumps(value))
    with pytest.raises(TokenFileError, match="principal 1 of"):
        TokenFile(path)


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"principals": 1}', '{"principals": [1]}', "[" * 100_000])
def test_what_is_no_token_file_is_refused(path: Path, text: str) -> None:
    path.touch(0o600)
    path.write_text(text)
    with pytest.raises(TokenFileError):
        TokenFile(path)


def test_a_component_is_audited_under_its_name() -> None:
    assert Principal(id="operator").audit_email == "system:operator"
    assert ADA.audit_email == "ada@example.com"
