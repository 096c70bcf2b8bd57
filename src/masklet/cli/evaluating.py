"""What all commands of `masklet evaluate` share: their options, and running a job."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Group, Parameter
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from masklet.cli.options import MODEL_GROUP, OUTPUT_GROUP, Dtype, usable_device

if TYPE_CHECKING:
    from masklet.metrics.manifest import Job, Manifest
    from masklet.metrics.predictors import PredictorSpec

DATA_GROUP = Group("Data", sort_key=2)

DataArgument = Annotated[Path, Parameter(help="The folder of a data set.")]
LayoutOption = Annotated[
    str, Parameter(group=DATA_GROUP, help="How the data set is laid out (davis2017, sav, ...); auto recognises it.")
]
SplitOption = Annotated[
    str | None, Parameter(group=DATA_GROUP, help="Part of the data set, such as val.", show_default=False)
]
LimitOption = Annotated[
    int | None,
    Parameter(
        group=DATA_GROUP,
        help="Use only so many first frames of each video: a quick look, not the protocol's figure.",
        show_default=False,
    ),
]
PredictorOption = Annotated[
    list[str] | None,
    Parameter(
        group=MODEL_GROUP,
        help="copy, flow, a model's name, or a checkpoint's path (NAME=PATH calls it NAME); may be given several times."
        " By default copy, flow and nano.",
        negative="",
    ),
]
ImageModelOption = Annotated[
    str, Parameter(group=MODEL_GROUP, help="For copy and flow: the model that turns clicks and boxes into masks.")
]
ResumeOption = Annotated[
    bool,
    Parameter(
        group=OUTPUT_GROUP, help="Go on with the stopped run in the output folder.", negative="", show_default=False
    ),
]
OverwriteOption = Annotated[
    bool,
    Parameter(group=OUTPUT_GROUP, help="Replace an older run in the output folder.", negative="", show_default=False),
]
KeepOption = Annotated[
    bool, Parameter(group=OUTPUT_GROUP, help="Write the predicted masks into the output folder.", show_default=False)
]
WorkersOption = Annotated[int, Parameter(group=MODEL_GROUP, help="Processes; the processor's threads are divided.")]
SeedOption = Annotated[int, Parameter(group=MODEL_GROUP, help="Of all random choices.")]

BASELINES_AND_NANO = ("copy", "flow", "nano")


def predictor_specs(
    texts: Sequence[str], *, device: str | None, dtype: Dtype | None, image_model: str, fast: int | None = None
) -> tuple[PredictorSpec, ...]:
    """The predictors that --predictor names; a device is always said, so that a manifest pins it.

    Raises:
        ValueError: a name that cannot be a folder's, or a device that cannot be used.
    """
    from masklet.metrics.predictors import BASELINES, PredictorSpec
    from masklet.model.registry import best_device, canonical

    place = str(best_device() if device is None else usable_device(device))
    specs: list[PredictorSpec] = []
    for text in texts:
        name, given, model = text.partition("=")
        if not given:
            model = "nano" if text == "masklet" else text
            path = Path(model)
            name = model if model in BASELINES else path.stem if path.is_file() else canonical(model) or path.stem
        if not name or not model or "/" in name or name.startswith("."):
            raise ValueError(f"expected a predictor's name, or NAME=PATH with a name without slashes, got {text!r}")
        rung = 0 if model in BASELINES else fast or 0
        spec = PredictorSpec(name=name, model=model, device=place, dtype=dtype, fast=rung, image_model=image_model)
        specs.append(spec)
    return tuple(specs)


def execute(
    job: Job,
    output: Path,
    *,
    workers: int,
    resume: bool,
    overwrite: bool,
    pinned: Manifest | None = None,
) -> int:
    """Run a job into a folder, show its table, say where the results are. Returns the exit code.

    Args:
        resume: go on with the run in the folder, with as many threads as it had.
        pinned: the manifest to repeat: data and models must be its own, and its threads are taken.

    Raises:
        ValueError: anything wrong with the input. OSError: something cannot be read or written. What was done before
            is in the folder nevertheless.
    """
    import torch

    from masklet.metrics.manifest import FILE, Manifest
    from masklet.metrics.report.page import write_report
    from masklet.metrics.report.tables import figures_table
    from masklet.metrics.run import REPORT, RESULTS, ROWS, build, pin, run

    if resume and overwrite:
        raise ValueError("expected --resume or --overwrite, not the two together")
    if workers < 1:
        raise ValueError(f"expected at least one worker, got {workers}")
    console = Console(soft_wrap=True, highlight=False)
    before = pinned
    if resume and (output / FILE).is_file():
        before = Manifest.read(output / FILE)
    threads = max(1, torch.get_num_threads() // workers) if before is None else before.threads
    models = {model: _model_file(model) for model in job.models}
    evaluation = build(job, output)
    with console.status("checksums of data and models"):
        manifest = pin(job, evaluation, model_files=models, threads=threads, workers=workers)
    if pinned is not None:
        pinned.check_inputs(manifest)
        for kind in ("versions", "machine"):
            then, now = getattr(pinned, kind), getattr(manifest, kind)
            for name in (name for name in then if now.get(name) != then[name]):
                console.print(f"note: {name} was {then[name]}, is {now.get(name, 'absent')}", markup=False)
    try:
        with _progress(job.protocol) as progress:
            task = progress.task_ids[0]
            results = run(
                evaluation,
                output,
                manifest,
                resume=resume,
                overwrite=overwrite,
                progress=lambda done, total: progress.update(task, completed=done, total=total),
            )
    except KeyboardInterrupt:
        console.print("stopped; the same command with --resume goes on")
        return 130
    console.print(figures_table(results.figures, f"{job.protocol}: {job.data or ''}"))
    page = output / REPORT
    with console.status("report"):
        write_report(output, page)
    for what, where in (("figures", output / RESULTS), ("rows", output / ROWS), ("page", page)):
        console.print(f"{what:<8} {where}", markup=False)
    return 0


@contextmanager
def _progress(what: str) -> Iterator[Progress]:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    console = Console(stderr=True)
    with Progress(
        *columns,
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    ) as progress:
        progress.add_task(what, total=None)
        yield progress


def _model_file(name: str) -> Path:
    """Where a model's weights are; a published one is fetched if need be.

    Raises:
        FileNotFoundError: no such model.
    """
    from masklet.model.registry import canonical, entries, load_model

    path = Path(name)
    for _ in range(2):
        if path.is_file():
            return path
        path = next((entry.path for entry in entries() if entry.name == canonical(name) and entry.path), path)
        if path.is_file():
            return path
        load_model(name, device="cpu")
    raise FileNotFoundError(f"{name}: its weights are not where they should be")
