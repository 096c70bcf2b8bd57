"""Effects as edits: one order with all others, one step for a drag, the same on every page, and after the end of a
server."""

from __future__ import annotations

import base64
import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

SQUARE = [30.0, 30.0]
BLUR = {"kind": "blur", "target": "background", "radius": 20}


def replaced(picture: str | None, **fields: Any) -> dict[str, Any]:
    return {"kind": "replace", "target": 1, **fields} | ({} if picture is None else {"picture": picture})


def noise(seed: int) -> str:
    """A data: address of a picture that is too large to be kept in the row."""
    pixels = np.random.default_rng(seed).integers(0, 255, (64, 64, 3), np.uint8)
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, "PNG")
    return "data:image/png;base64," + base64.b64encode(out.getvalue()).decode()


def now(server: Any, media: str) -> list[dict[str, Any]]:
    return server.http.get(f"/api/media/{media}/effects").json()["effects"]


def put(page: Any, *effects: dict[str, Any], **fields: Any) -> int:
    return page.do("effects", effects=list(effects), **fields)["effects"]


def kinds(server: Any, media: str) -> list[str]:
    return [edit["kind"] for edit in server.http.get(f"/api/media/{media}/revisions").json()["revisions"]]


def test_effects_and_prompts_are_taken_back_in_one_order(server) -> None:
    media = server.media()
    with server.page(media) as page:
        assert page.hello["effects"] == 0
        assert now(server, media) == []
        page.do("object-add")
        put(page, BLUR)
        page.do("prompt", frame=0, object=1, points=[SQUARE], labels=[1])
        mask = page.shown()
        put(page, BLUR, replaced(noise(1)))
        put(page, replaced(noise(1)), BLUR)
        put(page, replaced(noise(2)), BLUR)
        put(page)
        page.do("track", direction="forward", start=0)
        page.finished()
        tracked = page.shown()
        states = [
            ([], mask),
            ([replaced(noise(2)), BLUR], mask),
            ([replaced(noise(1)), BLUR], mask),
            ([BLUR, replaced(noise(1))], mask),
            ([BLUR], mask),
            ([BLUR], {}),
            ([], {}),
        ]
        for effects, masks in states:
            page.do("undo")
            assert (now(server, media), page.shown()) == (effects, masks)
        page.do("undo")
        assert "nothing to take back" in page.refused("undo")
        page.do("redo")
        for effects, masks in reversed(states):
            assert (now(server, media), page.shown()) == (effects, masks)
            page.do("redo")
        assert (now(server, media), page.shown()) == ([], tracked)
        assert kinds(server, media) == ["object-add", "effects", "prompt", *["effects"] * 4, "track"]


def test_every_state_of_the_effects_can_be_shown_again(server) -> None:
    media = server.media()
    with server.page(media) as page:
        put(page, BLUR)
        put(page, replaced(noise(1)))
        page.do("undo")
    edits = server.http.get(f"/api/media/{media}/revisions").json()["revisions"]
    shown = [server.http.get(f"/api/media/{media}/revisions/{edit['id']}").json()["effects"] for edit in edits]
    assert shown == [[BLUR], [replaced(noise(1))]]
    assert [(edit["author"], edit["payload"]) for edit in edits] == [
        ("tester", {"kinds": ["blur"]}),
        ("tester", {"kinds": ["replace"]}),
    ]


def test_a_drag_is_one_step(server) -> None:
    media = server.media()
    with server.page(media) as page:
        put(page, BLUR)
        rows = [put(page, BLUR | {"radius": radius}, gesture="drag 1") for radius in (21, 22, 23)]
        assert len(set(rows)) == 3, "every one is told to the pages"
        put(page, BLUR | {"radius": 30}, gesture="drag 2")
        put(page, BLUR | {"radius": 31}, gesture="drag 2")
        page.do("object-add")
        put(page, BLUR | {"radius": 40}, gesture="drag 2")
        for radius in (31, 31, 23, 20):
            page.do("undo")
            assert now(server, media) == [BLUR | {"radius": radius}]
        put(page, BLUR | {"radius": 50}, gesture="drag 1")
        assert "nothing to do again" in page.refused("redo")
        assert now(server, media) == [BLUR | {"radius": 50}]
        page.do("undo")
        assert now(server, media) == [BLUR]


def test_what_changes_nothing_is_no_edit(server) -> None:
    media = server.media()
    with server.page(media) as page:
        first = put(page, BLUR)
        assert put(page, BLUR | {"feather": 1}) == first, "its default"
        put(page, BLUR, gesture="still")
        assert kinds(server, media) == ["effects"]
        assert "radius is a number" in page.refused("effects", effects=[BLUR | {"radius": -1}])
        assert "picture is data:" in page.refused("effects", effects=[{"kind": "replace", "target": 1, "picture": "x"}])
        assert kinds(server, media) == ["effects"]


def test_pages_are_told_which_effects_hold(server) -> None:
    media = server.media()
    with server.page(media) as one, server.page(media) as other:
        row = put(one, BLUR)
        other.do("cursor", frame=0)
        assert other.event("objects")["effects"] == row
        answer = server.http.get(f"/api/media/{media}/effects").json()
        assert answer == {"number": row, "effects": [BLUR]}
        through_http = server.http.put(f"/api/media/{media}/effects", json={"effects": []}).json()
        assert through_http["effects"] == []
        other.do("undo")
        other.do("cursor", frame=0)
        assert other.event("objects")["effects"] == row
        assert through_http["number"] not in (0, row)
    with server.page(media) as page:
        assert page.hello["effects"] == row


def test_effects_do_not_stop_tracking_and_are_taken_back_alone(server) -> None:
    media = server.media()
    with server.page(media) as page:
        page.do("object-add")
        page.do("prompt", frame=0, object=1, points=[SQUARE], labels=[1])
        page.do("track", direction="forward", start=0)
        put(page, BLUR)
        assert page.finished()["state"] == "done"
        tracked = page.shown()
        assert len(tracked) == 8
        page.do("undo")
        assert (now(server, media), page.shown()) == ([], tracked)


@pytest.mark.parametrize("word", ["undo", "redo"])
def test_who_takes_back_is_kept(team, word: str, clips: Path) -> None:
    ada, bob = team.members["ada"], team.members["bob"]
    media = ada.upload((clips / "square.mp4").read_bytes()).json()
    ada.http.post(f"/api/projects/{media['project']}/members", json={"user": "bob"})
    with ada.page(media["id"]) as hers, bob.page(media["id"]) as his:
        hers.do("object-add")
        his.do("undo")
        (hers if word == "redo" else his).do("redo")
    (edit,) = ada.http.get(f"/api/media/{media['id']}/revisions").json()["revisions"]
    moves = ada.http.get(f"/api/media/{media['id']}/moves").json()["moves"]
    assert [(move["kind"], move["author"], move["revision"]) for move in moves] == [
        ("undo", "bob", edit["id"]),
        ("redo", "ada" if word == "redo" else "bob", edit["id"]),
    ]
    assert edit["author"] == "ada"
    assert moves[0]["created"] < moves[1]["created"]
    rest = bob.http.get(f"/api/media/{media['id']}/moves", params={"after": moves[0]["id"]}).json()["moves"]
    assert rest == moves[1:]


def test_a_killed_server_keeps_effects(serve, start_app) -> None:
    with start_app() as app:
        (item,) = app.server.http.get("/api/media").json()
        with app.server.page(item["id"]) as page:
            put(page, BLUR)
            put(page, BLUR, replaced(noise(1)), gesture="drag")
            put(page, BLUR, replaced(noise(1), feather=9), gesture="drag")
            app.kill()
    with serve(app.server.data) as server, server.page(item["id"]) as page:
        assert now(server, item["id"]) == [BLUR, replaced(noise(1), feather=9)]
        page.do("undo")
        assert now(server, item["id"]) == [BLUR]
