"""A manifest pins data, models and options, and survives being written."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from pathlib import Path

import pytest

from masklet.metrics.manifest import Job, Manifest, checksum, file_checksum
from masklet.metrics.predictors import PredictorSpec
from masklet.metrics.run import build, pin


@pytest.fixture
def job(squares: Path, tiny: Path) -> Job:
    return Job(
        protocol="vos",
        data=str(squares),
        predictors=(
            PredictorSpec(name="copy", model="copy", image_model=str(tiny)),
            PredictorSpec(name="tiny", model=str(tiny), device="cpu"),
        ),
        options={"prompts": ["mask", "click-3"]},
        seed=7,
    )


def pinned(job: Job, folder: Path) -> Manifest:
    models = {model: Path(model) for model in job.models}
    return pin(job, build(job, folder), model_files=models, threads=2, workers=1)


def test_it_holds_what_was_run_and_reads_back_as_it_was(job: Job, tiny: Path, tmp_path: Path) -> None:
    manifest = pinned(job, tmp_path)
    assert manifest.models == {str(tiny): hashlib.sha256(tiny.read_bytes()).hexdigest()}
    assert set(manifest.sequences) == {"one", "two"}
    assert manifest.sequences["one"].files == 16
    assert manifest.job.options["prompts"] == ["mask", "click-3"]
    assert manifest.job.options["score_all"] is False  # what was left to its default is pinned too
    assert {"masklet", "torch", "numpy", "opencv", "python"} <= set(manifest.versions)
    path = tmp_path / "manifest.json"
    path.write_text(json.dumps(manifest.to_json()))
    assert Manifest.read(path) == manifest
    assert Manifest.read(path).job.seed == 7


def test_another_picture_or_model_is_noticed_and_named(job: Job, tmp_path: Path) -> None:
    manifest = pinned(job, tmp_path)
    manifest.check_inputs(manifest)
    one, two = manifest.sequences["one"], manifest.sequences["two"]
    for found, message in (
        ({"one": two, "two": two}, "the sequence one is not that of the manifest"),
        ({"one": one}, "has the sequence two, which is not there"),
        ({"one": one, "two": two, "three": one}, "the sequence three is not in the manifest"),
    ):
        with pytest.raises(ValueError, match=message):
            manifest.check_inputs(replace(manifest, sequences=found))
    with pytest.raises(ValueError, match=r"the model .*tiny.* is not that of the manifest"):
        manifest.check_inputs(replace(manifest, models=dict.fromkeys(manifest.models, "0" * 64)))


def test_checksums_see_names_contents_and_order_but_not_the_root(tmp_path: Path) -> None:
    for folder in ("a", "b"):
        (tmp_path / folder / "in").mkdir(parents=True)
        (tmp_path / folder / "in/x").write_text("1")
        (tmp_path / folder / "in/y").write_text("2")
    a, b = tmp_path / "a", tmp_path / "b"

    def of(root: Path, *names: str) -> str:
        return checksum([root / "in" / name for name in names], root).sha256

    assert of(a, "x", "y") == of(b, "x", "y")
    assert of(a, "x", "y") != of(a, "y", "x")
    (b / "in/y").write_text("3")
    assert of(a, "x", "y") != of(b, "x", "y")
    (b / "in/y").write_text("2")
    (b / "in/y").rename(b / "in/z")
    assert of(a, "x", "y") != of(b, "x", "z")
    assert file_checksum(a / "in/x") == hashlib.sha256(b"1").hexdigest()
    with pytest.raises(FileNotFoundError):
        of(a, "x", "nothing")


def test_differences_are_of_what_changes_results(job: Job, tmp_path: Path) -> None:
    manifest = pinned(job, tmp_path)
    assert manifest.differences(replace(manifest, workers=5)) == []
    assert manifest.differences(replace(manifest, job=replace(manifest.job, data="elsewhere"))) == []
    assert manifest.differences(replace(manifest, threads=5)) == ["threads"]
    assert manifest.differences(replace(manifest, job=replace(manifest.job, options={}))) == ["options"]


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", '{"format": 2}', '{"format": 1, "data": 3}', '{"format": 1, "predictors": [{"name": 1}]}']
)
def test_what_is_no_manifest_is_an_error_that_names_the_file(tmp_path: Path, text: str) -> None:
    path = tmp_path / "manifest.json"
    path.write_text(text)
    with pytest.raises(ValueError, match=r"manifest\.json: "):
        Manifest.read(path)
    with pytest.raises(FileNotFoundError):
        Manifest.read(tmp_path / "nothing.json")


def test_names_of_predictors_are_unique(job: Job) -> None:
    with pytest.raises(ValueError, match="two predictors are called 'copy'"):
        replace(job, predictors=(job.predictors[0], job.predictors[0]))
    with pytest.raises(ValueError, match="needs data"):
        _ = replace(job, data=None).root
