"""A number against a list of patterns: real lists of up to a million, and lists made to hurt.

Cold means a number never asked before, warm one whose verdict is still kept. Half of the numbers are made from patterns
of the list, half are of the same countries at random. Times are of the process's own CPU, the best of several rounds,
since other work on the machine is not what is asked about. Memory is the peak of a process that does nothing else.
"""

import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from benchmarks.pattern_lists import HOSTILE, hostile_numbers, hostile_patterns, numbers_for, real_patterns
from benchmarks.pattern_peers import Peer, re2_set, re_trie
from benchmarks.rows import Row
from callkeeper.policy.patterns import PatternSet

MICROSECONDS = 1e6
MILLISECONDS = 1e3
KEPT = 5_000
"""Numbers asked again for the warm figure: fewer than the verdicts a set keeps."""

COLD_BARS = {10_000: "≤ 2", 1_000_000: "≤ 10"}
BUILD_BARS = {10_000: "≤ 30", 1_000_000: "≤ 3,000"}
HOSTILE_PATTERNS = 1_000

PEERS: Mapping[str, tuple[Callable[[Sequence[str]], Peer], int]] = {
    "re trie": (re_trie, 100_000),
    "re2 Set": (re2_set, 100_000),
}
"""What is measured beside us, and up to how many patterns: `re` takes minutes and re2 gigabytes for a million."""


def run(quick: bool) -> list[Row]:
    """Lookups cold and warm, building and memory."""
    rows: list[Row] = []
    for count in (10_000,) if quick else (10_000, 100_000, 1_000_000):
        rows += _real(count, numbers=5_000 if quick else 20_000, rounds=2 if quick else 5)
    if not quick:
        rows.append(
            Row(
                what="1,000,000 real patterns, peak memory of the process with the list itself",
                figure=_peak_megabytes(1_000_000),
                unit="MB",
                bar="≤ 260",
            )
        )
    for name in HOSTILE:
        rows.append(_hostile(name, numbers=1_000 if quick else 5_000, rounds=2 if quick else 5))
    return rows


def _real(count: int, *, numbers: int, rounds: int) -> list[Row]:
    patterns = real_patterns(count)
    asked = numbers_for(patterns, numbers)
    build, cold, warm = _ours(patterns, asked, rounds=rounds)
    peers = _peers(patterns, asked, seconds=0.3 if rounds < 3 else 1.0)
    built = {name: times[0] * MILLISECONDS for name, times in peers.items()}
    looked_up = {name: times[1] * MICROSECONDS for name, times in peers.items()}
    name = f"{count:,} real patterns"
    note = _absent(count)
    return [
        Row(
            what=f"{name}, cold",
            figure=cold * MICROSECONDS,
            unit="µs",
            bar=COLD_BARS.get(count),
            peers=looked_up,
            note=note,
        ),
        Row(what=f"{name}, warm", figure=warm * MICROSECONDS, unit="µs", bar="≤ 0.35"),
        Row(
            what=f"{name}, build",
            figure=build * MILLISECONDS,
            unit="ms",
            bar=BUILD_BARS.get(count),
            peers=built,
            note=note,
        ),
    ]


def _hostile(name: str, *, numbers: int, rounds: int) -> Row:
    patterns = hostile_patterns(name, HOSTILE_PATTERNS)
    asked = hostile_numbers(name, patterns, numbers)
    _, cold, _ = _ours(patterns, asked, rounds=rounds)
    peers = _peers(patterns, asked, seconds=0.2 if rounds < 3 else 1.0)
    return Row(
        what=f"{HOSTILE_PATTERNS:,} hostile patterns ({name}), cold",
        figure=cold * MICROSECONDS,
        unit="µs",
        bar="≤ 8",
        peers={peer: times[1] * MICROSECONDS for peer, times in peers.items()},
    )


def _ours(patterns: Sequence[str], asked: Sequence[str], *, rounds: int) -> tuple[float, float, float]:
    """Seconds to build, per cold lookup and per warm one; each round has a set of its own, so that it is cold."""
    build = cold = warm = float("inf")
    for _ in range(rounds):
        started = time.process_time()
        match = PatternSet(patterns).match
        build = min(build, time.process_time() - started)
        cold = min(cold, _per_lookup(match, asked))
        _per_lookup(match, asked[:KEPT])
        warm = min(warm, _per_lookup(match, asked[:KEPT]))
    return build, cold, warm


def _per_lookup(match: Callable[[str], object], numbers: Sequence[str]) -> float:
    started = time.process_time()
    for number in numbers:
        match(number)
    return (time.process_time() - started) / len(numbers)


def _peers(patterns: Sequence[str], asked: Sequence[str], *, seconds: float) -> dict[str, tuple[float, float]]:
    """Per peer, seconds to build and per lookup, over as many numbers as it answers in the time it is given."""
    ours = PatternSet(patterns)
    found: dict[str, tuple[float, float]] = {}
    for name, (make, most) in PEERS.items():
        if len(patterns) > most:
            continue
        started = time.process_time()
        try:
            peer = make(patterns)
        except ImportError:
            continue
        build = time.process_time() - started
        answered, started = 0, time.process_time()
        while answered < len(asked) and time.process_time() - started < seconds:
            peer(asked[answered])
            answered += 1
        found[name] = build, (time.process_time() - started) / answered
        if any(peer(number) != (ours.match(number) is not None) for number in asked[: min(answered, 200)]):
            raise AssertionError(
                f"{name} and Callkeeper disagree: one of the two is wrong, and no figure means anything"
            )
    return found


def _absent(count: int) -> str:
    absent = [name for name, (_, most) in PEERS.items() if count > most]
    return f"{', '.join(absent)}: not for so many" if absent else ""


def _peak_megabytes(count: int) -> float:
    """Peak resident memory of a process that makes the list, the set, and asks it a little."""
    # Not getrusage: there the peak of the process that starts this one is counted too.
    program = (
        "from benchmarks.pattern_lists import numbers_for, real_patterns;"
        "from callkeeper.policy.patterns import PatternSet;"
        f"patterns = real_patterns({count}); matcher = PatternSet(patterns);"
        "[matcher.match(number) for number in numbers_for(patterns, 20_000)];"
        "print(next(line.split()[1] for line in open('/proc/self/status') if line.startswith('VmHWM')))"
    )
    root = Path(__file__).resolve().parents[1]
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True, cwd=root, text=True)
    return int(done.stdout) / 1024
