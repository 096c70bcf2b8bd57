"""The same random weights in `transformers` and here give the same features, masks and tracks.

Anyone can run this: it needs neither published weights nor the shared folder. At 256 pixels it takes seconds.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from masklet.model import checkpoints
from masklet.model.sam2 import Sam2
from masklet.session.image import ImagePredictor
from masklet.session.prepare import frame_tensor, still_tensor
from masklet.session.video import VideoSession

transformers = pytest.importorskip("transformers", reason="transformers is a development dependency")
if not hasattr(transformers, "Sam2VideoModel"):
    pytest.skip("needs a transformers that knows SAM 2", allow_module_level=True)

pytestmark = pytest.mark.usefixtures("kernels")

SIDE = 256
CPU = torch.device("cpu")


def configuration(kind: Any) -> Any:
    """A tiny SAM 2.1 for pictures of 256 pixels."""
    sizes = [[SIDE // stride] * 2 for stride in (4, 8, 16)]
    backbone = {"model_type": "sam2_hiera_det_model", "image_size": [SIDE, SIDE]}
    parts: dict[str, Any] = {
        "vision_config": {
            "model_type": "sam2_vision_model",
            "backbone_config": backbone,
            "backbone_feature_sizes": sizes,
        },
        "prompt_encoder_config": {"image_size": SIDE},
    }
    if kind is transformers.Sam2VideoConfig:
        parts |= {"image_size": SIDE, "memory_attention_rope_feat_sizes": sizes[2]}
    return kind(**parts)


@torch.no_grad()
def randomise(model: Any) -> None:
    """Values that keep activations in range, also where the library starts from zero."""
    generator = torch.Generator().manual_seed(0)
    weights: dict[str, Tensor] = model.state_dict()
    for name, tensor in weights.items():
        values = torch.randn(tensor.shape, generator=generator)
        if tensor.ndim >= 2:
            values /= (tensor.numel() / tensor.shape[0]) ** 0.5
        else:
            values = 1 + 0.1 * values if name.endswith(("weight", "scale")) else 0.02 * values
        tensor.copy_(values)
    shared = weights["shared_image_embedding.positional_embedding"]
    shared *= 30  # as in released models, where neighbouring cells differ
    weights["prompt_encoder.shared_embedding.positional_embedding"].copy_(shared)  # one matrix under two names


@pytest.fixture(scope="module")
def theirs() -> Any:
    model = transformers.Sam2VideoModel(configuration(transformers.Sam2VideoConfig)).eval()
    randomise(model)
    return model


@pytest.fixture(scope="module")
def still(theirs: Any) -> Any:
    model = transformers.Sam2Model(configuration(transformers.Sam2Config)).eval()
    missing, _ = model.load_state_dict(theirs.state_dict(), strict=False)
    assert not missing
    return model


@pytest.fixture(scope="module")
def ours(theirs: Any, tmp_path_factory: pytest.TempPathFactory) -> Sam2:
    folder = tmp_path_factory.mktemp("transformers")
    theirs.save_pretrained(folder)
    model = checkpoints.load(Path(folder) / "model.safetensors", image_size=SIDE)
    assert model.config.name == "sam2.1-hiera-tiny"
    return model


@pytest.fixture(scope="module")
def frames() -> np.ndarray:
    """5 frames of the model's own size, so that no resampler has a say: a bright square that moves over noise."""
    rng = np.random.default_rng(1)
    video = rng.integers(0, 120, (5, SIDE // 8, SIDE // 8, 3), dtype=np.uint8).repeat(8, axis=1).repeat(8, axis=2)
    for t, frame in enumerate(video):
        frame[80:144, 40 + 16 * t : 120 + 16 * t] = 230
    return video


def close(found: Tensor | np.ndarray, expected: Tensor, tolerance: float) -> bool:
    found = torch.as_tensor(found)
    assert found.shape == expected.shape
    return bool((found - expected).abs().max() <= tolerance * expected.abs().max())


@torch.inference_mode()
def test_image_features(ours: Sam2, still: Any, frames: np.ndarray):
    images = torch.cat([still_tensor(frame, SIDE, CPU) for frame in frames[:2]])
    features = ours.encode_image(images)
    expected = still.get_image_embeddings(images)
    assert close(features.stride4, expected[0], 1e-4)
    assert close(features.stride8, expected[1], 1e-4)
    assert close(ours.without_memory(features.embedding), expected[2], 1e-4)


CLICK, OTHER, BOX = [100.0, 110.0], [200.0, 40.0], [40.0, 80.0, 120.0, 144.0]


@pytest.mark.parametrize("multimask", [True, False])
@pytest.mark.parametrize(
    "prompt",
    [
        {"points": [CLICK], "labels": [1]},
        {"points": [CLICK, OTHER], "labels": [1, 0]},
        {"box": BOX},
        {"points": [CLICK], "labels": [1], "previous": True},
    ],
    ids=["click", "clicks", "box", "mask"],
)
@torch.inference_mode()
def test_prompts_on_a_still(ours: Sam2, still: Any, frames: np.ndarray, prompt: dict[str, Any], multimask: bool):
    predictor = ImagePredictor(ours)
    predictor.set_image(frames[0])
    inputs: dict[str, Any] = {}
    if "points" in prompt:
        inputs["input_points"] = torch.tensor([[prompt["points"]]])
        inputs["input_labels"] = torch.tensor([[prompt["labels"]]])
    if "box" in prompt:
        inputs["input_boxes"] = torch.tensor([[prompt["box"]]])
    if prompt.get("previous"):
        previous = predictor.predict(points=[OTHER]).low_res[:1]
        inputs["input_masks"] = torch.from_numpy(previous)[None]
        prompt = {**prompt, "previous": previous}
    expected = still(pixel_values=still_tensor(frames[0], SIDE, CPU), **inputs, multimask_output=multimask)
    found = predictor.predict(**prompt, multimask=multimask)
    assert close(found.low_res, expected.pred_masks[0, 0].clamp(-32, 32), 1e-3)
    assert close(found.iou, expected.iou_scores[0, 0], 1e-3)


def session_of(frames: np.ndarray) -> Any:
    from transformers.models.sam2_video.modeling_sam2_video import Sam2VideoInferenceSession

    video = torch.cat([frame_tensor(frame, SIDE, CPU) for frame in frames])
    return Sam2VideoInferenceSession(video=video, video_height=SIDE, video_width=SIDE, dtype=torch.float32)


@pytest.mark.parametrize(
    ("kind", "reverse"), [("click", False), ("clicks", False), ("box", False), ("mask", False), ("clicks", True)]
)
@torch.inference_mode()
def test_tracks(ours: Sam2, theirs: Any, frames: np.ndarray, kind: str, reverse: bool):
    start = 4 if reverse else 0
    other = session_of(frames)
    number = other.obj_id_to_idx(1)
    other.obj_with_new_inputs = [1]
    session = VideoSession(ours, frames, reference_exact=True)
    if kind == "mask":
        mask = np.zeros((SIDE, SIDE), np.bool_)
        mask[80:144, 40:120] = True
        session.prompt(start, 1, mask=mask)
        other.add_mask_inputs(number, start, torch.from_numpy(mask)[None, None].float())
    else:
        points, labels, corners = [CLICK], [1], None
        if kind == "clicks":
            points, labels = [CLICK, OTHER], [1, 0]
        if kind == "box":
            points, labels, corners = [BOX[:2], BOX[2:]], [2, 3], BOX
            session.prompt(start, 1, box=corners)
        else:
            session.prompt(start, 1, points=points, labels=labels)
        inputs = {"point_coords": torch.tensor([[points]]), "point_labels": torch.tensor([[labels]])}
        other.add_point_inputs(number, start, inputs)
    theirs(other, frame_idx=start)  # their memory of the prompted frame is written at once
    expected = {
        output.frame_idx: (output.pred_masks[0, 0].clone(), output.object_score_logits.item())
        for output in theirs.propagate_in_video_iterator(other, start_frame_idx=start, reverse=reverse)
    }
    for index, result in enumerate(session.propagate(start, reverse=reverse)):
        logits, score = expected.pop(result.frame)
        found = result.objects[1]
        assert found.score == pytest.approx(score, abs=2e-3)
        assert close(found.low_res, logits, 2e-3 if index < 2 else 2e-2)
    assert not expected
