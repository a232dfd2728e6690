"""Writes the generated parts of the reference pages from the code, so that they are never stale.

A page is written by people; between the markers `<!-- generated:NAME -->` and `<!-- end:NAME -->` stands what a module
here makes: fields from the models, commands from the command line, bounds from the constants. `python -m docs.generate`
writes them, `--check` (and `tests/docs`) tells whether they are current. No prose lives here.
"""
