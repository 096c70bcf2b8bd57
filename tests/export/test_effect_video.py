"""Clips with effects."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from masklet.export import apply_effects, picture_with_effects, read_cutout_video, write_effects_video
from masklet.export.effect_video import effects_file, followed_boxes
from masklet.export.effects import Blur, CutOut, Effect, Follow, Outline, Replace
from masklet.export.pixels import masks_at
from masklet.masks import FrameMask, Masklet
from masklet.media import ArrayClip, open_clip


def test_a_video_shows_each_frame_with_its_effects(masklets: list[Masklet], clip: ArrayClip, tmp_path: Path) -> None:
    effects = [Replace(target="background", colour="#404040"), Outline(target=1, width=2)]
    path = tmp_path / effects_file(effects)
    assert path.suffix == ".mp4"
    write_effects_video(path, masklets, clip, effects)
    with open_clip(path) as back:
        assert (len(back), back.height, back.width) == (9, 30, 46)
        for frame in range(9):
            expected = apply_effects(clip[frame], masks_at(masklets, frame), effects)
            assert np.abs(back[frame].astype(int) - expected).mean() < 6


@pytest.mark.parametrize("name", ["effects.webm", "effects.mov"])
def test_a_cut_out_has_alpha(name: str, masklets: list[Masklet], clip: ArrayClip, tmp_path: Path) -> None:
    effects = [CutOut(target="objects", feather=0)]
    assert effects_file(effects) == "effects.webm"
    write_effects_video(tmp_path / name, masklets, clip, effects, start=2, stop=5)
    (back,) = read_cutout_video(tmp_path / name).masklets
    assert back.frames == (0, 1, 2)
    for frame in back.frames:
        expected = apply_effects(clip[frame + 2], masks_at(masklets, frame + 2), effects)[:, :, 3] > 0
        assert (back[frame].rle.decode() != expected).mean() < 0.03


def test_what_cannot_be_written_is_refused(masklets: list[Masklet], clip: ArrayClip, tmp_path: Path) -> None:
    def refused(name: str, effects: list[Effect], reason: str, **more: int) -> None:
        with pytest.raises(ValueError, match=reason):
            write_effects_video(tmp_path / name, masklets, clip, effects, **more)

    refused("effects.mp4", [CutOut(target=1)], "a cut-out needs alpha")
    refused("effects.gif", [], "a .mp4, .webm or .mov, got effects.gif")
    refused("effects.mp4", [Blur(target=5)], "there is no object 5")
    refused("effects.mp4", [Blur(target=1)], "expected frames within 0..9", start=4, stop=20)
    assert list(tmp_path.iterdir()) == []


def test_a_single_frame_is_the_video_s(masklets: list[Masklet], clip: ArrayClip) -> None:
    effects = [Blur(target="background"), Follow(target=1, text="a", size=8)]
    boxes = followed_boxes(masklets, 4, effects)
    expected = apply_effects(clip[4], masks_at(masklets, 4), effects, boxes=boxes)
    assert np.array_equal(picture_with_effects(masklets, clip, 4, effects), expected)
    with pytest.raises(ValueError, match="there is no object 5"):
        picture_with_effects(masklets, clip, 4, [Blur(target=5)])


def test_text_follows_the_mean_of_the_boxes_nearby() -> None:
    def box(x: int) -> np.ndarray:
        mask = np.zeros((20, 200), bool)
        mask[5:10, x : x + 10] = True
        return mask

    effects = [Follow(target=1, text="a")]
    steady = Masklet(1, 20, 200, [FrameMask.given(frame, box(6 * frame)) for frame in range(20)])
    assert followed_boxes([steady], 10, effects)[1] == pytest.approx((60, 5, 70, 10)), "steady movement is kept"
    trembling = Masklet(1, 20, 200, [FrameMask.given(frame, box(60 + frame % 2 * 8)) for frame in range(20)])
    places = [followed_boxes([trembling], frame, effects)[1][0] for frame in (9, 10, 11)]
    assert max(places) - min(places) < 1, "trembling is not"
    gone = Masklet(1, 20, 200, [FrameMask.given(0, box(3)), FrameMask.given(1, np.zeros((20, 200), bool))])
    assert followed_boxes([gone], 1, effects) == {}
    assert followed_boxes([gone], 5, effects) == {}
    assert followed_boxes([gone], 0, effects) == {1: (3, 5, 13, 10)}
    assert followed_boxes([gone], 0, [Blur(target=1)]) == {}, "nothing follows"
