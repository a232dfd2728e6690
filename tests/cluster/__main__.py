"""The tests' control plane at the command line: `python -m tests.cluster build`."""

import os
import shutil
import signal
import sys
import tempfile
import threading
from pathlib import Path

import click
from tests.cluster.build import BuildError, binaries
from tests.cluster.kubectl import KubectlError
from tests.cluster.playground.page import page, write_helpers
from tests.cluster.playground.running import playground
from tests.cluster.processes import StartError


@click.group()
def main() -> None:
    """A real Kubernetes control plane on this machine, for tests and to try things."""


@main.command()
def build() -> None:
    """Build etcd, kube-apiserver and kube-controller-manager where they are missing."""
    try:
        binaries()
    except BuildError as error:
        click.echo(error, err=True)
        sys.exit(2)


@main.command()
@click.option(
    "--folder",
    type=click.Path(file_okay=False, path_type=Path),
    help="Keep everything in this new folder; by default in a temporary one.",
)
def up(folder: Path | None) -> None:
    """Run a cluster with every part of Callkeeper to play with, until Ctrl-C."""
    folder = folder or Path(tempfile.gettempdir()) / f"callkeeper-cluster-{os.getpid()}"
    try:
        folder.mkdir(parents=True)
    except OSError as error:
        click.echo(f"{folder} cannot be made: {error.strerror}; name another with --folder", err=True)
        sys.exit(2)
    ended = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: ended.set())
    try:
        with playground(folder, binaries(), click.echo) as running:
            write_helpers(running)
            click.echo(page(running))
            ended.wait()
    except (BuildError, StartError, KubectlError) as error:
        click.echo(f"{error}", err=True)
        sys.exit(2)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main(prog_name="python -m tests.cluster")
