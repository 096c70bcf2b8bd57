"""Distillation: the teacher gets the same prompts, agreement costs nothing, and the teacher stays as it is."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from masklet.data.samples import Sources
from masklet.model.checkpoints import load, save
from masklet.model.configs import ModelConfig
from masklet.model.prompt_encoder import Points
from masklet.model.sam2 import Sam2, build
from masklet.train.batches import Batch, collate
from masklet.train.config import Distill, LossWeights, Optimiser, Prompting, Recipe, Stage
from masklet.train.distill import DistillModule, Teacher, feature_distance, mask_distance
from masklet.train.loop import train
from masklet.train.objective import Draw
from masklet.train.segment import SegmentModule

FEW = Prompting(first_frames=(1, 2), corrections=(0, 2), corrected_clicks=(1, 2))
OPTIONS = Distill(teacher="unused", losses=LossWeights(answers="mean"))


def clips(sources: Sources, seeds: tuple[int, ...], length: int = 3) -> Batch:
    return collate([sources.real.sample(np.random.default_rng(seed), length, 64, 2) for seed in seeds], seeds)


def seeing(model: Sam2, score: float) -> Sam2:
    """A random model that gives every object about this score: above 0 it is visible."""
    with torch.no_grad():
        list(model.mask_decoder.object_head.parameters())[-1].fill_(score)
    return model


@pytest.fixture
def student(tiny: ModelConfig) -> Sam2:
    torch.manual_seed(1)
    return seeing(build(tiny), 50)


@pytest.fixture
def teacher(tiny: ModelConfig) -> Sam2:
    torch.manual_seed(2)
    return seeing(build(replace(tiny, name="teacher", image_size=96, d_model=128)), 50)


def test_mask_distance_by_hand() -> None:
    # The teacher says 0.8 and 0.5, the student 0.5 and 0.5; the other candidate is far off.
    taught = torch.tensor([[[[math.log(4.0), 0.0]]]])
    logits = torch.tensor([[[[9.0, 9.0]], [[0.0, 0.0]]]])
    divergence = 0.8 * math.log(0.8 / 0.5) + 0.2 * math.log(0.2 / 0.5)
    assert mask_distance(logits, taught).tolist() == [pytest.approx(divergence / 2)]
    assert mask_distance(taught, taught).tolist() == [pytest.approx(0, abs=1e-7)]


def test_feature_distance_by_hand() -> None:
    a = torch.tensor([[3.0, 0.0]]).view(1, 2, 1, 1)
    b = torch.tensor([[1.0, 1.0]]).view(1, 2, 1, 1)
    assert feature_distance(a, b).tolist() == [pytest.approx(1 - math.sqrt(0.5))]
    assert feature_distance(a, 7 * a.expand(1, 2, 4, 4)).tolist() == [pytest.approx(0, abs=1e-6)]


def test_a_model_that_teaches_itself_has_nothing_to_learn_from_its_masks(
    student: Sam2, tiny: ModelConfig, sources: Sources
) -> None:
    """So prompts, memories and the choice of masks are the same on both sides."""
    copy = build(tiny)
    copy.load_state_dict(student.state_dict())
    module = DistillModule(student.eval(), copy, OPTIONS, FEW).eval()
    with torch.no_grad():
        for step in range(6):
            loss = module(clips(sources, (1, 2), length=4), Draw(7, step))
            value, count = loss.figures["masks"]
            assert count > 0
            assert value / count == pytest.approx(0, abs=1e-5)


def test_a_teacher_of_another_size_sees_the_same_prompts(
    student: Sam2, teacher: Sam2, sources: Sources, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: dict[str, list[Points]] = {"student": [], "teacher": []}
    for name, model in (("student", student), ("teacher", teacher)):
        sparse = model.prompt_encoder.sparse

        def listen(points: Points, name: str = name, sparse=sparse) -> torch.Tensor:
            asked[name].append(points)
            return sparse(points)

        monkeypatch.setattr(model.prompt_encoder, "sparse", listen)
    clicks = Prompting(mask_share=0, box_share=0, corrections=(2, 2), corrected_share=0)
    module = DistillModule(student, teacher, OPTIONS, clicks)
    module(clips(sources, (1,), length=2), Draw(7, 0))
    pairs = list(zip(asked["student"], asked["teacher"], strict=True))
    assert [len(ours.labels[0]) for ours, _ in pairs] == [1, 2, 3, 1]  # the last: tracked, a padding point
    for ours, theirs in pairs[:3]:
        assert torch.equal(ours.labels, theirs.labels)
        torch.testing.assert_close((ours.coordinates + 0.5) / 64, (theirs.coordinates + 0.5) / 96)


def test_distances_come_on_top_of_the_true_losses(student: Sam2, teacher: Sam2, sources: Sources) -> None:
    batch, draw = clips(sources, (1, 2)), Draw(7, 1)
    options = replace(OPTIONS, features=2.0, masks=0.5)
    module = DistillModule(student.eval(), teacher, options, FEW).eval()
    with torch.no_grad():
        loss = module(batch, draw)
        plain = SegmentModule(student, OPTIONS.losses, FEW).eval()(batch, draw)
    assert loss.units == plain.units
    features, masks = (loss.figures[name][0] / loss.figures[name][1] for name in ("features", "masks"))
    assert features > 0
    assert masks > 0
    expected = float(plain.total) / plain.units + 2 * features + 0.5 * masks
    assert float(loss.total) / loss.units == pytest.approx(expected, rel=1e-4)


def test_sharing_out_a_step_changes_nothing(student: Sam2, teacher: Sam2, sources: Sources) -> None:
    module = DistillModule(student.eval(), teacher, OPTIONS, FEW).eval()
    with torch.no_grad():
        for step in range(3):
            whole = float(module(clips(sources, (1, 2)), Draw(7, step)).total)
            parts = [float(module(clips(sources, (number,)), Draw(7, step)).total) for number in (1, 2)]
            assert whole == pytest.approx(sum(parts), rel=1e-4)


def test_where_the_teacher_sees_nothing_it_teaches_no_mask(student: Sam2, teacher: Sam2, sources: Sources) -> None:
    loss = DistillModule(student, seeing(teacher, -50), OPTIONS, FEW)(clips(sources, (1,)), Draw(7, 0))
    assert loss.figures["masks"][0] == 0


def test_the_teacher_is_no_part_of_the_module(student: Sam2, teacher: Sam2, sources: Sources) -> None:
    module = DistillModule(student, teacher, OPTIONS, FEW).train()
    assert not teacher.training
    own = {name for name in module.state_dict() if not name.startswith("model.")}
    assert own == {"projection.weight", "projection.bias"}
    module(clips(sources, (1, 2)), Draw(7, 0)).total.backward()
    assert module.projection.weight.grad is not None
    assert all(p.grad is None for p in teacher.parameters())


def test_the_teacher_looks_at_its_own_size(teacher: Sam2) -> None:
    features = Teacher(teacher).look(torch.randn(2, 3, 64, 64))
    assert features.embedding.shape == (2, 128, 6, 6)
    assert not features.embedding.requires_grad


def test_a_run_learns_from_a_file_and_leaves_an_ordinary_model(
    tiny: ModelConfig, teacher: Sam2, sources: Sources, tmp_path: Path
) -> None:
    save(teacher, tmp_path / "teacher.safetensors")
    stage = Stage(steps=2, size=64, clip_share=0.5, real_share=1, clips=2, length=2, stills=2, objects=1, prompting=FEW)
    recipe = Recipe(
        name="distill",
        model=tiny,
        stages=(stage,),
        objective=replace(OPTIONS, teacher=str(tmp_path / "teacher.safetensors")),
        optimiser=Optimiser(rate=1e-4),
    )
    last = train(recipe, sources, tmp_path / "run", prepare=lambda _: None)
    state = torch.load(last, weights_only=True)
    assert set(state["extras"]) == {"projection.weight", "projection.bias"}
    assert load(tmp_path / "run" / "weights.safetensors").config == tiny
