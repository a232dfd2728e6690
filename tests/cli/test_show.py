"""`callkeeper show` and `callkeeper token`, on the state that one run left."""

import json
from pathlib import Path
from shutil import copytree

import pytest
from click.testing import CliRunner, Result

from callkeeper.cli.show import show
from callkeeper.cli.token import token
from callkeeper.cli.up import up

QUICKSTART = Path(__file__).parents[2] / "examples" / "quickstart"


@pytest.fixture(scope="module")
def governed(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A settings folder and its state folder after one run."""
    home = tmp_path_factory.mktemp("home")
    folder, state = Path(copytree(QUICKSTART, home / "settings")), home / "state"
    done = CliRunner().invoke(up, [str(folder), "--state", str(state), "--port", "0", "--once"])
    assert done.exit_code == 0, done.output
    return folder, state


def shown(governed: tuple[Path, Path], *arguments: str) -> Result:
    return CliRunner().invoke(show, [str(governed[0]), "--state", str(governed[1]), *arguments])


def test_the_page_names_every_setting_with_file_and_line(governed):
    page = shown(governed)
    assert page.exit_code == 0
    assert "not running" in page.output
    assert f"{governed[0]}/policy.yaml:9:16" in page.output
    assert "RecordingPolicy/default/default" in page.output
    assert "90XX" in page.output


def test_as_json_it_is_the_same(governed):
    value = json.loads(shown(governed, "--format", "json").output)
    assert value["running"] is None
    assert value["differences"] == []
    mode = next(line for line in value["settings"] if line["name"] == "default mode")
    assert (mode["value"], mode["place"]["line"]) == ("OnDemand", 9)
    blacklist = value["objects"]["Blacklist/default/never"]
    assert {one["type"]: one["status"] for one in blacklist["conditions"]}["Ready"] == "True"
    assert blacklist["place"]["file"].endswith("blacklist.yaml")


def test_what_the_files_say_and_is_not_in_force_is_shown(governed):
    path = governed[0] / "policy.yaml"
    before = path.read_text()
    path.write_text(before.replace("defaultMode: OnDemand", "defaultMode: AlwaysOn"))
    try:
        page = shown(governed).output
    finally:
        path.write_text(before)
    assert "In the files, and not in force" in page
    assert "defaultMode: OnDemand → AlwaysOn" in page


def test_a_folder_that_was_never_governed_says_what_to_do(tmp_path):
    (tmp_path / "settings").mkdir()
    page = CliRunner().invoke(show, [str(tmp_path / "settings"), "--state", str(tmp_path / "state")])
    assert page.exit_code == 0
    assert "Nothing is in force yet" in page.output
    assert not (tmp_path / "state").exists()


def test_nothing_there_is_an_error_with_a_sentence(tmp_path):
    for source in (str(tmp_path / "nowhere"), "http://127.0.0.1:1"):
        page = CliRunner().invoke(show, [source])
        assert page.exit_code == 2
        assert page.output.startswith("Error: ")


def test_a_folder_that_is_none_of_settings_is_not_told_file_by_file(tmp_path):
    for number in range(30):
        (tmp_path / f"{number:02}.json").write_text("[]")
    page = CliRunner().invoke(show, [str(tmp_path), "--state", str(tmp_path.parent / "none")])
    assert page.output.count("document.not-an-object") == 20
    assert f"… 10 more; `callkeeper validate {tmp_path}` lists them all" in page.output


def test_a_users_token_is_in_a_file_for_its_owner_alone_and_never_printed(governed):
    folder, state = governed
    done = CliRunner().invoke(token, [str(folder), "--user", "ADA@example.com", "--state", str(state)])
    assert done.exit_code == 0, done.output
    path = Path(done.output.strip())
    assert path.stat().st_mode & 0o777 == 0o600
    secret = path.read_text().removeprefix("Authorization: Bearer ").strip()
    assert len(secret) > 30
    assert secret not in done.output
    assert secret not in (state / "tokens.json").read_text()
    unknown = CliRunner().invoke(token, [str(folder), "--user", "nobody", "--state", str(state)])
    assert unknown.exit_code == 2
    assert "users.csv" in unknown.output
