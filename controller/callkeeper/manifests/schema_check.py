"""Objects checked against another set of published JSON Schemas, such as those of the version a cluster runs.

The layout is the one editors and kubeconform use, and in which `callkeeper schema` writes ours:
`callkeeper.dev/<kind in lower case>_<version>.json`. Nothing is fetched: a schema that refers to the network is
unusable.
"""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from callkeeper.kinds.finding import Finding, ObjectKey, PathPart, Severity
from callkeeper.kinds.terms import GROUP
from callkeeper.manifests.files import ManifestsError, cannot_read
from callkeeper.manifests.located import LocatedFinding, LocatedObject

if TYPE_CHECKING:
    from jsonschema.protocols import Validator

MAX_FINDINGS_PER_OBJECT = 500
"""As many as `kinds` gives out about one object."""

MAX_MESSAGE_LENGTH = 300
"""The library's messages quote the whole value, which may be a list of thousands."""

_NAME = re.compile(r"[A-Za-z0-9]+")
"""Kind and version become part of a file's path."""


class SchemaSet:
    """A folder of schemas; each is read when the first object needs it."""

    def __init__(self, folder: Path) -> None:
        """Use a folder that holds `callkeeper.dev/`.

        Raises:
            ManifestsError: there is no such folder.
        """
        if not folder.is_dir():
            raise ManifestsError(f"cannot read schemas from {folder}: it is not a folder")
        self._folder = folder
        self._validators: dict[Path, Validator | str] = {}

    def check(self, objects: Iterable[LocatedObject]) -> Iterator[LocatedFinding]:
        """Everything that the schemas have to say about the objects.

        Raises:
            ManifestsError: a schema file is there and cannot be read.
        """
        for one in objects:
            yield from (one.locate(finding) for finding in self._check_object(one))

    def _check_object(self, one: LocatedObject) -> Iterator[Finding]:
        kind = str(one.document.get("kind"))
        version = str(one.document.get("apiVersion")).rpartition("/")[2]
        if not _NAME.fullmatch(kind) or not _NAME.fullmatch(version):
            return  # said by whoever reads the object: there is no such kind or version
        path = self._folder / GROUP / f"{kind.lower()}_{version}.json"
        validator = self._validators.get(path)
        if validator is None:
            validator = self._validators[path] = _load(path)
        if isinstance(validator, str):
            rule = "schema.unusable" if path.exists() else "schema.missing"
            yield _error(rule, validator, one.key, ("kind",))
            return
        yield from islice(_findings(validator, one), MAX_FINDINGS_PER_OBJECT)


def _findings(validator: "Validator", one: LocatedObject) -> Iterator[Finding]:
    # Imported here: it costs more than the whole run without `--schemas`.
    from referencing.exceptions import Unresolvable  # noqa: PLC0415 - see above

    try:
        for error in validator.iter_errors(_without_nulls(one.document)):
            path = tuple(error.absolute_path)
            rule = f"schema.{error.validator}"
            message = error.message
            if len(message) > MAX_MESSAGE_LENGTH:
                message = f"{message[:MAX_MESSAGE_LENGTH]}…"
            unknown = list(_unknown_fields(error.validator, error.schema, error.instance))
            for name in unknown:
                yield _error(rule, f"the schema knows no field `{name}`", one.key, (*path, name), on_key=True)
            if not unknown:
                yield _error(rule, message, one.key, path)
    except Unresolvable as error:
        yield _error("schema.unusable", f"the schema refers to `{error.ref}`, which is not in it", one.key, ("kind",))


def _unknown_fields(validator: Any, schema: Any, instance: Any) -> Iterator[str]:
    if validator != "additionalProperties" or not isinstance(schema, Mapping) or not isinstance(instance, Mapping):
        return
    if schema.get("additionalProperties") is False and not schema.get("patternProperties"):
        yield from (name for name in instance if name not in schema.get("properties", {}))


def _load(path: Path) -> "Validator | str":
    """The validator of a schema file, or why there is none."""
    from jsonschema.exceptions import SchemaError  # noqa: PLC0415 - costs more than a run without `--schemas`
    from jsonschema.validators import Draft202012Validator, validator_for  # noqa: PLC0415 - likewise
    from referencing import Registry  # noqa: PLC0415 - likewise

    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return f"{path} does not exist, so this object cannot be checked against it"
    except OSError as error:
        raise cannot_read(path, error) from error
    except UnicodeDecodeError:
        return f"{path} is not UTF-8 text"
    try:
        schema = json.loads(text)
        kind = validator_for(schema, default=Draft202012Validator)
        kind.check_schema(schema)
    except (ValueError, RecursionError) as error:
        return f"{path} is not JSON: {error}"
    except SchemaError as error:
        return f"{path} is not a JSON Schema: {error.message}"
    # An empty registry: by default the library would fetch what a `$ref` names.
    validator: Validator = kind(schema, registry=Registry())
    return validator


def _without_nulls(value: Any) -> Any:
    """A null field is absent, as everywhere."""
    if isinstance(value, dict):
        return {name: _without_nulls(item) for name, item in value.items() if item is not None}
    if isinstance(value, list):
        return [_without_nulls(item) for item in value]
    return value


def _error(
    rule: str, message: str, key: ObjectKey | None, path: tuple[PathPart, ...], *, on_key: bool = False
) -> Finding:
    return Finding(rule=rule, severity=Severity.ERROR, message=message, key=key, path=path, on_key=on_key)
