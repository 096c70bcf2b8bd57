"""`masklet segment`: one object of a picture."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Group, Parameter

from masklet.cli.options import DeviceOption, DtypeOption, ModelOption, OutputOption

PROMPT_GROUP = Group("Prompts", sort_key=1)


def segment(
    image: Annotated[Path, Parameter(help="The picture.")],
    /,
    *,
    point: Annotated[
        list[str] | None,
        Parameter(
            group=PROMPT_GROUP,
            help="x,y on the object, or x,y,- beside it; may be given several times.",
            negative="",
            allow_leading_hyphen=True,
        ),
    ] = None,
    box: Annotated[
        str | None,
        Parameter(group=PROMPT_GROUP, help="x0,y0,x1,y1 around the object.", allow_leading_hyphen=True),
    ] = None,
    mask: Annotated[
        Path | None, Parameter(group=PROMPT_GROUP, help="A rough mask: a picture that is not 0 on the object.")
    ] = None,
    model: ModelOption = "nano",
    device: DeviceOption = None,
    dtype: DtypeOption = None,
    output: OutputOption = Path("segment-output"),
) -> None:
    """Segment one object of a picture from points, a box, a rough mask, or any mix of them.

    Pixels count from 0 at the top left. One point alone can mean a thing or a part of it, so three masks are offered,
    best estimate first; everything else gives one mask. Written to the output folder: `mask.png` (the best mask,
    white on black), `overlay.png`, and `result.json` with all masks as COCO run lengths and their scores.

    Examples of use:

        masklet segment photo.jpg --point 420,240
        masklet segment photo.jpg --point 420,240 --point 300,200,- -o out
        masklet segment photo.jpg --box 100,80,260,300 --model sam2.1-hiera-large
    """
    from masklet.cli.stills import run_segment

    run_segment(image, point or [], box, mask, model=model, device=device, dtype=dtype, folder=output)
