"""One line for each rule, for formats that describe rules (SARIF) and for the reference in docs.

Rules of one kind are `<kind in lower case>.<what>`; most are the same for all kinds, so they are described by what they
say. The rule ids themselves stand where the rules are.
"""

_RULES = {
    "document.api-group": "The apiVersion looks like a misspelt Callkeeper group, so the document is skipped",
    "document.none": "There is no object of ours, so nothing was checked",
    "document.not-an-object": "A document is no Kubernetes object",
    "kustomize.cycle": "Kustomizations refer to each other in a circle, or too deep",
    "kustomize.not-applied": "A part of a kustomization is not applied when files are read directly",
    "kustomize.resource": "A kustomization names something that cannot be read",
    "kustomize.syntax": "A kustomization is not one document with fields",
    "object.duplicate": "The same kind and name stands twice",
    "object.kind": "There is no such kind",
    "object.protected": "The object is guarded against deletion by its annotation",
    "object.too-large": "The object is too large to be stored in a cluster",
    "object.too-large-for-apply": "The object is too large for a client-side kubectl apply",
    "schema.missing": "The set of schemas has none for this kind",
    "schema.unusable": "A schema cannot be used",
    "folder.unreadable": "A folder cannot be read",
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
    "action": "The name of an action is not right",
    "api-version": "The apiVersion is not one there is",
    "application-name": "The name of the application is not right",
    "confirm": "The confirmation annotation is not right",
    "confirmation-required": "The change needs a confirmation before it comes into force",
    "conflict": "Another object of the kind is in force for the same recorder",
    "credentials": "A recorder is given credentials in two ways",
    "credentials-file": "The path of the credentials is not inside the folder",
    "duplicate": "The same entry stands twice",
    "duration": "A duration is not one the field takes",
    "embedded-twice": "More than one recorder without an endpoint",
    "empty-range": "A range of time ends before it begins",
    "endpoint": "The address of a recorder is not right",
    "everything": "A pattern for everything leaves out numbers with a leading +, or those without",
    "instant": "An instant is not right",
    "key": "The name of a key is not right",
    "minimum-retention": "The minimum retention is longer than the retention",
    "more": "There are more findings than are shown",
    "no-direction": "Calls with a direction would not be recorded",
    "null": "A field is null, which a server-side apply refuses",
    "pattern": "A number pattern is not right",
    "range": "A range of numbers is not right",
    "recorder-not-found": "The recorder an object belongs to is not among the files",
    "records-nothing": "Nothing would be recorded",
    "required": "A field that must be there is missing",
    "rotation": "A rotation is not right",
    "shadowed": "An entry is covered by another and has no effect",
    "too-long": "A text is too long",
    "too-many": "A list has too many entries",
    "too-many-wildcard-first": "Too many patterns start with a wildcard",
    "twin": "A number is listed with a leading + only, or without it only",
    "type": "A value is of another type than its field",
    "unknown-field": "There is no such field",
    "unused": "A field has no effect here",
    "user-unknown": "An override is for a user whom users.csv does not list",
    "user": "A user is not named by an id or an e-mail address",
    "user-conflict": "One user has two different modes",
    "value": "A value is not one of those allowed",
}


_RULES_OF_USERS = {
    "file": "users.csv cannot be read, is too large, or is not UTF-8",
    "row": "A row of users.csv, or its header, cannot be read",
}


def describe(rule: str) -> str:
    """One line about a rule; for a rule without one, its id in words."""
    if rule in _RULES:
        return _RULES[rule]
    subject, _, what = rule.partition(".")
    if subject == "schema":
        return f"The object does not fit the schema's `{what}`"
    if subject == "users":
        return _RULES_OF_USERS.get(what, f"A cell of column `{what}` in users.csv is wrong")
    known = _RULES_OF_KINDS.get(what)
    return f"{subject}: {known}" if known else f"{subject}: {what.replace('-', ' ')}"
