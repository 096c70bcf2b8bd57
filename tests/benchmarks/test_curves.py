from __future__ import annotations

import json

from benchmarks.curves import Case, Point, cases, measure, section

from benchmarks import curves


def test_a_run_goes_on_where_it_was_stopped(tmp_path, monkeypatch):
    monkeypatch.setattr(curves, "HERE", tmp_path)
    monkeypatch.setattr(curves, "FILE", tmp_path / "curves.json")
    asked: list[Case] = []

    def apart(_, case):
        asked.append(case)
        if len(asked) == 3:
            raise KeyboardInterrupt
        return [(10, 40.0, 400.0), (case.frames, 50.0, 500.0)]

    monkeypatch.setattr(curves, "apart", apart)
    try:
        curves.run(100, again=False)
    except KeyboardInterrupt:
        assert len(json.loads(curves.FILE.read_text())) == 2
    curves.run(100, again=False)
    assert len(asked) == 1 + sum(len(some) for some in cases(100).values())  # the interrupted one was asked for twice
    points = curves.read()
    assert {(p.axis, p.at) for p in points if p.axis == "frames"} == {("frames", 10.0), ("frames", 100.0)}
    assert len(points) == len({(p.axis, p.at) for p in points})
    before = len(asked)
    curves.run(100, again=False)
    assert len(asked) == before
    assert (tmp_path / "curve_objects_time.png").exists()
    assert "| ms a frame | 40 | 50 |" in section(points)


def test_the_axes_are_those_that_are_wanted():
    found = cases(10_000)
    assert list(found["objects"]) == [1, 2, 4, 8, 16, 32, 64]
    assert min(found["megapixels"]) < 0.3
    assert max(found["megapixels"]) > 8
    assert found["frames"][10_000].frames == 10_000


def test_a_case_is_tracked():
    ((done, milliseconds, resident),) = measure(Case(frames=7, objects=2, height=36, threads=1))
    assert done == 7
    assert milliseconds > 0
    assert resident > 0


def test_nothing_measured_gives_no_section():
    assert section([]) == ""
    assert "| objects | 1 |" in section([Point(axis="objects", at=1, milliseconds=2, resident=3)])
