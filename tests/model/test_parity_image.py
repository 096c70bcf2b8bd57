"""The image predictor against what the published code computes with the same synthetic weights."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import numpy as np
import pytest
import torch

from masklet.media.images import read_image
from masklet.model.registry import load_model
from masklet.session.image import ImagePredictor, Prediction

FEATURES, LOGITS, SCORES = 1e-3, 2e-3, 2e-3


def close(found: np.ndarray, golden: np.ndarray, tolerance: float) -> bool:
    return found.shape == golden.shape and np.abs(found - golden).max() <= tolerance * np.abs(golden).max()


def iou(found: np.ndarray, golden: np.ndarray) -> float:
    union = (found | golden).sum()
    return 1.0 if union == 0 else float((found & golden).sum() / union)


@pytest.mark.slow
@pytest.mark.parametrize("size", ["tiny", "small", "base_plus", "large"])
def test_truck(shared: Path, synthetic: Callable[[str], AbstractContextManager[Path]], size: str):
    """Both versions load; their synthetic weights agree wherever the names do, so one of them is run."""
    with synthetic(f"sam2.1_hiera_{size}") as path:
        model = load_model(path, device="cpu")
    with synthetic(f"sam2_hiera_{size}") as path:
        older = load_model(path, device="cpu")
    assert model.config.name == f"sam2.1-hiera-{size.replace('_', '-')}"
    assert older.config.name == f"sam2-hiera-{size.replace('_', '-')}"
    weights, older_weights = model.state_dict(), older.state_dict()
    assert all(torch.equal(weights[name], tensor) for name, tensor in older_weights.items())
    assert weights.keys() - older_weights.keys() == {"no_object_memory", "pointer_time.weight", "pointer_time.bias"}
    del older, older_weights

    predictor = ImagePredictor(model)
    predictor.set_image(read_image(shared / "media" / "truck.jpg"))
    features = predictor.stills[0].features
    click, other, box = (500, 375), (1125, 625), (425, 600, 700, 875)
    first = predictor.predict(points=[click])
    predictions: dict[str, Prediction] = {
        "one_click": first,
        "one_click_single": predictor.predict(points=[click], multimask=False),
        "two_clicks": predictor.predict(points=[click, other], labels=[1, 0], multimask=False),
        "box": predictor.predict(box=box, multimask=False),
        "box_click": predictor.predict(box=box, points=[(575, 750)], labels=[0], multimask=False),
        "mask_refine": predictor.predict(points=[click, other], previous=first.low_res[first.best], multimask=False),
    }
    for version in ("sam2", "sam2.1"):
        goldens = np.load(shared / "parity" / f"{version}_hiera_{size}.npz")
        assert close(features.embedding[:, ::8, ::4, ::4].numpy(), goldens["truck/image_embed"], FEATURES)
        assert close(features.stride4[:, ::4, ::16, ::16].numpy(), goldens["truck/high_res_0"], FEATURES)
        assert close(features.stride8[:, ::4, ::16, ::16].numpy(), goldens["truck/high_res_1"], FEATURES)
        for prompt, found in predictions.items():
            golden = {key: goldens[f"truck/{prompt}/{key}"] for key in ("iou", "low_res", "full")}
            assert np.abs(found.iou - golden["iou"]).max() <= SCORES, prompt
            assert close(found.low_res[:, ::2, ::2], golden["low_res"], LOGITS), prompt
            assert close(found.logits[:, ::25, ::25], golden["full"], LOGITS), prompt
            for mask, expected in zip(found.masks[:, ::25, ::25], golden["full"] > 0, strict=True):
                assert iou(mask, expected) >= 0.999, prompt
