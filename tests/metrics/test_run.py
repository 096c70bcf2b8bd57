"""Run folders: results bit for bit the same again, in any number of processes, after any end."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import pytest
import torch

from masklet.metrics.manifest import Job, Manifest
from masklet.metrics.predictors import PredictorSpec
from masklet.metrics.protocols.base import Unit
from masklet.metrics.results import Figure, Score, figures
from masklet.metrics.run import Evaluation, Results, build, pin, read_results, run
from masklet.metrics.workers import Setup, in_processes, in_turn


@dataclass
class Counting:
    """Six units; each leaves a mark in a folder, and its value depends on the seed only."""

    marks: Path
    fails: str = ""
    name: str = "counting"

    def units(self) -> Sequence[Unit]:
        return [Unit(predictor="p", setting="s", sequence=f"v{i}") for i in range(6)]

    def evaluate(self, unit: Unit) -> Sequence[Score]:
        if unit.sequence == self.fails:
            raise ValueError(f"{unit.sequence}.png: broken")
        if unit.sequence == os.environ.get("MASKLET_TEST_DIES"):
            os.kill(os.getpid(), signal.SIGKILL)
        with (self.marks / unit.sequence).open("a") as file:
            file.write(f"{os.getpid()}\n")
        value = float(torch.rand(())) + int(unit.sequence[1:]) / 3
        row = Score(
            predictor="p", setting="s", sequence=unit.sequence, object_id=None, frame=2, metric="J", value=value
        )
        return [row, replace(row, object_id=3, frame=None, metric="seconds", value=time.time())]

    def figures(self, scores: Sequence[Score]) -> list[Figure]:
        return figures(scores, ["J", "seconds"])

    def describe(self) -> dict[str, Any]:
        return {"marks": "somewhere"}


@pytest.fixture
def marks(tmp_path: Path) -> Path:
    folder = tmp_path / "marks"
    folder.mkdir()
    return folder


@pytest.fixture
def manifest() -> Manifest:
    job = Job(protocol="vos", data=None, predictors=(), options={"marks": "somewhere"})
    return Manifest(job=job, sequences={}, models={}, threads=1, workers=1, versions={}, machine={})


def evaluation(marks: Path, fails: str = "") -> Evaluation:
    return Evaluation(protocol=Counting(marks, fails), files={}, timings=frozenset({"seconds"}))


def done(marks: Path) -> list[str]:
    return sorted(path.name for path in marks.iterdir())


def test_results_are_written_and_read_back(marks: Path, manifest: Manifest, tmp_path: Path) -> None:
    counts: list[tuple[int, int]] = []
    folder = tmp_path / "run"
    results = run(evaluation(marks), folder, manifest, progress=lambda d, t: counts.append((d, t)))
    assert counts == [(i, 6) for i in range(7)]
    assert [score.sequence for score in results.scores] == [f"v{i}" for i in range(6) for _ in range(2)]
    lines = (folder / "results.csv").read_text().splitlines()
    assert lines[0] == "predictor,setting,sequence,object_id,frame,metric,value"
    assert lines[1] == f"p,s,v0,,2,J,{results.scores[0].value!r}"
    assert len(lines) == 7
    assert len((folder / "timings.csv").read_text().splitlines()) == 7
    record = json.loads((folder / "results.json").read_text())
    assert record["manifest"] == manifest.to_json() == json.loads((folder / "manifest.json").read_text())
    assert [figure["metric"] for figure in record["figures"]] == ["J"]
    assert record["objects"][0]["value"] == results.scores[0].value
    read = read_results(folder)
    assert sorted(read.scores, key=str) == sorted(results.scores, key=str)
    assert read.figures == results.figures
    assert read.manifest == manifest


def test_a_folder_with_a_run_is_not_touched_without_a_word(marks: Path, manifest: Manifest, tmp_path: Path) -> None:
    run(evaluation(marks), tmp_path / "run", manifest)
    before = (tmp_path / "run/results.csv").read_bytes()
    with pytest.raises(ValueError, match="holds a run already"):
        run(evaluation(marks), tmp_path / "run", manifest)
    (tmp_path / "run/predictions/old").mkdir(parents=True)
    (tmp_path / "run/mine.txt").touch()
    run(evaluation(marks), tmp_path / "run", manifest, overwrite=True)
    assert not (tmp_path / "run/predictions").exists()
    assert (tmp_path / "run/mine.txt").exists()
    assert (tmp_path / "run/results.csv").read_bytes() == before
    assert (marks / "v0").read_text().count("\n") == 2


def test_a_failed_run_keeps_what_was_done_and_goes_on(marks: Path, manifest: Manifest, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    with pytest.raises(ValueError, match=r"v3\.png: broken"):
        run(evaluation(marks, "v3"), folder, manifest)
    assert done(marks) == ["v0", "v1", "v2"]
    with pytest.raises(FileNotFoundError, match="not finished"):
        read_results(folder)
    results = run(evaluation(marks), folder, manifest, resume=True)
    assert len(results.scores) == 12
    assert {path.read_text().count("\n") for path in marks.iterdir()} == {1}
    fresh = run(evaluation(marks), tmp_path / "fresh", manifest)
    assert (folder / "results.csv").read_bytes() == (tmp_path / "fresh/results.csv").read_bytes()
    assert (folder / "results.json").read_bytes() == (tmp_path / "fresh/results.json").read_bytes()
    assert [s.value for s in fresh.scores if s.metric == "J"] == [s.value for s in results.scores if s.metric == "J"]


@pytest.mark.parametrize("cut", [1, 30])
def test_a_torn_last_line_is_done_again(marks: Path, manifest: Manifest, tmp_path: Path, cut: int) -> None:
    folder = tmp_path / "run"
    run(evaluation(marks), folder, manifest)
    whole = (folder / "results.csv").read_bytes()
    journal = folder / "units.jsonl"
    journal.write_bytes(journal.read_bytes()[:-cut])
    run(evaluation(marks), folder, manifest, resume=True)
    assert (folder / "results.csv").read_bytes() == whole
    assert (marks / "v5").read_text().count("\n") == 2
    assert (marks / "v4").read_text().count("\n") == 1
    assert len(journal.read_text().splitlines()) == 6


def test_a_damaged_journal_and_another_run_are_errors(marks: Path, manifest: Manifest, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    run(evaluation(marks), folder, manifest)
    with pytest.raises(ValueError, match="its manifest differs in threads"):
        run(evaluation(marks), folder, replace(manifest, threads=4), resume=True)
    journal = folder / "units.jsonl"
    lines = journal.read_text().splitlines(keepends=True)
    journal.write_text("".join([lines[0], "{nonsense\n", *lines[2:]]))
    with pytest.raises(ValueError, match=r"units\.jsonl, line 2: damaged"):
        run(evaluation(marks), folder, manifest, resume=True)
    journal.write_text(lines[0].replace("p/s/v0", "p/s/else"))
    with pytest.raises(ValueError, match=r"no unit 'p/s/else'"):
        run(evaluation(marks), folder, manifest, resume=True)


def test_an_error_in_a_process_comes_through_and_its_death_is_one(marks: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    units, setup = Counting(marks).units(), Setup(threads=1, seed=0)
    work = in_processes(Counting(marks, "v1"), units, setup, 1)
    unit, scores = next(work)
    assert unit == units[0]
    assert scores[0].value == next(in_turn(Counting(marks), units, setup))[1][0].value
    with pytest.raises(ValueError, match=r"v1\.png: broken"):
        next(work)
    assert (marks / "v0").read_text().splitlines()[0] != str(os.getpid())
    monkeypatch.setenv("MASKLET_TEST_DIES", "v0")
    with pytest.raises(ChildProcessError, match=r"p/s/v0 died \(exit code -9\)"):
        next(in_processes(Counting(marks), units, setup, 1))


def test_threads_are_those_of_the_manifest_and_then_as_before(marks: Path, manifest: Manifest, tmp_path: Path) -> None:
    seen: list[int] = []

    class Watching(Counting):
        def evaluate(self, unit: Unit) -> Sequence[Score]:
            seen.append(torch.get_num_threads())
            return super().evaluate(unit)

    before = torch.get_num_threads()
    watched = Evaluation(protocol=Watching(marks), files={})
    run(watched, tmp_path / "run", replace(manifest, threads=before + 1))
    assert set(seen) == {before + 1}
    assert torch.get_num_threads() == before


def vos_job(squares: Path, tiny: Path) -> Job:
    return Job(
        protocol="vos",
        data=str(squares),
        predictors=(
            PredictorSpec(name="flow", model="flow", device="cpu", image_model=str(tiny)),
            PredictorSpec(name="tiny", model=str(tiny), device="cpu"),
        ),
        options={"prompts": ["mask", "box"]},
    )


def do(job: Job, folder: Path, *, workers: int = 1) -> Results:
    built = build(job, folder)
    models = {model: Path(model) for model in job.models}
    return run(built, folder, pin(job, built, model_files=models, threads=1, workers=workers))


def contents(folder: Path) -> dict[str, bytes]:
    names = ["results.csv", *(str(path.relative_to(folder)) for path in folder.glob("predictions/**/*.png"))]
    return {name: (folder / name).read_bytes() for name in names}


def test_two_runs_of_one_manifest_agree_bit_for_bit(squares: Path, tiny: Path, tmp_path: Path) -> None:
    do(vos_job(squares, tiny), tmp_path / "a")
    again = Manifest.read(tmp_path / "a/manifest.json").job
    do(again, tmp_path / "b", workers=2)
    first, second = contents(tmp_path / "a"), contents(tmp_path / "b")
    assert len(first) == 1 + 4 * 2 * 8
    assert first == second


def test_a_run_killed_anywhere_goes_on_to_the_same_end(squares: Path, tiny: Path, tmp_path: Path) -> None:
    job = vos_job(squares, tiny)
    do(job, tmp_path / "whole")
    code = (
        "import sys, json; from pathlib import Path\n"
        "from masklet.metrics.manifest import Manifest\n"
        "from masklet.metrics.run import build, run\n"
        "folder = Path(sys.argv[2]); manifest = Manifest.read(Path(sys.argv[1]))\n"
        "run(build(manifest.job, folder), folder, manifest, resume=True, progress=lambda d, t: print(d, flush=True))\n"
    )
    command = [sys.executable, "-c", code, str(tmp_path / "whole/manifest.json"), str(tmp_path / "torn")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if int(line) == 3:
                process.kill()
                break
    journal = tmp_path / "torn/units.jsonl"
    assert 3 <= len(journal.read_text().splitlines()) < 8
    with journal.open("a") as file:
        file.write('{"unit": "tiny/b')
    manifest = Manifest.read(tmp_path / "whole/manifest.json")
    run(build(job, tmp_path / "torn"), tmp_path / "torn", manifest, resume=True)
    assert contents(tmp_path / "torn") == contents(tmp_path / "whole")
    assert asdict(read_results(tmp_path / "torn").manifest) == asdict(manifest)
