"""Masks from files: what was exported comes back, what does not fit is refused."""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from PIL import Image

from masklet.masks import Rle

FRAMES, HEIGHT, WIDTH = 8, 64, 96
"""Of the clip in conftest.py."""
Shown = dict[tuple[int, int], bytes]


def send(http: httpx.Client, data: bytes, name: str) -> str:
    """An upload that is complete, and not finished."""
    number = http.post("/api/uploads", json={"name": name, "size": len(data)}).json()["id"]
    assert http.put(f"/api/uploads/{number}?offset=0", content=data).status_code == 200
    return number


def take_in(http: httpx.Client, media: str, data: bytes, name: str, **options: Any) -> httpx.Response:
    return http.post(f"/api/media/{media}/imports", json={"upload": send(http, data, name), **options})


def another_media(server: Any, clips: Path) -> str:
    """The clip once more, without objects."""
    number = send(server.http, (clips / "square.mp4").read_bytes(), "again.mp4")
    return server.http.post(f"/api/uploads/{number}/finish").json()["id"]


def exported(server: Any, media: str, kind: str) -> tuple[bytes, str]:
    """The file of an export, and its name."""
    number = server.http.post(f"/api/media/{media}/exports", json={"format": kind}).json()["id"]
    while (state := server.http.get(f"/api/exports/{number}").json())["state"] == "running":
        pass
    assert state["state"] == "done", state
    return server.http.get(f"/api/exports/{number}/file").content, state["name"]


def draw(server: Any, media: str) -> Shown:
    """Two objects on all frames, drawn by hand; the first one is gone in frames 4 and 5."""
    with server.page(media) as page:
        for number in (1, 2):
            assert page.do("object-add", name=f"Thing {number}")["object"] == number
            for frame in range(FRAMES):
                mask = np.zeros((HEIGHT, WIDTH), bool)
                if number == 2:
                    mask[40:60, 2 * frame : 2 * frame + 20] = True
                elif frame not in (4, 5):
                    mask[3 : 20 + frame, 10:30] = True
                    mask[8:12, 15:18] = False
                page.do("mask", frame=frame, object=number, counts=Rle.encode(mask).counts.decode())
        return page.shown()


@pytest.fixture(scope="module")
def drawn(one_server) -> tuple[str, Shown]:
    media = one_server.media()
    return media, draw(one_server, media)


@pytest.mark.parametrize("kind", ["masklet", "sav", "coco", "youtube-vis", "png", "palette-png"])
def test_what_was_exported_comes_back(one_server, drawn, clips: Path, kind: str) -> None:
    media, masks = drawn
    data, name = exported(one_server, media, kind)
    fresh = another_media(one_server, clips)
    answer = take_in(one_server.http, fresh, data, name)
    assert answer.status_code == 200, answer.text
    with one_server.page(fresh) as page:
        found = page.shown()
        # SA-V has six frames a second: of this clip frames 0 and 4.
        expected = {key: counts for key, counts in masks.items() if kind != "sav" or key[1] in (0, 4)}
        assert found == expected
        lanes = page.hello["lanes"]
        assert lanes["2"]["prompted"] == sorted({frame for number, frame in expected if number == 2})
        if kind in {"masklet", "coco", "youtube-vis"}:
            assert [entry["name"] for entry in page.hello["objects"]] == ["Thing 1", "Thing 2"]
    assert answer.json()["objects"] == [1, 2]
    assert answer.json()["masks"] == len(expected)


def test_an_import_is_one_edit_beside_what_is_there(server) -> None:
    media = server.media()
    before = draw(server, media)
    data, name = exported(server, media, "masklet")
    with server.page(media) as page:
        page.do("object-delete", object=2)
        left = page.shown()
        answer = take_in(server.http, media, data, name, every=3).json()
        assert answer["objects"] == [3, 4], "numbers are not used twice"
        now = page.shown()
        assert {key: now[key] for key in left} == left
        assert {(number - 2, frame): counts for (number, frame), counts in now.items() if number > 2} == before
        lanes = page.event("lanes")["lanes"]
        assert lanes["3"]["prompted"] == [0, 3], "each third of the frames in which it is seen: 0 1 2 3 6 7"
        assert lanes["4"]["prompted"] == [0, 3, 6]
        assert lanes["3"]["runs"] == [[0, 3, "present"], [4, 5, "absent"], [6, 7, "present"]]
        page.do("undo")
        assert page.shown() == left
        page.do("redo")
        assert page.shown() == now


def test_imported_masks_are_prompts_to_track_from(server) -> None:
    media = server.media()
    mask = np.zeros((HEIGHT, WIDTH), np.uint8)
    mask[16:48, 16:48] = 255
    assert take_in(server.http, media, png(mask), "mask.png").json() == {"objects": [1], "masks": 1, "prompts": 1}
    with server.page(media) as page:
        page.do("track", direction="forward", start=0, stop=None, objects=None)
        assert page.finished()["state"] == "done"
        masks = page.shown()
        assert set(masks) == {(1, frame) for frame in range(FRAMES)}
        assert masks[1, 0] == Rle.encode(mask > 0).counts


def png(labels: np.ndarray) -> bytes:
    file = io.BytesIO()
    Image.fromarray(labels).save(file, format="PNG")
    return file.getvalue()


def zipped(files: dict[str, bytes]) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return file.getvalue()


def square(number: int, at: int) -> np.ndarray:
    labels = np.zeros((HEIGHT, WIDTH), np.uint8)
    labels[at : at + 10, at : at + 10] = number
    return labels


def test_a_single_picture_goes_to_the_frame_of_its_name_or_the_one_that_is_shown(one_server, clips: Path) -> None:
    for name, frame in (("00006.png", 6), ("hand.png", 3), ("99999.png", 3)):
        media = another_media(one_server, clips)
        assert take_in(one_server.http, media, png(square(1, 9)), name, frame=3).status_code == 200
        with one_server.page(media) as page:
            assert set(page.shown()) == {(1, frame)}


def test_several_pictures_are_frames_by_number_or_in_natural_order(one_server, clips: Path) -> None:
    by_number = {f"masks/{frame:05d}.png": png(square(2, frame)) for frame in (1, 5)}
    by_order = {f"masks/cut {frame}.png": png(square(2, frame)) for frame in (10, 9)}
    junk = {"__MACOSX/masks/._1.png": b"x", ".hidden.png": b"x"}
    for files, frames in ((by_number, {1: 1, 5: 5}), (by_order, {0: 9, 1: 10})):
        media = another_media(one_server, clips)
        assert take_in(one_server.http, media, zipped(files | junk), "masks.zip").status_code == 200
        with one_server.page(media) as page:
            expected = {(1, frame): Rle.encode(square(1, at) > 0).counts for frame, at in frames.items()}
            assert page.shown() == expected


def test_frames_of_a_folder_are_known_by_their_names(serve, tmp_path: Path) -> None:
    folder = tmp_path / "root" / "shots"
    folder.mkdir(parents=True)
    for name in ("left", "middle", "right"):
        Image.fromarray(np.zeros((HEIGHT, WIDTH, 3), np.uint8)).save(folder / f"{name}.jpg")
    with serve(tmp_path / "data", roots={"root": tmp_path / "root"}) as server:
        media = server.media("root", "shots")
        files = zipped({"7/right.png": png(square(1, 3)), "8/left.png": png(square(1, 4))})
        assert take_in(server.http, media, files, "masks.zip").status_code == 200
        with server.page(media) as page:
            assert set(page.shown()) == {(1, 2), (2, 0)}
        wrong = zipped({"a/right.png": png(square(1, 3)), "b/left.png": png(square(1, 4))})
        assert "folders named by object numbers" in take_in(server.http, media, wrong, "x.zip").json()["error"]


COCO: dict[str, Any] = {
    "images": [{"id": 1, "file_name": "a.jpg", "height": 10**6, "width": 10**6}],
    "categories": [{"id": 1, "name": "thing"}],
    "annotations": [
        {"id": 1, "image_id": 1, "category_id": 1, "segmentation": [[0, 0, 9, 0, 9, 9]], "bbox": [0, 0, 9, 9]}
    ],
}
UNFIT = {
    "small.png": (png(square(1, 2)[:32]), "expected a mask of 96x64 pixels, got 96x32"),
    "colour.png": (png(np.full((HEIGHT, WIDTH, 3), (1, 2, 3), np.uint8)), "got a colour picture"),
    "empty.png": (png(square(0, 2)), "holds no objects"),
    "cut.png": (png(square(1, 2))[:60], "cut.png: cannot be read"),
    "words.json": (b"words", "words.json: no valid JSON"),
    "other.json": (b'{"a": 1, "b": 2}', "got an object with the keys a, b"),
    "deep.json": (b"[" * 10**6, "no valid JSON"),
    "huge coco.json": (json.dumps(COCO).encode(), "ran out of memory|takes more than|fit|expected"),
    "mixed.zip": (zipped({"a.png": png(square(1, 2)), "b.txt": b"x"}), "got .png, .txt"),
    "cut.zip": (zipped({"a.png": png(square(1, 2))})[:-30], "no archive"),
    "late.zip": (zipped({"00008.png": png(square(1, 2))}), "ends with frame 7"),
    "twice.zip": (zipped({"1.png": png(square(1, 2)), "01.png": png(square(1, 2))}), "second picture of frame 1"),
}


@pytest.mark.parametrize("name", UNFIT)
def test_what_does_not_fit_is_refused_in_one_line(one_server, name: str) -> None:
    data, reason = UNFIT[name]
    media = one_server.media()
    before = one_server.http.get(f"/api/media/{media}").json()
    answer = take_in(one_server.http, media, data, name)
    assert answer.status_code == 415, answer.text
    error = answer.json()["error"]
    assert any(part in error for part in reason.split("|")), error
    assert "\n" not in error
    assert "masklet-import" not in error
    assert "uploads" not in error, "no path of the server is told"
    assert one_server.http.get(f"/api/media/{media}").json() == before
    assert not [file for file in (one_server.data / "uploads").iterdir() if file.suffix != ".mp4"]


def test_an_import_needs_a_complete_upload_and_a_frame_that_is_there(one_server) -> None:
    http, media = one_server.http, one_server.media()
    number = http.post("/api/uploads", json={"name": "a.json", "size": 10}).json()["id"]
    assert http.post(f"/api/media/{media}/imports", json={"upload": number}).status_code == 409
    assert http.post(f"/api/media/{media}/imports", json={"upload": number, "frame": 8}).status_code == 422
    assert http.post(f"/api/media/{media}/imports", json={"upload": number, "every": 0}).status_code == 422
    assert http.post(f"/api/media/{media}/imports", json={"upload": "abc"}).status_code == 404
    assert http.post("/api/media/abc/imports", json={"upload": number}).status_code == 404
