from click.testing import CliRunner

from callkeeper.cli.up import up


def test_its_help_has_examples_and_every_exit_code():
    text = CliRunner().invoke(up, ["--help"]).output
    assert "callkeeper up examples/quickstart" in text
    for code in range(6):
        assert f"\n    {code}  " in text or f"\n  {code}  " in text


def test_a_folder_that_is_not_there_is_named():
    done = CliRunner().invoke(up, ["nowhere-at-all"])
    assert done.exit_code == 2
    assert "nowhere-at-all" in done.output
