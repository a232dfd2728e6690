"""One line for each rule, for formats that describe rules (SARIF) and for the reference in docs.

Rules of one kind are `<kind in lower case>.<what>`; most are the same for all kinds, so they are described by what they
say. The rule ids themselves stand where the rules are.
"""

_RULES = {
    "document.api-group": "The apiVersion looks like a misspelt Callkeeper group, so the document is skipped",
    "document.not-an-object": "A document is no Kubernetes object",
    "kustomize.cycle": "Kustomizations refer to each other in a circle, or too deep",
    "kustomize.not-applied": "A part of a kustomization is not applied when files are read directly",
    "kustomize.resource": "A kustomization names something that cannot be read",
    "kustomize.syntax": "A kustomization is not one document with fields",
    "object.duplicate": "The same kind and name stands twice",
    "object.kind": "There is no such kind",
    "object.too-large": "The object is too large to be stored in a cluster",
    "object.too-large-for-apply": "The object is too large for a client-side kubectl apply",
    "schema.missing": "The set of schemas has none for this kind",
    "schema.unusable": "A schema cannot be used",
    "yaml.aliases": "An alias leads nowhere, to itself, or repeats too much",
    "yaml.depth": "The document is nested too deep",
    "yaml.duplicate-key": "A field stands twice in one mapping",
    "yaml.encoding": "The file is not UTF-8 text",
    "yaml.key": "A field's name is not text",
    "yaml.merge": "A merge key does not name a mapping",
    "yaml.merge-order": "A merge key overrides a field that is set above it",
    "yaml.more": "There are more findings than are shown",
    "yaml.scalar": "A value has no form that kubectl can send",
    "yaml.syntax": "The document is not YAML",
    "yaml.too-large": "The file is too large to be read",
}

_RULES_OF_KINDS = {
    "api-version": "The apiVersion is not one there is",
    "confirm": "The confirmation annotation is not right",
    "confirmation-required": "The change needs a confirmation before it comes into force",
    "conflict": "Another object of the kind is in force for the same recorder",
    "duplicate": "The same entry stands twice",
    "embedded-twice": "More than one recorder without an endpoint",
    "more": "There are more findings than are shown",
    "pattern": "A number pattern is not right",
    "range": "A range of numbers is not right",
    "recorder-not-found": "The recorder an object belongs to is not among the files",
    "records-nothing": "Nothing would be recorded",
    "required": "A field that must be there is missing",
    "shadowed": "An entry is covered by another and has no effect",
    "too-long": "A text is too long",
    "too-many": "A list has too many entries",
    "too-many-wildcard-first": "Too many patterns start with a wildcard",
    "type": "A value is of another type than its field",
    "unknown-field": "There is no such field",
    "user-conflict": "One user has two different modes",
    "value": "A value is not one of those allowed",
}


def describe(rule: str) -> str:
    """One line about a rule; for a rule without one, its id in words."""
    if rule in _RULES:
        return _RULES[rule]
    subject, _, what = rule.partition(".")
    if subject == "schema":
        return f"The object does not fit the schema's `{what}`"
    known = _RULES_OF_KINDS.get(what)
    return f"{subject}: {known}" if known else f"{subject}: {what.replace('-', ' ')}"
