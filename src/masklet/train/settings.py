"""A recipe as a flat list of settings, and the same list as the way to change one: `stages.0.steps=200`.

A key is the path of a value through the recipe's dataclasses; tuples of them count from 0, and `*` means each. Values
are read by the type that the field declares, so a wrong one is refused with what was expected.
"""

from __future__ import annotations

import inspect
import json
import math
import re
import types
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import MISSING, Field, dataclass, field, fields, is_dataclass, replace
from typing import Any, Literal, TypeGuard, TypeVar, Union, get_args, get_origin, get_type_hints

from masklet.model.configs import CONFIGS, ModelConfig

T = TypeVar("T")
Value = bool | int | float | str | None | list[Any]
"""What a setting can hold, as JSON has it."""

_NAMES: dict[type, Mapping[str, Any]] = {ModelConfig: CONFIGS}
"""Types with values that have names."""


def settings(recipe: Any) -> dict[str, Value]:
    """Every setting of a recipe (or of a part of one), in the order of its fields.

    Where a field takes one of several classes, its own key holds the class's name.

    Example
    -------
    >>> from masklet.train.config import Cosine
    >>> settings(Cosine(warm_up=5))
    {'warm_up': 5, 'floor': 0.1}
    """
    return dict(_leaves(recipe, type(recipe), ""))


def override(recipe: T, changes: Sequence[str]) -> T:
    """The recipe with changes of the form `key=value`; of two for the same key the later one counts.

    Values: numbers, `true` and `false`, texts, `None`, `1,2` (or JSON: `["a", "b"]`) for tuples, a class's name where
    one of several is to be chosen, a model's name where a model is.

    Raises
    ------
    ValueError: no such key, a value of another type, or one that the recipe refuses; the message names the key and what
        was expected.

    Example
    -------
    >>> from masklet.train.config import Cosine
    >>> override(Cosine(), ["warm_up=5"])
    Cosine(warm_up=5, floor=0.1)
    """
    tree = _Node()
    for change in changes:
        key, text = _split(change)
        node = tree
        for name in key.split("."):
            node = node.parts.setdefault(name, _Node())
        node.text = text
    return _changed(recipe, type(recipe), tree, "")


def arguments(make: Callable[..., T]) -> dict[str, Value]:
    """The arguments of a recipe's function, with their defaults."""
    return {name: _plain(parameter.default) for name, parameter in inspect.signature(make).parameters.items()}


def called(make: Callable[..., T], changes: Sequence[str]) -> tuple[T, list[str]]:
    """The recipe that a function makes of those changes that are its arguments, and the other changes.

    Raises
    ------
    ValueError: a change that is not `key=value`, or an argument that is of another type or that the function refuses.
    """
    hints, known = get_type_hints(make), arguments(make)
    given: dict[str, Any] = {}
    rest: list[str] = []
    for change in changes:
        key, text = _split(change)
        if key in known:
            given[key] = _parsed(text, hints[key], key)
        else:
            rest.append(change)
    return make(**given), rest


def written(value: Value) -> str:
    """A value as `override` reads it."""
    if isinstance(value, str):
        return value
    return "None" if value is None else json.dumps(value)


def expected(recipe: Any, key: str) -> str:
    """What the value of a setting has to be, in words. `key` is one of `settings(recipe)`."""
    kind: Any = type(recipe)
    for name in key.split("."):
        if isinstance(recipe, tuple):
            recipe, kind = recipe[int(name)], get_args(kind)[0]
        else:
            kind, recipe = _kinds(type(recipe))[name], getattr(recipe, name)
    return _wanted(kind)


def defaults(recipe: Any) -> dict[str, Value]:
    """The settings of a recipe that are something where nothing is said of them, with what they are then.

    Example
    -------
    >>> from masklet.train.config import Cosine
    >>> defaults(Cosine(warm_up=5))
    {'warm_up': 0, 'floor': 0.1}
    """
    found: dict[str, Value] = {}
    for key in settings(recipe):
        *path, last = key.split(".")
        part = recipe
        for name in path:
            part = part[int(name)] if isinstance(part, tuple) else getattr(part, name)
        start = _default(next(each for each in fields(part) if each.name == last))
        if start is not MISSING:
            found[key] = _plain(start)
    return found


@dataclass(slots=True)
class _Node:
    """What was said of a key and of the keys below it."""

    text: str | None = None
    parts: dict[str, _Node] = field(default_factory=dict)


def _split(change: str) -> tuple[str, str]:
    key, given, text = change.partition("=")
    if not given or not key.strip():
        raise ValueError(f"expected a setting of the form key=value, got {change!r}")
    return key.strip(), text.strip()


def _leaves(value: Any, kind: Any, key: str) -> Iterator[tuple[str, Value]]:
    if is_dataclass(value):
        if len(_members(kind)) > 1:
            yield key, type(value).__name__
        for name, part in _kinds(type(value)).items():
            yield from _leaves(getattr(value, name), part, _below(key, name))
    elif isinstance(value, tuple) and any(is_dataclass(part) for part in value):
        for index, part in enumerate(value):
            yield from _leaves(part, get_args(kind)[0], _below(key, str(index)))
    else:
        yield key, list(value) if isinstance(value, tuple) else value


def _changed(value: Any, kind: Any, node: _Node, key: str) -> Any:
    """`value`, a field of type `kind`, with what `node` says of it."""
    if node.text is not None:
        made = _named(kind, node.text)
        if made is None:
            value = _parsed(node.text, kind, key)
        elif type(value) is not made:
            return _built(made, node, key)
    if not node.parts:
        return value
    if is_dataclass(value) and not isinstance(value, type):
        kinds = _kinds(type(value))
        for name in node.parts:
            if name not in kinds:
                raise ValueError(f"there is no setting {_below(key, name)}; there are: {_listed(kinds, key)}")
        changes = {
            name: _changed(getattr(value, name), kinds[name], part, _below(key, name))
            for name, part in node.parts.items()
        }
        return _checked(lambda: replace(value, **changes), key)
    if isinstance(value, tuple) and any(is_dataclass(part) for part in value):
        return _items_changed(value, get_args(kind)[0], node, key)
    first = _below(key, next(iter(node.parts)))
    raise ValueError(f"there is no setting {first}: {key} is {written(_plain(value))}; expected {_wanted(kind)}")


def _items_changed(value: tuple[Any, ...], kind: Any, node: _Node, key: str) -> tuple[Any, ...]:
    items = list(value)
    for name, part in node.parts.items():
        if name != "*" and not (name.isdecimal() and int(name) < len(items)):
            places = ", ".join(_below(key, str(index)) for index in range(len(items)))
            raise ValueError(f"there is no setting {_below(key, name)}; there are: {places}, or {key}.* for each")
        for index in range(len(items)) if name == "*" else (int(name),):
            items[index] = _changed(items[index], kind, part, _below(key, str(index)))
    return tuple(items)


def _named(kind: Any, text: str) -> type | None:
    """The class that `text` names, out of those that a field can be made of."""
    return next((made for made in _members(kind) if _is_part(made) and made.__name__ == text), None)


def _is_part(kind: Any) -> TypeGuard[type]:
    """Whether a type is a dataclass."""
    return isinstance(kind, type) and is_dataclass(kind)


def _built(made: type, node: _Node, key: str) -> Any:
    """A new part of class `made`: its defaults, and what was said of its fields."""
    kinds = _kinds(made)
    for name in node.parts:
        if name not in kinds:
            raise ValueError(f"there is no setting {_below(key, name)}; there are: {_listed(kinds, key)}")
    given: dict[str, Any] = {}
    for part in fields(made):
        name, start = part.name, _default(part)
        if name in node.parts:
            start = None if start is MISSING else start
            given[name] = _changed(start, kinds[name], node.parts[name], _below(key, name))
        elif start is MISSING:
            raise ValueError(f"{key}={made.__name__} needs {_below(key, name)} too: {_wanted(kinds[name])}")
    return _checked(lambda: made(**given), key)


def _default(part: Field[Any]) -> Any:
    """What a field is where nothing is said of it; MISSING where something has to be."""
    return part.default if part.default_factory is MISSING else part.default_factory()


def _checked(make: Callable[[], T], key: str) -> T:
    """What `make` makes; a recipe's own objection gets the key that it is about."""
    try:
        return make()
    except ValueError as error:
        raise ValueError(f"{key}: {error}" if key else str(error)) from None


def _parsed(text: str, kind: Any, key: str) -> Any:
    try:
        return _read(text, kind)
    except ValueError:
        raise ValueError(f"{key}: expected {_wanted(kind)}, got {text!r}") from None


def _read(text: str, kind: Any) -> Any:  # noqa: PLR0911 (one line a type)
    members = _members(kind)
    if len(members) > 1:
        return _first_of(text, members)
    if kind is types.NoneType:
        return _one_of(text, {"None": None, "none": None, "null": None})
    if kind is bool:
        return _one_of(text.lower(), {"true": True, "false": False})
    if kind is int:
        return int(text)
    if kind is float:
        return _finite(float(text))
    if kind is str:
        return text
    if get_origin(kind) is Literal:
        return _one_of(text, {str(value): value for value in get_args(kind)})
    if get_origin(kind) is tuple:
        return _read_tuple(text, get_args(kind))
    if kind in _NAMES:
        return _one_of(text, _NAMES[kind])
    raise ValueError(text)


def _read_tuple(text: str, parts: tuple[Any, ...]) -> tuple[Any, ...]:
    if _is_part(parts[0]):
        raise ValueError(text)
    if text.startswith("["):
        items = [written(item) for item in json.loads(text)]
    else:
        inner = text[1:-1] if text.startswith("(") and text.endswith(")") and parts[0] is not str else text
        items = [item.strip() for item in inner.split(",") if item.strip()] if inner != "()" else []
    kinds = [parts[0]] * len(items) if parts[-1] is Ellipsis else list(parts)
    if len(items) != len(kinds):
        raise ValueError(text)
    return tuple(_read(item, kind) for item, kind in zip(items, kinds, strict=True))


def _first_of(text: str, kinds: Sequence[Any]) -> Any:
    """Read as the first type that takes it; None before the others, since a text takes anything."""
    for kind in sorted(kinds, key=lambda kind: kind is not types.NoneType):
        try:
            return _read(text, kind)
        except ValueError:
            continue
    raise ValueError(text)


def _one_of(text: str, values: Mapping[str, T]) -> T:
    if text not in values:
        raise ValueError(text)
    return values[text]


def _finite(value: float) -> float:
    if not math.isfinite(value):
        raise ValueError(value)
    return value


def _wanted(kind: Any) -> str:  # noqa: PLR0911 (one line a type)
    """A type in words."""
    plain = {bool: "true or false", int: "a whole number", float: "a number", str: "a text", types.NoneType: "None"}
    members = _members(kind)
    if len(members) > 1:
        return _either([_wanted(member) for member in members])
    if kind in plain:
        return plain[kind]
    if get_origin(kind) is Literal:
        return _either([str(value) for value in get_args(kind)])
    if get_origin(kind) is tuple:
        parts = get_args(kind)
        if _is_part(parts[0]):
            return f"its parts one by one ({parts[0].__name__}: {', '.join(_kinds(parts[0]))})"
        word = re.sub(r"^an? ", "", _wanted(parts[0])) + "s"
        return f"{word} with commas between them" if parts[-1] is Ellipsis else f"{len(parts)} {word}: a,b"
    if kind in _NAMES:
        return f"{_either(list(_NAMES[kind]))} (or its parts one by one)"
    return kind.__name__


def _either(words: Sequence[str]) -> str:
    return " or ".join(filter(None, (", ".join(words[:-1]), words[-1])))


def _members(kind: Any) -> tuple[Any, ...]:
    return get_args(kind) if get_origin(kind) in {Union, types.UnionType} else (kind,)


def _kinds(made: type) -> dict[str, Any]:
    """Field -> its type, of a dataclass."""
    hints = get_type_hints(made)
    return {part.name: hints[part.name] for part in fields(made)}


def _listed(names: Mapping[str, Any], key: str) -> str:
    return ", ".join(_below(key, name) for name in names)


def _below(key: str, name: str) -> str:
    return f"{key}.{name}" if key else name


def _plain(value: Any) -> Value:
    return list(value) if isinstance(value, tuple) else type(value).__name__ if is_dataclass(value) else value
