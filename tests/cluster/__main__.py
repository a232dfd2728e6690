"""The tests' control plane at the command line: `python -m tests.cluster build`."""

import sys

import click
from tests.cluster.build import BuildError, binaries


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


if __name__ == "__main__":
    main(prog_name="python -m tests.cluster")
