"""Every rule id of findings that the code can make, collected from the code; and what docs/reference/rules.md says.

A rule id is `<kind or source>.<what>`. Where the code writes it whole, it is read whole; where the first part is put in
at run time, only the second part can be read, and the page must have a row for it.
"""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

RULE = re.compile(r"[a-z]+\.[a-z]+(?:-[a-z]+)*")
_WHAT = re.compile(r"[a-z]+(?:-[a-z]+)*")
_SOURCE = re.compile(r"(?:yaml|document|object|kustomize|users|folder|schema)\.(?!csv$|json$)[a-z]+(?:-[a-z]+)*")
_ROW = re.compile(r"^\| `(?P<rule>[a-z<>]+\.[a-z<>-]+)` \| (?P<severity>[a-z, ]+) \| (?P<meaning>.+) \|$", re.MULTILINE)
_MAKERS = {"Finding", "Wording", "no_match", "finding", "_finding", "DocumentError", "_defect", "say", "refuse"}
ANY_KIND = "<kind>"


def rules_in_code(root: Path) -> set[str]:
    """Whole ids (`yaml.syntax`), and `*.<what>` where the first part is put in at run time."""
    found: set[str] = set()
    for path in sorted(root.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and _name(node.func) in _MAKERS:
                found.update(_rules_of(node))
            elif isinstance(node, ast.Constant) and _SOURCE.fullmatch(str(node.value)):
                found.add(str(node.value))
            elif isinstance(node, ast.Assign):
                found.update(_named_what(node))
    return found


def _named_what(assignment: ast.Assign) -> Iterator[str]:
    """`what, message, hint = "required", …`: how the models' own complaints get their second part."""
    for target in assignment.targets:
        match target, assignment.value:
            case (
                ast.Tuple(elts=[ast.Name(id="what"), *_]),
                ast.Tuple(elts=[ast.Constant(value=str(text)), *_]),
            ):
                yield f"*.{text}"
            case _:
                continue


def _rules_of(call: ast.Call) -> Iterator[str]:
    arguments = [keyword.value for keyword in call.keywords if keyword.arg == "rule"]
    if not arguments and _name(call.func) != "Finding":
        arguments = call.args[:3]
    for argument in arguments:
        text = _text(argument)
        if text is None:
            continue
        if RULE.fullmatch(text):
            yield text
            return
        what = text.rpartition(".")[2]
        if _WHAT.fullmatch(what) and (text.startswith("*") or _name(call.func) in {"Wording", "no_match", "finding"}):
            yield f"*.{what}"
            return


def _text(node: ast.expr) -> str | None:
    """A text, with `*` for what is put in at run time."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.JoinedStr):
        return "".join(str(part.value) if isinstance(part, ast.Constant) else "*" for part in node.values)
    return None


def _name(node: ast.expr) -> str:
    if isinstance(node, ast.Name):
        return node.id
    return node.attr if isinstance(node, ast.Attribute) else ""


def documented_rules(page: str) -> list[tuple[str, str, str]]:
    """Rule, severity and meaning of each row of the page."""
    return [(match["rule"], match["severity"], match["meaning"]) for match in _ROW.finditer(page)]


def findings_of_kind(page: str, kind: str) -> list[tuple[str, str, str]]:
    """The rows that name a rule of this kind alone, in the page's order."""
    return [row for row in documented_rules(page) if row[0].startswith(f"{kind.lower()}.")]
