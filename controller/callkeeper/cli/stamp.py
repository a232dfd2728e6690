"""`callkeeper stamp`: write author and commit of the last change into manifests."""

from pathlib import Path

import click

from callkeeper.cli.main import CouldNotRun

EXIT_STALE = 1


@click.command(short_help="Write author and commit of the last change into manifests.")
@click.argument("paths", nargs=-1, type=click.Path(path_type=Path, exists=True), metavar="[PATH...]")
@click.option("--check", is_flag=True, help="Write nothing; exit code 1 if a stamp is missing or not current.")
def stamp(paths: tuple[Path, ...], *, check: bool) -> None:
    """Write callkeeper.dev/changed-by and callkeeper.dev/commit into every object of ours, per file, from git.

    A GitOps engine applies everything under one name; these annotations tell the audit log in the cluster whose change
    it was. Run it in CI before the manifests are applied. Comments and order are kept; documents of other groups are
    not touched; running it twice changes nothing. PATH is a file or folder, the current folder by default.

    \b
    Examples:
      callkeeper stamp settings/
      callkeeper stamp --check settings/

    \b
    Exit codes:
      0  every stamp is current (now)
      1  with --check: one is not
      2  a file cannot be read or written
    """  # noqa: D301 - click's mark for a paragraph kept as written is the character, not the two
    from callkeeper.local.stamping import CannotStamp, files_under, stamp_file  # noqa: PLC0415 - when it is run
    from callkeeper.manifests.files import ManifestsError  # noqa: PLC0415 - likewise

    stale = 0
    try:
        for path in [file for given in paths or (Path(),) for file in files_under(given)]:
            done = stamp_file(path, check=check)
            stale += done.stale
            if done.stale:
                click.echo(f"{done.path}: {'not current' if check else 'stamped'}")
            elif done.reason == "not committed to git":
                click.echo(f"{done.path}: passed over, {done.reason}", err=True)
    except CannotStamp as error:
        raise CouldNotRun(str(error)) from error
    except ManifestsError as error:
        raise CouldNotRun(error.message) from error
    if check and stale:
        raise SystemExit(EXIT_STALE)
