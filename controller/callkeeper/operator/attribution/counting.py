"""What is counted of notes and rows. No labels: neither users nor objects are anybody's metric."""

from prometheus_client import CollectorRegistry, Gauge

from callkeeper.operator.attribution.notes import ChangeNotes
from callkeeper.operator.attribution.rows import ChangeRows


def show(registry: CollectorRegistry, notes: ChangeNotes, rows: ChangeRows) -> None:
    """Have them shown beside the operator's other metrics."""
    for name, text, value in (
        ("notes_kept", "Notes of who wrote that are kept.", notes.__len__),
        ("notes_taken", "Notes taken since the start.", lambda: notes.taken),
        ("notes_dropped", "Notes dropped because there were too many.", lambda: notes.dropped),
        ("settings_rows_told", "Rows about changes of settings objects that are in the log.", lambda: rows.told),
        ("settings_changes_waiting", "Objects with a change that has no row yet.", lambda: rows.waiting),
        (
            "settings_refusals_untold",
            "Refused attempts in namespaces without a Recorder.",
            lambda: rows.untold_refusals,
        ),
    ):
        Gauge(f"callkeeper_operator_{name}", text, registry=registry).set_function(value)
