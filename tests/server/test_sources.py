"""Cameras and screens: frames in, masks out, and a recording that is a media like any other."""

from __future__ import annotations

import io
import json
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect
from websockets.typing import Origin

from masklet.masks import FrameMask
from masklet.server.live_source import decode_jpeg
from masklet.server.messages import MaskMessage
from masklet.server.recordings import About, Recordings
from masklet.server.settings import Limits
from masklet.store import ObjectRecord, Store

HEIGHT, WIDTH = 64, 96
GROUND = np.random.default_rng(0).integers(0, 90, (HEIGHT, WIDTH, 3), dtype=np.uint8)


def jpeg(frame: int, size: tuple[int, int] = (WIDTH, HEIGHT)) -> bytes:
    """A bright square that moves to the right over noise."""
    picture = GROUND.copy()
    picture[16:48, 16 + 4 * frame : 48 + 4 * frame] = (230, 200, 60)
    file = io.BytesIO()
    Image.fromarray(picture).resize(size).save(file, format="JPEG", quality=90)
    return file.getvalue()


@dataclass(slots=True)
class Camera:
    """The page's side of a live source. What came is kept."""

    socket: ClientConnection
    masks: list[MaskMessage] = field(default_factory=list)
    events: list[dict[str, Any]] = field(default_factory=list)
    _frames: int = 0
    _requests: int = 0

    def send(self, frame: int, seconds: float | None = None, data: bytes | None = None) -> int:
        number, self._frames = self._frames, self._frames + 1
        time = number / 10 if seconds is None else seconds
        self.socket.send(struct.pack("<Id", number, time) + (jpeg(frame) if data is None else data))
        return number

    def read(self) -> dict[str, Any] | None:
        """The next message; None for a mask."""
        data = self.socket.recv(timeout=60)
        if isinstance(data, bytes):
            self.masks.append(MaskMessage.decode(data))
            return None
        self.events.append(json.loads(data))
        return self.events[-1]

    def until(self, type: str) -> dict[str, Any]:
        while True:
            message = self.read()
            if message is not None and message["type"] == type:
                return message

    def show(self, frame: int) -> dict[str, Any]:
        """Sends a frame and waits until it is done."""
        self.send(frame)
        return self.until("frame")

    def ask(self, type: str, **fields: Any) -> dict[str, Any]:
        """A command and its answer."""
        self._requests += 1
        self.socket.send(json.dumps({"request": self._requests, "type": type, **fields}))
        while True:
            message = self.read()
            if message is not None and message.get("request") == self._requests:
                return message

    def finish(self, *, keep: bool = True) -> dict[str, Any]:
        self._requests += 1
        self.socket.send(json.dumps({"request": self._requests, "type": "finish", "keep": keep}))
        return self.until("ended")


@contextmanager
def camera(server: Any, name: str = "Camera", **fields: Any) -> Iterator[Camera]:
    address = server.url.replace("http://", "ws://") + "/api/sources"
    with connect(address, origin=server.url, max_size=None) as socket:
        socket.send(json.dumps({"type": "start", "name": name, "width": WIDTH, "height": HEIGHT, **fields}))
        found = Camera(socket)
        found.until("started")
        yield found


def test_a_live_source_is_segmented_corrected_recorded_and_edited(server) -> None:
    with camera(server, "Desk") as source:
        assert source.show(0)["frame"] == 0
        assert source.masks == []
        answer = source.ask("prompt", frame=0, points=[[30, 30]], labels=[1])
        assert answer == {"type": "done", "request": 1, "object": 1}
        (objects,) = [event["objects"] for event in source.events if event["type"] == "objects"]
        assert [(entry["id"], entry["name"]) for entry in objects] == [(1, "Object 1")]
        (first,) = source.masks
        assert first.mask.rle.decode()[30, 30], "the mask is where the click was"
        assert source.show(1)["frame"] == 1
        assert source.show(2)["frame"] == 2
        assert [(mask.object, mask.mask.frame) for mask in source.masks] == [(1, 0), (1, 1), (1, 2)]

        # A click is for the frame that was seen, also when later ones have come.
        assert source.ask("prompt", frame=1, object=1, points=[[5, 5]], labels=[0])["type"] == "done"
        assert source.ask("prompt", frame=1, object=1, points=[[30, 20]], labels=[1])["type"] == "done"
        assert source.ask("prompt", frame=2, box=[20, 12, 60, 50])["object"] == 2
        source.show(3)
        assert {(mask.object, mask.mask.frame) for mask in source.masks[-2:]} == {(1, 3), (2, 3)}
        assert source.ask("object-delete", object=2)["type"] == "done"
        source.show(4)
        last = {(mask.object, mask.mask.frame): mask.mask for mask in source.masks if mask.object == 1}
        ended = source.finish()
    media = ended["media"]
    assert ended["reason"] is None
    assert (media["name"], media["kind"], media["frames"], media["width"], media["height"], media["objects"]) == (
        "Desk", "video", 5, WIDTH, HEIGHT, 1,
    )  # fmt: skip
    assert media["fps"] == pytest.approx(10)
    picture = server.http.get(f"/api/media/{media['id']}/frames/2.jpg").content
    shown = decode_jpeg(picture, WIDTH, HEIGHT).astype(int)
    assert np.abs(shown - decode_jpeg(jpeg(2), WIDTH, HEIGHT)).mean() < 4, "the frames are those that were sent"
    with server.page(media["id"]) as page:
        assert page.shown() == {key: mask.rle.counts for key, mask in last.items()}
        lane = page.hello["lanes"]["1"]
        assert lane["prompted"] == [0, 1]
        assert lane["prompts"]["1"] == {"points": [[5, 5], [30, 20]], "labels": [0, 1], "box": None}
        assert page.do("prompt", frame=4, object=1, points=[[50, 30]], labels=[1], box=None)["candidates"] == 3
        page.do("undo")
        page.do("undo")
        assert page.shown() == {}, "the recording is one edit"
    assert server.http.delete(f"/api/media/{media['id']}").status_code == 204
    assert list((server.data / "recordings").iterdir()) == []


def test_an_object_catches_up_with_the_frames_that_came_since_the_one_that_was_clicked_on(server) -> None:
    with camera(server) as source:
        for frame in range(4):
            source.show(frame)
        source.ask("prompt", frame=1, points=[[34, 30]], labels=[1])
        assert [(mask.object, mask.mask.frame) for mask in source.masks] == [(1, 1), (1, 2), (1, 3)]
        source.show(4)
        source.masks.clear()
        source.ask("prompt", frame=2, object=1, box=[24, 16, 56, 48])
        assert [mask.mask.frame for mask in source.masks] == [2, 3, 4], "a correction is carried on as well"
        corrected = {(1, mask.mask.frame): mask.mask.rle.counts for mask in source.masks}
        media = source.finish()["media"]
    with server.page(media["id"]) as page:
        shown = page.shown()
        assert set(shown) == {(1, frame) for frame in range(1, 5)}, "it is not tracked to where it was not seen"
        assert {key: shown[key] for key in corrected} == corrected


def test_a_frame_that_is_late_is_skipped_and_nothing_piles_up(serve, model, tmp_path: Path) -> None:
    """The server is held up while frames keep coming: when it goes on, only the newest one is left."""
    held = threading.Event()
    going = threading.Event()

    def load() -> Callable[..., Any]:
        from masklet.session import VideoSession

        class Slow(VideoSession):
            def push(self, picture):
                going.set()
                assert held.wait(60)
                return super().push(picture)

        return lambda clip, features: Slow(model, clip, features=features)

    with serve(tmp_path, load=load) as server, camera(server) as source:
        source.send(0)
        assert going.wait(60)
        for frame in range(1, 6):
            source.send(frame)
        assert [source.until("skipped")["number"] for _ in range(4)] == [1, 2, 3, 4]
        held.set()
        assert source.until("frame") | {"bytes": 0} == {
            "type": "frame", "number": 0, "frame": 0, "seconds": 0, "bytes": 0,
        }  # fmt: skip
        second = source.until("frame")
        assert (second["number"], second["frame"], second["seconds"]) == (5, 1, 0.5)
        assert source.finish()["media"]["frames"] == 2


@pytest.mark.parametrize(
    ("limits", "reason"),
    [
        (Limits(source_seconds=0.2), "lasts 0.2 s at most"),
        (Limits(source_bytes=5000), "has 5000 bytes at most"),
        (Limits(frames=3), "has 3 frames at most"),
    ],
)
def test_a_recording_that_is_full_ends_and_is_kept(serve, tmp_path: Path, limits: Limits, reason: str) -> None:
    with serve(tmp_path, limits=limits) as server, camera(server) as source:
        for frame in range(3):
            source.send(frame)
            while (event := source.read()) is None or event["type"] not in {"frame", "ended"}:
                pass
            if event["type"] == "ended":
                break
        else:
            event = source.until("ended")
        assert reason in event["reason"]
        assert 1 <= event["media"]["frames"] <= 3
        assert server.http.get("/api/media").json()[0]["frames"] == event["media"]["frames"]


def test_a_connection_that_is_lost_loses_nothing_that_was_recorded(server) -> None:
    with camera(server, "Lost") as source:
        source.show(0)
        source.ask("prompt", frame=0, points=[[30, 30]], labels=[1])
        source.show(1)
        source.socket.socket.close()
    # The media comes first, then its objects.
    while not (found := server.http.get("/api/media").json()) or not found[0]["objects"]:
        pass
    (media,) = found
    assert (media["name"], media["frames"], media["objects"]) == ("Lost", 2, 1)
    with server.page(media["id"]) as page:
        assert set(page.shown()) == {(1, 0), (1, 1)}


def test_what_nobody_wants_is_not_kept(server) -> None:
    with camera(server) as source:
        source.show(0)
        assert source.finish(keep=False) == {"type": "ended", "media": None, "reason": None}
    with camera(server) as source:
        assert source.finish()["media"] is None, "nothing was recorded"
    assert server.http.get("/api/media").json() == []
    assert list((server.data / "recordings").iterdir()) == []


def test_a_killed_server_s_recording_is_kept_when_the_next_one_begins(serve, tmp_path: Path) -> None:
    """A recording that was never closed, its journal cut in the middle of a line."""
    (tmp_path / "recordings").mkdir()
    store = Store(f"sqlite:///{tmp_path / 'masklet.db'}")
    recordings = Recordings(store, tmp_path / "recordings", Limits())
    about = About(name="Cut", width=WIDTH, height=HEIGHT, project_id="local", author="tester", user=None)
    recording = recordings.begin("abc", about)
    recording.note_object(ObjectRecord(object=1, name="Thing", colour="#112233"))
    for frame in range(12):
        mask = np.zeros((HEIGHT, WIDTH), bool)
        mask[:, : frame + 1] = True
        recording.add(jpeg(frame), frame / 2, {1: FrameMask.given(frame, mask)})
    left = {path.name: path.read_bytes() for path in (tmp_path / "recordings").iterdir()}
    recording.discard()
    store.close()
    left["abc.jsonl"] = left["abc.jsonl"][:-30]
    for name, data in left.items():
        (tmp_path / "recordings" / name).write_bytes(data)
    (tmp_path / "recordings" / "empty.jsonl").write_text("{", encoding="utf-8")
    with serve(tmp_path) as server:
        (media,) = server.http.get("/api/media").json()
        assert media["name"] == "Cut"
        assert 9 <= media["frames"] <= 12
        with server.page(media["id"]) as page:
            assert page.hello["objects"][0]["name"] == "Thing"
            frames = {frame for _, frame in page.shown()}
            assert frames == set(range(min(11, media["frames"]))), "all whose picture is there, and whose line is whole"
        assert [path.suffix for path in (tmp_path / "recordings").iterdir()] == [".mkv"]


def test_what_comes_after_the_end_of_a_recording_is_refused(tmp_path: Path) -> None:
    """The worker may still be busy with a picture when the connection ends."""
    store = Store("sqlite://")
    about = About(name="Late", width=WIDTH, height=HEIGHT, project_id="local", author="tester", user=None)
    recording = Recordings(store, tmp_path, Limits()).begin("abc", about)
    recording.add(jpeg(0), 0.0, {})
    recording.close()
    recording.close()
    with pytest.raises(ValueError, match="is over"):
        recording.add(jpeg(1), 0.1, {})
    with pytest.raises(ValueError, match="is over"):
        recording.note_object(ObjectRecord(object=1, name="Thing", colour="#112233"))
    store.close()


# -- attacks ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "first",
    [
        "words",
        "{}",
        '{"type": "start", "name": "a", "width": 8000, "height": 8000}',
        '{"type": "start", "name": "a", "width": -1, "height": 64}',
        '{"type": "start", "name": "", "width": 64, "height": 64}',
        '{"type": "start", "name": "a", "width": 64, "height": 64, "more": 1}',
        b"\0\0\0\0",
    ],
)
def test_a_source_says_first_what_is_to_come(one_server, first: str | bytes) -> None:
    with connect(one_server.url.replace("http", "ws") + "/api/sources", origin=one_server.url) as socket:
        socket.send(first)
        with pytest.raises(ConnectionClosed) as caught:
            socket.recv(timeout=30)
        assert caught.value.rcvd is not None
        assert caught.value.rcvd.code == 4409


def test_other_sites_cannot_send_frames(one_server) -> None:
    address = one_server.url.replace("http", "ws") + "/api/sources"
    with pytest.raises(InvalidStatus), connect(address, origin=Origin("http://evil.example")):
        pass


BAD_FRAMES = {
    "no picture": b"words that are no picture",
    "another size": jpeg(0, (WIDTH, HEIGHT - 1)),
    "cut": jpeg(0)[:200],
    "another format": b"\x89PNG\r\n\x1a\n" + b"\0" * 100,
}


@pytest.mark.parametrize("what", BAD_FRAMES)
def test_a_frame_that_is_none_ends_the_recording_which_is_kept(server, what: str) -> None:
    with camera(server) as source:
        source.show(0)
        source.send(0, data=BAD_FRAMES[what])
        ended = source.until("ended")
        assert "expected a frame" in ended["reason"]
        assert ended["media"]["frames"] == 1


def test_wrong_commands_and_times_are_told(server) -> None:
    with camera(server) as source:
        assert source.ask("prompt", frame=0, points=[[1, 1]], labels=[1])["type"] == "error"
        source.show(0)
        assert "there is no object 7" in source.ask("prompt", frame=0, object=7, points=[[1, 1]])["message"]
        assert "there is no object 7" in source.ask("object-delete", object=7)["message"]
        assert "point" in source.ask("prompt", frame=0)["message"]
        assert source.ask("prompt", frame=0, points=[[9999, 1]], labels=[1])["type"] == "error"
        assert source.ask("track")["type"] == "error"
        source.socket.send(b"\0")
        assert source.until("error")["request"] is None
        assert source.ask("prompt", frame=0, points=[[30, 30]], labels=[1])["object"] == 1
        source.send(1, seconds=0.0)
        assert "times ascend" in source.until("ended")["reason"]


def test_only_so_many_sources_run_at_once(serve, tmp_path: Path) -> None:
    with serve(tmp_path, limits=Limits(sources=1)) as server:
        with camera(server), pytest.raises(ConnectionClosed) as caught, camera(server):
            pass
        assert caught.value.rcvd is not None
        assert "are in use" in caught.value.rcvd.reason
        with camera(server) as source:
            assert source.show(0)["frame"] == 0


def test_the_page_alone_may_use_camera_and_screen(one_server) -> None:
    policy = one_server.http.get("/").headers["permissions-policy"]
    assert "camera=(self)" in policy
    assert "display-capture=(self)" in policy
    assert "microphone=()" in policy
