"""Exports of a part of the frames and with effects; effects that are kept; single frames with effects."""

from __future__ import annotations

import io
import time
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from PIL import Image

from masklet.export import apply_effects, effects_from_json, read_coco_json, read_cutout_video
from masklet.masks import Rle
from masklet.media import open_clip

FRAMES, HEIGHT, WIDTH = 8, 64, 96
BLUE: list[dict[str, Any]] = [{"kind": "replace", "target": "background", "colour": "#0000ff", "feather": 0}]


def exported(http: httpx.Client, media: str, **order: Any) -> tuple[str, bytes]:
    """Name and content of an export's file."""
    begun = http.post(f"/api/media/{media}/exports", json=order)
    assert begun.status_code == 200, begun.text
    address = f"/api/exports/{begun.json()['id']}"
    while (state := http.get(address).json())["state"] == "running":
        time.sleep(0.02)
    assert (state["state"], state["error"], state["progress"]) == ("done", None, 1.0)
    return state["name"], http.get(f"{address}/file").content


@pytest.fixture(scope="module")
def tracked(one_server) -> str:
    """A media with one object that is tracked through all frames."""
    media = one_server.media()
    with one_server.page(media) as page:
        page.do("object-add", name="Square")
        page.do("prompt", frame=0, object=1, box=[16, 16, 48, 48])
        page.do("track", direction="forward", start=0, stop=None)
        page.finished()
    return media


def masks_of(server: Any, media: str) -> dict[int, np.ndarray]:
    """Object 1's masks by frame."""
    with server.page(media) as page:
        return {frame: Rle(HEIGHT, WIDTH, counts).decode() for (_, frame), counts in page.shown().items()}


def frame_png(server: Any, media: str, frame: int, effects: list[dict[str, Any]]) -> httpx.Response:
    return server.http.post(f"/api/media/{media}/frames/{frame}.png", json={"effects": effects})


def pixels(answer: httpx.Response) -> np.ndarray:
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "image/png"
    return np.array(Image.open(io.BytesIO(answer.content)))


def test_a_video_with_effects_is_the_clip_with_effects(one_server, tracked: str, clips: Path, tmp_path: Path) -> None:
    name, content = exported(one_server.http, tracked, format="effects-video", effects=BLUE)
    assert name == "square-effects.mp4"
    (tmp_path / name).write_bytes(content)
    masks = masks_of(one_server, tracked)
    with open_clip(tmp_path / name) as made, open_clip(clips / "square.mp4") as clip:
        assert len(made) == FRAMES
        for frame in range(FRAMES):
            expected = apply_effects(clip[frame], {1: masks[frame]}, effects_from_json(BLUE))
            assert np.abs(made[frame].astype(int) - expected).mean() < 8


@pytest.mark.parametrize(("kind", "name"), [("effects-video", "effects.webm"), ("effects-prores", "effects.mov")])
def test_a_cut_out_is_exported_with_alpha(one_server, tracked: str, tmp_path: Path, kind: str, name: str) -> None:
    effects = [{"kind": "cut-out", "target": 1}]
    full_name, content = exported(one_server.http, tracked, format=kind, effects=effects, start=2, stop=5)
    assert full_name == f"square-{name}"
    (tmp_path / name).write_bytes(content)
    (back,) = read_cutout_video(tmp_path / name).masklets
    masks = masks_of(one_server, tracked)
    assert back.frames == (0, 1, 2)
    for frame in back.frames:
        assert (back[frame].rle.decode() != masks[frame + 2]).mean() < 0.03


def test_exports_of_some_frames(one_server, tracked: str, tmp_path: Path) -> None:
    _, content = exported(one_server.http, tracked, format="coco", start=3, stop=6)
    (tmp_path / "coco.json").write_bytes(content)
    (masklet,) = read_coco_json(tmp_path / "coco.json").masklets
    assert masklet.frames == (3, 4, 5)
    _, content = exported(one_server.http, tracked, format="overlay-video", start=6)
    (tmp_path / "overlay.mp4").write_bytes(content)
    with open_clip(tmp_path / "overlay.mp4") as clip:
        assert len(clip) == 2


@pytest.mark.parametrize(
    ("order", "reason"),
    [
        ({"format": "effects-video"}, "expected at least one effect"),
        ({"format": "sav", "effects": BLUE}, "expected one of effects-video, effects-prores for effects"),
        ({"format": "effects-video", "effects": [{"kind": "blur", "target": 7}]}, "there is no object 7"),
        ({"format": "effects-video", "effects": [{"kind": "smudge", "target": 1}]}, "kind is one of"),
        ({"format": "effects-video", "effects": [{"kind": "follow", "target": 1}]}, "lacks text"),
        ({"format": "sav", "start": 5, "stop": 5}, "expected frames within 0..8, got 5..5"),
        ({"format": "sav", "stop": 9}, "expected frames within 0..8, got 0..9"),
    ],
)
def test_orders_that_do_not_fit_are_refused(one_server, tracked: str, order: dict[str, Any], reason: str) -> None:
    answer = one_server.http.post(f"/api/media/{tracked}/exports", json=order)
    assert answer.status_code == 422
    assert reason in answer.json()["error"]


def test_a_frame_with_effects_is_what_apply_gives(one_server, tracked: str, clips: Path) -> None:
    masks = masks_of(one_server, tracked)
    many = [{"kind": "blur", "target": "background", "radius": 3}, {"kind": "outline", "target": 1}]
    with open_clip(clips / "square.mp4") as clip:
        for effects in (BLUE, many, [{"kind": "cut-out", "target": "objects"}]):
            found = pixels(frame_png(one_server, tracked, 4, effects))
            assert np.array_equal(found, apply_effects(clip[4], {1: masks[4]}, effects_from_json(effects)))
        assert np.array_equal(pixels(frame_png(one_server, tracked, 4, [])), clip[4])
    following = pixels(frame_png(one_server, tracked, 4, [{"kind": "follow", "target": 1, "text": "Hi", "size": 12}]))
    assert following.shape == (HEIGHT, WIDTH, 3)


def test_frames_with_effects_that_cannot_be_are_refused(one_server, tracked: str) -> None:
    assert frame_png(one_server, tracked, FRAMES, BLUE).status_code == 404
    assert frame_png(one_server, "0", 0, BLUE).status_code == 404
    assert frame_png(one_server, tracked, 0, [{"kind": "blur", "target": 2}]).status_code == 422
    glyph = frame_png(one_server, tracked, 0, [{"kind": "follow", "target": 1, "text": "\ue123\U000effff"}])
    assert glyph.status_code == 422


def test_effects_are_kept_with_the_media(serve, tmp_path: Path) -> None:
    with serve(tmp_path / "data") as server:
        media = server.media()
        address = f"/api/media/{media}/effects"
        assert server.http.get(address).json() == {"number": 0, "effects": []}
        effects = [*BLUE, {"kind": "follow", "target": "objects", "text": "Ö"}]
        assert server.http.put(address, json={"effects": effects}).json()["effects"] == effects
        wrong = server.http.put(address, json={"effects": [{"kind": "blur", "target": 1, "radius": -1}]})
        assert wrong.status_code == 422
        assert "radius is a number from 0.5 to 100" in wrong.json()["error"]
    with serve(tmp_path / "data") as server:
        assert server.http.get(address).json()["effects"] == effects
        server.http.delete(f"/api/media/{media}")
        assert server.http.get(address).status_code == 404
