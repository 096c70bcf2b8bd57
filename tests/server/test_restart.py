"""Ends of every kind: nothing that was sent is lost, and work goes on."""

from __future__ import annotations

import re
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from websockets.exceptions import ConnectionClosedError

from masklet.masks import FrameMask
from masklet.model.sam2 import Sam2
from masklet.server.settings import Limits
from masklet.server.studio import MakeSession
from masklet.session import VideoSession
from masklet.store import Change, MaskRecord, ObjectRecord, Store

SQUARE = [30.0, 30.0]
FRAMES = 8


def click(page: Any, frame: int, point: list[float]) -> None:
    page.do("prompt", frame=frame, object=1, points=[point], labels=[1])


def only_media(server: Any) -> str:
    (item,) = server.http.get("/api/media").json()
    return item["id"]


def test_a_killed_server_loses_nothing_that_it_sent(serve, start_app) -> None:
    with start_app() as app, app.server.page(only_media(app.server)) as page:
        page.do("object-add", name="Square")
        click(page, 0, SQUARE)
        page.do("track", direction="forward", start=0)
        while not any(mask.mask.frame == 3 for mask in page.masks):
            page.read()
        app.kill()
        sent = {(mask.object, mask.mask.frame): mask.mask.rle.counts for mask in page.masks}
    with serve(app.server.data) as server, server.page(only_media(server)) as page:
        assert page.hello["job"] is None
        assert page.hello["objects"][0]["name"] == "Square"
        shown = page.shown()
        assert sent.items() <= shown.items()
        page.do("track", direction="forward", start=0)
        assert page.finished()["state"] == "done"
        assert len(page.shown()) == FRAMES
        page.do("undo")
        assert page.shown() == shown
        page.do("undo")
        assert set(page.shown()) == {(1, 0)}


def test_after_a_restart_corrections_and_tracking_go_on_from_the_stored_prompts(serve, tmp_path: Path) -> None:
    """The same commands with a restart between any two of them end with the same masks, as far as the model's memory
    of tracked frames has no say."""
    results = []
    for restarts in (False, True):
        data = tmp_path / str(restarts)
        steps = [
            lambda page: page.do("object-add"),
            lambda page: click(page, 0, SQUARE),
            lambda page: page.do("object-add"),
            lambda page: page.do("prompt", frame=2, object=2, box=[5, 5, 60, 50]),
            lambda page: click(page, 5, [50, 30]),
            lambda page: page.do("choose", frame=0, object=1, candidate=2),
            lambda page: (page.do("track", direction="both", start=0), page.finished()),
            lambda page: results.append(page.shown()),
        ]
        groups = [[step] for step in steps] if restarts else [steps]
        for group in groups:
            with serve(data) as server, server.page(server.media()) as page:
                for step in group:
                    step(page)
    assert results[0] == results[1]


def test_after_a_restart_a_correction_still_starts_from_the_mask_that_is_there(
    serve, model: Sam2, clips: Path, tmp_path: Path
) -> None:
    """A click beside the object says nothing alone: the tracked mask that it corrects has to be known."""
    with serve(tmp_path) as server, server.page(server.media()) as page:
        page.do("object-add")
        click(page, 0, SQUARE)
        page.do("track", direction="forward", start=0)
        page.finished()
        tracked = page.masks[-4].mask
    with VideoSession(model, clips / "square.mp4") as session:
        session.prompt(0, 1, points=[SQUARE])
        session.prompt(tracked.frame, 1, mask=tracked.rle.decode())
        result = session.prompt(tracked.frame, 1, points=[(60, 40)], labels=[0])
        expected = result.objects[1].frame_mask(tracked.frame).rle
    with serve(tmp_path) as server, server.page(server.media()) as page:
        before = page.shown()
        page.do("prompt", frame=tracked.frame, object=1, points=[[60, 40]], labels=[0])
        assert page.masks[-1].mask.rle == expected
        page.do("undo")
        assert page.shown() == before
        page.do("redo")
        assert page.shown()[1, tracked.frame] == expected.counts


def test_a_session_that_nobody_has_open_is_closed_and_comes_back(serve, tmp_path: Path) -> None:
    with serve(tmp_path, limits=Limits(idle_seconds=0.2)) as server:
        media = server.media()
        with server.page(media) as page:
            page.do("object-add")
            click(page, 0, SQUARE)
            before = page.shown()
            assert live_media(server) == 1
        deadline = time.monotonic() + 30
        while live_media(server):
            assert time.monotonic() < deadline
            time.sleep(0.05)
        with server.page(media) as page:
            assert page.shown() == before
            page.do("track", direction="forward", start=0)
            page.finished()
            assert len(page.shown()) == FRAMES


def live_media(server: Any) -> int:
    text = server.http.get("/metrics").text
    found = re.search(r"^masklet_live_media (.*)$", text, re.MULTILINE)
    assert found is not None
    return int(float(found.group(1)))


def test_closing_the_page_does_not_stop_tracking(serve, tmp_path: Path) -> None:
    with serve(tmp_path) as server:
        media = server.media()
        with server.page(media) as page:
            page.do("object-add")
            click(page, 0, SQUARE)
            page.do("track", direction="forward", start=0)
        deadline = time.monotonic() + 60
        while True:
            with server.page(media) as page:
                if page.hello["job"] is None:
                    assert len(page.shown()) == FRAMES
                    break
                assert page.hello["job"]["total"] == FRAMES
            assert time.monotonic() < deadline


def test_pages_work_before_the_model_is_loaded_and_without_it(serve, tmp_path: Path) -> None:
    release = threading.Event()

    def load() -> MakeSession:
        release.wait(60)
        raise ValueError("the weights are gone")

    with serve(tmp_path, load=load) as server:
        media = server.media()
        assert server.http.get(f"/api/media/{media}/frames/0.jpg").status_code == 200
        with server.page(media) as page:
            page.do("object-add")
            request = page.send("prompt", frame=0, object=1, points=[SQUARE], labels=[1])
            release.set()
            answer = page.answer(request)
            assert answer["message"] == "the model could not be loaded: the weights are gone"
            page.do("object-change", object=1, name="Named")


def test_a_change_from_elsewhere_makes_pages_begin_anew(serve, tmp_path: Path) -> None:
    with serve(tmp_path) as server:
        media = server.media()
        other = Store(f"sqlite:///{tmp_path / 'masklet.db'}")
        with server.page(media) as page:
            mask = MaskRecord(object=1, frame=2, mask=FrameMask.given(2, np.eye(64, 96, dtype=bool)))
            other.append(
                media,
                None,
                kind="import",
                author="other",
                payload={},
                change=Change(objects=(ObjectRecord(object=1, name="x", colour="#ffffff"),), masks=(mask,)),
            )
            page.send("object-add")
            with pytest.raises(ConnectionClosedError, match="1012"):
                page.event("finished")
        with server.page(media) as page:
            assert [thing["name"] for thing in page.hello["objects"]] == ["x"]
            assert set(page.shown()) == {(1, 2)}
        other.close()
