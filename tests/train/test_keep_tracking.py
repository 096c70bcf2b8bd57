"""Keeping the tracking: what is as before costs nothing, what changes it does, and memory stays the teacher's."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from masklet.data.samples import Sources
from masklet.model.checkpoints import load, save
from masklet.model.configs import ModelConfig
from masklet.model.mask_decoder import Decoded
from masklet.model.sam2 import Sam2, build
from masklet.train.batches import Batch, collate
from masklet.train.config import KeepTracking, LossWeights, Optimiser, Prompting, Recipe, Stage
from masklet.train.keep_tracking import KeepTrackingModule, answer_distance
from masklet.train.loop import train
from masklet.train.objective import Draw
from masklet.train.recipes import finetune
from masklet.train.recipes.parts import REMEMBERING
from masklet.train.segment import SegmentModule

CLICKS = Prompting(mask_share=0, corrections=(0, 2), disturbed_share=0.5, far_share=0.5)
OPTIONS = KeepTracking(teacher="unused", losses=LossWeights(answers="mean"))


def clips(sources: Sources, seeds: tuple[int, ...], length: int = 4) -> Batch:
    return collate([sources.real.sample(np.random.default_rng(seed), length, 64, 2) for seed in seeds], seeds)


def copied(model: Sam2) -> Sam2:
    copy = build(model.config)
    copy.load_state_dict(model.state_dict())
    return copy


@pytest.fixture
def model(tiny: ModelConfig) -> Sam2:
    torch.manual_seed(1)
    made = build(tiny)
    with torch.no_grad():  # objects are visible
        list(made.mask_decoder.object_head.parameters())[-1].fill_(50)
    return made


def held(module: KeepTrackingModule, batch: Batch, step: int = 0) -> float:
    value, count = module(batch, Draw(7, step)).figures["tracked_as_before"]
    return value / count


def test_distance_by_hand() -> None:
    own = Decoded(torch.zeros(1, 1, 1, 2), torch.tensor([[0.5]]), torch.tensor([[[1.0, 2.0]]]), torch.tensor([[3.0]]))
    logits = torch.tensor([[[[float(np.log(4.0)), 0.0]]]])
    taught = Decoded(logits, torch.tensor([[0.7]]), torch.tensor([[[1.0, 4.0]]]), torch.tensor([[2.0]]))
    divergence = (0.8 * np.log(0.8 / 0.5) + 0.2 * np.log(0.2 / 0.5)) / 2
    weights = KeepTracking(teacher="unused", masks=10, iou=3, tokens=5, visible=7)
    assert answer_distance(own, taught, weights).item() == pytest.approx(
        10 * divergence + 3 * 0.2 + 5 * 2 + 7, rel=1e-5
    )
    assert answer_distance(taught, taught, weights).item() == pytest.approx(0, abs=1e-6)


def test_what_tracks_as_before_costs_nothing(model: Sam2, sources: Sources) -> None:
    module = KeepTrackingModule(model.eval(), copied(model), OPTIONS, CLICKS).eval()
    with torch.no_grad():
        for step in range(4):
            assert held(module, clips(sources, (1, 2)), step) == pytest.approx(0, abs=1e-5)


@pytest.mark.parametrize("part", ["mask_decoder.mask_tokens", "mask_decoder.iou_token", "encoder.skip4.weight"])
def test_a_changed_decoder_costs(model: Sam2, sources: Sources, part: str) -> None:
    old = copied(model)
    with torch.no_grad():
        model.get_parameter(part).add_(torch.randn_like(model.get_parameter(part)))
        module = KeepTrackingModule(model.eval(), old, OPTIONS, CLICKS).eval()
        assert held(module, clips(sources, (1, 2))) > 1e-3


def test_only_what_decodes_learns_from_tracked_frames(model: Sam2, sources: Sources) -> None:
    module = KeepTrackingModule(model, copied(model), OPTIONS, CLICKS)
    with torch.no_grad():
        model.mask_decoder.mask_tokens.add_(1)
    batch, draw = clips(sources, (1,)), Draw(7, 0)
    module(batch, draw).total.backward()
    names = {name for name, parameter in model.named_parameters() if parameter.grad is not None}
    assert {"mask_decoder.mask_tokens", "encoder.skip4.weight"} <= names
    assert not any(name.startswith(("memory_attention.", "memory_encoder.", "memory_time")) for name in names)


def test_the_first_frame_is_judged_as_a_picture_is(model: Sam2, sources: Sources) -> None:
    module = KeepTrackingModule(model.eval(), copied(model), OPTIONS, CLICKS).eval()
    plain = SegmentModule(model, OPTIONS.losses, CLICKS).eval()
    batch = clips(sources, (1, 2), length=1)
    with torch.no_grad():
        assert float(module(batch, Draw(7, 3)).total) == float(plain(batch, Draw(7, 3)).total)
        film = module(clips(sources, (1, 2)), Draw(7, 3))
    assert film.figures["still_first"][1] == film.units
    assert "tracked" not in film.figures


def test_sharing_out_a_step_changes_nothing(model: Sam2, sources: Sources) -> None:
    old = copied(model)
    with torch.no_grad():
        model.mask_decoder.mask_tokens.add_(1)
        module = KeepTrackingModule(model.eval(), old, OPTIONS, CLICKS).eval()
        for step in range(3):
            whole = float(module(clips(sources, (1, 2)), Draw(7, step)).total)
            parts = [float(module(clips(sources, (number,)), Draw(7, step)).total) for number in (1, 2)]
            assert whole == pytest.approx(sum(parts), rel=1e-4)


def test_a_teacher_of_another_shape_is_refused(model: Sam2) -> None:
    other = build(replace(model.config, name="wide", d_model=128))
    with pytest.raises(ValueError, match=r"tracking of wide at 64 px cannot be kept by .* expected the same"):
        KeepTrackingModule(model, other, OPTIONS, CLICKS)


def test_low_rank_updates_and_kept_tracking_exclude_each_other() -> None:
    with pytest.raises(ValueError, match="choose one"):
        finetune(lora=4, keep_tracking=True)


def test_tracking_is_not_kept_without_clips() -> None:
    with pytest.raises(ValueError, match="clip_share must be above 0"):
        finetune(clip_share=0, keep_tracking=True)


def test_a_run_changes_nothing_that_remembers(model: Sam2, sources: Sources, tmp_path: Path) -> None:
    save(model, tmp_path / "old.safetensors")
    name = str(tmp_path / "old.safetensors")
    stage = Stage(
        steps=3, size=64, clip_share=0.5, real_share=1, clips=1, length=3, stills=2, objects=1, prompting=CLICKS
    )
    recipe = Recipe(
        name="finetune",
        model=model.config,
        start=name,
        stages=(stage,),
        objective=replace(OPTIONS, teacher=name),
        optimiser=Optimiser(rate=1e-3, frozen=REMEMBERING),
    )

    def prepare(built: Sam2) -> None:
        built.load_state_dict(model.state_dict())

    train(recipe, sources, tmp_path / "run", prepare=prepare)
    found = load(tmp_path / "run" / "weights.safetensors").state_dict()
    changed = {key for key, value in model.state_dict().items() if not torch.equal(value, found[key])}
    parts = {key.split(".")[0] for key in changed}
    least = {"mask_decoder", "prompt_encoder"}
    assert least <= parts <= {*least, "encoder", "drawing", "refinement"}
    assert not any(key.startswith(("encoder.trunk.", "encoder.neck.")) for key in changed)


def test_a_first_click_is_held_and_further_ones_learn(model: Sam2, sources: Sources) -> None:
    old = copied(model)
    with torch.no_grad():
        model.mask_decoder.mask_tokens.add_(torch.randn_like(model.mask_decoder.mask_tokens))
    batch, clicked = clips(sources, (1, 2), length=1), replace(CLICKS, box_share=0, corrections=(2, 2))

    def found(
        share: float, losses: LossWeights = OPTIONS.losses, prompting: Prompting = clicked
    ) -> tuple[float, dict[str, float]]:
        options = replace(OPTIONS, first_click=share, losses=losses)
        loss = KeepTrackingModule(model.eval(), old, options, prompting).eval()(batch, Draw(7, 3))
        return float(loss.total), {name: value / count for name, (value, count) in loss.figures.items()}

    with torch.no_grad():
        plain, _ = found(0)
        held, figures = found(1)
        half, _ = found(0.5)
        user = SegmentModule(model, OPTIONS.losses, clicked).eval().interaction(batch, Draw(7, 3))
        first = float(user.answers[0].loss.total.sum())
        distance = figures["first_as_before"] * len(batch.owner)
        assert distance > 0.1
        assert held == pytest.approx(plain + (distance - first) / 3, rel=1e-4)
        assert half == pytest.approx((plain + held) / 2, rel=1e-4)
        assert figures["loss"] == pytest.approx(held / len(batch.owner), rel=1e-4)
        summed = LossWeights(answers="sum")
        assert found(1, summed)[0] == pytest.approx(found(0, summed)[0] + distance - first, rel=1e-4)
        # A box says what is meant: the truth teaches it.
        boxed = replace(clicked, box_share=1)
        assert found(1, prompting=boxed)[0] == found(0, prompting=boxed)[0]
