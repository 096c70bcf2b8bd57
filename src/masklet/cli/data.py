"""`masklet data`: see training data as the model will see it, and pack it for speed."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import App, Group, Parameter

from masklet.cli.options import OUTPUT_GROUP

if TYPE_CHECKING:
    from masklet.data.sources import Collection

DATA_GROUP = Group("Data", sort_key=2)
SAMPLE_GROUP = Group("Samples", sort_key=3)

HELP = """See training data as the model will see it, and pack it into archives.

A folder is recognised by what is in it: COCO, pictures with masks, SA-1B, SA-V, DAVIS, YouTube-VOS, MOSE, LVOS, clips
with masks, archives (`masklet data pack`), or `stills/SET/` beside `clips/`, each of which is one of these. Pictures
without masks, in any folders, are for `masklet train mae`.

```
masklet data show my-clips -o sheet.png
masklet data pack my-clips -o shards --short-side 480
```
"""

data_app = App(name="data", help=HELP, help_format="markdown")

DataArgument = Annotated[Path, Parameter(help="A folder, a COCO .json or a .tar archive.")]
LayoutOption = Annotated[
    str, Parameter(group=DATA_GROUP, help="How it is laid out (coco, davis2017, sav-train, ...); auto recognises it.")
]
SplitOption = Annotated[
    str | None, Parameter(group=DATA_GROUP, help="Part of the data set, such as train.", show_default=False)
]
Kind = Literal["stills", "synthetic", "real"]


@data_app.command
def show(
    data: DataArgument,
    /,
    *,
    layout: LayoutOption = "auto",
    split: SplitOption = None,
    count: Annotated[int, Parameter(group=SAMPLE_GROUP, help="How many samples.")] = 12,
    kind: Annotated[
        list[Kind] | None,
        Parameter(
            group=SAMPLE_GROUP,
            help="stills, clips made from stills (synthetic) or filmed clips (real); may be given several times. By"
            " default all that the data has.",
            negative="",
        ),
    ] = None,
    augmentation: Annotated[
        Literal["plain", "flipped", "cropped", "published", "strong"],
        Parameter(
            group=SAMPLE_GROUP, help="How samples are varied: not, mirrored, cropped, as published, or as nano learns."
        ),
    ] = "published",
    size: Annotated[int, Parameter(group=SAMPLE_GROUP, help="Side of the frames in pixels.")] = 256,
    length: Annotated[int, Parameter(group=SAMPLE_GROUP, help="Frames of a clip.")] = 5,
    objects: Annotated[int, Parameter(group=SAMPLE_GROUP, help="At most so many objects of a sample.")] = 3,
    seed: Annotated[int, Parameter(group=SAMPLE_GROUP, help="Another one draws other samples.")] = 1,
    output: Annotated[
        Path | None,
        Parameter(
            name=["--output", "-o"],
            group=OUTPUT_GROUP,
            help="The picture to write (.png, .jpg); without it, the data is listed only.",
            show_default=False,
        ),
    ] = None,
) -> int:
    """List what is in training data, and draw samples of it on a sheet.

    Each sample is a row of frames with its masks, under the name of what it was cut from. On its first frame are the
    prompts of a simulated user, as training draws them: a click and a box for each object.

    Examples of use:

        masklet data show my-coco
        masklet data show data -o sheet.png --count 20 --augmentation strong
        masklet data show sa-v -o sheet.png --kind real --length 8 --size 512
    """
    from rich.console import Console

    from masklet.cli.samples import draw_samples, sample_sheet
    from masklet.data.augment import AUGMENTATIONS
    from masklet.data.sources import open_collections, sources_of
    from masklet.media import write_image

    for name, value, least in (("count", count, 1), ("size", size, 32), ("length", length, 1), ("objects", objects, 1)):
        if value < least:
            raise ValueError(f"--{name} is {least} or more, got {value}")
    if size % 4:
        raise ValueError(f"--size is a multiple of 4, got {size}")
    console = Console(soft_wrap=True, highlight=False)
    collections = open_collections(data, layout, split=split)
    _list(console, collections)
    if output is None:
        return 0
    filmed = any(collection.clips for collection in collections)
    if not filmed and kind and "real" in kind:
        raise ValueError(f"{data}: has no filmed clips (real), only pictures")
    masked = filmed or any(collection.pictures for collection in collections)
    present = ["stills", *["synthetic"] * masked, *["real"] * filmed]
    kinds = list(dict.fromkeys(kind or present))
    sources = sources_of(collections, augmentation=AUGMENTATIONS[augmentation])
    samples = draw_samples(sources, kinds, count, length=length, size=size, objects=objects, seed=seed)
    write_image(output, sample_sheet(samples, seed))
    console.print(f"samples  {output}", markup=False)
    return 0


@data_app.command
def pack(
    data: DataArgument,
    /,
    *,
    output: Annotated[
        Path,
        Parameter(
            name=["--output", "-o"],
            group=OUTPUT_GROUP,
            help="Folder for the archives, which must not hold any yet; made if missing.",
        ),
    ],
    layout: LayoutOption = "auto",
    split: SplitOption = None,
    samples: Annotated[int, Parameter(group=OUTPUT_GROUP, help="Pictures and clips in one archive.")] = 1000,
    short_side: Annotated[
        int | None,
        Parameter(
            group=OUTPUT_GROUP,
            help="Shrink frames to so many pixels on their shorter side: they decode faster. By default they stay as"
            " they are.",
            show_default=False,
        ),
    ] = None,
    quality: Annotated[int, Parameter(group=OUTPUT_GROUP, help="JPEG quality of frames that are no JPEG yet.")] = 92,
) -> int:
    """Write training data as tar archives that are read fast, also over a network, and in any order.

    They are standard archives: the `webdataset` package reads them too. Pictures lie beside their masks as in SA-1B,
    clips as numbered frames beside their masks as in SA-V; frames of clips without masks, and objects too small or too
    large to train on, are left out. Pictures without masks, for `masklet train mae`, have archives of their own.
    Several data sets become `stills/SET/` and `clips/` again.

    Examples of use:

        masklet data pack my-clips -o shards
        masklet data pack SA-V -o shards --short-side 512 --samples 200
        masklet data pack photographs -o shards --short-side 256
    """
    from rich.console import Console
    from rich.progress import Progress

    from masklet.data.packing import Packing, pack
    from masklet.data.sources import open_collections

    packing = Packing(samples=samples, short_side=short_side, quality=quality)
    console = Console(soft_wrap=True, highlight=False)
    collections = open_collections(data, layout, split=split)
    _list(console, collections)
    for collection in collections:
        folder = output
        if len(collections) > 1:
            # As a folder of a project has it: clips are one data set, pictures are several.
            pictured = collection.pictures or collection.unlabelled
            folder = output / "stills" / collection.name if pictured else output / "clips"
        with Progress(console=Console(stderr=True), transient=True) as progress:
            task = progress.add_task(collection.name)
            shards = pack(
                [*collection.pictures, *collection.clips],
                folder,
                packing,
                lambda done, total, p=progress, t=task: p.update(t, completed=done, total=total),
                unlabelled=collection.unlabelled,
            )
        megabytes = sum(shard.stat().st_size for shard in shards) / 1e6
        plural = "s" if len(shards) > 1 else ""
        console.print(f"{folder}  {len(shards)} archive{plural}, {megabytes:.1f} MB", markup=False)
    return 0


def _list(console: object, collections: list[Collection]) -> None:
    from rich.console import Console
    from rich.table import Table

    assert isinstance(console, Console)
    table = Table(box=None, pad_edge=False)
    table.add_column("data set")
    for name in ("pictures", "clips"):
        table.add_column(name, justify="right")
    for collection in collections:
        counts = (len(collection.pictures) + len(collection.unlabelled), len(collection.clips))
        table.add_row(collection.name, *(str(count) if count else "-" for count in counts))
    console.print(table)
