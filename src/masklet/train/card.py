"""The model card of a run, in Markdown: what the weights were made of, how, and how good they are.

What nobody has said is said to be unknown: a card without a gap is for people to write.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from masklet.export.files import atomic_path
from masklet.model.configs import ModelConfig
from masklet.train.config import Distill, KeepTracking, Mae, Recipe, Segment
from masklet.train.history import History, figures_of
from masklet.train.loop import BEST, WEIGHTS, Record
from masklet.train.page import state
from masklet.train.wording import duration, percent, rate_text

CARD = "card.md"


@dataclass(frozen=True, slots=True, kw_only=True)
class DataSet:
    """A part of the training data: its name, what was used of it ("100 pictures"), its licence as far as it says so."""

    name: str
    used: str
    licence: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CardFacts:
    """What a card says that is not in the run's folder.

    Attributes
    ----------
    data: what it was trained on. validation: what the figures were measured on, in words; empty for nothing.
    machine: what trained it. parameters: of the model. changes: of the recipe's settings.
    limits: sentences on what the model is not good for.
    """

    data: Sequence[DataSet]
    validation: str
    machine: str
    parameters: int
    changes: Sequence[str] = ()
    limits: Sequence[str] = ()


class CardWriter:
    """Writes the card into the run's folder after every validation and at the end."""

    def __init__(self, history: History, folder: Path, facts: CardFacts) -> None:
        self._history = history
        self._folder = folder
        self._facts = facts

    def step(self, record: Record) -> None:
        """A step changes no weights that are saved."""

    def judged(self, record: Record) -> None:  # noqa: ARG002
        """The best weights may have been saved."""
        self._write()

    def close(self) -> None:
        """The last weights are saved."""
        self._write()

    def _write(self) -> None:
        with atomic_path(self._folder / CARD) as temporary:
            temporary.write_text(card(self._history, self._facts), encoding="utf-8")


def card(history: History, facts: CardFacts) -> str:
    """The card as Markdown."""
    recipe = history.recipe
    parts = [
        f"# Model card: {recipe.model.name}, trained by `{recipe.name}`",
        _table(("", ""), _summary(history, facts)),
        "## Data",
        _table(
            ("source", "used", "licence as far as known"),
            [(d.name, d.used, d.licence or "not stated") for d in facts.data],
        ),
        "## Training",
        _table(("", ""), [("objective", _objective(recipe)), *_training(recipe)]),
        _table(
            ("stage", "steps", "image size", "clips", "stills", "clips among the steps"),
            [
                (
                    str(number),
                    str(stage.steps),
                    f"{stage.size} px",
                    f"{stage.clips} of {stage.length} frames" if stage.clip_share else "–",
                    str(stage.stills) if stage.clip_share < 1 else "–",
                    f"{100 * stage.clip_share:.0f} %",
                )
                for number, stage in enumerate(recipe.stages, 1)
            ],
        ),
        "## Results",
        _results(history, facts),
        "## Limits",
        "\n".join(f"* {limit}" for limit in (*facts.limits, *_known_limits(history, facts))),
    ]
    return "\n\n".join(parts) + "\n"


def _summary(history: History, facts: CardFacts) -> list[tuple[str, str]]:
    recipe = history.recipe
    return [
        ("task", "promptable segmentation of images and video"),
        ("architecture", architecture(recipe.model)),
        ("parameters", f"{facts.parameters / 1e6:.1f} million"),
        ("input", f"{recipe.model.image_size} x {recipe.model.image_size} pixels"),
        ("started from", recipe.start or "random weights"),
        ("weights", f"`{WEIGHTS}` (the last)" + (f", `{BEST}` (the best)" if history.best() else "")),
        ("run", state(history, running=False)),
        ("time", f"{duration(history.seconds)} of training steps"),
        ("machine", facts.machine),
        ("changed settings", ", ".join(f"`{change}`" for change in facts.changes) or "none"),
    ]


def architecture(config: ModelConfig) -> str:
    """A model in words."""
    trunk = type(config.encoder).__name__.removesuffix("Config")
    names = {"Hiera": "Hiera", "Conv": "convolutional (EfficientNet-Lite)"}
    return (
        f"SAM 2 (arXiv 2408.00714) with a {names.get(trunk, trunk)} encoder, width {config.d_model}, "
        f"{config.memory_layers} memory layers, {config.memories - 1} recent memories"
    )


def _objective(recipe: Recipe) -> str:
    match recipe.objective:
        case Mae(mask_share=share):
            return f"masked auto-encoding, {100 * share:.0f} % of the picture hidden"
        case Distill(teacher=teacher):
            return f"features and masks of {teacher}, beside the true masks"
        case KeepTracking(teacher=teacher):
            return f"masks from clicks and boxes on pictures; clips are tracked as {teacher} tracks them"
        case Segment():
            return "masks from clicks, boxes and masks, on pictures and along clips"


def _training(recipe: Recipe) -> list[tuple[str, str]]:
    optimiser = recipe.optimiser
    frozen = ", ".join(f"`{pattern}`" for pattern in optimiser.frozen) or "nothing"
    rows = [
        ("optimiser", f"AdamW, rate {rate_text(optimiser.rate)}, trunk {rate_text(optimiser.trunk_rate)}"),
        ("schedule", type(recipe.schedule).__name__),
        ("weight decay, clipping", f"{optimiser.weight_decay:g}, {optimiser.clip_norm:g}"),
        ("frozen", frozen.replace("|", "\\|")),
        ("precision", recipe.precision),
        ("averaging of weights", f"{recipe.ema:g} a step"),
        ("seed", str(recipe.seed)),
    ]
    if optimiser.lora is not None:
        rows.append(("low-rank updates", f"rank {optimiser.lora.rank}"))
    return rows


def _results(history: History, facts: CardFacts) -> str:
    if not history.validations:
        return "Not evaluated."
    last, best = history.validations[-1], history.best()
    names = list(dict.fromkeys(name for record in (last, best or last) for name in figures_of(record)))
    judged = [(f"last (step {last['step']})", figures_of(last))]
    if best is not None and best["step"] != last["step"]:
        judged.append((f"best (step {best['step']})", figures_of(best)))
    rows = [(label, *(percent(found.get(name, math.nan)) for name in names)) for label, found in judged]
    table = _table(("weights", *(f"{name} (%)" for name in names)), rows)
    return f"On {facts.validation}, by the protocols of `masklet evaluate`.\n\n{table}"


def _known_limits(history: History, facts: CardFacts) -> list[str]:
    recipe, found = history.recipe, []
    if not (history.finished or history.gave_up):
        found.append(f"The run is not at its end: {history.done} of {recipe.steps} steps were made.")
    if isinstance(recipe.objective, Mae):
        found.append("Only the trunk was trained: it segments nothing yet.")
    elif all(stage.clip_share == 0 for stage in recipe.stages) and recipe.start is None:
        found.append("Never trained on clips: it does not follow objects.")
    if history.validations:
        found.append(
            "The figures are of few objects, and the same data chose the best weights: they say how the run went and"
            " are no measure of the model. `masklet evaluate` has the protocols."
        )
    if any(data.licence is None for data in facts.data):
        found.append("Licences of some of the data are not stated: find them out before the weights are passed on.")
    return found


def _table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [heads, ["---"] * len(heads), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)
