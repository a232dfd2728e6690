"""The docstring under each field of a model, read from the module's source.

pydantic can do this itself while it makes a class (`use_attribute_docstrings`), and would then parse the source of
every kind whenever anything is read. Only the renderer needs them, so only the renderer pays.
"""

import ast
import inspect
import re
from collections.abc import Iterator
from functools import cache
from types import ModuleType
from typing import cast

from callkeeper.kinds.resource import Part


def class_description(model: type[Part]) -> str:
    """The docstring of the model itself, its first paragraph."""
    return _flowing(model.__doc__ or "").partition("\n")[0]


def field_descriptions(model: type[Part]) -> dict[str, str]:
    """The docstring of each field by the field's name in a manifest, those of base models included.

    Raises:
        LookupError: a field has none.
    """
    described: dict[str, str] = {}
    for base in reversed(model.__mro__):
        if issubclass(base, Part):
            module = cast("ModuleType", inspect.getmodule(base))
            described |= _class_attributes(module).get(base.__name__, {})
    missing = sorted(set(model.model_fields) - set(described))
    if missing:
        raise LookupError(f"{model.__name__}.{missing[0]} has no docstring; write one under the field")
    return {field.alias or name: described[name] for name, field in model.model_fields.items()}


@cache
def _class_attributes(module: ModuleType) -> dict[str, dict[str, str]]:
    tree = ast.parse(inspect.getsource(module))
    classes = (node for node in tree.body if isinstance(node, ast.ClassDef))
    return {node.name: dict(_attributes(node)) for node in classes}


def _attributes(node: ast.ClassDef) -> Iterator[tuple[str, str]]:
    """An annotated assignment followed by a text is a field and its docstring."""
    for statement, following in zip(node.body, node.body[1:], strict=False):
        match statement, following:
            case ast.AnnAssign(target=ast.Name(id=name)), ast.Expr(value=ast.Constant(value=str(text))):
                yield name, _flowing(inspect.cleandoc(text))
            case _:
                continue


def _flowing(text: str) -> str:
    """One line a paragraph: the breaks in the source are the source's affair."""
    return "\n".join(" ".join(paragraph.split()) for paragraph in re.split(r"\n\s*\n", text.strip()))
