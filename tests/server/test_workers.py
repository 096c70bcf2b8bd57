"""`masklet serve --workers`: one address, several processes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest
from websockets.exceptions import ConnectionClosedError, WebSocketException

from masklet.server.part import worker_of
from masklet.store import Store

SQUARE = [30.0, 30.0]
FRAMES = 8


@pytest.fixture
def started(
    tmp_path: Path, running_at: Any, command: Callable[..., Any]
) -> Iterator[tuple[Any, httpx.Client, dict[str, str], subprocess.Popen[str]]]:
    """A server with two workers, a program of ada's, and her headers."""
    store = Store(f"sqlite:///{tmp_path / 'masklet.db'}")
    _, token = store.accounts.add_user("ada")
    store.close()
    headers = {"Authorization": f"Bearer {token}"}
    with (
        command(
            "serve", "--workers", "2", "--user-pages", "3", "--port", "0", "--data", tmp_path, "--device", "cpu"
        ) as begun,
        running_at(begun.url, tmp_path) as server,
        httpx.Client(base_url=begun.url, timeout=120, headers=headers) as http,
    ):
        try:
            yield server, http, headers, begun.process
        finally:
            alive = begun.process.poll() is None
            children = psutil.Process(begun.process.pid).children(recursive=True) if alive else []
            begun.process.terminate()
            begun.process.wait(60)
            _, left = psutil.wait_procs(children, timeout=30)
            assert left == [], "no worker outlives its server"


def upload(http: httpx.Client, data: bytes) -> str:
    number = http.post("/api/uploads", json={"name": "square.mp4", "size": len(data)}).json()["id"]
    assert http.put(f"/api/uploads/{number}?offset=0", content=data).status_code == 200
    return http.post(f"/api/uploads/{number}/finish").json()["id"]


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="needs Unix sockets")
def test_all_pages_of_a_media_meet_in_one_worker_which_may_die(started: Any, clips: Path) -> None:
    server, http, headers, process = started
    data = (clips / "square.mp4").read_bytes()
    media: dict[int, str] = {}
    while len(media) < 2:
        identity = upload(http, data)
        media[worker_of(identity, 2)] = identity
    with server.page(media[1], headers=headers) as page, server.page(media[1], headers=headers) as other:
        page.do("object-add", name="Square")
        page.do("prompt", frame=0, object=1, points=[SQUARE], labels=[1])
        while not other.masks:
            other.read()
        assert other.masks[-1].mask.rle == page.masks[-1].mask.rle
        shown = page.shown()
        for number in (0, 1):
            text = http.get("/metrics", params={"worker": number}).text
            assert f"masklet_live_media {float(number)}" in text
        # What a user has open counts in all workers.
        with (
            server.page(media[0], headers=headers),
            pytest.raises(ConnectionClosedError, match=r"4429.*3 pages open"),
            server.page(media[0], headers=headers),
        ):
            pass
        export = http.post(f"/api/media/{media[1]}/exports", json={"format": "masklet"}).json()["id"]
        while http.get(f"/api/exports/{export}").json()["state"] == "running":
            time.sleep(0.05)
        assert http.get(f"/api/exports/{export}/file").status_code == 200

        serving = [
            worker
            for worker in psutil.Process(process.pid).children()
            if any(str(link.laddr).endswith("/1.sock") for link in worker.net_connections("unix"))
        ]
        os.kill(serving[0].pid, signal.SIGKILL)
        with pytest.raises((WebSocketException, OSError)):
            page.event("never")
    # The other worker went on all the while, and this one comes back with everything.
    assert http.get(f"/api/media/{media[0]}/frames/0.jpg").status_code == 200
    deadline = time.monotonic() + 120
    while http.get(f"/api/media/{media[1]}").status_code != 200:
        assert time.monotonic() < deadline
        time.sleep(0.2)
    with server.page(media[1], headers=headers) as page:
        assert page.shown() == shown
        page.do("track", direction="forward", start=0)
        page.finished()
        assert len(page.shown()) == FRAMES


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="needs Unix sockets")
def test_workers_end_with_a_server_that_was_killed(started: Any) -> None:
    _, http, _, process = started
    assert http.get("/api/info").json()["user"] == "ada"
    children = psutil.Process(process.pid).children(recursive=True)
    assert len(children) >= 2
    process.kill()
    process.wait(30)
    _, left = psutil.wait_procs(children, timeout=60)
    assert left == []
