"""`masklet track`: objects through a video."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Group, Parameter

from masklet.cli.options import MODEL_GROUP, OUTPUT_GROUP, DeviceOption, DtypeOption, FastOption, OutputOption
from masklet.cli.prompts import combine, parse_prompt, read_prompts

PROMPT_GROUP = Group("Prompts", sort_key=1)
RANGE_GROUP = Group("Range", sort_key=2)

Format = Literal["overlay", "sheet", "davis", "png", "coco", "ytvis", "sav", "npz", "alpha", "prores", "webm"]


def track(
    video: Annotated[Path, Parameter(help="A video, or a folder of pictures.")],
    /,
    *,
    prompt: Annotated[
        list[str] | None,
        Parameter(
            group=PROMPT_GROUP,
            help="ID@FRAME:KIND=VALUE, where KIND is point, box or mask; may be given several times.",
            negative="",
        ),
    ] = None,
    prompts: Annotated[Path | None, Parameter(group=PROMPT_GROUP, help="A JSON file with a list of prompts.")] = None,
    mask: Annotated[
        Path | None,
        Parameter(
            group=PROMPT_GROUP,
            help="Masks on the first frame: a palette or grey picture whose values are object ids, or black and white.",
        ),
    ] = None,
    start: Annotated[
        int | None, Parameter(group=RANGE_GROUP, help="First frame of the range.", show_default=False)
    ] = None,
    stop: Annotated[
        int | None, Parameter(group=RANGE_GROUP, help="Frame behind the last of the range.", show_default=False)
    ] = None,
    reverse: Annotated[
        bool, Parameter(group=RANGE_GROUP, help="Go backward from the last prompt.", negative="", show_default=False)
    ] = False,
    both: Annotated[
        bool,
        Parameter(
            group=RANGE_GROUP,
            help="Go forward from the first prompt, then backward from it.",
            negative="",
            show_default=False,
        ),
    ] = False,
    model: Annotated[
        str | None,
        Parameter(
            name=["--model", "-m"],
            group=MODEL_GROUP,
            help="A name from `masklet models` (nano if none is given), or the path of a checkpoint.",
        ),
    ] = None,
    device: DeviceOption = None,
    dtype: DtypeOption = None,
    fast: FastOption = None,
    output: OutputOption = Path("track-output"),
    format: Annotated[
        tuple[Format, ...],
        Parameter(
            name=["--format", "-f"],
            group=OUTPUT_GROUP,
            help="What to write beside masklets.json; may be given several times.",
            negative="",
        ),
    ] = ("overlay", "sheet"),
    effect: Annotated[
        list[str] | None,
        Parameter(
            group=OUTPUT_GROUP,
            help="TARGET=KIND:NAME=VALUE;..., drawn one after the other; may be given several times.",
            negative="",
        ),
    ] = None,
    effects: Annotated[
        Path | None, Parameter(group=OUTPUT_GROUP, help="A JSON file with a list of effects.", show_default=False)
    ] = None,
    resume: Annotated[
        bool,
        Parameter(
            group=OUTPUT_GROUP, help="Go on with the stopped run in the output folder.", negative="", show_default=False
        ),
    ] = False,
    overwrite: Annotated[
        bool,
        Parameter(
            group=OUTPUT_GROUP, help="Replace an older run in the output folder.", negative="", show_default=False
        ),
    ] = False,
) -> int:
    """Follow objects through a video from prompts on any of its frames.

    A prompt names its object (a number of your choice) and its frame (from 0). Prompts of one object on one frame
    combine. Clicks on a further frame correct what tracking finds there; a box or a mask stands alone. Pixels count
    from 0 at the top left.

        1@0:point=420,240               a point on object 1 in frame 0
        1@0:point=300,200,-             a point beside it
        2@15:box=100,80,260,300         a box: left, top, right, bottom
        3@0:mask=bear.png               a picture that is not 0 on the object
        1@0:box=9,9,60,80;point=20,30   several at once

    The masks go to `masklets.json`, and to what --format names: overlay (video with the masks drawn in), sheet (a
    contact sheet), davis (palette PNGs), png (black and white), coco, ytvis and sav (JSON), npz, alpha (cut-out PNGs),
    prores and webm (cut-out video).

    With --effect or --effects the video is written once more, with effects on objects and background: effects.mp4, or
    effects.webm with alpha where something is cut out. TARGET is an object, `objects` or `background`; KIND is erase,
    blur, pixelate, desaturate, gradient, spotlight, outline, cut-out, overlay, replace or follow.

        background=blur:radius=20       1=outline:colour=#ff0;width=6
        background=replace:picture=beach.jpg      objects=cut-out      2=follow:text=goal!;place=above

    Frames are written to `track.jsonl` in the output folder as they come. At the end, or when Ctrl-C stops the run,
    they become the files above. A stopped or killed run goes on with --resume (the prompts need not be repeated) and
    ends with the results of one that was never stopped.

    Without --start and --stop the range is from the first prompt to the end (--reverse: from the last prompt to the
    beginning; --both: all of the video).

    Examples of use:

        masklet track clip.mp4 --prompt "1@0:point=420,240"
        masklet track clip.mp4 --prompt "1@0:box=100,80,260,300" --prompt "2@15:point=50,60" -o out
        masklet track frames/ --mask first.png --format davis --format overlay
        masklet track clip.mp4 --prompts prompts.json --model sam2.1-hiera-tiny --device cuda --dtype bfloat16
        masklet track clip.mp4 --prompt "1@0:point=420,240" --fast 2 --dtype bfloat16
        masklet track clip.mp4 -o out --resume
        masklet track clip.mp4 -o out --resume --effect background=desaturate --effect 1=outline
    """
    if reverse and both:
        raise ValueError("expected --reverse or --both, not the two together")
    if resume and overwrite:
        raise ValueError("expected --resume or --overwrite, not the two together")
    said = [parse_prompt(text) for text in prompt or []]
    if prompts is not None:
        said += read_prompts(prompts)
    from masklet.cli.effects import parse_effects, read_effects
    from masklet.cli.job import Job, mask_prompts
    from masklet.cli.tracking import run

    if mask is not None:
        said += mask_prompts(mask, start or 0)
    job = Job(
        prompts=tuple(combine(said)),
        model=model,
        dtype=dtype,
        fast=fast,
        start=start,
        stop=stop,
        direction="both" if both else "backward" if reverse else None,
    )
    return run(
        video,
        job,
        output,
        formats=tuple(dict.fromkeys(format)),
        effects=(*parse_effects(effect or []), *(() if effects is None else read_effects(effects))),
        device=device,
        resume=resume,
        overwrite=overwrite,
    )
