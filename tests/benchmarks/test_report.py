from __future__ import annotations

import json

import pytest
from benchmarks.memory_curve import Curve, read

from benchmarks import curves, figures, ladder, report

ROW = {
    "model": "nano",
    "dtype": "fp32",
    "objects": 1,
    "image_size": 384,
    "frame": 0.2,
    "image encoder": 0.1,
    "memory attention": 0.05,
    "decoder": 0.02,
    "memory encoder": 0.02,
    "rest": 0.01,
    "peak": 500.0,
    "iou": 1.0,
    "frames": 3,
}


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setattr(report, "HERE", tmp_path)
    monkeypatch.setattr(report, "RESULTS", tmp_path)
    monkeypatch.setattr(report, "COMPONENTS_FILE", tmp_path / "components.json")
    monkeypatch.setattr(report, "FIGURES_FILE", tmp_path / "figures.json")
    monkeypatch.setattr(figures, "TRAINING_FILE", tmp_path / "training.json")
    monkeypatch.setattr(ladder, "FILE", tmp_path / "ladder.json")
    monkeypatch.setattr(curves, "FILE", tmp_path / "curves.json")
    return tmp_path


def test_tables_give_milliseconds_and_the_ratio_of_the_sides(folder):
    report.store([ROW | {"side": "masklet"}, ROW | {"side": "transformers", "frame": 0.3}])
    report.write()
    text = (folder / "RESULTS.md").read_text()
    assert "| 1 | fp32 | masklet | 200 | 100 |" in text
    assert "| 1 | fp32 | 1.50 | 1.00 |" in text


def test_a_case_that_is_measured_again_takes_the_place_of_the_old(folder):
    for frame in (0.3, 0.4):
        report.store([ROW | {"side": side, "frame": frame} for side in ("masklet", "transformers")])
    report.write()
    text = (folder / "RESULTS.md").read_text()
    assert "| masklet | 400 |" in text
    assert "| 300 |" not in text


def test_the_curve_is_read_back_and_drawn(folder):
    report.curve_file("off").write_text("frames,resident_mb\n50,400.0\n100,500.0\n1000,530.0\n2000,510.0\n")
    curve = read(report.curve_file("off"))
    assert curve.growth == 30
    report.write()
    assert "| 1,000 | 530 |" in (folder / "RESULTS.md").read_text()
    assert (folder / "memory_curve.png").exists()


def test_growth_counts_from_the_hundredth_frame():
    assert Curve((10, 100, 200), (900.0, 300.0, 305.0)).growth == 5


def test_recipes_are_listed_with_their_rates(folder):
    row = {"recipe": "image", "model": "tiny", "size": 512, "samples": "1 stills", "objects": 8, "dtype": "bf16"}
    rates = {"samples_per_second": 0.123456, "frames_per_second": 0.5, "gflop": 1234.5, "share": 0.617}
    (folder / "training.json").write_text(json.dumps({"step": [], "recipes": [row | rates]}))
    report.write()
    text = (folder / "RESULTS.md").read_text()
    assert "| image | tiny | 512 | 1 stills | 8 | bf16 | 0.123 | 0.5 | 1234 | 62% |" in text
