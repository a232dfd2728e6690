"""The local person's token: made once, kept while it works, and never beside its hash."""

from callkeeper.local.tokens import AUTHORIZATION, TOKENS, open_principals, read_token
from callkeeper.policy.directory import Role


def test_a_token_is_made_once_and_names_the_local_person(tmp_path):
    principals = open_principals(tmp_path, "ada@example.com")
    token = read_token(tmp_path / AUTHORIZATION)
    person = principals.principal(token)
    assert person.email == "ada@example.com"
    assert person.id.startswith("local:")
    assert person.roles == {Role.ADMINISTRATOR, Role.AUDITOR, Role.INGEST}
    assert token not in (tmp_path / TOKENS).read_text()
    again = open_principals(tmp_path, "ada@example.com")
    assert read_token(tmp_path / AUTHORIZATION) == token
    assert again.token != principals.token
    for name in (AUTHORIZATION, TOKENS):
        assert (tmp_path / name).stat().st_mode & 0o777 == 0o600


def test_the_reconcilers_token_is_in_no_file_and_puts_settings_only(tmp_path):
    principals = open_principals(tmp_path, None)
    assert principals.principal(principals.token).roles == {Role.SETTINGS}
    assert principals.principal("else") is None
    for path in tmp_path.iterdir():
        assert principals.token not in path.read_text()


def test_a_header_that_does_not_fit_is_made_anew(tmp_path):
    open_principals(tmp_path, None)
    (tmp_path / AUTHORIZATION).write_text("Authorization: Bearer stale\n")
    principals = open_principals(tmp_path, None)
    assert principals.principal(read_token(tmp_path / AUTHORIZATION)) is not None
