"""`masklet train`: a recipe, data, and a folder for the run."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Group, Parameter

from masklet.cli.options import MODEL_GROUP, DeviceOption

RECIPE_GROUP = Group("Recipe", sort_key=1)
DATA_GROUP = Group("Data", sort_key=2)
VALIDATION_GROUP = Group("Validation", sort_key=4)
WATCH_GROUP = Group("Watching", sort_key=5)


def train(
    recipe: Annotated[str, Parameter(help="mae, image, video, long, finetune, distill or nano.")],
    data: Annotated[Path | None, Parameter(help="The folder of the training data.")] = None,
    run: Annotated[
        Path | None, Parameter(help="The folder of the run: made if missing, gone on with if it holds one.")
    ] = None,
    /,
    *,
    set: Annotated[
        list[str] | None,
        Parameter(
            group=RECIPE_GROUP,
            help="KEY=VALUE changes a setting that --print shows; may be given several times.",
            negative="",
        ),
    ] = None,
    print: Annotated[
        bool,
        Parameter(
            group=RECIPE_GROUP, help="Show the settings as they will be, and end.", negative="", show_default=False
        ),
    ] = False,
    format: Annotated[
        Literal["settings", "json", "python"], Parameter(group=RECIPE_GROUP, help="How --print writes them.")
    ] = "settings",
    start: Annotated[
        str | None,
        Parameter(
            group=MODEL_GROUP, help="Model to start from: a name from `masklet models`, or the path of a checkpoint."
        ),
    ] = None,
    trunk: Annotated[
        Path | None,
        Parameter(
            group=MODEL_GROUP, help="EfficientNet-Lite0 weights (.pth) for the image encoder; nothing else starts."
        ),
    ] = None,
    augmentation: Annotated[
        Literal["plain", "flipped", "cropped", "published", "strong"] | None,
        Parameter(
            group=DATA_GROUP,
            help="How samples are varied; by default published, for mae cropped, for image flipped, for nano strong.",
            show_default=False,
        ),
    ] = None,
    ratio: Annotated[
        list[str] | None,
        Parameter(
            group=DATA_GROUP,
            help="NAME=NUMBER: how often a data set in DATA is drawn; may be given several times. By default by size.",
            negative="",
        ),
    ] = None,
    workers: Annotated[
        int,
        Parameter(
            group=DATA_GROUP,
            help="Processes that prepare batches (under torchrun, of each process); 0: a thread. The batches are the"
            " same.",
        ),
    ] = 0,
    device: DeviceOption = None,
    sharding: Annotated[
        Literal["ddp", "fsdp"],
        Parameter(group=MODEL_GROUP, help="Under torchrun: the whole model in every process, or a part of it."),
    ] = "ddp",
    validate: Annotated[
        list[Path] | None,
        Parameter(
            group=VALIDATION_GROUP,
            help="Folder of videos or pictures to validate on, never to train on; may be given several times.",
            negative="",
        ),
    ] = None,
    validate_clips: Annotated[int, Parameter(group=VALIDATION_GROUP, help="Use so many of its videos.")] = 4,
    validate_frames: Annotated[int, Parameter(group=VALIDATION_GROUP, help="First frames of each of them.")] = 32,
    validate_pictures: Annotated[
        int, Parameter(group=VALIDATION_GROUP, help="So many of its pictures (or frames of its videos).")
    ] = 24,
    limit: Annotated[
        list[str] | None,
        Parameter(
            group=WATCH_GROUP,
            help="A sentence for the model card on what the model is not good for; may be given several times.",
            negative="",
        ),
    ] = None,
    tensorboard: Annotated[
        bool,
        Parameter(group=WATCH_GROUP, help="Also write for tensorboard.", negative="", show_default=False),
    ] = False,
) -> int:
    """Train a model by a recipe.

    RECIPE is one of

        mae        a trunk learns to see, from pictures without masks
        image      promptable segmentation of images
        video      images and 8-frame clips in turn
        long       longer clips, frozen encoder
        finetune   a trained model learns your kind of pictures, in minutes
        distill    a small model learns what a large one knows
        nano       the bundled model, on two CPU cores

    The run's folder gets `last.pt` (all that going on needs), `weights.safetensors` and, with --validate,
    `best.safetensors`; `log.jsonl`; `page.html`, which shows curves and pictures while the run goes on; and `card.md`,
    the model card. Ctrl-C saves. The same command goes on with a run, to the same result as if it had never stopped.

    --set changes the recipe: its own arguments (steps=200), or any value inside (stages.0.size=256,
    objective.losses.focal=0, validation.every=50). --print shows all of them with their values.

    Several GPUs: `torchrun --nproc-per-node 8 --no-python -- masklet train ...`.

    Examples of use:

        masklet train finetune pictures/ run/ --validate held-out/
        masklet train mae photographs/ run/ --set pictures=256
        masklet train nano data/ run/ --set stages.0.steps=200 --set optimiser.rate=1e-4
        masklet train video --print
    """
    from masklet.cli.planning import parse_ratios, planned, printed
    from masklet.cli.training import Job, run_job
    from masklet.cli.validating import Amount

    if workers < 0:
        raise ValueError(f"--workers is 0 or more, got {workers}")
    changes = tuple(set or ())
    if print:
        text = printed(recipe, planned(recipe, changes, start=start, judged=bool(validate)), format)
        sys.stdout.write(text + "\n")
        return 0
    if data is None or run is None:
        raise ValueError(f"expected masklet train {recipe} DATA RUN: the folder of the data, and one for the run")
    job = Job(
        recipe=recipe,
        data=data,
        folder=run,
        changes=changes,
        start=start,
        trunk=trunk,
        augmentation=augmentation,
        ratios=parse_ratios(ratio or ()),
        workers=workers,
        device=device,
        sharding=sharding,
        validate=tuple(validate or ()),
        amount=Amount(clips=validate_clips, frames=validate_frames, pictures=validate_pictures),
        limits=tuple(limit or ()),
        tensorboard=tensorboard,
    )
    return run_job(job)
