"""A run folder: what was measured, kept as it comes, gone on with after any end.

manifest.json   what pins the run
units.jsonl     finished units with their scores, one a line, on the disk before the next one counts
results.json    manifest, figures, and the mean over frames of each object
results.csv     every row
timings.csv     rows that differ from run to run, where there are any
predictions/    <predictor>/<setting>/<video>/..., where the protocol keeps them
"""

from __future__ import annotations

import csv
import io
import json
import os
import shutil
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass, fields, replace
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from masklet.export.files import atomic_path, read_json
from masklet.metrics.manifest import FILE as MANIFEST
from masklet.metrics.manifest import Job, Manifest, checksum, file_checksum, machine, versions
from masklet.metrics.protocols.base import EvaluationProtocol, Unit
from masklet.metrics.results import Figure, Score, figures, object_means
from masklet.metrics.workers import Setup, in_processes, in_turn

JOURNAL, RESULTS, ROWS, TIMINGS = "units.jsonl", "results.json", "results.csv", "timings.csv"
PREDICTIONS, REPORT = "predictions", "report.html"
COLUMNS = tuple(field.name for field in fields(Score))

Progress = Callable[[int, int], None]
"""Called with the number of finished units and of all units."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluation:
    """What a module of `masklet.metrics.protocols` makes of a job: its `build(job, folder)` returns one.

    Attributes
    ----------
    files: sequence -> all files that are read of it, for checksums.
    timings: metrics that differ from run to run, so that they are kept apart from results that do not.
    """

    protocol: EvaluationProtocol
    files: Mapping[str, Sequence[Path]]
    timings: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Results:
    """A finished run."""

    manifest: Manifest
    scores: list[Score]
    figures: list[Figure]


def build(job: Job, folder: Path) -> Evaluation:
    """The evaluation that a job asks for; predictions go below `folder`.

    Raises
    ------
    ValueError: no such protocol, or options that it does not know. Whatever else is wrong with data or options.
    """
    place = f"masklet.metrics.protocols.{job.protocol}"
    if not job.protocol.isidentifier() or job.protocol == "base" or find_spec(place) is None:
        raise ValueError(f"there is no protocol {job.protocol!r}")
    return import_module(place).build(job, folder)


def pin(job: Job, evaluation: Evaluation, *, model_files: Mapping[str, Path], threads: int, workers: int) -> Manifest:
    """The manifest of a job on this machine: reads all files of data and models once."""
    root = None if job.data is None else job.root
    return Manifest(
        job=replace(job, options=evaluation.protocol.describe()),
        sequences={name: checksum(files, root) for name, files in evaluation.files.items()},
        models={name: file_checksum(path) for name, path in model_files.items()},
        threads=threads,
        workers=workers,
        versions=versions(),
        machine=machine(spec.device for spec in job.predictors),
    )


def run(
    evaluation: Evaluation,
    folder: Path,
    manifest: Manifest,
    *,
    resume: bool = False,
    overwrite: bool = False,
    progress: Progress | None = None,
) -> Results:
    """Do all units that are not done yet, then write the results into `folder`.

    After any end, kill -9 included, the same call with `resume` does what is missing and ends with the results of a run
    that was never stopped.

    Raises
    ------
    ValueError: the folder holds another run already, or one of another manifest. Whatever the protocol raised; what was
        done before is kept.
    """
    protocol = evaluation.protocol
    units = list(protocol.units())
    keys = {unit.key: unit for unit in units}
    assert len(keys) == len(units)
    _prepare(folder, manifest, resume=resume, overwrite=overwrite)
    done = {key: scores for key, scores in _finished(folder / JOURNAL, keys).items() if key in keys}
    waiting = [unit for unit in units if unit.key not in done]
    report = progress or (lambda _done, _total: None)
    report(len(done), len(units))
    setup = Setup(threads=manifest.threads, seed=manifest.job.seed)
    parallel = manifest.workers > 1 and len(waiting) > 1
    work = in_processes(protocol, waiting, setup, manifest.workers) if parallel else in_turn(protocol, waiting, setup)
    with closing(work), (folder / JOURNAL).open("ab", buffering=0) as journal:
        for unit, scores in work:
            _append(journal, unit, scores)
            done[unit.key] = list(scores)
            report(len(done), len(units))
    scores = [score for unit in units for score in done[unit.key]]
    results = Results(manifest=manifest, scores=scores, figures=protocol.figures(scores))
    _write(results, folder, evaluation.timings)
    return results


def read_results(folder: Path) -> Results:
    """A finished run, as `run` returned it.

    Raises
    ------
    FileNotFoundError: there is none in `folder`. ValueError: a damaged file.
    """
    manifest = Manifest.read(folder / MANIFEST)
    if not (folder / RESULTS).is_file():
        raise FileNotFoundError(f"{folder}: the run is not finished: no {RESULTS} in it")
    scores = _read_rows(folder / ROWS)
    written = [Figure(**figure) for figure in read_json(folder / RESULTS)["figures"]]
    if (folder / TIMINGS).is_file():
        timings = _read_rows(folder / TIMINGS)
        scores += timings
        written += figures(timings, list(dict.fromkeys(score.metric for score in timings)))
    return Results(manifest=manifest, scores=scores, figures=written)


def _prepare(folder: Path, manifest: Manifest, *, resume: bool, overwrite: bool) -> None:
    path = folder / MANIFEST
    if path.exists() and not (resume or overwrite):
        raise ValueError(f"{folder} holds a run already: give --resume, --overwrite or another folder with -o")
    folder.mkdir(parents=True, exist_ok=True)
    if resume and path.exists():
        different = Manifest.read(path).differences(manifest)
        if different:
            raise ValueError(f"{folder} holds another run: its manifest differs in {', '.join(different)}")
        return
    for name in (MANIFEST, JOURNAL, RESULTS, ROWS, TIMINGS, REPORT):
        (folder / name).unlink(missing_ok=True)
    shutil.rmtree(folder / PREDICTIONS, ignore_errors=True)
    _write_json(path, manifest.to_json())


def _append(journal: io.FileIO, unit: Unit, scores: Sequence[Score]) -> None:
    rows = [[getattr(score, name) for name in COLUMNS] for score in scores]
    line = memoryview(f"{json.dumps({'unit': unit.key, 'scores': rows}, separators=(',', ':'))}\n".encode())
    while line:
        line = line[journal.write(line) :]
    os.fsync(journal.fileno())


def _finished(path: Path, known: Mapping[str, Unit]) -> dict[str, list[Score]]:
    """Unit key -> scores of a journal. A torn last line is cut off."""
    if not path.exists():
        return {}
    found: dict[str, list[Score]] = {}
    end = 0
    with path.open("rb") as file:
        for number, line in enumerate(file, start=1):
            if not line.endswith(b"\n"):
                break
            try:
                record = json.loads(line)
                found[record["unit"]] = [Score(**dict(zip(COLUMNS, row, strict=True))) for row in record["scores"]]
            except (ValueError, KeyError, TypeError):
                raise ValueError(f"{path}, line {number}: damaged; start anew with --overwrite") from None
            if record["unit"] not in known:
                raise ValueError(f"{path}, line {number}: the run has no unit {record['unit']!r}")
            end += len(line)
    with path.open("r+b") as file:
        file.truncate(end)
    return found


def _write(results: Results, folder: Path, timings: frozenset[str]) -> None:
    """Timings first and results.json last: where that is, all is."""
    apart = [score for score in results.scores if score.metric in timings]
    kept = [score for score in results.scores if score.metric not in timings]
    if apart:
        _write_rows(folder / TIMINGS, apart)
    _write_rows(folder / ROWS, kept)
    means = [
        {"predictor": predictor, "setting": setting, "sequence": sequence, "object_id": number, "metric": metric}
        | {"value": value}
        for metric in dict.fromkeys(score.metric for score in kept)
        for (predictor, setting, sequence, number), value in object_means(kept, metric).items()
    ]
    record = {
        "manifest": results.manifest.to_json(),
        "figures": [asdict(figure) for figure in results.figures if figure.metric not in timings],
        "objects": means,
    }
    _write_json(folder / RESULTS, record)


def _write_json(path: Path, value: Mapping[str, Any]) -> None:
    with atomic_path(path, sync=True) as temporary:
        temporary.write_text(json.dumps(value, indent=1, allow_nan=False) + "\n", encoding="utf-8")


def _write_rows(path: Path, scores: Sequence[Score]) -> None:
    with atomic_path(path, sync=True) as temporary, temporary.open("w", encoding="utf-8", newline="") as file:
        rows = csv.writer(file, lineterminator="\n")
        rows.writerow(COLUMNS)
        rows.writerows([getattr(score, name) for name in COLUMNS] for score in scores)


def _read_rows(path: Path) -> list[Score]:
    with path.open(encoding="utf-8", newline="") as file:
        try:
            return [
                Score(
                    predictor=row["predictor"],
                    setting=row["setting"],
                    sequence=row["sequence"],
                    object_id=int(row["object_id"]) if row["object_id"] else None,
                    frame=int(row["frame"]) if row["frame"] else None,
                    metric=row["metric"],
                    value=float(row["value"]),
                )
                for row in csv.DictReader(file)
            ]
        except (KeyError, TypeError, ValueError) as error:
            raise ValueError(f"{path}: damaged: {error}") from None
