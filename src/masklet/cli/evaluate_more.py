"""`masklet evaluate images`, `speed` and `robustness`: they join the commands of `masklet.cli.evaluate`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal, get_args

from cyclopts import Parameter

from masklet.cli.evaluate import Prompts, evaluate_app
from masklet.cli.evaluating import (
    BASELINES_AND_NANO,
    DATA_GROUP,
    DataArgument,
    ImageModelOption,
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
from masklet.cli.options import MODEL_GROUP, DeviceOption, DtypeOption, FastOption, OutputOption

__all__ = ["evaluate_app"]

Damage = Literal[
    "blur",
    "motion-blur",
    "noise",
    "jpeg",
    "h264",
    "low-light",
    "dropped",
    "duplicated",
    "shot-cuts",
    "occluder",
    "exit",
]
ALL_DAMAGE: tuple[Damage, ...] = get_args(Damage)
Severity = Literal[1, 2, 3]

ModelsOption = Annotated[
    list[str] | None,
    Parameter(
        name="--predictor",
        group=MODEL_GROUP,
        help="A model's name, or a checkpoint's path (NAME=PATH calls it NAME); may be given several times. By default"
        " nano.",
        negative="",
    ),
]


@evaluate_app.command
def images(
    data: Annotated[Path, Parameter(help="The folder of an image set or of annotated videos, or a COCO JSON.")],
    /,
    *,
    predictor: ModelsOption = None,
    layout: Annotated[
        str,
        Parameter(
            group=DATA_GROUP,
            help="How the set is laid out: coco, masks, grabcut, berkeley, davis585, or a layout of videos, whose"
            " annotated frames are the pictures; auto recognises it.",
        ),
    ] = "auto",
    split: SplitOption = None,
    pictures: Annotated[
        int | None,
        Parameter(group=DATA_GROUP, help="At most so many pictures, evenly spread over the set.", show_default=False),
    ] = None,
    objects: Annotated[
        int | None,
        Parameter(group=DATA_GROUP, help="Only the so many largest objects of a picture.", show_default=False),
    ] = None,
    min_area: Annotated[int, Parameter(group=DATA_GROUP, help="Leave out objects of fewer pixels than these.")] = 1,
    clicks: Annotated[int, Parameter(group=DATA_GROUP, help="Report the IoU after 1 to so many clicks.")] = 5,
    noc: Annotated[
        int,
        Parameter(
            group=DATA_GROUP,
            help="Count the clicks until an IoU of 85 and of 90 % is reached, giving up after so many; 0 saves the"
            " time.",
        ),
    ] = 20,
    everything: Annotated[
        int,
        Parameter(
            group=DATA_GROUP, help="Everything-mode on at most so many of the pictures, evenly spread; 0 for none."
        ),
    ] = 25,
    points_per_side: Annotated[
        int, Parameter(group=DATA_GROUP, help="Everything-mode asks at a grid of this many points squared.")
    ] = 32,
    device: DeviceOption = None,
    dtype: DtypeOption = None,
    workers: WorkersOption = 1,
    output: OutputOption = Path("evaluate-output"),
    resume: ResumeOption = False,
    overwrite: OverwriteOption = False,
) -> int:
    """Segment anything in images: mean IoU after clicks and from a box, and what everything-mode finds.

    The first click is at the centre of an object, each further one at the centre of the largest error (NoC is the
    number of clicks until an IoU is reached). Everything-mode is judged by the average recall of its 1000 best masks
    (AR), over all objects and by their size.

    Examples of use:

        masklet evaluate images coco --objects 5 --workers 2 -o run
        masklet evaluate images GrabCut --layout grabcut --everything 0 -o run
        masklet evaluate images DAVIS --pictures 100 --noc 0 -o run
        masklet evaluate images coco --predictor sam2.1-hiera-tiny --everything 5000 --device cuda -o run
    """
    from masklet.metrics.manifest import Job

    job = Job(
        protocol="images",
        data=str(data),
        layout=layout,
        split=split,
        predictors=predictor_specs(
            ["nano"] if predictor is None else predictor, device=device, dtype=dtype, image_model="nano"
        ),
        options={
            "pictures": pictures,
            "clicks": clicks,
            "noc_limit": noc or None,
            "objects": objects,
            "min_area": min_area,
            "everything": everything,
            "points_per_side": points_per_side,
        },
    )
    return execute(job, output, workers=workers, resume=resume, overwrite=overwrite)


@evaluate_app.command
def speed(
    data: Annotated[
        Path | None,
        Parameter(help="The folder of a data set of videos; without it, frames are drawn: content hardly matters."),
    ] = None,
    /,
    *,
    predictor: PredictorOption = None,
    objects: Annotated[
        tuple[int, ...],
        Parameter(
            group=DATA_GROUP, help="How many objects are followed at once; may be given several times.", negative=""
        ),
    ] = (1, 3),
    layout: LayoutOption = "auto",
    split: SplitOption = None,
    frames: Annotated[int, Parameter(group=DATA_GROUP, help="Frames of a run that count.")] = 30,
    warm_up: Annotated[
        int, Parameter(group=DATA_GROUP, help="Frames before them: 16 fill the memory of every published model.")
    ] = 16,
    runs: Annotated[int, Parameter(group=DATA_GROUP, help="Runs of which the median is taken.")] = 3,
    height: Annotated[int, Parameter(group=DATA_GROUP, help="Of drawn frames, in pixels.")] = 480,
    width: Annotated[int, Parameter(group=DATA_GROUP, help="Of drawn frames, in pixels.")] = 854,
    device: DeviceOption = None,
    dtype: DtypeOption = None,
    fast: FastOption = None,
    output: OutputOption = Path("evaluate-output"),
    resume: ResumeOption = False,
    overwrite: OverwriteOption = False,
) -> int:
    """Speed and memory: frames per second with a full memory bank, one video at a time.

    Frames are in memory, and masks come at the video's size. The median of several runs counts. Beside it, the peak
    memory (on CUDA that of its tensors, else that of the process), and the share of the time that each part of a model
    takes. Nothing else should run on the machine meanwhile.

    Examples of use:

        masklet evaluate speed -o run
        masklet evaluate speed DAVIS --objects 1 --objects 5 --predictor nano -o run
        masklet evaluate speed --predictor sam2.1-hiera-large --device cuda --dtype bfloat16 -o run
    """
    from masklet.metrics.manifest import Job

    job = Job(
        protocol="speed",
        data=None if data is None else str(data),
        layout=layout,
        split=split,
        predictors=predictor_specs(
            BASELINES_AND_NANO if predictor is None else predictor,
            device=device,
            dtype=dtype,
            fast=fast,
            image_model="nano",
        ),
        options={
            "objects": list(dict.fromkeys(objects)),
            "frames": frames,
            "runs": runs,
            "warm_up": warm_up,
            "height": height,
            "width": width,
        },
    )
    return execute(job, output, workers=1, resume=resume, overwrite=overwrite)


@evaluate_app.command
def robustness(
    data: DataArgument,
    /,
    *,
    corruption: Annotated[
        tuple[Damage, ...],
        Parameter(group=DATA_GROUP, help="What is done to the footage; may be given several times.", negative=""),
    ] = ALL_DAMAGE,
    severity: Annotated[
        tuple[Severity, ...],
        Parameter(
            group=DATA_GROUP, help="1 is mild, 2 clearly visible, 3 severe; may be given several times.", negative=""
        ),
    ] = (2,),
    prompt: Annotated[
        Prompts, Parameter(group=DATA_GROUP, help="What is given of an object where it begins.")
    ] = "mask",
    predictor: PredictorOption = None,
    layout: LayoutOption = "auto",
    split: SplitOption = None,
    limit: LimitOption = None,
    image_model: ImageModelOption = "nano",
    device: DeviceOption = None,
    dtype: DtypeOption = None,
    workers: WorkersOption = 1,
    output: OutputOption = Path("evaluate-output"),
    resume: ResumeOption = False,
    overwrite: OverwriteOption = False,
) -> int:
    """Video object segmentation on damaged footage, beside the same footage as it is.

    Blur, noise, compression and low light; frames that are dropped or shown twice; cuts to another video of the set
    and back, over which objects should not be seen (false alarms) and then be found again; and an occluder, or a camera
    that turns away, that hides the objects for a while (presence: the share of frames on which they are rightly said to
    be seen or not). J&F counts on the original frames that are left; its drop is over the frames that were scored with
    and without the damage.

    Examples of use:

        masklet evaluate robustness DAVIS --workers 2 -o run
        masklet evaluate robustness DAVIS --corruption jpeg --corruption h264 --severity 1 --severity 3 -o run
        masklet evaluate robustness sav_val --layout sav --corruption shot-cuts --predictor sam2.1-hiera-tiny -o run
    """
    from masklet.metrics.manifest import Job

    kinds, levels = dict.fromkeys(corruption), sorted(set(severity))
    job = Job(
        protocol="robustness",
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
            "corruptions": [f"{kind}-{level}" for kind in kinds for level in levels],
            "prompt": prompt,
            "limit": limit,
        },
    )
    return execute(job, output, workers=workers, resume=resume, overwrite=overwrite)
