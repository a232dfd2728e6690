"""What is measured, with the peers in the same run: `python -m benchmarks [--quick] [--only NAME] [--json FILE]`.

One module a subject, each with `run(quick: bool)` that answers with `Row`s (`benchmarks.rows`). A module says nothing
about the machine and prints nothing; `__main__` does both. Times are never tested: a slow machine is no defect.
"""
