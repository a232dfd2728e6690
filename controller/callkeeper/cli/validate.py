"""`callkeeper validate`: everything to be said about manifests before they reach a recorder."""

import os
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import click

from callkeeper.cli.cluster_options import cluster_options, read_cluster, takes_cluster_options
from callkeeper.cli.main import CouldNotRun, collector_at_rest
from callkeeper.kinds.finding import Finding, Severity
from callkeeper.kinds.terms import GROUP, USERS_FILE
from callkeeper.manifests.files import ManifestsError
from callkeeper.manifests.loading import Manifests, read_paths
from callkeeper.manifests.located import LocatedFinding
from callkeeper.manifests.report import Report

EXIT_FINDINGS = 1


@click.command(short_help="Check manifests, as CI and the cluster would.")
@click.argument("paths", nargs=-1, metavar="[PATH]...")
@click.option(
    "-f",
    "--format",
    "output_format",
    type=click.Choice(["text", "json", "sarif", "github", "junit"]),
    default="text",
    show_default=True,
    help="How findings are printed.",
)
@click.option("--strict", is_flag=True, help="Let warnings fail the run too.")
@click.option(
    "--schemas",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="Check against the JSON Schemas in DIR as well, such as those of the version a cluster runs. "
    "DIR holds callkeeper.dev/<kind>_v1alpha1.json.",
)
@click.option(
    "--recorder-elsewhere",
    is_flag=True,
    help="Do not warn when a Recorder is not among the files: it lives in another repository.",
)
@click.option("--cluster", is_flag=True, help="Check the objects of a cluster, as if the files were applied to it.")
@cluster_options
def validate(
    paths: tuple[str, ...],
    output_format: str,
    schemas: Path | None,
    *,
    strict: bool,
    recorder_elsewhere: bool,
    cluster: bool,
    **where: Any,
) -> None:
    """Check manifests: files, folders, kustomizations, or - for standard input; or what a cluster holds.

    Every finding has file, line and column, a rule, and where there is one a hint. Documents of other groups are
    skipped and counted; the users.csv of a folder is checked with it. What is said here, the admission webhook and the
    operator say too.

    \b
    Examples:
      callkeeper validate examples/
      callkeeper validate --strict --format github settings/
      callkeeper validate --format sarif settings/ > callkeeper.sarif
      callkeeper validate --schemas schemas/ settings/
      kustomize build overlays/production | callkeeper validate -
      kubectl callkeeper validate --cluster -n voice
      kubectl callkeeper validate --cluster -n voice settings/

    \b
    Exit codes:
      0  no errors (with --strict: no warnings either)
      1  errors (with --strict: or warnings)
      2  a path or the cluster could not be read
    """  # noqa: D301 - click's mark for a paragraph kept as written is the character, not the two
    if not paths and not cluster:
        raise click.UsageError("say what to check: paths, or --cluster")
    if takes_cluster_options(where) and not cluster:
        raise click.UsageError("options of a cluster go with --cluster")
    try:
        with collector_at_rest():
            if cluster:
                report = _check_cluster(paths, where, strict=strict)
            else:
                report = _check(paths, schemas, strict=strict, recorder_elsewhere=recorder_elsewhere)
    except ManifestsError as error:
        raise CouldNotRun(error.message) from error
    click.echo(_renderer(output_format)(report), nl=False)
    if report.failed:
        raise SystemExit(EXIT_FINDINGS)


def _check(paths: Sequence[str], schemas: Path | None, *, strict: bool, recorder_elsewhere: bool) -> Report:
    """Bring together what the files, the objects, the set of objects and other schemas have to say.

    Raises:
        ManifestsError: a path or the folder of schemas cannot be read.
    """
    # Imported when there is something to check, so that the command's help costs nothing.
    from callkeeper.policy.cross_check import cross_check  # noqa: PLC0415 - see above

    named, users = _without_users(paths)
    manifests = _read(named)
    findings = list(manifests.findings)
    if users:
        findings.extend(finding for file in users for finding in _check_users(file, manifests))
    findings.extend(
        manifests.place(finding)
        for finding in cross_check(manifests.readings)
        if not (recorder_elsewhere and finding.rule.endswith(".recorder-not-found"))
    )
    if schemas is not None:
        from callkeeper.manifests.schema_check import SchemaSet  # noqa: PLC0415 - only with `--schemas`

        findings.extend(SchemaSet(schemas).check(manifests.objects))
    if named and not manifests.objects and not findings:
        findings.append(_nothing_checked(named))
    return Report.of(
        findings,
        files=(*manifests.files, *map(str, users)),
        objects=len(manifests.objects),
        skipped=manifests.skipped,
        strict=strict,
    )


def _without_users(paths: Sequence[str]) -> tuple[tuple[str, ...], tuple[Path, ...]]:
    """Take the files of users out of what was named.

    Returns:
        The paths that hold manifests, and the files of users: those named, and those of the folders named.
    """
    manifests, users = [], []
    for text in paths:
        path = Path(text)
        if path.name == USERS_FILE and path.is_file():
            users.append(path)
            continue
        manifests.append(text)
        if text != "-" and (path / USERS_FILE).exists():
            users.append(path / USERS_FILE)
    return tuple(manifests), tuple(dict.fromkeys(users))


def _check_users(file: Path, manifests: Manifests) -> Iterator[LocatedFinding]:
    """What is wrong with a file of users, and which overrides below its folder are for users it does not list."""
    # Imported where there is such a file only.
    from callkeeper.local.unknown_users import unknown_users  # noqa: PLC0415 - see above
    from callkeeper.local.users import read_users_file  # noqa: PLC0415 - see above

    read = read_users_file(file)
    yield from read.findings
    if read.directory is not None:
        beside = [one.reading for one in manifests.objects if Path(one.file).is_relative_to(file.parent)]
        yield from map(manifests.place, unknown_users(beside, read.directory))


def _read(paths: Sequence[str], *, namespace: str | None = None) -> Manifests:
    return read_paths(paths, stdin=sys.stdin.buffer if "-" in paths else None, namespace=namespace)


def _nothing_checked(paths: Sequence[str]) -> LocatedFinding:
    """A pipeline that looks at the wrong folder would be content for ever."""
    finding = Finding(
        rule="document.none",
        severity=Severity.WARNING,
        message=f"there is no object of {GROUP} in {', '.join(paths)}, so nothing was checked",
        hint="name the folder or the files of your settings; what is read ends in .yaml, .yml or .json",
    )
    return LocatedFinding(finding=finding, file="", line=0, column=0)


def _check_cluster(paths: Sequence[str], where: dict[str, Any], *, strict: bool) -> Report:
    """Check what a cluster holds, with the files applied to it if there are any."""
    from callkeeper.cli.validate_cluster import check_cluster  # noqa: PLC0415 - as said below

    documents, namespace = read_cluster(where)
    return check_cluster(documents, _read(paths, namespace=namespace) if paths else None, strict=strict)


def _renderer(output_format: str) -> Callable[[Report], str]:
    """The function that prints a format; each is imported only when it is asked for."""
    match output_format:
        case "json":
            from callkeeper.manifests.output.json_report import render_json  # noqa: PLC0415 - as said above

            return render_json
        case "sarif":
            from callkeeper.manifests.output.sarif import render_sarif  # noqa: PLC0415 - as said above

            return render_sarif
        case "github":
            from callkeeper.manifests.output.github import render_github  # noqa: PLC0415 - as said above

            return render_github
        case "junit":
            from callkeeper.manifests.output.junit import render_junit  # noqa: PLC0415 - as said above

            return render_junit
        case _:
            from callkeeper.manifests.output.colour import wants_colour  # noqa: PLC0415 - as said above
            from callkeeper.manifests.output.text import render_text  # noqa: PLC0415 - as said above

            colour = wants_colour(os.environ, is_terminal=sys.stdout.isatty())
            return lambda report: render_text(report, colour=colour)
