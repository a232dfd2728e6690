"""`callkeeper explain`: why a call would be recorded or not, with the line of each file that says so."""

import json
import sys
from pathlib import Path
from typing import Any

import click

from callkeeper.cli.cluster_options import cluster_options, read_documents, takes_cluster_options
from callkeeper.cli.main import CouldNotRun
from callkeeper.policy.call import Call, CallKind, Consent, Direction, Identity, Party

EXIT_ROWS_WITH_PROBLEMS = 1


_PARTIES = ("caller", "callee", "original_called", "redirecting", "connected")


def _words(words: Any) -> click.Choice[str]:
    return click.Choice([word.value for word in words])


@click.command(short_help="Say why a call would be recorded or not, step by step.")
@click.argument("folder", required=False, metavar="[DIR]", type=click.Path(path_type=Path))
@click.option("--user", metavar="USER", help="Who would be recorded: directory id or e-mail address.")
@click.option("--caller", metavar="PARTY", help="Who calls: a number, a URI, an e-mail address, or `anonymous`.")
@click.option("--callee", metavar="PARTY", help="Who is called.")
@click.option("--kind", type=_words(CallKind), help="The kind of call.  [default: peerToPeer]")
@click.option("--direction", type=_words(Direction), help="Seen from the user.  [default: by whose end is the user's]")
@click.option("--conversation", metavar="ID", help="The conversation's id, which the always-on limit goes by.")
@click.option("--consent", type=_words(Consent), help="What the parties said about recording.  [default: notAsked]")
@click.option("--original-called", metavar="PARTY", help="Who was dialled at first, such as a queue.")
@click.option("--redirecting", metavar="PARTY", help="Who diverted the call.")
@click.option("--connected", metavar="PARTY", help="Who answered, when not the one called.")
@click.option("--caller-identity", type=_words(Identity), help="What the signalling says the caller is.")
@click.option("--callee-identity", type=_words(Identity), help="What the signalling says the called party is.")
@click.option("--calls", metavar="FILE", help="Explain every call of this CSV file (- for standard input) instead.")
@click.option("--recorder", metavar="[NAMESPACE/]NAME", help="Which recorder, where the folder has several.")
@click.option(
    "-f",
    "--format",
    "output_format",
    type=click.Choice(["text", "json"]),
    default="text",
    show_default=True,
    help="Text, or JSON (with --calls: CSV, or a JSON object a line).",
)
@click.option("--cluster", is_flag=True, help="Explain with the objects of a cluster instead of a folder.")
@cluster_options
def explain(
    folder: Path | None, calls: str | None, user: str | None, recorder: str | None, *, cluster: bool, **options: Any
) -> None:
    """Say why a call would be recorded or not, with the line of each file that says so.

    DIR is a settings folder; its users.csv is the directory. Without one, the user named by --user is taken as
    licensed. Errors in the settings do not stop this: what comes into force in spite of them is explained.

    \b
    Examples:
      callkeeper explain examples/quickstart --user ada@example.com --caller +390212345 --callee 2001
      callkeeper explain settings/ --user ada@example.com --caller anonymous --callee 2001 --format json
      callkeeper explain settings/ --calls last-month.csv > decided.csv
      kubectl callkeeper explain --cluster -n voice --user ada@example.com --caller +390212345 --callee 2001

    \b
    Columns of --calls, all optional, others are kept: id, conversation, user, caller, callee, kind, direction, consent,
    original_called, redirecting, connected, participants, caller_identity, callee_identity, connected_identity.
    Added are outcome, reason, object, entry, location, problem.

    \b
    Exit codes:
      0  explained
      1  --calls: some rows could not be read
      2  no call was named; or the folder, the cluster, the users or the file could not be read
    """  # noqa: D301 - click's mark for a paragraph kept as written is the character, not the two
    from callkeeper.cli.explain_settings import load, load_cluster  # noqa: PLC0415 - so that help costs nothing

    where = {name: options.pop(name) for name in ("namespace", "all_namespaces", "kube_context", "kubeconfig")}
    if cluster == (folder is not None):
        raise click.UsageError("say what to explain with: either a DIR, or --cluster")
    if takes_cluster_options(where) and not cluster:
        raise click.UsageError("options of a cluster go with --cluster")
    if folder is not None:
        settings = load(folder, recorder=recorder, user=user)
    else:
        settings = load_cluster(read_documents(where), recorder=recorder, user=user)
    as_json = options.pop("output_format") == "json"
    if calls is not None:
        given = sorted(name for name, value in options.items() if value is not None)
        if given:
            option = "--" + given[0].replace("_", "-")
            raise click.UsageError(f"{option} is for a single call; with --calls it is a column of the file")
        _explain_file(settings, calls, user=user, as_json=as_json)
        return
    if user is None and not any(options[name] for name in _PARTIES):
        raise click.UsageError("say which call to explain: --caller and --callee, --user, or a file with --calls")
    from callkeeper.cli.explain_answer import as_json as render_json  # noqa: PLC0415 - as said above
    from callkeeper.cli.explain_answer import as_text, explain_call  # noqa: PLC0415 - as said above

    explanation = explain_call(settings, _call(user, options), conversation_known=options["conversation"] is not None)
    if as_json:
        click.echo(json.dumps(render_json(explanation), indent=2, ensure_ascii=False))
    else:
        click.echo(as_text(explanation), nl=False)


def _call(user: str | None, options: dict[str, str | None]) -> Call:
    return Call(
        native_id="explained",
        conversation=options["conversation"] or "",
        kind=CallKind(options["kind"] or CallKind.PEER_TO_PEER),
        calling=_party(options, "caller", "caller_identity"),
        called=_party(options, "callee", "callee_identity"),
        original_called=_party(options, "original_called"),
        redirecting=_party(options, "redirecting"),
        connected=_party(options, "connected"),
        recorded_users=() if user is None else (user,),
        direction=Direction(options["direction"]) if options["direction"] else None,
        consent=Consent(options["consent"] or Consent.NOT_ASKED),
    )


def _party(options: dict[str, str | None], name: str, identity_name: str = "") -> Party | None:
    from callkeeper.policy.call_history import CallHistoryError, party_of  # noqa: PLC0415 - as said above

    identity = options.get(identity_name)
    try:
        return party_of(options[name] or "", Identity(identity) if identity else None)
    except CallHistoryError as error:
        raise click.UsageError(f"--{name.replace('_', '-')}: {error.message}") from error


def _explain_file(settings: Any, calls: str, *, user: str | None, as_json: bool) -> None:
    from callkeeper.cli.explain_calls import explain_calls  # noqa: PLC0415 - as said above

    for note in settings.notes:
        click.echo(f"Note: {note}.", err=True)
    try:
        # Line ends are left to the CSV reader: a cell may hold one. `closefd` leaves standard input open.
        source, closes = (sys.stdin.fileno(), False) if calls == "-" else (calls, True)
        with open(source, encoding="utf-8", errors="replace", newline="", closefd=closes) as file:
            tally = explain_calls(settings, file, sys.stdout, user=user, as_json=as_json, name=calls)
    except BrokenPipeError:
        raise  # who read the answer has seen enough, `head` for one; click ends quietly
    except OSError as error:
        raise CouldNotRun(f"cannot read {calls}: {error.strerror}") from error
    if tally.problems:
        click.echo(f"{tally.problems:,} of {tally.calls + tally.problems:,} rows could not be read", err=True)
        raise SystemExit(EXIT_ROWS_WITH_PROBLEMS)
