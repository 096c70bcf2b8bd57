from __future__ import annotations

import numpy as np
import torch

from masklet.model.encoder import ImageFeatures
from masklet.model.sam2 import Sam2
from masklet.session import VideoSession
from masklet.session.features import FeatureCache, LastFrames


def of_size(floats: int) -> ImageFeatures:
    empty = torch.zeros(0)
    return ImageFeatures(torch.zeros(floats), empty, empty)


def test_the_last_frames_are_kept_and_older_ones_go() -> None:
    store = LastFrames(2)
    for frame in range(3):
        store.put(frame, of_size(1))
    assert [store.get(frame) is not None for frame in range(3)] == [False, True, True]


def test_a_cache_keeps_to_its_bound_and_drops_what_was_not_used_for_longest() -> None:
    cache = FeatureCache(most_bytes=3 * 40)
    clip = cache.of("clip")
    for frame in range(3):
        clip.put(frame, of_size(10))
    assert clip.get(0) is not None  # now frame 1 is the one unused for longest
    cache.of("other").put(0, of_size(10))
    assert [clip.get(frame) is not None for frame in range(3)] == [True, False, True]
    assert cache.bytes == 120
    clip.put(2, of_size(10))
    assert cache.bytes == 120
    cache.drop("clip")
    assert cache.bytes == 40
    assert clip.get(0) is None


def test_one_frame_is_kept_even_where_it_is_larger_than_the_bound() -> None:
    cache = FeatureCache(most_bytes=4)
    cache.put("clip", 0, of_size(10))
    assert cache.get("clip", 0) is not None


def test_a_session_encodes_a_frame_once_for_all_its_prompts_and_for_the_next_session(
    model: Sam2, frames: np.ndarray, monkeypatch
) -> None:
    calls: list[int] = []
    encode = model.encode_image

    def counted(images: torch.Tensor) -> ImageFeatures:
        calls.append(len(images))
        return encode(images)

    monkeypatch.setattr(model, "encode_image", counted)
    cache = FeatureCache(most_bytes=1 << 30)
    for _ in range(2):
        with VideoSession(model, frames, features=cache.of("clip")) as session:
            session.features(3)
            session.prompt(3, 1, points=[(12, 18)])
            list(session.propagate(3, 6))
            session.prompt(4, 1, points=[(14, 18)])
    assert len(calls) == 3
