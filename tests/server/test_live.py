"""The whole loop over the WebSocket: click, mask, track, correct, undo, again."""

from __future__ import annotations

import contextlib
import shutil
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from masklet.masks import Rle
from masklet.model.sam2 import Sam2
from masklet.server.messages import Kind, MaskMessage
from masklet.session import VideoSession

SQUARE = [30.0, 30.0]
FRAMES, HEIGHT, WIDTH = 8, 64, 96


def click(page, object_id: int | None, frame: int = 0, point=SQUARE, **fields):
    return page.do("prompt", frame=frame, object=object_id, points=[point], labels=[1], **fields)


def test_hello_tells_the_whole_state(server) -> None:
    media = server.media()
    with server.page(media) as page:
        assert page.hello["media"]["id"] == media
        assert (page.hello["objects"], page.hello["lanes"], page.hello["job"]) == ([], {}, None)
        assert (page.hello["undo"], page.hello["redo"]) == (False, False)
        page.do("object-add", name="Square", colour="#AABBCC")
        click(page, 1)
    with server.page(media) as page:
        assert page.hello["objects"] == [
            {"id": 1, "name": "Square", "colour": "#aabbcc", "hidden": False, "locked": False}
        ]
        assert page.hello["lanes"]["1"]["prompted"] == [0]
        assert page.hello["undo"]


def test_a_click_gives_the_session_s_mask_where_it_was(server, model: Sam2, clips: Path) -> None:
    with VideoSession(model, clips / "square.mp4") as session:
        expected = session.prompt(0, 1, points=[SQUARE]).objects[1].frame_mask(0)
    with server.page(server.media()) as page:
        number = page.do("object-add")["object"]
        assert click(page, number)["candidates"] == 3
        mask = page.masks[-1]
        assert (mask.kind, mask.object, mask.mask.frame, mask.mask.prompted) == (Kind.STORED, number, 0, True)
        assert mask.mask.rle == expected.rle
        assert mask.mask.rle.decode()[30, 30]
        assert mask.mask.iou == pytest.approx(expected.iou)
        # A second click is added to the first, and the prompt is no longer ambiguous.
        assert click(page, number, point=[40, 40])["candidates"] == 0
        assert click(page, number, fresh=True)["candidates"] == 3
        assert page.masks[-1].mask.rle.counts == mask.mask.rle.counts


def test_a_click_may_make_its_object(server) -> None:
    with server.page(server.media()) as page:
        assert click(page, None)["object"] == 1
        assert [thing["name"] for thing in page.event("objects")["objects"]] == ["Object 1"]
        assert click(page, None, frame=2)["object"] == 2
        masks = page.shown()
        assert set(masks) == {(1, 0), (2, 2)}
        page.do("undo")
        assert [thing["id"] for thing in page.event("objects")["objects"]] == [1]
        assert set(page.shown()) == {(1, 0)}
        page.do("redo")
        assert [thing["id"] for thing in page.event("objects")["objects"]] == [1, 2]
        assert page.shown() == masks
        # What comes next goes on from the object's mask, also in the model's memory.
        assert click(page, 2, frame=2, point=[40, 40])["candidates"] == 0
        page.do("track", direction="forward", start=0)
        page.finished()
        assert {number for number, frame in page.shown() if frame == FRAMES - 1} == {1, 2}


def test_a_prompt_that_is_refused_makes_no_object(server) -> None:
    with server.page(server.media()) as page:
        assert "frame" in page.refused("prompt", frame=FRAMES, object=None, points=[SQUARE], labels=[1])
        assert "outside" in page.refused("prompt", frame=0, object=None, points=[[WIDTH + 1, 3]], labels=[1])
        assert "run lengths" in page.refused("mask", frame=0, object=None, counts="01")
        assert page.refused("prompt", frame=0, points=[SQUARE], labels=[1]) == "object: Field required"
    with server.page(server.media()) as page:
        assert page.hello["objects"] == []
        assert click(page, None)["object"] == 1


def test_new_objects_never_share_a_number(server, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another page adds one while the model works on a click that makes its own."""
    prompt, begun, added = VideoSession.prompt, threading.Event(), threading.Event()

    def slow(*given: Any, **named: Any) -> Any:
        begun.set()
        assert added.wait(60)
        return prompt(*given, **named)

    monkeypatch.setattr(VideoSession, "prompt", slow)
    media = server.media()
    with server.page(media) as page, server.page(media) as other:
        clicked = page.send("prompt", frame=0, object=None, points=[SQUARE], labels=[1])
        assert begun.wait(60)
        assert other.do("object-add")["object"] == 2
        added.set()
        assert page.answer(clicked)["object"] == 1
        drawn = np.zeros((HEIGHT, WIDTH), bool)
        drawn[16:48, 17:48] = True
        counts = Rle.encode(drawn).counts.decode("ascii")
        assert other.do("mask", frame=1, object=None, counts=counts)["object"] == 3
    with server.page(media) as page:
        assert [thing["id"] for thing in page.hello["objects"]] == [1, 2, 3]
        assert page.hello["lanes"]["3"]["edited"] == [1]


def test_tracking_streams_masks_and_undo_restores_what_was_there(server) -> None:
    with server.page(server.media()) as page:
        number = page.do("object-add")["object"]
        click(page, number)
        job = page.do("track", direction="forward", start=0)["job"]
        assert page.finished() == {"type": "finished", "job": job, "state": "done", "error": None}
        progress = [event for event in page.events if event["type"] == "progress"]
        done = [event["done"] for event in progress]
        assert done == sorted(done)
        assert (done[0], done[-1]) == (1, FRAMES)
        assert {event["total"] for event in progress} == {FRAMES}
        tracked = page.shown()
        assert {frame for _, frame in tracked} == set(range(FRAMES))
        assert page.event("lanes")["lanes"]["1"]["prompted"] == [0]

        click(page, number, frame=4, point=[50, 30])
        page.do("track", direction="backward", start=6, stop=2)
        page.finished()
        corrected = page.shown()
        assert corrected[number, 4] != tracked[number, 4] or corrected[number, 5] != tracked[number, 5]
        page.do("undo")
        page.do("undo")
        assert page.shown() == tracked
        page.do("undo")
        assert set(page.shown()) == {(number, 0)}
        dropped = page.event("dropped")
        assert (dropped["object"], dropped["frames"]) == (number, [[1, 7]])
        for _ in range(3):
            page.do("redo")
        assert page.shown() == corrected
        assert page.refused("redo") == "there is nothing to do again"


def test_only_the_chosen_objects_are_tracked_and_locked_ones_stay(server) -> None:
    with server.page(server.media()) as page:
        for _ in range(3):
            click(page, page.do("object-add")["object"])
        page.do("object-change", object=3, locked=True)
        page.do("track", direction="forward", start=0, objects=[1])
        page.finished()
        assert {number for number, frame in page.shown() if frame > 0} == {1}
        page.do("track", direction="forward", start=0)
        page.finished()
        assert {number for number, frame in page.shown() if frame > 0} == {1, 2}
        assert "locked" in page.refused("prompt", frame=0, object=3, points=[SQUARE], labels=[1])
        assert "locked" in page.refused("track", direction="forward", start=0, objects=[3])


def test_both_directions_cover_the_video(server) -> None:
    with server.page(server.media()) as page:
        page.do("object-add")
        click(page, 1, frame=4, point=[50, 30])
        page.do("object-add")
        click(page, 2, frame=6, point=[58, 30])
        page.do("track", direction="both", start=4)
        page.finished()
        assert set(page.shown()) == {(number, frame) for number in (1, 2) for frame in range(FRAMES)}
        last = page.event("progress")
        assert last["done"] == last["total"] == (FRAMES - 4) + 6  # frames 4 and 5 are visited twice


def test_a_run_can_be_stopped_and_an_edit_stops_it_too(server) -> None:
    with server.page(server.media()) as page:
        page.do("object-add")
        click(page, 1)
        job = page.do("track", direction="forward", start=0)["job"]
        page.do("stop", job=job)
        assert page.finished()["state"] == "stopped"
        assert "no job" in page.refused("stop", job=job)
        page.do("track", direction="forward", start=0)
        click(page, 1, point=[40, 40])
        assert page.finished()["state"] == "stopped"
        assert page.hello["job"] is None


def test_drawn_masks_are_kept_to_the_pixel_and_tracking_leaves_them_alone(server) -> None:
    drawn = np.zeros((HEIGHT, WIDTH), bool)
    drawn[16:48, 17:48] = True
    drawn[17, 20:30] = False
    counts = Rle.encode(drawn).counts
    with server.page(server.media()) as page:
        page.do("object-add")
        page.do("mask", frame=0, object=1, counts=counts.decode())
        assert page.masks[-1].edited
        page.do("track", direction="forward", start=0)
        page.finished()
        shown = page.shown()
        assert shown[1, 0] == counts
        assert len(shown) == FRAMES
        assert page.event("lanes")["lanes"]["1"]["edited"] == [0]


def test_an_empty_mask_says_that_the_object_is_not_there(server) -> None:
    empty = Rle.empty(HEIGHT, WIDTH).counts
    with server.page(server.media()) as page:
        for number in (1, 2):
            page.do("object-add")
            page.do("mask", frame=3, object=number, counts=empty.decode())
        assert "nothing to track" in page.refused("track", direction="forward", start=0)
        click(page, 1)
        page.do("track", direction="forward", start=0)
        page.finished()
        shown = page.shown()
        assert {frame for number, frame in shown if number == 1} == set(range(FRAMES))
        assert shown[1, 3] == shown[2, 3] == empty
        page.do("undo")
        page.do("undo")
        page.do("undo")
        assert set(page.shown()) == {(1, 3)}


def test_candidates_are_offered_best_first_and_the_chosen_one_becomes_the_mask(server) -> None:
    with server.page(server.media()) as page:
        page.do("object-add")
        click(page, 1)
        before = page.shown()
        request = page.send("candidates", frame=0, object=1)
        page.answer(request)
        offered = [mask for mask in page.masks if mask.kind == Kind.CANDIDATE]
        assert [mask.number for mask in offered] == [request] * 3
        assert [mask.mask.iou for mask in offered] == sorted((mask.mask.iou for mask in offered), reverse=True)
        page.do("choose", frame=0, object=1, candidate=2)
        assert page.shown() == {(1, 0): offered[2].mask.rle.counts}
        page.do("undo")
        assert page.shown() == before
        click(page, 1, point=[40, 40])
        assert "single click" in page.refused("candidates", frame=0, object=1)


def test_previews_change_nothing_and_every_one_is_answered(server) -> None:
    with server.page(server.media()) as page:
        page.do("object-add")
        requests = [page.send("preview", frame=2, x=30 + i, y=30) for i in range(12)]
        for request in requests:
            assert page.answer(request)["type"] == "done"
        previews = [mask for mask in page.masks if mask.kind == Kind.PREVIEW]
        assert previews[-1].number == requests[-1]
        assert 1 <= len(previews) <= len(requests)
        assert page.shown() == {}
        assert "lies outside" in page.refused("preview", frame=2, x=500, y=1)


def test_merging_unites_frame_by_frame_and_can_be_undone(server) -> None:
    left, right = np.zeros((HEIGHT, WIDTH), bool), np.zeros((HEIGHT, WIDTH), bool)
    left[:, :20], right[:, 60:] = True, True
    with server.page(server.media()) as page:
        for number, mask, frames in ((1, left, (0, 1)), (2, right, (1, 2))):
            page.do("object-add")
            for frame in frames:
                page.do("mask", frame=frame, object=number, counts=Rle.encode(mask).counts.decode())
        before = page.shown()
        page.do("object-merge", objects=[1, 2], into=1)
        assert page.shown() == {
            (1, 0): Rle.encode(left).counts,
            (1, 1): Rle.encode(left | right).counts,
            (1, 2): Rle.encode(right).counts,
        }
        assert [thing["id"] for thing in page.event("objects")["objects"]] == [1]
        assert page.event("lanes")["lanes"]["2"] is None
        page.do("track", direction="forward", start=0)
        page.finished()
        page.do("undo")
        page.do("undo")
        assert page.shown() == before


def test_clearing_takes_prompts_and_masks_of_a_frame_an_object_or_all(server) -> None:
    with server.page(server.media()) as page:
        for number in (1, 2):
            page.do("object-add")
            click(page, number)
            click(page, number, frame=2, point=[40, 30])
        everything = page.shown()
        page.do("clear", frame=0, object=1)
        assert set(page.shown()) == {(1, 2), (2, 0), (2, 2)}
        page.do("clear", object=2)
        assert set(page.shown()) == {(1, 2)}
        page.do("clear")
        assert page.shown() == {}
        assert "nothing to track" in page.refused("track", direction="forward", start=0)
        for _ in range(3):
            page.do("undo")
        assert page.shown() == everything
        page.do("clear", frame=2)
        assert set(page.shown()) == {(1, 0), (2, 0)}
        page.do("object-delete", object=1)
        assert set(page.shown()) == {(2, 0)}
        page.do("undo")
        page.do("undo")
        assert page.shown() == everything
        click(page, 1, frame=3, point=[44, 30])
        page.do("track", direction="forward", start=0)
        assert page.finished()["state"] == "done"


def test_clearing_a_range_is_one_step_and_the_model_forgets_it(server) -> None:
    with server.page(server.media()) as page:
        for number in (1, 2, 3):
            page.do("object-add")
            click(page, number)
            click(page, number, frame=3, point=[42, 30])
        page.do("track", direction="forward", start=0)
        page.finished()
        everything = page.shown()
        page.do("object-change", object=3, locked=True)
        page.do("clear", start=2, stop=5, object=1)
        assert set(everything) - set(page.shown()) == {(1, 2), (1, 3), (1, 4)}
        lane = page.event("lanes")["lanes"]["1"]
        assert [frame for first, last, _ in lane["runs"] for frame in range(first, last + 1)] == [0, 1, 5, 6, 7]
        assert (lane["prompted"], list(lane["prompts"])) == ([0], ["0"])
        page.do("clear", start=2, stop=5)
        left = page.shown()
        assert set(everything) - set(left) == {(number, frame) for number in (1, 2) for frame in (2, 3, 4)}
        assert "locked" in page.refused("clear", start=2, stop=5, object=3)
        page.do("clear", start=2, stop=5)
        page.do("undo")
        page.do("undo")
        assert page.shown() == everything, "nothing to clear is no edit"
        page.do("redo")
        page.do("redo")
        assert page.shown() == left
        # What is tracked again does not know the prompt that was cleared.
        page.do("track", direction="forward", start=0, objects=[1])
        page.finished()
        assert len([1 for number, _ in page.shown() if number == 1]) == FRAMES
        page.do("undo")
        page.do("undo")
        page.do("undo")
        click(page, 1, frame=4, point=[44, 30])
        page.do("track", direction="forward", start=3, objects=[1])
        assert page.finished()["state"] == "done"


def test_every_tab_sees_the_same_changes_with_the_same_sequence(server) -> None:
    media = server.media()
    with server.page(media) as one, server.page(media) as other:
        one.do("object-add")
        click(one, 1)
        one.do("track", direction="forward", start=0)
        one.finished()
        other.finished()
        kept = ("objects", "lanes", "progress")
        assert [event for event in other.events if event["type"] in kept] == [
            event for event in one.events if event["type"] in kept
        ]
        assert [mask.encode() for mask in other.masks] == [mask.encode() for mask in one.masks]
        numbers = [mask.number for mask in other.masks]
        assert numbers == sorted(set(numbers))
        other.do("undo")
        one.event("dropped")


def test_media_are_tracked_side_by_side_and_a_click_goes_first(serve, clips: Path, tmp_path: Path) -> None:
    root = tmp_path / "root"
    root.mkdir()
    for name in "abc":
        shutil.copy(clips / "square.mp4", root / f"{name}.mp4")
    with serve(tmp_path / "data", roots={"root": root}) as server, contextlib.ExitStack() as stack:
        a, b, c = (stack.enter_context(server.page(server.media("root", f"{name}.mp4"))) for name in "abc")
        for page in (a, b, c):
            page.do("object-add")
            click(page, 1)
        a.do("track", direction="forward", start=0)
        b.do("track", direction="forward", start=0)
        click(c, 1, point=[40, 40])
        a.do("cursor", frame=0)  # what came to the other pages before the click was answered is read now
        b.do("cursor", frame=0)
        assert not all(any(event["type"] == "finished" for event in page.events) for page in (a, b))
        assert a.finished()["state"] == b.finished()["state"] == "done"
        assert a.shown() == b.shown()
        assert len(a.shown()) == FRAMES


def test_masks_wait_while_too_many_are_not_acknowledged(server) -> None:
    counts = Rle.empty(HEIGHT, WIDTH).counts.decode()
    with server.page(server.media()) as page:
        for number in range(1, 11):
            page.do("object-add")
            for frame in range(FRAMES):
                page.do("mask", frame=frame, object=number, counts=counts)
        page.acknowledge = False
        page.masks.clear()
        request = page.send("masks", start=0, stop=FRAMES)
        for _ in range(64):
            assert isinstance(page.read(), MaskMessage)
        with pytest.raises(TimeoutError):
            page.read(timeout=1)
        assert request not in page.answers
        page.socket.send(f'{{"type": "ack", "sequence": {page.masks[-1].number}}}')
        page.answer(request)
        assert len(page.masks) == 80


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        ({"type": "prompt", "frame": 0, "object": 9, "points": [[1, 1]], "labels": [1]}, "there is no object 9"),
        ({"type": "prompt", "frame": 8, "object": 1, "points": [[1, 1]], "labels": [1]}, "expected a frame in 0..7"),
        ({"type": "prompt", "frame": 0, "object": 1}, "expected points"),
        ({"type": "prompt", "frame": 0, "object": 1, "points": [[1, 1]], "labels": [2]}, "labels"),
        ({"type": "prompt", "frame": 0, "object": 1, "points": [[1, 1]], "labels": []}, "expected"),
        ({"type": "mask", "frame": 0, "object": 1, "counts": "zz"}, "run lengths"),
        ({"type": "mask", "frame": 0, "object": 1, "counts": "é"}, "ASCII"),
        ({"type": "mask", "frame": 99, "object": 1, "counts": "PP6"}, "run lengths|frame"),
        ({"type": "choose", "frame": 0, "object": 1, "candidate": 3}, "candidate"),
        ({"type": "track", "direction": "sideways", "start": 0}, "direction"),
        ({"type": "track", "direction": "forward", "start": 0}, "nothing to track"),
        ({"type": "masks", "start": 3, "stop": 1}, "start up to stop"),
        ({"type": "object-merge", "objects": [1, 1], "into": 1}, "two objects"),
        ({"type": "object-change", "object": 1}, "to change"),
        ({"type": "object-change", "object": 1, "colour": "red"}, "colour"),
        ({"type": "clear", "frame": 8}, "expected frames within 0..7, got 8..8"),
        ({"type": "clear", "start": 3, "stop": 9}, "expected frames within 0..7, got 3..8"),
        ({"type": "clear", "start": 3, "stop": 3}, "expected frames within"),
        ({"type": "clear", "start": 3}, "expected a frame, or start and stop"),
        ({"type": "clear", "frame": 3, "start": 3, "stop": 4}, "expected a frame, or start and stop"),
        ({"type": "undo", "extra": 1}, "extra"),
        ({"type": "dance"}, "dance"),
    ],
)
def test_what_does_not_fit_is_refused_in_one_line(one_server, command, expected) -> None:
    with one_server.page(one_server.media()) as page:
        if not page.hello["objects"]:
            page.do("object-add")
        before = page.shown()
        with pytest.raises(AssertionError, match=expected):
            page.do(**command)
        assert page.shown() == before


def test_requests_count_up_and_nonsense_is_answered(one_server) -> None:
    with one_server.page(one_server.media()) as page:
        page.do("cursor", frame=1)
        page.socket.send('{"request": 1, "type": "undo"}')
        assert "requests count up" in page.answer(None)["message"]
        for nonsense in ("", "[]", "null", '{"request": 99}', "\x00", '{"request": -1, "type": "undo"}'):
            page.answers.pop(None)
            page.socket.send(nonsense)
            number = 99 if "99" in nonsense else None
            assert page.answer(number)["type"] == "error"
            page.answers.setdefault(None, {})
        page.answers.pop(None)
        page.socket.send(b"\x01\x02")
        assert "binary" in page.answer(None)["message"]
        page._requests = 200
        page.do("cursor", frame=1)
