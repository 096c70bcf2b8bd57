"""Folders of pictures as archives: frames in natural order, and attacks that fail."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import httpx
import numpy as np
import pytest
from PIL import Image

from masklet.server import archives
from masklet.server.apart import Unfit
from masklet.server.settings import Limits

HEIGHT, WIDTH = 24, 32


def picture(level: int, kind: str = "JPEG") -> bytes:
    file = io.BytesIO()
    Image.fromarray(np.full((HEIGHT, WIDTH, 3), level, np.uint8)).save(file, format=kind)
    return file.getvalue()


def zipped(files: dict[str, bytes], method: int = zipfile.ZIP_STORED) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", method) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return file.getvalue()


def upload(http: httpx.Client, data: bytes, name: str = "shots") -> httpx.Response:
    number = http.post("/api/uploads", json={"name": name, "size": len(data)}).json()["id"]
    assert http.put(f"/api/uploads/{number}?offset=0", content=data).status_code == 200
    return http.post(f"/api/uploads/{number}/finish")


def test_a_folder_of_pictures_is_one_media_in_natural_order(server) -> None:
    names = {"shots/2.jpg": 20, "shots/10.jpg": 100, "shots/1.png": 10, "shots/.DS_Store": 0}
    files = {name: picture(level, "PNG" if name.endswith("png") else "JPEG") for name, level in names.items()}
    item = upload(server.http, zipped(files)).json()
    assert (item["name"], item["kind"], item["frames"], item["width"], item["height"]) == ("shots", "images", 3, 32, 24)
    for frame, level in enumerate((10, 20, 100)):
        data = server.http.get(f"/api/media/{item['id']}/frames/{frame}.jpg").content
        assert abs(int(np.asarray(Image.open(io.BytesIO(data)))[5, 5, 0]) - level) < 4
    (folder,) = (server.data / "uploads").iterdir()
    assert sorted(file.name for file in folder.iterdir()) == ["00000.png", "00001.jpg", "00002.jpg"]
    assert server.http.delete(f"/api/media/{item['id']}").status_code == 204
    assert list((server.data / "uploads").iterdir()) == [], "its pictures go with it"


def encrypted() -> bytes:
    data = bytearray(zipped({"1.jpg": picture(1)}))
    data[6] |= 1
    data[data.index(b"PK\x01\x02") + 8] |= 1
    return bytes(data)


ATTACKS = {
    "out of the folder": zipped({"../../out.jpg": b"words"}),
    "absolute": zipped({"/tmp/out.jpg": b"words"}),
    "not only pictures": zipped({"1.jpg": picture(1), "2.sh": b"#!/bin/sh"}),
    "a playlist": zipped({"1.jpg": b"#EXTM3U\nfile:///etc/passwd"}),
    "an archive in an archive": zipped({"1.jpg": zipped({"1.jpg": picture(1)})}),
    "nothing": zipped({"folder/": b""}),
    "cut": zipped({"1.jpg": picture(1), "2.jpg": picture(2)})[:-40],
    "damaged": zipped({"1.jpg": picture(1)}).replace(picture(1)[50:60], b"0123456789", 1),
    "encrypted": encrypted(),
}


@pytest.mark.parametrize("what", ATTACKS)
def test_archives_that_are_no_folder_of_pictures_are_refused_and_not_kept(one_server, what: str) -> None:
    answer = upload(one_server.http, ATTACKS[what])
    assert answer.status_code == 415, answer.text
    assert str(one_server.data) not in answer.text
    kept = [path for path in (one_server.data / "uploads").iterdir() if path.is_file()]
    assert kept == []
    assert not Path("/tmp/out.jpg").exists()


def test_names_that_lead_out_are_numbers_within(server) -> None:
    """Names are not used as paths: what would be written elsewhere is a frame like any other."""
    item = upload(server.http, zipped({"../../../1.jpg": picture(9), "/etc/2.jpg": picture(99)})).json()
    assert item["frames"] == 2
    (folder,) = (server.data / "uploads").iterdir()
    assert sorted(file.name for file in folder.iterdir()) == ["00000.jpg", "00001.jpg"]
    assert not list(server.data.parent.rglob("1.jpg"))


def test_a_bomb_is_refused_when_it_grows_too_large_whatever_it_says(serve, tmp_path: Path) -> None:
    bomb = zipped({f"{i}.jpg": picture(1) + b"\0" * 10**6 for i in range(30)}, zipfile.ZIP_DEFLATED)
    assert len(bomb) < 10**5
    with serve(tmp_path, limits=Limits(upload_bytes=10**6)) as server:
        answer = upload(server.http, bomb)
        assert answer.status_code == 415
        assert "unpacked it is larger" in answer.json()["error"]
        assert list((server.data / "uploads").iterdir()) == []
    many = zipped({f"{i}.jpg": picture(1) for i in range(20)})
    with serve(tmp_path, limits=Limits(frames=10)) as server:
        assert "it may hold 10" in upload(server.http, many).json()["error"]


def test_an_archive_gives_out_no_more_than_it_may(tmp_path: Path) -> None:
    file = tmp_path / "a.zip"
    file.write_bytes(zipped({"a": b"x" * 600, "b": b"x" * 600}))
    with archives.opened(file, most_files=2, most_bytes=1000) as archive:
        first, second = archive.names
        archive.extract(first, tmp_path / "first")
        assert (tmp_path / "first").read_bytes() == b"x" * 600
        with pytest.raises(Unfit, match="larger than it may be"):
            archive.extract(second, tmp_path / "second")
