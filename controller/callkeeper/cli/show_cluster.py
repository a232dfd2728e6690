"""`callkeeper show` of a cluster: what is in force in each recorder, what its objects say, and where the two differ."""

import json
from collections.abc import Iterator
from typing import Any

from callkeeper.local.page import change_words, settings_page
from callkeeper.operator.reading.governed import Governed
from callkeeper.policy.config import RecorderConfig

WIDEST_VALUE = 56
"""Columns of a setting's value that others are padded to; the rare longer one runs over."""


def cluster_json(found: tuple[Governed, ...]) -> str:
    """The page for machines."""
    return json.dumps({"recorders": [_recorder_json(one) for one in found]}, indent=1, ensure_ascii=False) + "\n"


def cluster_text(found: tuple[Governed, ...], *, colour: bool) -> str:
    """The page for people."""
    if not found:
        return "No recorder here, and no settings for one.\n"
    return "\n".join("\n".join(_recorder_lines(one, colour=colour)) + "\n" for one in found)


def _recorder_json(one: Governed) -> dict[str, Any]:
    state = one.state
    return {
        "recorder": f"{one.key.namespace}/{one.key.name}",
        "endpoint": one.endpoint,
        "revision": one.revision,
        "revisionFrom": "recorder" if state is not None else "status",
        "programmedRevision": one.programmed,
        "observedRevision": one.observed,
        "owner": state.owner if state is not None else None,
        "epoch": state.epoch if state is not None else None,
        "unreached": one.unreached or None,
        "settings": [line.to_json() for line in settings_page(state.config, lambda _: None)]
        if state is not None and state.config is not None
        else [],
        "objects": [standing.to_json() for standing in one.objects],
        "differences": [{"object": change.object, "words": change_words(change.details)} for change in one.differences],
    }


def _recorder_lines(one: Governed, *, colour: bool) -> Iterator[str]:
    def bold(text: str) -> str:
        return f"\x1b[1m{text}\x1b[0m" if colour else text

    yield bold(f"{one.key.namespace}/{one.key.name}  ") + (one.endpoint or "no endpoint")
    yield f"revision {one.revision}" if one.revision else "nothing is known to be in force"
    yield from _source_lines(one)
    if one.state is not None and one.state.config is not None:
        yield from ("", bold("In force"))
        yield from _settings_lines(one.state.config)
    yield from ("", bold("Objects"))
    width = max((len(str(standing.key)) for standing in one.objects), default=0)
    for standing in one.objects:
        good = standing.verdict.value == "yes"
        word = "in force" if good else f"{standing.verdict.value}: {standing.reason}: {standing.why}"
        since = f"  since {standing.since}" if standing.since else ""
        yield f"  {standing.key!s:<{width}}  {word}{since}"
    if one.differences:
        yield from ("", bold("In the objects, and not in force"))
        for change in one.differences:
            yield f"  {change_words(change.details)}  {change.object or ''}".rstrip()


def _source_lines(one: Governed) -> Iterator[str]:
    """Who says what is in force, and who else says otherwise."""
    state = one.state
    if state is None:
        yield f"not asked itself: {one.unreached}"
        if one.programmed is not None:
            yield "the revision is the one that the operator noted in the Recorder's status"
        return
    if state.owner:
        yield f"programmed by {state.owner}, epoch {state.epoch}"
    if one.programmed not in {None, state.revision}:
        yield f"the operator noted revision {one.programmed} instead: somebody else programmed it, or just now"


def _settings_lines(config: RecorderConfig) -> Iterator[str]:
    lines = settings_page(config, lambda _: None)
    name = max(len(line.name) for line in lines)
    value = min(max(len(line.value) for line in lines), WIDEST_VALUE)
    for line in lines:
        yield f"  {line.name:<{name}}  {line.value:<{value}}  {line.object or 'built-in default'}".rstrip()
