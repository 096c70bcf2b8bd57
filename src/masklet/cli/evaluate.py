"""`masklet evaluate`: how good a model is, by the protocols of the field."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated, Literal

from cyclopts import App, Parameter

from masklet.cli.evaluating import (
    BASELINES_AND_NANO,
    DATA_GROUP,
    DataArgument,
    ImageModelOption,
    KeepOption,
    LayoutOption,
    LimitOption,
    OverwriteOption,
    PredictorOption,
    ResumeOption,
    SplitOption,
    WorkersOption,
    execute,
    predictor_specs,
)
from masklet.cli.options import DeviceOption, DtypeOption, FastOption, OutputOption

HELP = """Measure how good a model is, by the protocols of the field.

```
masklet evaluate vos DAVIS --predictor nano --prompt mask --prompt click-3 -o run
masklet evaluate vos DAVIS --predictions masks-of-another-tool -o run
masklet evaluate --manifest run/manifest.json -o again
```

A run writes `results.json`, `results.csv`, the predicted masks, and `manifest.json`, which pins what was run: checksums
of data and models, options, versions. Finished work is kept as it comes: a run that was stopped, by whatever, goes on
with --resume.
"""

Prompts = Literal["mask", "box", "click-1", "click-3", "click-5"]
Modes = Literal["offline", "online"]

evaluate_app = App(name="evaluate", help=HELP, help_format="markdown")


@evaluate_app.default
def again(
    data: Annotated[
        str | None, Parameter(help="Where the data set is now, if it is not where the manifest has it.")
    ] = None,
    /,
    *,
    manifest: Annotated[Path | None, Parameter(help="The manifest.json of an earlier run.", show_default=False)] = None,
    output: OutputOption = Path("evaluate-output"),
    workers: WorkersOption = 1,
    resume: ResumeOption = False,
    overwrite: OverwriteOption = False,
) -> int:
    """Repeat the run of a manifest, once data and models are found to be the same."""
    from masklet.metrics.manifest import Manifest

    if manifest is None:
        protocols = ", ".join(sorted(name for name in evaluate_app if not name.startswith("-")))
        raise ValueError(f"expected one of {protocols}, or --manifest, got {data or 'none of them'}")
    pinned = Manifest.read(manifest)
    job = pinned.job if data is None else replace(pinned.job, data=data)
    return execute(job, output, workers=workers, resume=resume, overwrite=overwrite, pinned=pinned)


@evaluate_app.command
def vos(
    data: DataArgument,
    /,
    *,
    prompt: Annotated[
        tuple[Prompts, ...],
        Parameter(
            group=DATA_GROUP,
            help="What is given of an object where it begins; may be given several times.",
            negative="",
        ),
    ] = ("mask",),
    predictor: PredictorOption = None,
    predictions: Annotated[
        list[str] | None,
        Parameter(
            group=DATA_GROUP,
            help="A folder of masks that another tool wrote, in DAVIS or SA-V layout (NAME=FOLDER calls it NAME); may"
            " be given several times. Only these are scored, unless --predictor is given too.",
            negative="",
        ),
    ] = None,
    layout: LayoutOption = "auto",
    split: SplitOption = None,
    score_all: Annotated[
        bool,
        Parameter(
            group=DATA_GROUP,
            help="Score the first and last annotated frames too.",
            negative="",
            show_default=False,
        ),
    ] = False,
    limit: LimitOption = None,
    image_model: ImageModelOption = "nano",
    device: DeviceOption = None,
    dtype: DtypeOption = None,
    fast: FastOption = None,
    workers: WorkersOption = 1,
    output: OutputOption = Path("evaluate-output"),
    keep: KeepOption = True,
    resume: ResumeOption = False,
    overwrite: OverwriteOption = False,
) -> int:
    """Semi-supervised video object segmentation: objects are shown once, followed, and scored by J&F.

    From a mask this is the protocol of DAVIS, MOSE, YouTube-VOS, LVOS and SA-V; from a box or clicks, that of the SAM 2
    paper. Each object is shown where its data set says that it begins.

    Examples of use:

        masklet evaluate vos DAVIS -o run
        masklet evaluate vos DAVIS --predictor nano --prompt mask --prompt box --prompt click-3 --workers 2 -o run
        masklet evaluate vos sav_val --layout sav --predictor sam2.1-hiera-tiny --device cuda -o run
        masklet evaluate vos DAVIS --predictions cutie-masks -o run
    """
    from masklet.metrics.manifest import Job

    chosen = predictor if predictor is not None else [] if predictions else BASELINES_AND_NANO
    folders: dict[str, str] = {}
    for text in predictions or []:
        name, given, folder = text.partition("=")
        if not given or Path(text).is_dir():
            name, folder = Path(text).resolve().name, text
        if name in folders:
            raise ValueError(f"two folders of predictions are called {name!r}: {folders[name]} and {folder}")
        folders[name] = folder
    job = Job(
        protocol="vos",
        data=str(data),
        layout=layout,
        split=split,
        predictors=predictor_specs(chosen, device=device, dtype=dtype, fast=fast, image_model=image_model),
        options={
            "prompts": list(dict.fromkeys(prompt)),
            "predictions": folders,
            "score_all": score_all,
            "limit": limit,
            "keep": keep,
        },
    )
    return execute(job, output, workers=workers, resume=resume, overwrite=overwrite)


@evaluate_app.command
def interactive(
    data: DataArgument,
    /,
    *,
    mode: Annotated[
        tuple[Modes, ...],
        Parameter(group=DATA_GROUP, help="offline or online; may be given twice.", negative=""),
    ] = ("offline", "online"),
    rounds: Annotated[int, Parameter(group=DATA_GROUP, help="Most frames on which an object is corrected.")] = 8,
    clicks: Annotated[int, Parameter(group=DATA_GROUP, help="Most clicks on one of them.")] = 3,
    threshold: Annotated[float, Parameter(group=DATA_GROUP, help="Online, the IoU below which to stop.")] = 0.75,
    predictor: PredictorOption = None,
    layout: LayoutOption = "auto",
    split: SplitOption = None,
    limit: LimitOption = None,
    image_model: ImageModelOption = "nano",
    device: DeviceOption = None,
    dtype: DtypeOption = None,
    workers: WorkersOption = 1,
    output: OutputOption = Path("evaluate-output"),
    keep: KeepOption = True,
    resume: ResumeOption = False,
    overwrite: OverwriteOption = False,
) -> int:
    """Interactive video segmentation: a simulated user corrects what goes wrong, with clicks.

    Offline, the worst frame of each object is corrected and all is followed again, pass after pass. Online, there is
    one pass, which stops where an object's IoU is below the threshold. J&F after 1, 2, ... prompted frames, and what
    the user's time is put at.

    Example of use:

        masklet evaluate interactive DAVIS --predictor nano --mode offline -o run
    """
    from masklet.metrics.manifest import Job

    job = Job(
        protocol="interactive",
        data=str(data),
        layout=layout,
        split=split,
        predictors=predictor_specs(
            BASELINES_AND_NANO if predictor is None else predictor,
            device=device,
            dtype=dtype,
            image_model=image_model,
        ),
        options={
            "modes": list(dict.fromkeys(mode)),
            "rounds": rounds,
            "clicks": clicks,
            "threshold": threshold,
            "limit": limit,
            "keep": keep,
        },
    )
    return execute(job, output, workers=workers, resume=resume, overwrite=overwrite)
