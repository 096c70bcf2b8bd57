from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from masklet.compat import sam2
from masklet.compat.sam2.base import SAM2Base
from masklet.compat.sam2.overrides import settings
from masklet.model import checkpoints
from masklet.model.configs import NANO
from masklet.model.sam2 import Sam2
from masklet.session.policy import CORRECT, PUBLISHED
from masklet.session.selection import take_plain, take_single

SMALL = ["++model.image_size=64"]


def chosen(*overrides: str, **switches: bool):
    switches = {"reference_exact": False, "apply_postprocessing": True} | switches
    return settings(**switches, overrides=overrides)


@pytest.mark.parametrize(
    ("config", "name"),
    [
        ("configs/sam2.1/sam2.1_hiera_t.yaml", "sam2.1-hiera-tiny"),
        ("configs/sam2/sam2_hiera_t.yaml", "sam2-hiera-tiny"),
        ("sam2_hiera_s.yaml", "sam2-hiera-small"),
        ("facebook/sam2.1-hiera-tiny", "sam2.1-hiera-tiny"),
        ("nano", "nano"),
    ],
)
def test_published_configuration_names(config: str, name: str):
    model = sam2.build_sam2(config, device="cpu", hydra_overrides_extra=SMALL)
    assert model.model.config.name == name
    assert model.image_size == 64
    assert model.device == torch.device("cpu")
    assert not model.training


def test_an_unknown_configuration_names_the_known_ones():
    with pytest.raises(ValueError, match=r"sam2_hiera_xxl.yaml.*sam2.1-hiera-large"):
        sam2.build_sam2("sam2_hiera_xxl.yaml")


def test_the_published_submodules_import():
    from masklet.compat.sam2.automatic_mask_generator import SAM2AutomaticMaskGenerator
    from masklet.compat.sam2.build_sam import build_sam2, build_sam2_video_predictor
    from masklet.compat.sam2.sam2_image_predictor import SAM2ImagePredictor
    from masklet.compat.sam2.sam2_video_predictor import SAM2VideoPredictor

    assert sam2.build_sam2 is build_sam2
    assert sam2.build_sam2_video_predictor is build_sam2_video_predictor
    assert sam2.SAM2ImagePredictor is SAM2ImagePredictor
    assert sam2.SAM2VideoPredictor is SAM2VideoPredictor
    assert sam2.SAM2AutomaticMaskGenerator is SAM2AutomaticMaskGenerator


def test_weights_are_loaded_and_must_fit(tmp_path: Path):
    path = tmp_path / "small.safetensors"
    original = Sam2(NANO.at(64))
    checkpoints.save(original, path)
    built = sam2.build_sam2("nano", path, device="cpu")
    assert torch.equal(built.model.no_memory, original.no_memory)
    with pytest.raises(ValueError, match=r"does not fit sam2\.1-hiera-tiny"):
        sam2.build_sam2("sam2.1_hiera_t.yaml", path, device="cpu")
    with pytest.raises(FileNotFoundError, match=r"nothing\.pt"):
        sam2.build_sam2("nano", tmp_path / "nothing.pt")


def test_training_mode():
    assert sam2.build_sam2("nano", mode="train", device="cpu", hydra_overrides_extra=SMALL).model.training


def test_postprocessing_and_exactness_choose_the_policy():
    assert chosen().policy == CORRECT
    assert chosen(reference_exact=True).policy == PUBLISHED
    bare = chosen(apply_postprocessing=False).policy
    assert (bare.hole_area, bare.single, bare.binary_prompts) == (0, take_plain, False)
    predictor = sam2.build_sam2_video_predictor(
        "nano", device="cpu", hydra_overrides_extra=SMALL, vos_optimized=True, reference_exact=True
    )
    assert isinstance(predictor, SAM2Base)
    assert predictor.policy == PUBLISHED


@pytest.mark.parametrize(
    ("override", "field", "value"),
    [
        ("++model.fill_hole_area=0", "hole_area", 0),
        ("+model.fill_hole_area=16", "hole_area", 16),
        ("model.non_overlap_masks=true", "non_overlap", True),
        ("++model.add_all_frames_to_correct_as_cond=false", "corrections_condition", False),
        ("++model.binarize_mask_from_pts_for_mem_enc=false", "binary_prompts", False),
        ("++model.max_cond_frames_in_attn=4", "max_conditioning", 4),
        ("++model.max_cond_frames_in_attn=-1", "max_conditioning", None),
        ("++model.sam_mask_decoder_extra_args.dynamic_multimask_via_stability=false", "single", take_plain),
        ("++model.sam_mask_decoder_extra_args.dynamic_multimask_stability_thresh=0.98", "single", take_single),
        ("++model.sam_mask_decoder_extra_args.dynamic_multimask_stability_delta=0.05", "single", take_single),
        ("++model.clear_non_cond_mem_around_input=false", "hole_area", 8),
        ("++model.compile_image_encoder=true", "hole_area", 8),
    ],
)
def test_documented_overrides(override: str, field: str, value: Any):
    assert getattr(chosen(override).policy, field) == value


def test_an_override_has_the_last_word():
    assert chosen("++model.fill_hole_area=8", reference_exact=True).policy.hole_area == 8


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("++model.no_such_thing=1", "no meaning here"),
        ("++trainer.lr=1", "form"),
        ("model.fill_hole_area", "form"),
        ("++model.fill_hole_area=many", "fill_hole_area=many"),
        ("++model.non_overlap_masks=1", "true or false"),
        ("++model.clear_non_cond_mem_around_input=true", "not supported"),
        ("++model.sam_mask_decoder_extra_args.dynamic_multimask_stability_thresh=0.5", "not supported"),
        ("++model.max_cond_frames_in_attn=1", "at least 2"),
    ],
)
def test_no_override_is_ignored(override: str, message: str):
    with pytest.raises(ValueError, match=message):
        chosen(override)


def test_by_hub_name_from_the_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("MASKLET_HOME", str(tmp_path))
    model = sam2.build_sam2("sam2.1_hiera_t.yaml", device="cpu")
    checkpoints.save(model.model, tmp_path / "sam2.1-hiera-tiny.safetensors")
    found = sam2.build_sam2_hf("facebook/sam2.1-hiera-tiny", device="cpu", hydra_overrides_extra=SMALL)
    assert torch.equal(found.model.no_memory, model.model.no_memory)
    assert found.image_size == 64
    predictor = sam2.SAM2ImagePredictor.from_pretrained(
        "facebook/sam2.1-hiera-tiny", mask_threshold=0.5, device="cpu", hydra_overrides_extra=SMALL
    )
    assert predictor.mask_threshold == 0.5
    generator = sam2.SAM2AutomaticMaskGenerator.from_pretrained(
        "facebook/sam2.1-hiera-tiny", points_per_side=2, device="cpu", hydra_overrides_extra=SMALL
    )
    assert generator.options.points_per_side == 2
    video = sam2.SAM2VideoPredictor.from_pretrained(
        "sam2.1-hiera-tiny", device="cpu", reference_exact=True, hydra_overrides_extra=SMALL
    )
    assert video.policy == PUBLISHED
    with pytest.raises(FileNotFoundError, match="no model or file"):
        sam2.build_sam2_hf("facebook/sam3")
