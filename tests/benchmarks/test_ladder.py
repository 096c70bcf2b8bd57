from __future__ import annotations

import json

from benchmarks import ladder
from masklet.model.fast import FAST


def test_rungs_are_measured_once_and_quality_comes_beside_them(tmp_path, monkeypatch):
    monkeypatch.setattr(ladder, "FILE", tmp_path / "ladder.json")
    asked: list[tuple[int, str, int]] = []

    def speed(objects, *, dtype, fast):
        asked.append((objects, dtype, fast))
        return 10.0 * objects + fast

    monkeypatch.setattr(ladder, "frames_per_second", speed)
    monkeypatch.setattr(ladder, "_jf", lambda *asked: 0.7 - asked[-1] / 10)
    ladder.run(None, again=False)
    assert len(asked) == 2 * (1 + len(FAST))
    assert all("jf" not in row for row in ladder.read().values())
    ladder.run(tmp_path, again=False)
    assert len(asked) == 2 * (1 + len(FAST))
    text = ladder.section(ladder.read())
    assert "| 0 | fp32 | 448 | 3 | 1x1 | 10.0 | 100.0 | 70.0 |" in text
    assert "| 2 | bf16 | 384 | 1 | 2x2 | 12.0 | 102.0 | 50.0 |" in text


def test_the_mean_of_a_run_is_found(tmp_path):
    figures = [{"metric": "J", "value": 0.1}, {"metric": "J&F", "value": 0.69}]
    (tmp_path / "results.json").write_text(json.dumps({"figures": figures}))
    assert ladder.jf_of(tmp_path / "results.json") == 0.69


def test_nothing_measured_gives_no_section():
    assert ladder.section({}) == ""
