"""Media, files, frames, uploads and exports over HTTP."""

from __future__ import annotations

import io
import json
import os
import socket
import threading
import time
import zipfile
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import httpx
import numpy as np
import pytest
from PIL import Image

from masklet.export import read_coco_json, read_masklet_json, read_object_pngs
from masklet.media import open_clip, write_image
from masklet.server.clips import Remembering
from masklet.server.settings import Limits

SQUARE = [30.0, 30.0]
FRAMES, HEIGHT, WIDTH = 8, 64, 96


def picture(answer: httpx.Response) -> np.ndarray:
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "image/jpeg"
    return np.array(Image.open(io.BytesIO(answer.content)).convert("RGB"))


def upload(http: httpx.Client, data: bytes, name: str, piece: int = 4000) -> httpx.Response:
    number = http.post("/api/uploads", json={"name": name, "size": len(data)}).json()["id"]
    for offset in range(0, len(data), piece):
        sent = http.put(f"/api/uploads/{number}", params={"offset": offset}, content=data[offset : offset + piece])
        assert sent.json() == {"id": number, "offset": min(offset + piece, len(data))}
    return http.post(f"/api/uploads/{number}/finish")


def exported(http: httpx.Client, media: str, **options) -> httpx.Response:
    """The file of an export."""
    begun = http.post(f"/api/media/{media}/exports", json=options)
    assert begun.status_code == 200, begun.text
    number = begun.json()["id"]
    while True:
        state = http.get(f"/api/exports/{number}").json()
        assert 0 <= state["progress"] <= 1
        if state["state"] != "running":
            break
        time.sleep(0.05)
    assert (state["state"], state["error"], state["progress"]) == ("done", None, 1.0)
    answer = http.get(f"/api/exports/{number}/file")
    assert state["name"] in answer.headers["content-disposition"]
    return answer


def test_info_says_what_the_server_is_and_allows(one_server) -> None:
    info = one_server.http.get("/api/info").json()
    assert info["model"] == {"name": "nano", "image_size": 128}
    assert info["roots"] == [{"name": "clips"}]
    assert set(info["limits"]) >= {"upload_bytes", "frames", "pixels", "source_pixels"}
    assert one_server.http.get("/healthz").json() == {"status": "ok"}
    assert "masklet_requests_total" in one_server.http.get("/metrics").text


def test_a_media_is_opened_once_listed_and_deleted(server, clips: Path) -> None:
    media = server.media()
    assert server.media() == media
    item = server.http.get(f"/api/media/{media}").json()
    assert server.http.get("/api/media").json() == [item]
    assert (item["name"], item["kind"], item["width"], item["height"]) == ("square.mp4", "video", WIDTH, HEIGHT)
    assert (item["frames"], item["fps"], item["objects"]) == (FRAMES, 24, 0)
    with server.page(media) as page:
        page.do("object-add")
        assert server.http.get(f"/api/media/{media}").json()["objects"] == 1
        assert server.http.delete(f"/api/media/{media}").status_code == 204
    assert server.http.get("/api/media").json() == []
    assert server.http.get(f"/api/media/{media}").status_code == 404
    assert server.http.delete(f"/api/media/{media}").status_code == 404
    assert (clips / "square.mp4").is_file(), "a file that was there stays"


def test_folders_of_pictures_and_pictures_are_media_too(serve, tmp_path: Path) -> None:
    root = tmp_path / "root"
    (root / "shots").mkdir(parents=True)
    for i in (1, 2, 10):
        write_image(root / "shots" / f"shot {i}.png", np.full((20, 30, 3), i * 20, np.uint8))
    write_image(root / "one.jpg", np.zeros((12, 16, 3), np.uint8))
    (root / "notes.txt").write_text("no media")
    (root / ".hidden.png").write_bytes(b"")
    with serve(tmp_path / "data", roots={"root": root}) as server:
        listing = server.http.get("/api/files", params={"root": "root"}).json()["entries"]
        assert [(entry["name"], entry["kind"]) for entry in listing] == [("shots", "folder"), ("one.jpg", "image")]
        inside = server.http.get("/api/files", params={"root": "root", "path": "shots"}).json()["entries"]
        assert [entry["name"] for entry in inside] == ["shot 1.png", "shot 2.png", "shot 10.png"]
        folder = server.http.get(f"/api/media/{server.media('root', 'shots')}").json()
        assert (folder["kind"], folder["frames"], folder["width"]) == ("images", 3, 30)
        one = server.http.get(f"/api/media/{server.media('root', 'one.jpg')}").json()
        assert (one["kind"], one["frames"]) == ("image", 1)
        refused = server.http.post("/api/media", json={"root": "root", "path": "notes.txt"})
        assert refused.status_code == 415
        assert "judged by its content" in refused.json()["error"]


def test_frames_are_exact_and_cached_for_ever(one_server, clips: Path) -> None:
    media = one_server.media()
    with open_clip(clips / "square.mp4") as clip:
        for frame in (5, 0, 7):
            answer = one_server.http.get(f"/api/media/{media}/frames/{frame}.jpg")
            found = picture(answer)
            assert found.shape == (HEIGHT, WIDTH, 3)
            assert np.abs(found.astype(int) - clip[frame]).mean() < 12
            others = [np.abs(found.astype(int) - clip[i]).mean() for i in range(FRAMES)]
            assert int(np.argmin(others)) == frame
    assert "immutable" in answer.headers["cache-control"]
    mark = answer.headers["etag"]
    again = one_server.http.get(f"/api/media/{media}/frames/7.jpg", headers={"if-none-match": mark})
    assert (again.status_code, again.content) == (304, b"")
    assert picture(one_server.http.get(f"/api/media/{media}/frames/1.jpg?height=32")).shape == (32, 48, 3)
    assert picture(one_server.http.get(f"/api/media/{media}/frames/1.jpg?height=999")).shape == (64, 96, 3)
    assert one_server.http.get(f"/api/media/{media}/frames/8.jpg").status_code == 404
    for wrong in ("-1", "x", "1.5"):
        assert one_server.http.get(f"/api/media/{media}/frames/{wrong}.jpg").status_code == 422


def test_frames_that_nobody_waits_for_are_not_read(one_server, monkeypatch: pytest.MonkeyPatch) -> None:
    media = one_server.media()
    reading, go_on, seen = threading.Event(), threading.Event(), []
    read = Remembering._read

    def slow(clip: Remembering, index: int) -> np.ndarray:
        seen.append(index)
        reading.set()
        assert go_on.wait(60)
        return read(clip, index)

    monkeypatch.setattr(Remembering, "_read", slow)
    host, port = one_server.http.base_url.host, one_server.http.base_url.port
    with ThreadPoolExecutor() as pool:

        def ask(frame: int) -> Future[httpx.Response]:
            return pool.submit(httpx.get, f"http://{host}:{port}/api/media/{media}/frames/{frame}.jpg", timeout=60)

        first = ask(1)
        assert reading.wait(60)
        with socket.create_connection((host, port)) as taken_back:
            taken_back.sendall(f"GET /api/media/{media}/frames/2.jpg HTTP/1.1\r\nHost: {host}:{port}\r\n\r\n".encode())
            time.sleep(0.3)
        time.sleep(0.3)
        last = ask(3)
        time.sleep(0.3)
        assert seen == [1]
        go_on.set()
        assert (first.result().status_code, last.result().status_code) == (200, 200)
    assert seen == [1, 3]


def test_a_strip_shows_frames_side_by_side(one_server) -> None:
    media = one_server.media()
    address = f"/api/media/{media}/strip.jpg?count=4&height=32"
    strip = picture(one_server.http.get(address))
    assert strip.shape == (32, 4 * 48, 3)
    first = picture(one_server.http.get(f"/api/media/{media}/frames/0.jpg?height=32"))
    assert np.abs(strip[:, :48].astype(int) - first).mean() < 12
    assert np.array_equal(picture(one_server.http.get(address)), strip)


def test_a_file_that_changed_since_is_not_shown_as_what_it_was(serve, tmp_path: Path) -> None:
    root = tmp_path / "root"
    root.mkdir()
    write_image(root / "one.png", np.zeros((12, 16, 3), np.uint8))
    with serve(tmp_path / "data", roots={"root": root}) as server:
        media = server.media("root", "one.png")
        write_image(root / "one.png", np.zeros((20, 16, 3), np.uint8))
        answer = server.http.get(f"/api/media/{media}/frames/0.jpg")
        assert answer.status_code == 409
        assert "has changed" in answer.json()["error"]


# -- uploads ----------------------------------------------------------------------------------------------------------


def test_an_upload_comes_in_pieces_and_goes_on_where_it_stopped(server, clips: Path) -> None:
    data = (clips / "square.mp4").read_bytes()
    number = server.http.post("/api/uploads", json={"name": "dir/holiday.mp4", "size": len(data)}).json()["id"]
    address = f"/api/uploads/{number}"
    assert server.http.put(address, params={"offset": 0}, content=data[:1000]).json()["offset"] == 1000
    for offset in (0, 999, 2000):
        answer = server.http.put(address, params={"offset": offset}, content=b"x")
        assert answer.status_code == 409
    assert server.http.post(f"{address}/finish").status_code == 409
    offset = server.http.get(address).json()["offset"]
    assert offset == 1000
    server.http.put(address, params={"offset": offset}, content=data[offset:])
    item = server.http.post(f"{address}/finish").json()
    assert (item["name"], item["frames"], item["kind"]) == ("holiday.mp4", FRAMES, "video")
    assert server.http.get(address).status_code == 404
    kept = list((server.data / "uploads").iterdir())
    assert [file.read_bytes() for file in kept] == [data]
    server.http.delete(f"/api/media/{item['id']}")
    assert list((server.data / "uploads").iterdir()) == []


def test_uploads_that_nobody_goes_on_with_are_removed_after_a_day(server) -> None:
    old = server.http.post("/api/uploads", json={"name": "old", "size": 5}).json()["id"]
    new = server.http.post("/api/uploads", json={"name": "new", "size": 5}).json()["id"]
    yesterday = time.time() - 25 * 3600
    os.utime(server.data / "uploads" / f"{old}.part", (yesterday, yesterday))
    server.http.post("/api/uploads", json={"name": "newest", "size": 5})
    assert server.http.get(f"/api/uploads/{old}").status_code == 404
    assert server.http.get(f"/api/uploads/{new}").status_code == 200


def test_an_upload_is_judged_by_its_content(server) -> None:
    out = io.BytesIO()
    Image.fromarray(np.full((10, 14, 3), 99, np.uint8)).save(out, "PNG")
    item = upload(server.http, out.getvalue(), "really.mp4").json()
    assert (item["kind"], item["frames"], item["width"]) == ("image", 1, 14)
    assert picture(server.http.get(f"/api/media/{item['id']}/frames/0.jpg")).shape == (10, 14, 3)


# -- exports ----------------------------------------------------------------------------------------------------------


@pytest.fixture
def tracked(server) -> str:
    """A media with two objects, one of them tracked."""
    media = server.media()
    with server.page(media) as page:
        page.do("object-add", name="Square")
        page.do("prompt", frame=0, object=1, points=[SQUARE], labels=[1])
        page.do("track", direction="forward", start=0)
        page.finished()
        page.do("object-add", name="Other")
        page.do("prompt", frame=2, object=2, box=[5, 5, 30, 40])
    return media


def test_an_export_holds_the_session_s_masks(server, tracked: str, tmp_path: Path) -> None:
    with server.page(tracked) as page:
        shown = page.shown()
    assert len(shown) == FRAMES + 1
    file = tmp_path / "masklets.json"
    file.write_bytes(exported(server.http, tracked, format="masklet").content)
    read = read_masklet_json(file)
    assert {(m.object_id, r.frame): r.rle.counts for m in read.masklets for r in m} == shown
    assert [m.name for m in read.masklets] == ["Square", "Other"]
    assert [len(m.prompts) for m in read.masklets] == [1, 1]
    assert read.info.model == "nano"

    file.write_bytes(exported(server.http, tracked, format="coco", objects=[1]).content)
    (only,) = read_coco_json(file).masklets
    assert {(1, r.frame): r.rle.counts for r in only} == {key: rle for key, rle in shown.items() if key[0] == 1}

    folder = tmp_path / "png"
    with zipfile.ZipFile(io.BytesIO(exported(server.http, tracked, format="png").content)) as archive:
        archive.extractall(folder)
    pngs = read_object_pngs(folder)
    assert {(m.object_id, r.frame): r.rle.counts for m in pngs.masklets for r in m} == shown


@pytest.mark.parametrize(
    ("name", "start"),
    [
        ("sav", b"{"),
        ("youtube-vis", b"{"),
        ("palette-png", b"PK"),
        ("cutout-png", b"PK"),
        ("overlay-video", b"\0\0\0"),
        ("cutout-video", b"\x1a\x45\xdf\xa3"),
    ],
)
def test_every_format_can_be_exported(server, tracked: str, name: str, start: bytes) -> None:
    data = exported(server.http, tracked, format=name).content
    assert data.startswith(start)
    if start == b"{":
        json.loads(data)


def test_exports_that_cannot_be_are_refused(server, tracked: str, serve, tmp_path: Path) -> None:
    address = f"/api/media/{tracked}/exports"
    assert server.http.post(address, json={"format": "gif"}).status_code == 422
    assert "no object 9" in server.http.post(address, json={"format": "sav", "objects": [9]}).json()["error"]
    assert server.http.get("/api/exports/nothing").status_code == 404
    assert server.http.get("/api/exports/nothing/file").status_code == 404
    with serve(tmp_path / "empty") as other:
        answer = other.http.post(f"/api/media/{other.media()}/exports", json={"format": "sav"})
        assert answer.status_code == 422
        assert "nothing to export" in answer.json()["error"]


def test_errors_are_one_line_of_json(one_server) -> None:
    for method, address, status in (
        ("GET", "/api/nothing", 404),
        ("GET", "/api/media/nothing", 404),
        ("POST", "/api/media", 422),
        ("PATCH", "/api/media", 405),
        ("GET", "/nothing.html", 404),
        ("GET", "/assets/nothing.js", 404),
    ):
        answer = one_server.http.request(method, address)
        assert answer.status_code == status
        assert set(answer.json()) == {"error"}
        assert "\n" not in answer.json()["error"]


def test_limits_are_those_of_the_settings(serve, tmp_path: Path, clips: Path) -> None:
    for limits, expected in (
        (Limits(frames=FRAMES - 1), "7 frames"),
        (Limits(pixels=WIDTH * HEIGHT - 1), "pixels"),
    ):
        with serve(tmp_path / expected, limits=limits) as server:
            answer = server.http.post("/api/media", json={"root": "clips", "path": "square.mp4"})
            assert answer.status_code == 415
            assert expected in answer.json()["error"]
            sent = upload(server.http, (clips / "square.mp4").read_bytes(), "a.mp4", piece=10**6)
            assert sent.status_code == 415
            assert list((server.data / "uploads").iterdir()) == []
