"""A recipe from the words of the command line, as text, and pinned in the folder of its run."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields, replace
from pathlib import Path
from typing import Any, Literal

from rich.pretty import pretty_repr

from masklet.cli.options import make_folder
from masklet.media import write_text
from masklet.train.config import Recipe, Validation
from masklet.train.loop import LAST
from masklet.train.recipes import RECIPES
from masklet.train.settings import Value, arguments, called, defaults, expected, override, settings, written

RECIPE = "recipe.json"
MAY_CHANGE = r"stages\.\d+\.steps|validation(\..*)?|save_every"
"""Settings that a run may be gone on with although they are others."""
_LISTED = 5


def planned(name: str, changes: Sequence[str], *, start: str | None = None, judged: bool = False) -> Recipe:
    """The recipe of a name with changes.

    Parameters
    ----------
    start: the model to start from. judged: whether the run is validated; then there are rules for that.

    Raises
    ------
    ValueError: no such recipe, or a change that it does not take. FileNotFoundError: no such model.
    """
    make = recipe_function(name)
    if start is not None:
        changes = [f"{_start_argument(make)}={start}", *changes]
    recipe, rest = called(make, changes)
    if judged and recipe.validation is None:
        recipe = replace(recipe, validation=Validation(every=min(max(recipe.steps // 10, 1), 500)))
    parts = [part.name for part in fields(recipe)]
    unknown = next(
        (key for change in rest if (key := change.partition("=")[0].strip()).split(".")[0] not in parts), None
    )
    if unknown is not None:
        own = ", ".join(key for key in arguments(make) if key not in parts)
        takes = f"{name} takes {own}, and " if own else ""
        raise ValueError(f"there is no setting {unknown}; {takes}there are {', '.join(parts)}; see --print")
    return override(recipe, rest)


def recipe_function(name: str) -> Callable[..., Recipe]:
    """The function of a recipe. Raises ValueError that names all of them."""
    if name not in RECIPES:
        raise ValueError(f"no recipe is called {name!r}; recipes: {', '.join(RECIPES)}")
    return RECIPES[name]


def _start_argument(make: Callable[..., Recipe]) -> str:
    """What --start sets: the recipe's `start`, or its `model` where that is what it starts from."""
    known = arguments(make)
    return "start" if "start" in known or "model" not in known or make().start is None else "model"


def parse_ratios(texts: Sequence[str]) -> dict[str, float]:
    """NAME=NUMBER of --ratio. Raises ValueError where one is not of that form."""
    found: dict[str, float] = {}
    for text in texts:
        name, _, number = text.rpartition("=")
        try:
            found[name] = float(number)
        except ValueError:
            name = ""
        if not name:
            raise ValueError(f"expected a ratio of the form NAME=NUMBER, got {text!r}")
    return found


def printed(name: str, recipe: Recipe, form: Literal["settings", "json", "python"]) -> str:
    """A recipe as text: as --set takes it (with the types), as JSON (as the run's folder holds it), or as Python."""
    found = settings(recipe)
    if form == "json":
        return json.dumps(found, indent=1)
    if form == "python":
        return pretty_repr(recipe, max_width=100)
    lines = [f"{key} = {written(value)}" for key, value in found.items()]
    width = min(max(map(len, lines)), 60)
    typed = [f"{line:{width}}  # {expected(recipe, key)}" for line, key in zip(lines, found, strict=True)]
    own = [f"# {key} = {written(value)}" for key, value in arguments(recipe_function(name)).items()]
    head = ["# arguments of the recipe, with their defaults; they can be set too", *own, ""] if own else []
    return "\n".join([*head, *typed])


def pin(folder: Path, recipe: Recipe, drawn: Mapping[str, Any], *, write: bool) -> None:
    """Write down what a run is (if this process is to `write`), or refuse to go on with another one.

    `drawn`: how samples are drawn from the data, as JSON.

    Raises
    ------
    ValueError: the folder holds a run of other settings; the message names them.
    """
    make_folder(folder)
    path = folder / RECIPE
    found: dict[str, Value] = {**settings(recipe), **{f"data.{name}": value for name, value in drawn.items()}}
    found = json.loads(json.dumps(found))
    if (folder / LAST).exists():
        if not path.is_file():
            raise ValueError(f"{folder} holds a run, but no {RECIPE} that says which: use another folder")
        # What nobody could set when the run began is what it is by itself.
        before = json.loads(json.dumps(defaults(recipe))) | json.loads(path.read_text(encoding="utf-8"))
        wrong = [
            key for key in (before | found) if before.get(key) != found.get(key) or (key in before) != (key in found)
        ]
        wrong = [key for key in wrong if not re.fullmatch(MAY_CHANGE, key)]
        if wrong:
            said = [f"{key} is {_known(before, key)} there and {_known(found, key)} here" for key in wrong[:_LISTED]]
            more = f", and {len(wrong) - _LISTED} more" if len(wrong) > _LISTED else ""
            raise ValueError(f"{folder} holds a run of another recipe: {', '.join(said)}{more}. Use another folder")
    if write:
        write_text(path, json.dumps(found, indent=1) + "\n")


def _known(found: Mapping[str, Value], key: str) -> str:
    return written(found[key]) if key in found else "nothing"
