"""Clips that a server keeps open."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from masklet.media import Clip
from masklet.media.clip import Frame
from masklet.media.decoder import FrameDecoder
from masklet.media.video import VideoClip
from masklet.media.writer import VideoWriter
from masklet.server.clips import Remembering


class Counted(Clip):
    """Five frames of 2x2 pixels; which ones were read is kept."""

    name, height, width, fps = "counted", 2, 2, 24.0

    def __init__(self) -> None:
        super().__init__()
        self.reads: list[int] = []

    def __len__(self) -> int:
        return 5

    @property
    def timestamps(self) -> Sequence[float]:
        return [index / self.fps for index in range(5)]

    def _read(self, index: int) -> Frame:
        self.reads.append(index)
        return np.full((2, 2, 3), index, np.uint8)


def test_a_frame_that_was_read_lately_is_not_decoded_again() -> None:
    counted = Counted()
    clip = Remembering(counted, most_bytes=2 * 12)
    assert [int(clip[index][0, 0, 0]) for index in (3, 2, 3, 4, 3, 2)] == [3, 2, 3, 4, 3, 2]
    assert counted.reads == [3, 2, 4, 2], "4 took the place of 2, which nobody had asked for since"
    assert [int(frame[0, 0, 0]) for frame in clip.frames(1, 4)] == [1, 2, 3]


def test_who_draws_on_a_frame_has_it_alone() -> None:
    clip = Remembering(Counted(), most_bytes=1)
    clip[1][:] = 99
    assert int(clip[1].max()) == 1


def test_frames_that_are_picked_are_those_asked_for_and_take_no_place_of_others() -> None:
    counted = Counted()
    clip = Remembering(counted, most_bytes=12)
    assert int(clip[2].max()) == 2
    assert [int(frame.max()) for frame in clip.pick([0, 1, 4])] == [0, 1, 4]
    assert int(clip[2].max()) == 2
    assert counted.reads == [2, 0, 1, 4]


def test_a_film_strip_does_not_send_the_videos_decoder_back_and_forth(tmp_path: Path, monkeypatch) -> None:
    with VideoWriter(tmp_path / "clip.mp4", height=16, width=16, fps=10) as writer:
        for index in range(12):
            writer.write(np.full((16, 16, 3), 20 * index, np.uint8))
    with VideoClip(tmp_path / "clip.mp4") as clip:
        expected = [clip[index] for index in (0, 4, 9, 11)]
        decoders: list[object] = []
        decode = FrameDecoder.frame
        monkeypatch.setattr(FrameDecoder, "frame", lambda self, rank: decoders.append(self) or decode(self, rank))
        picked = list(clip.pick([0, 4, 9, 11]))
        clip[5]
    assert all((a == b).all() for a, b in zip(picked, expected, strict=True))
    assert len({id(decoder) for decoder in decoders[:4]}) == 1
    assert decoders[4] is not decoders[0]
