"""From nothing to an answer: commands as fresh processes, beside an interpreter that does nothing."""

import sys
from pathlib import Path

from benchmarks.processes import CALLKEEPER, measure
from benchmarks.rows import Row

ROOT = Path(__file__).resolve().parents[1]
ONE_FILE = ROOT / "examples" / "emergency-numbers" / "blacklist.yaml"
CALL = ("--user", "ada", "--caller", "+390212345", "--callee", "2001", "--kind", "peerToPeer", "--direction", "inbound")


def run(quick: bool) -> list[Row]:
    """Median seconds of at least ten runs each."""
    runs = 10 if quick else 20
    bare, _ = measure([sys.executable, "-c", "pass"], runs=runs)
    commands = (
        ("callkeeper --version", ["--version"], None),
        ("callkeeper validate ONE-FILE", ["validate", ONE_FILE], "≤ 0.25"),
        ("callkeeper explain FOLDER", ["explain", ROOT / "examples" / "quickstart", *CALL], None),
    )
    return [
        Row(
            what=f"`{name}` from a cold process",
            figure=measure([CALLKEEPER, *arguments], runs=runs, expected=(0, 1))[0],
            unit="s",
            bar=bar,
            peers={"python -c pass": bare},
        )
        for name, arguments, bar in commands
    ]
