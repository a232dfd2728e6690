"""Leaves of the objects that are left to whoever installs, and the two ways to resolve them.

A tree of plain values holds these leaves where an installer may choose. The kustomize writer takes each leaf's default;
the Helm writer puts a template expression there.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Value:
    """A value of the chart.

    Attributes:
        path: its place in `values.yaml`, `operator.replicas`.
        default: what it is when nobody says otherwise.
        description: for `values.yaml` and its schema.
        schema: what it may be, as JSON Schema.
    """

    path: str
    default: Any
    description: str
    schema: Mapping[str, Any] = field(default_factory=dict)

    @property
    def reference(self) -> str:
        """How a template names it; from inside a `range` too."""
        return f"$.Values.{self.path}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Expression:
    """A leaf that only templates can spell.

    Attributes:
        plain: what it is without Helm.
        template: what stands in the chart instead, with its braces.
    """

    plain: Any
    template: str


@dataclass(frozen=True, slots=True)
class Join:
    """Text put together from text and leaves."""

    parts: tuple[Any, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Each:
    """Items of a list, made by a loop.

    Attributes:
        plain: the items without Helm.
        over: what a template loops over.
        item: an item as a template says it; `.` is where the loop is.
    """

    plain: tuple[str, ...]
    over: str
    item: str


def each(value: Value, prefix: str, plain: tuple[str, ...] | None = None) -> Each:
    """An item for each text of a value; `plain` where others stand for it without Helm."""
    chosen = tuple(value.default) if plain is None else plain
    return Each(plain=tuple(prefix + one for one in chosen), over=value.reference, item=f"{prefix}{{{{ . }}}}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Either:
    """Items of a list that depend on a flag.

    Attributes:
        flag: which of the two.
        when: items where it is true.
        otherwise: items where it is not.
    """

    flag: Value
    when: tuple[str, ...]
    otherwise: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Merged:
    """A mapping to which a value, a mapping too, adds.

    Attributes:
        fixed: what is always there.
        value: what is added.
    """

    fixed: Mapping[str, str]
    value: Value


def join(*parts: Any) -> Join:
    """Text from parts."""
    return Join(parts)


def plain(tree: Any) -> Any:
    """The tree with every leaf's default; keys whose value is None are left out."""
    if isinstance(tree, Mapping):
        resolved = {key: plain(item) for key, item in tree.items()}
        return {key: item for key, item in resolved.items() if item is not None}
    if isinstance(tree, list | tuple):
        return list(_plain_items(tree))
    return _plain_leaf(tree)


def _plain_leaf(tree: Any) -> Any:
    match tree:
        case Value():
            return tree.default
        case Expression():
            return tree.plain
        case Join():
            return "".join(str(plain(part)) for part in tree.parts)
        case Merged():
            return {**tree.fixed, **tree.value.default}
        case _:
            return tree


def _plain_items(items: list[Any] | tuple[Any, ...]) -> Iterator[Any]:
    for item in items:
        if isinstance(item, Each):
            yield from item.plain
        elif isinstance(item, Either):
            yield from item.when if item.flag.default else item.otherwise
        else:
            yield plain(item)


class Templates:
    """Turns leaves into tokens that survive being written as YAML, and the tokens into template expressions after."""

    def __init__(self) -> None:
        self._inline: dict[str, str] = {}
        self._blocks: dict[str, str] = {}

    def tokens(self, tree: Any) -> Any:
        """The tree with a token for every leaf."""
        if isinstance(tree, Mapping):
            return {key: self.tokens(item) for key, item in tree.items()}
        if isinstance(tree, list | tuple):
            return [self._item(item) for item in tree]
        return self._leaf(tree)

    def _item(self, item: Any) -> Any:
        match item:
            case Each():
                return self._block(f'{{{{- range {item.over} }}}}\n@- "{item.item}"\n{{{{- end }}}}')
            case Either():
                when, otherwise = (_listed(items) for items in (item.when, item.otherwise))
                return self._block(
                    f"{{{{- if {item.flag.reference} }}}}\n{when}{{{{- else }}}}\n{otherwise}{{{{- end }}}}"
                )
            case _:
                return self.tokens(item)

    def _leaf(self, leaf: Any) -> Any:
        match leaf:
            case Value():
                return self._token(f"{{{{ toJson {leaf.reference} }}}}")
            case Expression():
                return self._token(leaf.template)
            case Join():
                return "".join(self._part(part) for part in leaf.parts)
            case Merged():
                return self._token(f"{{{{ toJson (merge (dict {_words(leaf.fixed)}) {leaf.value.reference}) }}}}")
            case _:
                return leaf

    def _part(self, part: Any) -> str:
        if isinstance(part, Value):
            return self._token(f"{{{{ {part.reference} }}}}")
        return str(self.tokens(part))

    def _block(self, template: str) -> str:
        token = f"callkeeperBlock{len(self._blocks)}z"
        self._blocks[token] = template
        return token

    def _token(self, template: str) -> str:
        token = f"callkeeperInline{len(self._inline)}z"
        self._inline[token] = template
        return token

    def resolved(self, text: str) -> str:
        """The YAML text with template expressions in the places of the tokens."""
        lines = []
        for line in text.replace("{{", '{{ "{{" }}').splitlines():
            indent, _, item = line.partition("- ")
            block = self._blocks.get(item)
            lines += [line] if block is None else block.replace("@", indent).splitlines()
        return _replaced("\n".join(lines) + "\n", self._inline)


def _listed(items: tuple[str, ...]) -> str:
    return "".join(f'@- "{item}"\n' for item in items)


def _words(fixed: Mapping[str, str]) -> str:
    return " ".join(f'"{key}" "{text}"' for key, text in fixed.items())


def _replaced(text: str, expressions: Mapping[str, str]) -> str:
    for token, expression in expressions.items():
        text = text.replace(token, expression)
    return text
