"""The model card says what the run's folder and its data say, and what they do not."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from masklet.train.card import CARD, CardFacts, CardWriter, DataSet, card
from masklet.train.config import Recipe, Validation
from masklet.train.history import History
from masklet.train.recipes import RECIPES, nano
from masklet.train.settings import override

FACTS = CardFacts(
    data=[
        DataSet(name="coats", used="12 pictures", licence="CC BY 4.0"),
        DataSet(name="films", used="3 clips, 40 annotated frames"),
    ],
    validation="4 clips of held-out",
    machine="2 threads of x86_64",
    parameters=4_700_000,
    changes=["stages.0.steps=3"],
    limits=["Not for hats."],
)


@pytest.fixture
def history() -> History:
    rates = ["optimiser.rate=6e-4", "optimiser.trunk_rate=8e-5"]
    stage = ["size=256", "clips=3", "length=5", "stills=6", "clip_share=0.75"]
    changes = [*rates, *(f"stages.0.{change}" for change in stage), "stages.0.steps=3", "stages.1.steps=1"]
    plan = override(nano(), [*changes, "start=nano"])
    history = History(replace(plan, validation=Validation(every=2)))
    for number in (1, 2, 3, 4):
        history.step({"step": number, "samples": 4, "seconds": 45.0, "loss": 1.0})
        if number % 2 == 0:
            history.judged({"step": number, "J&F": 0.9 - 0.1 * number, "click-1 mIoU": 0.25})
    return history


def test_a_finished_run(history: History) -> None:
    text = card(history, FACTS)
    for line in (
        "# Model card: nano, trained by `nano`",
        "| parameters | 4.7 million |",
        "| input | 448 x 448 pixels |",
        "| started from | nano |",
        "| weights | `weights.safetensors` (the last), `best.safetensors` (the best) |",
        "| run | finished, 4 steps |",
        "| time | 3 min of training steps |",
        "| machine | 2 threads of x86_64 |",
        "| changed settings | `stages.0.steps=3` |",
        "| coats | 12 pictures | CC BY 4.0 |",
        "| films | 3 clips, 40 annotated frames | not stated |",
        "| optimiser | AdamW, rate 6e-4, trunk 8e-5 |",
        "| 1 | 3 | 256 px | 3 of 5 frames | 6 | 75 % |",
        "On 4 clips of held-out, by the protocols of `masklet evaluate`.",
        "| weights | J&F (%) | click-1 mIoU (%) |",
        "| last (step 4) | 50.0 | 25.0 |",
        "| best (step 2) | 70.0 | 25.0 |",
        "* Not for hats.",
    ):
        assert line in text.splitlines()
    assert "chose the best weights" in text
    assert "Licences of some of the data are not stated" in text
    assert "not at its end" not in text


def test_what_is_missing_is_said() -> None:
    plan = override(RECIPES["image"](), ["model=nano"])
    young = History(plan)
    young.step({"step": 1, "samples": 4, "seconds": 1.0, "loss": 1.0})
    text = card(young, replace(FACTS, data=FACTS.data[:1], validation="", limits=()))
    assert "Not evaluated." in text
    assert f"The run is not at its end: 1 of {plan.steps} steps were made." in text
    assert "Never trained on clips" in text
    assert "started from | random weights" in text
    assert "(the best)" not in text
    assert "not stated" not in text
    only_trunk = card(History(RECIPES["mae"]()), FACTS)
    assert "masked auto-encoding, 75 % of the picture hidden" in only_trunk
    assert "it segments nothing yet" in only_trunk


def test_patterns_do_not_break_the_table(history: History) -> None:
    recipe: Recipe = override(history.recipe, ['optimiser.frozen=["a|b"]', "optimiser.lora=Lora"])
    text = card(History(recipe), FACTS)
    assert "| frozen | `a\\|b` |" in text
    assert "| low-rank updates | rank 8 |" in text


def test_it_is_written_after_every_validation_and_at_the_end(history: History, tmp_path: Path) -> None:
    writer = CardWriter(history, tmp_path, FACTS)
    writer.step(history.steps[0])
    assert not (tmp_path / CARD).exists()
    writer.judged(history.validations[-1])
    assert (tmp_path / CARD).read_text() == card(history, FACTS)
    (tmp_path / CARD).unlink()
    writer.close()
    assert (tmp_path / CARD).is_file()
