"""What an accelerator asks for, checked without one: one device for all tensors, and no float64 (MPS has none)."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from masklet.model.configs import NANO, HieraConfig, ModelConfig
from masklet.model.prompt_encoder import Points
from masklet.model.sam2 import Sam2
from masklet.session import ImagePredictor, VideoSession
from masklet.session.memory import Selection, tokens

SIDE = 64
HIERA = ModelConfig(
    name="small", encoder=HieraConfig(embed_dim=16, heads=1, depths=(1, 1, 2, 1), global_blocks=(3,)), image_size=SIDE
)


class NoDoubles(TorchDispatchMode):
    """Refuses every operation that makes a tensor of float64."""

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        made = func(*args, **(kwargs or {}))
        for leaf in tree_leaves(made):
            if isinstance(leaf, torch.Tensor):
                assert leaf.dtype != torch.float64, f"{func} makes float64"
        return made


class OnlyOn(TorchDispatchMode):
    """Refuses every operation that makes a tensor on another device; single numbers may be anywhere."""

    def __init__(self, device: str) -> None:
        super().__init__()
        self._device = device

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        made = func(*args, **(kwargs or {}))
        for leaf in tree_leaves(made):
            if isinstance(leaf, torch.Tensor) and leaf.dim():
                assert leaf.device.type == self._device, f"{func} makes a tensor on {leaf.device}"
        return made


def test_no_step_of_a_session_needs_float64(model: Sam2, frames: np.ndarray) -> None:
    with NoDoubles():
        session = VideoSession(model, frames)
        session.prompt(0, 1, points=[(12, 18)])
        session.prompt(0, 2, box=(30, 20, 50, 40))
        for result in session.propagate(stop=4):
            assert set(result.objects) == {1, 2}
        session.prompt(3, 1, points=[(14, 20)], labels=[0], replace=False)
        session.result(3)


def test_no_step_of_a_still_needs_float64(model: Sam2, frames: np.ndarray) -> None:
    with NoDoubles():
        predictor = ImagePredictor(model)
        predictor.set_image(frames[0])
        predictor.predict(points=[(12, 18)], box=(4, 10, 20, 26))
        predictor.predict_many(boxes=[(4, 10, 20, 26), (30, 20, 50, 40)])
        predictor.everything()


@pytest.mark.parametrize("config", [NANO.at(SIDE), HIERA], ids=["nano", "hiera"])
def test_all_tensors_of_a_frame_are_on_the_device_of_the_model(config: ModelConfig) -> None:
    """The meta device stands for an accelerator: shapes are computed, and nothing may be made anywhere else."""
    with torch.device("meta"):
        model = Sam2(config).eval()
    with OnlyOn("meta"), torch.inference_mode():
        features = model.encode_image(torch.zeros(1, 3, SIDE, SIDE, device="meta"))
        memory = torch.zeros(config.memory_dim, config.grid, config.grid, device="meta", dtype=torch.bfloat16)
        pointer = torch.zeros(config.d_model, device="meta")
        seen = Selection(((config.memories - 1, memory), (0, memory)), ((1, pointer),), 15)
        embedding = model.with_memory(features.embedding, tokens(model, [seen, seen]))
        points = Points(torch.zeros(2, 1, 2, device="meta"), torch.ones(2, 1, dtype=torch.long, device="meta"))
        # A drawing looks at the labels of its clicks, which have no values here.
        decoded = model.decode(embedding, features, points=None if config.drawing else points)
        visible = decoded.object_score > 0
        written = model.encode_memory(features.embedding, model.upsample(decoded.logits[:, :1]).sigmoid(), visible)
    assert written.shape == (2, config.memory_dim, config.grid, config.grid)
    assert written.device.type == decoded.logits.device.type == "meta"
