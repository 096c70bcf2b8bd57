"""Recipes as settings: what --print shows and --set takes."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from masklet.model.configs import CONFIGS
from masklet.train.config import Distill, Level, Lora, Mae, Prompting, Recipe, Stage, Validation
from masklet.train.recipes import RECIPES, nano
from masklet.train.settings import arguments, called, defaults, expected, override, settings, written


def plan() -> Recipe:
    return nano()


def with_everything() -> Recipe:
    changes = ["objective=Distill", "objective.teacher=nano", "optimiser.lora=Lora", "validation=Validation"]
    return override(plan(), changes)


@pytest.mark.parametrize("recipe", [plan(), with_everything(), RECIPES["video"](), RECIPES["mae"]()])
def test_all_settings_read_back_give_the_same_recipe(recipe: Recipe) -> None:
    found = settings(recipe)
    assert override(recipe, [f"{key}={written(value)}" for key, value in found.items()]) == recipe
    assert json.loads(json.dumps(found)) == found


def test_defaults_are_those_of_the_parts_at_hand() -> None:
    found = defaults(with_everything())
    assert found.keys() < settings(with_everything()).keys()
    assert (found["dropout"], found["optimiser.lora"], found["optimiser.lora.rank"]) == (0.0, None, 8)
    assert found["optimiser.betas"] == [0.9, 0.999]
    assert "stages.0.steps" not in found  # it has to be said


def test_one_recipe_becomes_another_by_their_differences() -> None:
    ours, theirs = settings(plan()), settings(with_everything())
    changes = [f"{key}={written(value)}" for key, value in theirs.items() if key not in ours or ours[key] != value]
    assert override(plan(), changes) == with_everything()


def test_values_are_read_by_their_types() -> None:
    recipe = override(
        plan(),
        [
            "stages.0.steps=200",
            "optimiser.rate=1e-4",
            "objective.losses.focal=0",
            "checkpointing=true",
            "precision=bfloat16",
            "optimiser.betas=0.8, 0.9",
            'optimiser.frozen=["a,b", "c"]',
            "stages.0.prompting.corrections=(0,3)",
            "start=tiny.safetensors",
            "model=sam2.1-hiera-tiny",
        ],
    )
    assert recipe.stages[0].steps == 200
    assert recipe.optimiser.rate == 1e-4
    assert recipe.objective.losses.focal == 0.0  # pyright: ignore
    assert recipe.checkpointing
    assert recipe.precision == "bfloat16"
    assert recipe.optimiser.betas == (0.8, 0.9)
    assert recipe.optimiser.frozen == ("a,b", "c")
    assert recipe.stages[0].prompting.corrections == (0, 3)
    assert recipe.start == "tiny.safetensors"
    assert recipe.model == CONFIGS["sam2.1-hiera-tiny"]
    assert override(recipe, ["start=None", "optimiser.frozen=()"]).start is None
    assert override(recipe, ["optimiser.frozen=()"]).optimiser.frozen == ()
    assert override(recipe, ["optimiser.frozen=x, y"]).optimiser.frozen == ("x", "y")


def test_parts_are_chosen_by_the_names_of_their_classes() -> None:
    recipe = override(plan(), ["objective=Mae", "objective.patch=16", "optimiser.lora=Lora", "validation=Validation"])
    assert recipe.objective == Mae(patch=16)
    assert recipe.optimiser.lora == Lora()
    assert recipe.validation == Validation()
    assert override(recipe, ["objective=Distill", "objective.teacher=nano"]).objective == Distill(teacher="nano")
    assert override(recipe, ["optimiser.lora=None"]).optimiser.lora is None
    # A part that is there already keeps what it has.
    kept = replace(plan(), schedule=Level(warm_up=1, cool_down=350))
    assert override(kept, ["schedule=Level", "schedule.warm_up=7"]).schedule == Level(warm_up=7, cool_down=350)


def test_a_star_means_each_and_the_later_change_counts() -> None:
    recipe = override(plan(), ["stages.*.size=64", "stages.1.steps=3", "stages.1.steps=4"])
    assert [stage.size for stage in recipe.stages] == [64, 64]
    assert recipe.stages[1].steps == 4
    assert recipe.stages[0].steps == plan().stages[0].steps


def test_changes_of_one_part_are_judged_together() -> None:
    changes = ["stages.0.prompting.mask_share=0.1", "stages.0.prompting.box_share=0.9"]
    assert override(plan(), changes).stages[0].prompting.box_share == 0.9


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("optimiser.rat=1", r"no setting optimiser\.rat; there are: optimiser\.rate, optimiser\.trunk_rate"),
        ("speed=1", r"no setting speed; there are: name, model, stages"),
        ("stages.7.steps=1", r"no setting stages\.7; there are: stages\.0, stages\.1, or stages\.\* for each"),
        ("seed.x=1", r"no setting seed\.x: seed is 1; expected a whole number"),
        ("validation.every=3", r"validation is None; expected Validation or None"),
        ("objective.patch=3", r"no setting objective\.patch; there are: objective\.losses"),
        ("objective=Distill", r"objective=Distill needs objective\.teacher too: a text"),
        ("objective=Magic", r"objective: expected Segment, Mae, Distill or KeepTracking, got 'Magic'"),
        ("stages=3", r"stages: expected its parts one by one \(Stage: steps, size"),
        ("stages.0.steps=1.5", r"stages\.0\.steps: expected a whole number, got '1\.5'"),
        ("optimiser.rate=nan", r"optimiser\.rate: expected a number, got 'nan'"),
        ("optimiser.betas=1", r"optimiser\.betas: expected 2 numbers: a,b, got '1'"),
        ("checkpointing=yes", r"checkpointing: expected true or false, got 'yes'"),
        ("precision=float16", r"precision: expected float32 or bfloat16, got 'float16'"),
        ("model=foo", r"model: expected nano, sam2-hiera-tiny, .* got 'foo'"),
        ("stages.0.steps=0", r"at least one stage, each of at least one step"),
        ("stages.0.prompting.mask_share=2", r"stages\.0\.prompting: mask_share 2"),
        ("steps", r"form key=value, got 'steps'"),
        ("=3", r"form key=value, got '=3'"),
    ],
)
def test_a_wrong_change_says_what_was_expected(change: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        override(plan(), [change])


def test_a_setting_is_explained() -> None:
    recipe = plan()
    assert expected(recipe, "stages.0.steps") == "a whole number"
    assert expected(recipe, "stages.1.prompting.corrections") == "2 whole numbers: a,b"
    assert expected(recipe, "objective.losses.answers") == "sum or mean"
    assert expected(recipe, "schedule") == "Level, Cosine or ReciprocalSqrt"


def make(*, steps: int = 3, freeze: tuple[str, ...] = (), start: str | None = None) -> Recipe:
    stage = Stage(steps=steps, size=64, clip_share=0, real_share=0, clips=1, length=1, stills=1, objects=1)
    return Recipe(name=" ".join(freeze), model=CONFIGS["nano"], stages=(stage,), start=start)


def test_arguments_of_a_recipe_are_told_from_settings() -> None:
    assert arguments(make) == {"steps": 3, "freeze": [], "start": None}
    recipe, rest = called(make, ["steps=5", "freeze=trunk,memory", "seed=2", "start=nano"])
    assert (recipe.steps, recipe.name, recipe.start, rest) == (5, "trunk memory", "nano", ["seed=2"])
    with pytest.raises(ValueError, match="steps: expected a whole number, got 'many'"):
        called(make, ["steps=many"])


def test_prompting_is_unchanged_where_nothing_is_said_of_it() -> None:
    assert override(make(), ["seed=4"]).stages[0].prompting == Prompting()
