"""Builds settings objects for tests, through the same door as everybody: `read_object`."""

from typing import Any

from callkeeper.kinds.finding import ObjectKey
from callkeeper.kinds.reading import ObjectReading, read_object

RECORDER = ObjectKey(kind="Recorder", namespace="voice", name="teams")


def reading(
    kind: str,
    name: str = "main",
    *,
    created: str = "",
    confirm: str | None = None,
    ref: str = "teams",
    deleting: bool = False,
    **spec: Any,
) -> ObjectReading:
    metadata: dict[str, Any] = {"name": name, "namespace": "voice"}
    if created:
        metadata["creationTimestamp"] = created
    if deleting:
        metadata["deletionTimestamp"] = "2026-01-01T00:00:00Z"
    if confirm is not None:
        metadata["annotations"] = {"callkeeper.dev/confirm": confirm}
    if kind != "Recorder":
        spec = {"recorderRef": {"name": ref}, **spec}
    return read_object(
        {"apiVersion": "callkeeper.dev/v1alpha1", "kind": kind, "metadata": metadata, "spec": spec},
    )


def recorder(**spec: Any) -> ObjectReading:
    return reading("Recorder", "teams", **spec)


def policy(name: str = "main", **spec: Any) -> ObjectReading:
    return reading("RecordingPolicy", name, **spec)


def user_policy(name: str, modes: dict[str, str], **spec: Any) -> ObjectReading:
    overrides = [{"user": user, "mode": mode} for user, mode in modes.items()]
    return reading("UserPolicy", name, overrides=overrides, **spec)


def blacklist(name: str, patterns: list[str], **spec: Any) -> ObjectReading:
    return reading("Blacklist", name, numbers=[{"pattern": pattern} for pattern in patterns], **spec)


def retention(name: str = "main", **spec: Any) -> ObjectReading:
    return reading("RetentionRule", name, **spec)
