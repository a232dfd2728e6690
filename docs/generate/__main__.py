"""`python -m docs.generate [--check]`: writes the generated blocks of the reference pages, or names the stale ones."""

import sys

import click
from docs.generate.pages import ROOT, stale_pages


@click.command()
@click.option("--check", is_flag=True, help="Change nothing; exit 1 and name what is stale, if anything is.")
def generate(*, check: bool) -> None:
    """Write the generated blocks of docs/reference."""
    stale = stale_pages()
    for path, text in stale.items():
        if not check:
            path.write_text(text)
        click.echo(f"{path.relative_to(ROOT)}: {'stale' if check else 'written'}")
    if check and stale:
        click.echo("run: make docs", err=True)
        sys.exit(1)


if __name__ == "__main__":
    generate()
