"""Who waits for whom at the model, seen from a page."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable, Iterator
from typing import ClassVar

import pytest

from masklet.media import Clip
from masklet.model.encoder import ImageFeatures
from masklet.model.sam2 import Sam2
from masklet.server.messages import Kind
from masklet.server.studio import MakeSession
from masklet.session import VideoSession
from masklet.session.features import FeatureStore

HELD_FRAME = 7


class Held(VideoSession):
    """A session that stops at one frame until it may go on, and notes which frames it is asked for."""

    asked: ClassVar[list[int]]
    go_on: ClassVar[threading.Event]

    def features(self, frame: int) -> ImageFeatures:
        self.asked.append(frame)
        if frame == HELD_FRAME:
            assert self.go_on.wait(60)
        return super().features(frame)


@pytest.fixture
def held() -> Iterator[type[Held]]:
    Held.asked, Held.go_on = [], threading.Event()
    yield Held
    Held.go_on.set()


@pytest.fixture
def load(model: Sam2, held: type[Held]) -> Callable[[], MakeSession]:
    def make(clip: Clip | None, features: FeatureStore) -> VideoSession:
        return held(model, clip, features=features)

    return lambda: make


def test_a_click_overtakes_previews_and_frames_made_ready_and_the_newest_preview_counts(
    serve, load: Callable[[], MakeSession], held: type[Held], tmp_path
) -> None:
    with serve(tmp_path, load=load) as server, server.page(server.media()) as page:
        page.do("object-add")
        busy = page.send("preview", frame=HELD_FRAME, x=30, y=30)
        while not held.asked:
            page.do("masks", start=0, stop=1)
        for frame in (5, 4, 3):
            page.do("cursor", frame=frame)
        older = page.send("preview", frame=2, x=30, y=30)
        newer = page.send("preview", frame=2, x=32, y=30)
        page.answer(older)  # at once, although the model is busy
        click = page.send("prompt", frame=1, object=1, points=[[30, 30]], labels=[1])
        page.do("cursor", frame=3)
        page.do("cursor", frame=3)
        assert set(held.asked) == {HELD_FRAME}
        held.go_on.set()
        for request in (busy, click, newer):
            assert page.answer(request)["type"] == "done"
        numbers = [mask.number for mask in page.masks if mask.kind == Kind.PREVIEW]
        assert numbers == [busy, newer]
        while 3 not in held.asked:
            page.do("masks", start=0, stop=1)
    order = [frame for frame, _ in itertools.groupby(held.asked)]
    assert order[:4] == [HELD_FRAME, 1, 2, 3]  # frames 5 and 4 were left before their turn came


def test_frames_around_the_cursor_are_made_ready_when_nothing_else_is_done(
    serve, load: Callable[[], MakeSession], held: type[Held], tmp_path
) -> None:
    with serve(tmp_path, load=load) as server, server.page(server.media()) as page:
        page.do("cursor", frame=2)
        while len(held.asked) < 4:
            page.do("masks", start=0, stop=1)
    assert held.asked == [2, 3, 4, 1]
