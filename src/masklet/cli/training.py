"""A training run from the words of the command line: its recipe, its data, its folder, and who watches."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import torch
from rich.console import Console

from masklet.cli.options import usable_device
from masklet.cli.planning import pin, planned
from masklet.cli.validating import Amount, Validator, open_validation
from masklet.data.augment import AUGMENTATIONS
from masklet.data.licences import stated_licence
from masklet.data.sources import Collection, open_collections, sources_of
from masklet.metrics.manifest import machine
from masklet.model.sam2 import Sam2
from masklet.train.card import CARD, CardFacts, CardWriter, DataSet
from masklet.train.config import Mae, Recipe, Validation
from masklet.train.distributed import Sharding, World, world
from masklet.train.history import History
from masklet.train.initial import load_trunk, start_from, tie_memory
from masklet.train.loop import BEST, LAST, WEIGHTS, Watcher, train
from masklet.train.page import PAGE, PageWatcher
from masklet.train.recipes.nano import STILL_SHARES
from masklet.train.watchers import LiveLine, TensorBoard
from masklet.train.wording import duration, percent

_AUGMENTATIONS = {"mae": "cropped", "image": "flipped", "nano": "strong"}
"""Recipe -> how samples are varied where nothing else is said, and it is not as published for the other ones."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """What the command line says; see `masklet train --help`.

    `augmentation`: None: what suits the recipe. `ratios`: name of a data set -> how often it is drawn. `workers`:
    processes that prepare batches.
    """

    recipe: str
    data: Path
    folder: Path
    changes: Sequence[str] = ()
    start: str | None = None
    trunk: Path | None = None
    augmentation: str | None = None
    ratios: Mapping[str, float]
    workers: int = 0
    device: str | None = None
    sharding: Sharding = "ddp"
    validate: Sequence[Path] = ()
    amount: Amount
    limits: Sequence[str] = ()
    tensorboard: bool = False


def run_job(job: Job) -> int:
    """Train, or go on, in the job's folder; returns the exit code.

    Raises
    ------
    ValueError, OSError: anything wrong with the input or the disk. What was saved before is in the folder nevertheless.
    """
    recipe = planned(job.recipe, job.changes, start=job.start, judged=bool(job.validate))
    device = None if job.device is None else usable_device(job.device)
    if job.device == "cuda":
        device = None  # each process takes its own
    cv2.setNumThreads(1)  # the batch thread must not spread over the cores that the optimiser uses
    collections = open_collections(job.data)
    _check_masks(recipe, job.data, collections)
    ratios = dict(job.ratios) or _usual_ratios(job.recipe, collections)
    augmentation = job.augmentation or _AUGMENTATIONS.get(job.recipe, "published")
    sources = sources_of(collections, augmentation=AUGMENTATIONS[augmentation], ratios=ratios)
    with ExitStack() as stack:
        joined = stack.enter_context(world(device, job.sharding))
        validator = open_validation(job.validate, job.amount, joined.device) if job.validate else None
        if validator is not None:
            recipe = _watching(recipe, validator)
        pin(job.folder, recipe, {"augmentation": augmentation, "ratios": ratios}, write=joined.leads)
        history = History.read(job.folder, recipe)
        console = Console(stderr=True)
        watchers = _watchers(job, history, collections, validator, joined, console) if joined.leads else ()
        before = history.done
        try:
            train(
                recipe,
                sources,
                job.folder,
                prepare=lambda model: _prepare(model, recipe, job.trunk),
                validate=validator,
                watchers=watchers,
                world=joined,
                workers=job.workers,
            )
        except FloatingPointError as error:
            raise ValueError(
                f"{error}; {job.folder / LAST} is as it was. A lower rate may help: --set optimiser.rate="
            ) from None
        if joined.leads:
            return _conclude(job, history, before)
    return 0


def _check_masks(recipe: Recipe, data: Path, collections: Sequence[Collection]) -> None:
    """Raises ValueError where a recipe that learns from masks is to learn from pictures without them."""
    without = [collection.name for collection in collections if collection.unlabelled]
    if without and not isinstance(recipe.objective, Mae):
        within = "" if len(collections) == 1 else f" in {', '.join(without)}"
        raise ValueError(
            f"{data}: pictures without masks{within}, which only the recipe mae learns from; {recipe.name} needs "
            "masks, for example images/ beside masks/, or a COCO JSON; `masklet data --help` says what is recognised"
        )


def _watching(recipe: Recipe, validator: Validator) -> Recipe:
    """The recipe, watching a figure that there will be: the first, where it has the default, which there is not."""
    assert recipe.validation is not None
    watched, names = recipe.validation.watch, validator.names
    if not names:
        raise ValueError("there is nothing to validate on: no clips and no pictures are to be used")
    if watched in names:
        return recipe
    if watched != Validation().watch:
        raise ValueError(f"validation.watch is {watched!r}, but the figures will be {', '.join(names)}")
    return replace(recipe, validation=replace(recipe.validation, watch=names[0]))


def _prepare(model: Sam2, recipe: Recipe, trunk: Path | None) -> None:
    """Fill the weights that a new run starts from."""
    if recipe.start is not None:
        if trunk is not None:
            raise ValueError(f"expected a model to start from or a trunk, got {recipe.start} and {trunk}")
        start_from(model, recipe.start)
        return
    if trunk is not None:
        load_trunk(model, trunk)
    if recipe.model.readout is not None:
        tie_memory(model)


def _usual_ratios(name: str, collections: Sequence[Collection]) -> dict[str, float]:
    """How the data sets of `nano` are mixed, where they are what it is trained on."""
    names = [collection.name for collection in collections]
    return {key: share for key, share in STILL_SHARES.items() if key in names} if name == "nano" else {}


def _watchers(
    job: Job,
    history: History,
    collections: Sequence[Collection],
    validator: Validator | None,
    joined: World,
    console: Console,
) -> Sequence[Watcher]:
    """Those who follow the run, the history before those who look at it."""
    recipe = history.recipe
    with torch.device("meta"):
        parameters = sum(weight.numel() for weight in Sam2(recipe.model).parameters())
    judged = _judged_on(job, validator)
    card = CardFacts(
        data=[data_set(job.data, collection) for collection in collections],
        validation=judged,
        machine=_machine(joined),
        parameters=parameters,
        changes=job.changes,
        limits=job.limits,
    )
    facts = [
        ("model", f"{recipe.model.name}, {parameters / 1e6:.1f} million parameters"),
        ("started from", recipe.start or ("random weights" if job.trunk is None else job.trunk.name)),
        ("data", "; ".join(f"{data.name}: {data.used}" for data in card.data)),
        ("validated on", judged or "nothing"),
        ("machine", card.machine),
        ("changed settings", ", ".join(job.changes) or "none"),
    ]
    watchers: list[Watcher] = [
        history,
        LiveLine(history, console),
        PageWatcher(history, job.folder, facts, lambda: validator.strips if validator else ()),
        CardWriter(history, job.folder, card),
    ]
    if job.tensorboard:
        watchers.append(TensorBoard(history, job.folder))
    return watchers


def _judged_on(job: Job, validator: Validator | None) -> str:
    """What is validated on, in words."""
    if validator is None:
        return ""
    names = ", ".join(path.resolve().name for path in job.validate)
    parts: list[str] = []
    if validator.videos:
        parts.append(f"{len(validator.videos)} clips (at most {job.amount.frames} frames each)")
    if validator.pictures:
        parts.append(f"{len(validator.pictures)} pictures ({job.amount.objects} largest objects each)")
    return f"{' and '.join(parts)} of {names}"


def data_set(root: Path, collection: Collection) -> DataSet:
    """A data set in `root` for the model card: what is in it as far as no clip has to be opened, and its licence."""
    parts: list[str] = []
    if collection.pictures:
        parts.append(f"{len(collection.pictures)} pictures")
    if collection.unlabelled:
        parts.append(f"{len(collection.unlabelled)} pictures without masks")
    if collection.clips:
        parts.append(f"{len(collection.clips)} clips")
        if collection.lengths is not None:
            parts.append(f"{sum(collection.lengths)} annotated frames")
    places = (root / "stills" / collection.name, root / collection.name, root)
    found = next((said for place in places if place.exists() and (said := stated_licence(place))), None)
    return DataSet(name=collection.name, used=", ".join(parts), licence=found)


def _machine(joined: World) -> str:
    found = machine([str(joined.device)])
    cpu = f"{os.cpu_count()} threads of {found['cpu']}"
    gpu = "" if joined.device.type == "cpu" else found.get(str(joined.device), str(joined.device)) + ", "
    return f"{joined.size} x " * (joined.size > 1) + gpu + cpu


def _conclude(job: Job, history: History, before: int) -> int:
    """Say how the run ended and what there is now."""
    console = Console(soft_wrap=True, highlight=False)
    recipe, folder, best = history.recipe, job.folder, history.best()
    steps = f"{history.done} of {recipe.steps} steps"
    if history.gave_up and not history.finished:
        said = f"ended after {steps}: no better {_watched(recipe)} any more (validation.patience)"
    elif not history.finished:
        said = f"stopped after step {history.done} of {recipe.steps}, saved; the same command goes on"
    elif history.done == before:
        said = f"all {before} steps were made before; more of them: --set stages.0.steps="
    else:
        said = f"{history.done} steps, {duration(history.seconds)}"
    console.print(said, markup=False)
    if best is not None:
        said = f"{_watched(recipe)} {percent(best[_watched(recipe)])} at step {best['step']}"
        console.print(f"best    {folder / BEST}  ({said})", markup=False)
    for label, name in (("weights", WEIGHTS), ("page", PAGE), ("card", CARD)):
        console.print(f"{label:7} {folder / name}", markup=False)
    return 0 if history.finished or history.gave_up else 130


def _watched(recipe: Recipe) -> str:
    assert recipe.validation is not None
    return recipe.validation.watch
