"""`callkeeper validate`: everything to be said about manifests before they reach a recorder."""

import os
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import click

from callkeeper.cli.cluster_options import cluster_options, read_documents, takes_cluster_options
from callkeeper.cli.main import CouldNotRun, collector_at_rest
from callkeeper.manifests.files import ManifestsError
from callkeeper.manifests.loading import Manifests, read_paths
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
    skipped and counted. What is said here, the admission webhook and the operator say too.

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
            manifests = read_paths(paths, stdin=sys.stdin.buffer if "-" in paths else None)
            if cluster:
                report = _check_cluster(manifests if paths else None, where, strict=strict)
            else:
                report = _check(manifests, schemas, strict=strict, recorder_elsewhere=recorder_elsewhere)
    except ManifestsError as error:
        raise CouldNotRun(error.message) from error
    click.echo(_renderer(output_format)(report), nl=False)
    if report.failed:
        raise SystemExit(EXIT_FINDINGS)


def _check(manifests: Manifests, schemas: Path | None, *, strict: bool, recorder_elsewhere: bool) -> Report:
    """Bring together what the files, the objects, the set of objects and other schemas have to say.

    Raises:
        ManifestsError: the folder of schemas cannot be read.
    """
    # Imported when there is something to check, so that the command's help costs nothing.
    from callkeeper.policy.cross_check import cross_check  # noqa: PLC0415 - see above

    findings = list(manifests.findings)
    findings.extend(
        manifests.place(finding)
        for finding in cross_check(manifests.readings)
        if not (recorder_elsewhere and finding.rule.endswith(".recorder-not-found"))
    )
    if schemas is not None:
        from callkeeper.manifests.schema_check import SchemaSet  # noqa: PLC0415 - only with `--schemas`

        findings.extend(SchemaSet(schemas).check(manifests.objects))
    return Report.of(
        findings,
        files=manifests.files,
        objects=len(manifests.objects),
        skipped=manifests.skipped,
        strict=strict,
    )


def _check_cluster(manifests: Manifests | None, where: dict[str, Any], *, strict: bool) -> Report:
    """Check what a cluster holds, with the files applied to it if there are any."""
    from callkeeper.cli.validate_cluster import check_cluster  # noqa: PLC0415 - as said below

    return check_cluster(read_documents(where), manifests, strict=strict)


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
            from callkeeper.manifests.output.text import render_text  # noqa: PLC0415 - as said above

            colour = wants_colour(os.environ, is_terminal=sys.stdout.isatty())
            return lambda report: render_text(report, colour=colour)


def wants_colour(environment: Mapping[str, str], *, is_terminal: bool) -> bool:
    """Colour on a terminal, unless it is a dumb one or NO_COLOR is set to anything (no-color.org)."""
    return is_terminal and not environment.get("NO_COLOR") and environment.get("TERM") != "dumb"
