"""Training sees what a session computes: the same frames give the same masks."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from masklet.model.configs import ModelConfig
from masklet.model.encoder import ImageFeatures
from masklet.model.sam2 import build
from masklet.session.video import VideoSession
from masklet.train.batches import Sources, collate
from masklet.train.unroll import Unroll, choose, gather_features


@pytest.mark.parametrize("length", [3, 7])
def test_tracking_agrees_with_the_session(tiny: ModelConfig, sources: Sources, length: int) -> None:
    torch.manual_seed(2)
    model = build(tiny).eval()
    sample = sources.real.sample(np.random.default_rng(6), length, 64, 1)
    batch = collate([sample])
    with torch.inference_mode():
        tracker = Unroll(model, model.encode_image(batch.images), length, batch.owner)
        tracker.start_from_masks(0, batch.masks[:, 0, None].float())
        ours = []
        for frame in range(1, length):
            chosen = choose(tracker.decode(frame, None), multimask=True)
            tracker.remember(frame, chosen, prompted=False)
            ours.append(torch.where(chosen.visible[..., None, None], chosen.logits, -1024.0)[0, 0])
    # A session knows the number of frames and scales the pointers' time code by it; training stands for long videos.
    frames = np.concatenate([sample.frames, np.repeat(sample.frames[-1:], 16 - length, axis=0)])
    with VideoSession(model, frames) as session:
        session.prompt(0, 1, mask=sample.masks[0, 0])
        theirs = [result.objects[1].low_res for result in session.propagate(stop=length) if result.frame > 0]
    for mine, other in list(zip(ours, theirs, strict=False))[: length - 1]:
        # Sessions keep memories in bfloat16.
        assert torch.allclose(mine, other, atol=0.05 * float(mine.std()) + 1e-4)


def test_objects_of_one_batch_do_not_touch(tiny: ModelConfig, sources: Sources) -> None:
    torch.manual_seed(2)
    model = build(tiny).eval()
    samples = [sources.real.sample(np.random.default_rng(seed), 3, 64, 1) for seed in (1, 2)]

    def run(chosen: list) -> torch.Tensor:
        batch = collate(chosen)
        tracker = Unroll(model, model.encode_image(batch.images), 3, batch.owner)
        tracker.start_from_masks(0, batch.masks[:, 0, None].float())
        return tracker.decode(1, None).logits

    with torch.inference_mode():
        together, alone = run(samples), run(samples[1:])
    assert torch.allclose(together[1:], alone, atol=1e-4)


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_objects_get_their_images_features_with_channels_last(layout: torch.memory_format) -> None:
    parts = [torch.randn(2, 3, side, side).contiguous(memory_format=layout) for side in (4, 16, 8)]
    rows = torch.tensor([1, 0, 1])
    gathered = gather_features(ImageFeatures(*parts), rows)
    for part, got in zip(parts, (gathered.embedding, gathered.stride4, gathered.stride8), strict=True):
        assert torch.equal(got, part[rows])
        assert got.flatten(2).transpose(1, 2).is_contiguous()


def test_a_frame_is_conditioned_once_for_all_its_clicks(tiny: ModelConfig, sources: Sources) -> None:
    torch.manual_seed(2)
    model = build(tiny).eval()
    batch = collate([sources.real.sample(np.random.default_rng(6), 4, 64, 1)])
    looks = []
    model.memory_attention.register_forward_hook(lambda *_: looks.append(1))
    with torch.inference_mode():
        features = model.encode_image(batch.images)

        def started() -> Unroll:
            tracker = Unroll(model, features, 4, batch.owner)
            tracker.start_from_masks(0, batch.masks[:, 0, None].float())
            return tracker

        tracker = started()
        first = tracker.decode(2, None)
        corrected = tracker.decode(2, None, previous=first.logits[:, :1])
        assert len(looks) == 1
        assert torch.equal(corrected.logits, started().decode(2, None, previous=first.logits[:, :1]).logits)
        # Its own memory is nothing that it attends to; that of another frame is.
        tracker.remember(2, choose(first, multimask=True), prompted=False)
        assert torch.equal(tracker.decode(2, None).logits, first.logits)
        assert len(looks) == 2
        tracker.remember(1, choose(first, multimask=True), prompted=False)
        assert not torch.equal(tracker.decode(2, None).logits, first.logits)
