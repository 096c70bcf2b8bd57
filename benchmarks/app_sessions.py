"""Ten people at once on one server: each clicks and tracks in a media of its own for a while."""

from __future__ import annotations

import json
import random
import shutil
import statistics
import sys
import tempfile
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from websockets import Origin
from websockets.sync.client import ClientConnection, connect

from benchmarks.app_browser import Server, make_clip, middle, serving
from masklet.data.scene import Scene
from masklet.server.messages import Kind, MaskMessage

PEOPLE = 10
SECONDS = 45.0
IDLE_SECONDS = 4.0


@dataclass(slots=True)
class Person:
    """A connection and what came over it."""

    socket: ClientConnection
    clicks: list[float] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    ended: set[int] = field(default_factory=set)
    _requests: int = 0

    def do(self, type: str, **fields: Any) -> dict[str, Any]:
        """A command and its answer."""
        self._requests += 1
        self.socket.send(json.dumps({"request": self._requests, "type": type, **fields}))
        while True:
            message = self.read()
            if message.get("request") == self._requests:
                if message["type"] == "error":
                    self.errors.append(message["message"])
                return message

    def read(self) -> dict[str, Any]:
        """The next message that is no mask; masks are acknowledged."""
        while True:
            data = self.socket.recv(timeout=60)
            if isinstance(data, str):
                value = json.loads(data)
                if value["type"] == "finished":
                    self.ended.add(value["job"])
                return value
            message = MaskMessage.decode(data)
            if message.kind is Kind.STORED:
                self.socket.send(json.dumps({"type": "ack", "sequence": message.number}))

    def click(self, frame: int, place: tuple[float, float]) -> None:
        began = time.perf_counter()
        self.do("prompt", frame=frame, object=1, points=[place], labels=[1])
        self.clicks.append(1000 * (time.perf_counter() - began))

    def track(self, start: int, stop: int) -> None:
        """Tracks, and waits for the end of it."""
        answer = self.do("track", direction="forward", start=start, stop=stop)
        while answer["type"] == "done" and answer["job"] not in self.ended:
            self.read()


def sessions() -> dict[str, float]:
    """Errors, clicks and frames of ten sessions, and the server's memory before, meanwhile and after."""
    scene = Scene(72, 720, 1280, 2)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "clips").mkdir()
        clip = make_clip(folder / "clips" / "0.mp4", scene)
        for number in range(1, PEOPLE):
            shutil.copy(clip, folder / "clips" / f"{number}.mp4")
        words = [sys.executable, "-m", "benchmarks.app_server", str(folder / "clips"), str(folder / "data")]
        with serving([*words, str(IDLE_SECONDS)]) as server:
            media = [_open(server, f"{number}.mp4") for number in range(PEOPLE)]
            _one_click(server, media[0], scene)  # the model is there, and has worked
            _wait_until_closed(server)
            before = server.resident
            peaks, people = [before], list[Person]()
            began, tracked = time.monotonic(), server.tracked()
            threads = [
                threading.Thread(target=_work, args=(server, it, scene, people, k)) for k, it in enumerate(media)
            ]
            for thread in threads:
                thread.start()
            while any(thread.is_alive() for thread in threads):
                peaks.append(server.resident)
                time.sleep(0.1)
            rate = (server.tracked() - tracked) / (time.monotonic() - began)
            _wait_until_closed(server)
            after = server.resident
    clicks = [click for person in people for click in person.clicks]
    return {
        "sessions_errors": float(sum(len(person.errors) for person in people) + PEOPLE - len(people)),
        "sessions_click": statistics.median(clicks),
        "sessions_click_p95": float(np.percentile(clicks, 95)),
        "sessions_frames": rate,
        "sessions_before": before,
        "sessions_peak": max(peaks),
        "sessions_after": after,
    }


def _work(server: Server, media: str, scene: Scene, people: list[Person], seed: int) -> None:
    """Clicks on some frame, tracks on from there, corrects, takes it back, until the time is over. Who comes to the
    end is among `people`."""
    draw = random.Random(seed)
    end = time.monotonic() + SECONDS
    with _connected(server, media) as it:
        person = Person(it)
        person.do("object-add")
        while time.monotonic() < end:
            frame = draw.randrange(len(scene) - 12)
            person.do("cursor", frame=frame)
            person.click(frame, middle(scene, frame))
            person.track(frame, frame + 12)
            person.click(frame + 6, middle(scene, frame + 6))
            if draw.random() < 0.5:
                person.do("undo")
    people.append(person)


def _one_click(server: Server, media: str, scene: Scene) -> None:
    with _connected(server, media) as it:
        person = Person(it)
        person.do("object-add")
        person.click(0, middle(scene, 0))
        person.track(0, 12)


def _connected(server: Server, media: str) -> ClientConnection:
    address = f"{server.url.replace('http', 'ws')}/api/media/{media}/live"
    return connect(address, origin=Origin(server.url), max_size=None)


def _open(server: Server, path: str) -> str:
    answer = server.http.post("/api/media", json={"root": "clips", "path": path})
    answer.raise_for_status()
    return answer.json()["id"]


def _wait_until_closed(server: Server) -> None:
    """Until no session is live any more."""
    while server.figure("masklet_live_media") > 0:
        time.sleep(0.2)
    time.sleep(0.5)
