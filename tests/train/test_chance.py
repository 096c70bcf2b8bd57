"""What training leaves out by chance follows from seed and step: however a run is worked through, it loses the same."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from masklet.data.samples import Sources
from masklet.model.configs import ModelConfig
from masklet.train.config import LossWeights, Mae, Optimiser, Prompting, Recipe, Segment, Stage
from masklet.train.loop import train


@pytest.fixture(params=["drop_path", "dropout"])
def plan(request: pytest.FixtureRequest, hiera: ModelConfig, tiny: ModelConfig) -> Recipe:
    """Four steps in which branches of a trunk, or numbers in memory attention, are left out."""
    if request.param == "drop_path":
        return Recipe(
            name="mae",
            model=hiera,
            stages=(Stage(steps=4, size=64, clip_share=0, real_share=0, clips=2, length=1, stills=4, objects=1),),
            objective=Mae(width=32, depth=1),
            optimiser=Optimiser(rate=2e-3, trunk_rate=2e-3, layer_decay=1.0, clip_norm=1.0),
            drop_path=0.5,
        )
    prompting = Prompting(first_frames=(1, 2), corrections=(0, 1), corrected_clicks=(1, 1))
    stage = Stage(
        steps=4, size=64, clip_share=1, real_share=1, clips=2, length=3, stills=2, objects=2, prompting=prompting
    )
    return Recipe(
        name="video",
        model=tiny,
        stages=(stage,),
        objective=Segment(losses=LossWeights(cross_entropy=1.0, focal=0.0, answers="mean")),
        optimiser=Optimiser(rate=6e-4, trunk_rate=8e-5, clip_norm=1.0),
        dropout=0.3,
    )


def losses(folder: Path) -> list[float]:
    return [json.loads(line)["loss"] for line in (folder / "log.jsonl").read_text().splitlines()]


def test_a_run_goes_on_as_if_it_had_not_stopped(plan: Recipe, sources: Sources, tmp_path: Path) -> None:
    whole = train(plan, sources, tmp_path / "whole", prepare=lambda _: None)
    train(plan, sources, tmp_path / "parts", prepare=lambda _: None, stop_after=1)
    parts = train(plan, sources, tmp_path / "parts", prepare=lambda _: None)
    a, b = (torch.load(path, weights_only=True)["model"] for path in (whole, parts))
    assert all(torch.equal(value, b[name]) for name, value in a.items())
    assert losses(tmp_path / "whole") == losses(tmp_path / "parts")
    train(replace(plan, drop_path=0.0, dropout=0.0), sources, tmp_path / "none", prepare=lambda _: None)
    assert losses(tmp_path / "none") != losses(tmp_path / "whole")


@pytest.mark.parametrize("changes", [{"accumulate": 2}, {"checkpointing": True}])
def test_how_a_step_is_worked_through_changes_nothing(
    changes: dict[str, object], plan: Recipe, sources: Sources, tmp_path: Path
) -> None:
    """Pictures and objects lose by their number in the step, and the same when they are worked through again."""
    train(plan, sources, tmp_path / "plain", prepare=lambda _: None)
    train(replace(plan, **changes), sources, tmp_path / "changed", prepare=lambda _: None)
    assert losses(tmp_path / "changed") == pytest.approx(losses(tmp_path / "plain"), abs=3e-4)


@pytest.mark.parametrize("name", ["drop_path", "dropout"])
@pytest.mark.parametrize("rate", [1.0, -0.1])
def test_rates_that_do_not_go(name: str, rate: float, plan: Recipe) -> None:
    with pytest.raises(ValueError, match=f"{name} must be a rate of at least 0 and below 1, got {rate:g}"):
        replace(plan, **{name: rate})
