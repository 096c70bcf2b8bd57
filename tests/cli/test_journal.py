from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from masklet.cli.journal import FrameRecord, Journal, masklets, read_header, read_records
from masklet.masks import FrameMask, Rle

HEADER = {"height": 4, "width": 5, "prompts": [{"object": 1, "frame": 0, "box": [0, 0, 2, 2]}]}


def record(frame: int, *ids: int, seed: int = 0) -> FrameRecord:
    random = np.random.default_rng(seed + frame)
    return FrameRecord(
        frame,
        {
            i: FrameMask(
                frame=frame,
                rle=Rle.encode(random.random((4, 5)) < 0.5),
                score=float(random.normal()),
                iou=float(random.random()),
                visible=bool(random.integers(2)),
                prompted=frame == 0,
            )
            for i in ids
        },
    )


def write(path: Path, records: list[FrameRecord]) -> None:
    with Journal.create(path, HEADER) as journal:
        for item in records:
            journal.append(item)


def test_frames_come_back_as_they_were_in_the_order_of_tracking(tmp_path: Path):
    records = [record(3, 1, 2), record(2, 1), record(7)]
    write(tmp_path / "j", records)
    assert list(read_records(tmp_path / "j")) == records
    assert read_header(tmp_path / "j") == HEADER


def test_a_frame_is_in_the_file_as_soon_as_it_is_appended(tmp_path: Path):
    with Journal.create(tmp_path / "j", HEADER) as journal:
        journal.append(record(0, 1))
        assert len(list(read_records(tmp_path / "j"))) == journal.count == 1


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=30)
@given(cut=st.integers(1, 400))
def test_a_torn_end_loses_at_most_the_frames_it_touches(tmp_path: Path, cut: int):
    records = [record(i, 1, 2) for i in range(4)]
    write(tmp_path / "j", records)
    data = (tmp_path / "j").read_bytes()
    kept = data[: max(len(data) - cut, data.index(b"\n") + 1)]
    (tmp_path / "j").write_bytes(kept)
    assert list(read_records(tmp_path / "j")) == records[: kept.count(b"\n") - 1]


def test_reopening_cuts_and_goes_on(tmp_path: Path):
    records = [record(i, 1) for i in range(5)]
    write(tmp_path / "j", records)
    with Journal.reopen(tmp_path / "j", 2) as journal:
        assert journal.count == 2
        assert journal.header == HEADER
        for item in records[2:]:
            journal.append(item)
    whole = tmp_path / "whole"
    write(whole, records)
    assert (tmp_path / "j").read_bytes() == whole.read_bytes()


def test_reopening_behind_the_end_is_refused(tmp_path: Path):
    write(tmp_path / "j", [record(0, 1)])
    with pytest.raises(ValueError, match="fewer than 2 frames"):
        Journal.reopen(tmp_path / "j", 2)


def test_masklets_hold_each_frame_once_and_their_own_prompts(tmp_path: Path):
    write(tmp_path / "j", [record(1, 2), record(2, 1, 2), record(1, 1, 2, seed=9)])
    first, second = masklets(tmp_path / "j")
    assert (first.object_id, second.object_id) == (1, 2)
    assert first.frames == second.frames == (1, 2)
    assert first.prompts == (HEADER["prompts"][0],)
    assert second.prompts == ()
    assert second[1] == record(1, 1, 2, seed=9).objects[2]


@pytest.mark.parametrize("text", ["", "{}\n", "[]\n", "3\n", '{"format": 999}\n', "not json\n", "\x00\x01"])
def test_other_files_are_refused(tmp_path: Path, text: str):
    (tmp_path / "j").write_text(text)
    with pytest.raises(ValueError, match="no journal"):
        list(read_records(tmp_path / "j"))


def test_a_damaged_line_is_named(tmp_path: Path):
    write(tmp_path / "j", [record(0, 1), record(1, 1)])
    lines = (tmp_path / "j").read_text().splitlines(keepends=True)
    (tmp_path / "j").write_text(lines[0] + "{broken\n" + lines[2])
    with pytest.raises(ValueError, match="line 2: damaged"):
        list(read_records(tmp_path / "j"))
