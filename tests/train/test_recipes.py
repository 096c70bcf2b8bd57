"""What the recipes say: published values where there are some, what is frozen, that each one trains."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from masklet.data.samples import Sources
from masklet.model.checkpoints import CheckpointError, save
from masklet.model.configs import CONFIGS, NANO, ModelConfig, RefinementConfig
from masklet.model.sam2 import build
from masklet.train.config import Cosine, Distill, Mae, Recipe, ReciprocalSqrt
from masklet.train.distributed import World
from masklet.train.initial import start_from
from masklet.train.learner import Learner, build_model, new_state
from masklet.train.loop import train
from masklet.train.optimiser import freeze
from masklet.train.recipes import RECIPES, describe, distill, finetune, image, long, mae, video
from masklet.train.recipes.parts import PARTS


def test_the_table_holds_every_recipe_under_its_name() -> None:
    assert list(RECIPES) == ["mae", "image", "video", "long", "finetune", "distill", "nano"]
    for name, make in RECIPES.items():
        assert make().name == name
        assert 20 < len(describe(name)) < 110


def test_published_values_of_the_image_stage() -> None:
    plan = image()
    (stage,) = plan.stages
    assert (stage.steps, stage.stills, stage.objects, stage.size, stage.clip_share) == (90_000, 256, 64, 1024, 0)
    assert stage.prompting.corrections == (7, 7)
    assert plan.optimiser.rate == plan.optimiser.trunk_rate == 4e-4
    assert (plan.optimiser.weight_decay, plan.optimiser.clip_norm) == (0.1, 0.1)
    assert plan.schedule == ReciprocalSqrt(warm_up=1000, cool_down=5000, timescale=1000)


def test_published_values_of_the_video_stage() -> None:
    plan = video()
    (stage,) = plan.stages
    assert (stage.steps, stage.clips, stage.length, stage.objects) == (300_000, 256, 8, 3)
    assert stage.still_objects == image().stages[0].objects
    assert stage.clip_share == pytest.approx(1 - 0.152, abs=0.005)
    assert (plan.optimiser.rate, plan.optimiser.trunk_rate) == (3e-4, 6e-5)
    assert plan.schedule == Cosine(warm_up=15_000, floor=0.1)
    assert stage.prompting.mask_share == 0.5
    assert stage.prompting.first_frames == (1, 2)


def test_long_is_video_at_half_the_rate_with_a_frozen_encoder() -> None:
    plan, before = long(), video()
    assert plan.stages[0].length == 16
    assert plan.stages[0].clip_share == 1
    assert plan.optimiser.rate == before.optimiser.rate / 2
    assert plan.objective == before.objective
    assert trained(plan) == {name for name in trained(before) if not name.startswith("encoder.")}


@pytest.mark.parametrize("make", [image, video, long])
@pytest.mark.parametrize(("size", "decay"), [("tiny", 0.8), ("small", 0.8), ("base-plus", 0.9), ("large", 0.925)])
def test_layer_decay_follows_the_trunk(make, size: str, decay: float) -> None:
    assert make(model=f"sam2.1-hiera-{size}").optimiser.layer_decay == decay


@pytest.mark.parametrize(("size", "rate"), [("tiny", 0.1), ("small", 0.1), ("base-plus", 0.2), ("large", 0.3)])
def test_drop_path_follows_the_trunk_in_image_pretraining(size: str, rate: float) -> None:
    assert image(model=f"sam2.1-hiera-{size}").drop_path == rate
    assert image(model="nano").drop_path == video(model=f"sam2.1-hiera-{size}").drop_path == 0


def test_published_models_have_the_dropout_that_they_are_configured_with(hiera: ModelConfig, tmp_path: Path) -> None:
    assert video().dropout == long(model="sam2-hiera-large").dropout == 0.1
    assert video(model="nano").dropout == finetune(model="nano").dropout == 0
    published = replace(hiera, encoder=CONFIGS["sam2.1-hiera-tiny"].encoder, image_size=64)
    save(build(published), tmp_path / "own.safetensors")
    assert finetune(model=str(tmp_path / "own.safetensors")).dropout == 0.1


def trained(recipe: Recipe) -> set[str]:
    """Names of the parameters that a recipe trains, in a small model where that is as good."""
    model = build_model(recipe, 64)
    freeze(model, recipe.optimiser.frozen)
    return {name for name, p in model.named_parameters() if p.requires_grad}


def test_mae_trains_the_trunk_alone() -> None:
    names = trained(mae(model="nano", size=64))
    assert names == {name for name, _ in build(NANO.at(64)).named_parameters() if name.startswith("encoder.trunk.")}


def test_mae_scales_its_rate_with_the_batch() -> None:
    assert mae(pictures=512).optimiser.rate == pytest.approx(3e-4)
    assert mae(mask_share=0.9).objective == Mae(mask_share=0.9)


@pytest.mark.parametrize("part", PARTS)
def test_parts_can_be_frozen(part: str) -> None:
    plan = finetune(size=64)
    rest = trained(finetune(size=64, freeze=(part,)))
    gone = trained(plan) - rest
    assert gone
    first = {
        "trunk": ("encoder.trunk.",),
        "encoder": ("encoder.",),
        "prompts": ("prompt_encoder.", "drawing."),
        "decoder": ("mask_decoder.",),
        "refinement": ("refinement.",),
    }
    if part in first:
        assert gone == {name for name in trained(plan) if name.startswith(first[part])}


def test_the_parts_are_the_whole_model() -> None:
    recipe = finetune(size=64, freeze=("encoder", "prompts", "decoder", "refinement", "memory"))
    start = new_state(recipe, build(recipe.model))
    with pytest.raises(ValueError, match="nothing is left to train"):
        Learner(recipe, recipe.stages[0], start, World())


def test_a_refinement_learns_alone_beside_a_model_that_had_none(tiny: ModelConfig, tmp_path: Path) -> None:
    model = build(replace(tiny, refinement=None))
    save(model, tmp_path / "own.safetensors")
    plan = finetune(model=str(tmp_path / "own.safetensors"), refine=True)
    assert plan.model == replace(tiny, refinement=RefinementConfig())
    assert plan.start is not None
    fresh = build(plan.model)
    start_from(fresh, plan.start)
    before = {name: value.clone() for name, value in fresh.state_dict().items()}
    assert all(torch.equal(before[name], value) for name, value in model.state_dict().items())
    assert trained(plan) == {name for name in before if name.startswith("refinement.")}


def test_a_refinement_that_learns_alone_goes_with_nothing_else() -> None:
    with pytest.raises(ValueError, match="refine freezes"):
        finetune(refine=True, lora=4)
    with pytest.raises(ValueError, match="refine freezes"):
        finetune(refine=True, keep_tracking=True)


def test_low_rank_updates_leave_the_weights() -> None:
    names = trained(finetune(size=64, lora=4))
    assert names
    assert all(".parametrizations.weight." in name and not name.endswith("original") for name in names)


def test_unknown_names_are_refused() -> None:
    with pytest.raises(ValueError, match=r"no part is called 'neck'; parts: trunk, encoder"):
        finetune(freeze=("neck",))
    with pytest.raises(ValueError, match=r"no model is called 'sam3'; names: nano, sam2-hiera-tiny"):
        video(model="sam3")
    with pytest.raises(FileNotFoundError, match="sam3"):
        finetune(model="sam3")


def test_finetuning_starts_from_a_file_as_it_is_built(tiny: ModelConfig, tmp_path: Path) -> None:
    """Its configuration is that of the file, not one of a table."""
    model = build(tiny)
    save(model, tmp_path / "own.safetensors")
    plan = finetune(model=str(tmp_path / "own.safetensors"), size=96)
    assert plan.model == tiny.at(96)
    assert plan.stages[0].size == 96
    assert plan.start is not None
    fresh = build(plan.model)
    start_from(fresh, plan.start)
    assert all(torch.equal(value, model.state_dict()[name]) for name, value in fresh.state_dict().items())


def test_a_start_of_another_build_is_refused(tiny: ModelConfig, tmp_path: Path) -> None:
    save(build(tiny), tmp_path / "own.safetensors")
    with pytest.raises(CheckpointError, match="does not fit nano"):
        start_from(build(NANO.at(64)), tmp_path / "own.safetensors")


def test_a_teacher_that_is_missing_is_named(tiny: ModelConfig, sources: Sources, tmp_path: Path) -> None:
    plan = scaled(distill(teacher=str(tmp_path / "no.safetensors")), tiny)
    with pytest.raises(FileNotFoundError, match=r"no\.safetensors"):
        train(plan, sources, tmp_path / "run", prepare=lambda _: None)


def scaled(recipe: Recipe, model: ModelConfig) -> Recipe:
    """One step of little work; float32, as CPUs are slow at depthwise convolutions in bfloat16.

    Drop path is for Hiera trunks, which small models have not.
    """
    stage = recipe.stages[-1]
    prompting = replace(stage.prompting, corrections=(1, 1), corrected_clicks=(1, 1))
    stage = replace(
        stage, steps=1, size=64, clips=1, length=2, stills=1, objects=2, still_objects=None, prompting=prompting
    )
    return replace(recipe, model=model, stages=(stage,), drop_path=0.0, precision="float32")


@pytest.mark.parametrize("name", RECIPES)
def test_every_recipe_makes_a_step_and_leaves_an_ordinary_model(
    name: str, tiny: ModelConfig, sources: Sources, tmp_path: Path
) -> None:
    plan = scaled(RECIPES[name](), tiny)
    if isinstance(plan.objective, Distill):
        save(build(tiny), tmp_path / "teacher.safetensors")
        plan = replace(plan, objective=replace(plan.objective, teacher=str(tmp_path / "teacher.safetensors")))
    last = train(plan, sources, tmp_path / "run", prepare=lambda _: None)
    state = torch.load(last, weights_only=True)
    assert state["step"] == 1
    assert state["average"].keys() == build(tiny).state_dict().keys()


def test_every_published_model_has_its_recipes() -> None:
    for model in CONFIGS:
        assert video(model=model).model.name == image(model=model).model.name == model
