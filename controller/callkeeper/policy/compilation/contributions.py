"""What each object has in a config: whether two configs hold the same of it."""

from callkeeper.policy.config import RecorderConfig


def contributions(config: RecorderConfig | None) -> dict[str, int]:
    """What each object, by `kind/namespace/name`, has in a config, as a number to compare within this process."""
    if config is None:
        return {}
    parts: dict[str, list[object]] = {}
    policy = config.policy
    if policy.object:
        own = (policy.default_mode, policy.always_on_limit_percent, policy.sampled_out, policy.capture)
        parts.setdefault(policy.object, []).append(own)
    for section in (config.filter, config.retention, config.audit):
        if section.object:
            parts.setdefault(section.object, []).append(section)
    for override in policy.overrides:
        parts.setdefault(override.object, []).append(override)
    for entry in config.blacklist:
        parts.setdefault(entry.object, []).append(entry)
    for text in config.missing:
        parts.setdefault(text, []).append("missing")
    return {key: hash(tuple(own)) for key, own in parts.items()}


def differing(one: RecorderConfig | None, other: RecorderConfig | None) -> frozenset[str]:
    """The objects of which the two configs do not hold the same."""
    first, second = contributions(one), contributions(other)
    return frozenset(key for key in first.keys() | second.keys() if first.get(key) != second.get(key))
