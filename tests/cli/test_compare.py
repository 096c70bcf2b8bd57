from __future__ import annotations

import csv
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from masklet.metrics.manifest import Checksum, Job, Manifest
from masklet.metrics.predictors import PredictorSpec
from masklet.metrics.protocols.base import Unit
from masklet.metrics.results import Figure, Score, figures
from masklet.metrics.run import Evaluation, run

Cli = Callable[..., tuple[int, str, str]]


@dataclass
class Known:
    """Pictures whose IoU is known."""

    values: Sequence[float]
    name: str = "images"

    def units(self) -> Sequence[Unit]:
        return [Unit(predictor="nano", setting="click-1", sequence=f"p{i}") for i in range(len(self.values))]

    def evaluate(self, unit: Unit) -> Sequence[Score]:
        value = self.values[int(unit.sequence[1:])]
        return [
            Score(
                predictor="nano",
                setting="click-1",
                sequence=unit.sequence,
                object_id=1,
                frame=None,
                metric="iou",
                value=value,
            )
        ]

    def figures(self, scores: Sequence[Score]) -> list[Figure]:
        return figures(scores, ["iou"])

    def describe(self) -> dict[str, Any]:
        return {}


@pytest.fixture
def finished(tmp_path: Path) -> Callable[[str, Sequence[float]], Path]:
    """`finished("name", ious)`: the folder of a run."""

    def make(name: str, values: Sequence[float]) -> Path:
        job = Job(protocol="images", data=None, predictors=(PredictorSpec(name="nano", model="nano"),), options={})
        manifest = Manifest(
            job=job,
            sequences={f"p{i}": Checksum(files=2, sha256="00") for i in range(len(values))},
            models={},
            threads=1,
            workers=1,
            versions={},
            machine={},
        )
        run(Evaluation(protocol=Known(values), files={}), tmp_path / name, manifest)
        return tmp_path / name

    return make


def test_compare_says_what_changed(cli: Cli, finished, tmp_path: Path):
    before, after = finished("before", [0.5, 0.6]), finished("after", [0.6, 0.8, 0.9])
    code, stdout, _ = cli("compare", before, after, "-o", tmp_path / "page.html")
    assert code == 0
    for text in ("before -> after", "55.0", "70.0", "+15.0", "better", "only in after", "p2"):
        assert text in stdout
    page = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert page.startswith("<!doctype html>")
    assert "What got better" in page


def test_runs_that_are_equal_are_unchanged(cli: Cli, finished):
    before = finished("before", [0.5, 0.6])
    code, stdout, _ = cli("compare", before, before)
    assert code == 0
    assert "unchanged" in stdout
    assert "most changed" not in stdout


def test_what_is_no_run_is_one_line(cli: Cli, finished, tmp_path: Path):
    before = finished("before", [0.5])
    for words, said in (
        ((before, tmp_path / "nowhere"), "no such folder"),
        ((tmp_path, before), "no run of `masklet evaluate`"),
        ((before, before, "--metric", "J"), "there are iou"),
    ):
        code, stdout, stderr = cli("compare", *words)
        assert (code, stdout) == (2, "")
        assert stderr.startswith("masklet: ")
        assert said in stderr
        assert stderr.count("\n") == 1


def test_report_writes_the_page_into_the_run(cli: Cli, finished, tmp_path: Path):
    folder, earlier = finished("run", [0.5, 0.7]), finished("earlier", [0.4, 0.5])
    attributes = tmp_path / "attributes.csv"
    attributes.write_text("sequence,light\np0,day\np1,night\n", encoding="utf-8")
    code, stdout, _ = cli("report", folder, "--earlier", earlier, "--attributes", attributes)
    assert code == 0
    assert str(folder / "report.html") in stdout
    page = (folder / "report.html").read_text(encoding="utf-8")
    for text in ("60.0", "45.0", "earlier", "night"):
        assert text in page


def test_report_of_a_folder_without_a_run_writes_nothing(cli: Cli, tmp_path: Path):
    code, _, stderr = cli("report", tmp_path)
    assert code == 2
    assert "no run" in stderr
    assert not (tmp_path / "report.html").exists()


@pytest.mark.parametrize("command", ["compare", "report"])
def test_help_has_examples(cli: Cli, command: str):
    code, stdout, _ = cli(command, "--help")
    assert code == 0
    assert f"masklet {command} " in stdout.partition("Examples of use")[2]


def test_slices_need_annotated_videos(cli: Cli, finished):
    code, _, stderr = cli("report", finished("run", [0.5]), "--slices")
    assert code == 2
    assert "a run of images has none" in stderr


def test_slices_of_a_run_by_a_file_of_attributes(cli: Cli, finished, tmp_path: Path):
    folder = finished("run", [0.2, 0.4, 0.8, 0.9])
    attributes = tmp_path / "attributes.csv"
    attributes.write_text("sequence,environment\np0,outdoor\np1,outdoor\np2,indoor\np3,indoor\n")
    code, stdout, stderr = cli("evaluate", "slices", folder, "--attributes", attributes)
    assert code == 0, stderr
    assert "environment" in stdout
    rows = list(csv.DictReader((folder / "slices.csv").open(encoding="utf-8")))
    assert [(row["group"], row["objects"]) for row in rows] == [("indoor", "2"), ("outdoor", "2")]
    assert float(rows[0]["mean"]) == pytest.approx(0.85)
    assert float(rows[0]["difference"]) == pytest.approx(0.55)
    assert float(rows[0]["low"]) <= 0.85 <= float(rows[0]["high"])
    assert "environment" in (folder / "report.html").read_text()


def test_slices_without_attributes_need_a_ground_truth(cli: Cli, finished):
    code, _, stderr = cli("evaluate", "slices", finished("run", [0.5]))
    assert code == 2
    assert "a run of images has none" in stderr
