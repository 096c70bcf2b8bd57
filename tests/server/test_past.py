"""A media as it was: its edits, and the state after any of them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from masklet.masks import FrameMask
from masklet.server import past
from masklet.store import Change, MaskRecord, ObjectRecord, Store

SQUARE = [30.0, 30.0]


def masks_of(state: dict) -> dict[tuple[int, int], bytes]:
    return {(mask["object"], mask["frame"]): mask["counts"].encode() for mask in state["masks"]}


def test_every_state_can_be_shown_again(server) -> None:
    media = server.media()
    at = f"/api/media/{media}/revisions"
    assert server.http.get(at).json() == {"head": None, "revisions": []}
    states = []
    with server.page(media) as page:
        for step in (
            lambda: page.do("object-add", name="Square"),
            lambda: page.do("prompt", frame=0, object=1, points=[SQUARE], labels=[1]),
            lambda: (page.do("track", direction="forward", start=0), page.finished()),
            lambda: page.do("object-change", object=1, name="Box", hidden=True),
            lambda: page.do("clear", frame=0),
        ):
            step()
            states.append(page.shown())
        page.do("undo")
        history = server.http.get(at).json()
        kinds = [edit["kind"] for edit in history["revisions"]]
        assert kinds == ["object-add", "prompt", "track", "object-change", "clear"]
        assert history["head"] == history["revisions"][3]["id"]
        assert {edit["author"] for edit in history["revisions"]} == {"tester"}
        assert history["revisions"][1]["parent"] == history["revisions"][0]["id"]
        for edit, shown in zip(history["revisions"], states, strict=True):
            state = server.http.get(f"{at}/{edit['id']}").json()
            assert state["revision"] == edit
            assert masks_of(state) == shown
        named = [server.http.get(f"{at}/{edit['id']}").json()["objects"][0] for edit in history["revisions"]]
        assert [(thing["name"], thing["hidden"]) for thing in named[2:4]] == [("Square", False), ("Box", True)]
        tracked = server.http.get(f"{at}/{history['revisions'][2]['id']}").json()
        assert tracked["prompts"] == [
            {"object": 1, "frame": 0, "prompt": tracked["prompts"][0]["prompt"]},
        ]
        assert tracked["prompts"][0]["prompt"]["points"] == [SQUARE]
        first = tracked["masks"][0]
        assert (first["visible"], first["prompted"], first["edited"]) == (True, True, False)
        assert 0 <= first["iou"] <= 1


def test_the_history_is_read_in_parts(server) -> None:
    media = server.media()
    at = f"/api/media/{media}/revisions"
    with server.page(media) as page:
        for _ in range(5):
            page.do("object-add")
    whole = server.http.get(at).json()["revisions"]
    first = server.http.get(at, params={"count": 2}).json()["revisions"]
    rest = server.http.get(at, params={"after": first[-1]["id"]}).json()["revisions"]
    assert first + rest == whole
    assert len(whole) == 5


def test_revisions_that_are_not_there_are_404(server, clips: Path) -> None:
    media = server.media()
    with server.page(media) as page:
        page.do("object-add")
    (edit,) = server.http.get(f"/api/media/{media}/revisions").json()["revisions"]
    number = server.http.post("/api/uploads", json={"name": "b", "size": 9}).json()["id"]
    assert number
    for wrong in (edit["id"] + 1, 2**31 - 1):
        answer = server.http.get(f"/api/media/{media}/revisions/{wrong}")
        assert (answer.status_code, "no revision" in answer.json()["error"]) == (404, True)
    for wrong in ("0", "-1", "x", str(2**31)):
        assert server.http.get(f"/api/media/{media}/revisions/{wrong}").status_code == 422
    data = (clips / "square.mp4").read_bytes()
    number = server.http.post("/api/uploads", json={"name": "b.mp4", "size": len(data)}).json()["id"]
    server.http.put(f"/api/uploads/{number}?offset=0", content=data)
    other = server.http.post(f"/api/uploads/{number}/finish").json()["id"]
    assert server.http.get(f"/api/media/{other}/revisions/{edit['id']}").status_code == 404, "another media's revision"


def test_many_masks_come_in_parts_of_whole_frames(server, monkeypatch: pytest.MonkeyPatch) -> None:
    media = server.media()
    store = Store(f"sqlite:///{server.data / 'masklet.db'}")
    masks = tuple(
        MaskRecord(object=number, frame=frame, mask=FrameMask.given(frame, np.eye(64, 96, number, dtype=bool)))
        for frame in range(8)
        for number in (1, 2, 3)
        if (frame, number) != (4, 2)
    )
    objects = tuple(ObjectRecord(object=number, name="x", colour="#ffffff") for number in (1, 2, 3))
    applied = store.append(
        media, None, kind="import", author="other", payload={}, change=Change(objects=objects, masks=masks)
    )
    store.close()
    at = f"/api/media/{media}/revisions/{applied.head}"
    whole = masks_of(server.http.get(at).json())
    assert len(whole) == 23
    for most in (1, 3, 7, 22, 23):
        monkeypatch.setattr(past, "MOST_MASKS", most)
        found: dict[tuple[int, int], bytes] = {}
        start = 0
        while start < 8:
            part = server.http.get(at, params={"start": start}).json()
            assert part["start"] == start < part["stop"]
            assert len(part["masks"]) <= max(most, 3)
            assert not found.keys() & masks_of(part).keys()
            found |= masks_of(part)
            start = part["stop"]
        assert found == whole
    part = server.http.get(at, params={"start": 2, "stop": 4}).json()
    assert {mask["frame"] for mask in part["masks"]} == {2, 3}
    assert server.http.get(at, params={"start": 9}).json()["masks"] == []
