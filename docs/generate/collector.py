"""What the audit collector answers with and counts, from the code."""

from pathlib import Path

from docs.generate.blocks import table

from callkeeper.audit.collector.logs import Logs
from callkeeper.audit.collector.metrics import Metrics
from callkeeper.audit.collector.problems import TYPES
from callkeeper.audit.store import utc_now


def problems_table() -> str:
    """Every problem type."""
    rows = [(f"`{name}`", str(status), title, step) for name, (status, title, step) in TYPES.items()]
    return table(("name", "status", "title", "what to do"), rows)


def metrics_table() -> str:
    """Every metric."""
    lines = Metrics(Logs(Path("nowhere"), now=utc_now)).text().decode().splitlines()
    helps = [line.removeprefix("# HELP ").partition(" ") for line in lines if line.startswith("# HELP ")]
    return table(
        ("metric", "what it counts"), [(f"`{name}`", text) for name, _, text in helps if "_created" not in name]
    )
