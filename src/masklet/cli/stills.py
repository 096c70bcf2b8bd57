"""What `masklet segment` and `masklet everything` do."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console, RenderableType
from rich.table import Table

from masklet.cli.options import Dtype, load, make_folder
from masklet.cli.prompts import parse_box, parse_point
from masklet.export import OverlayStyle, draw_masks, draw_prompts
from masklet.export.files import write_json
from masklet.export.palette_png import write_palette_png
from masklet.masks import Rle
from masklet.media import read_image, read_mask, write_image
from masklet.session import ImagePredictor
from masklet.session.everything import EverythingOptions, everything

MOST_IN_PALETTE = 255


def run_segment(
    image: Path,
    points: Sequence[str],
    box: str | None,
    mask: Path | None,
    *,
    model: str,
    device: str | None,
    dtype: Dtype | None,
    folder: Path,
) -> None:
    """Segment one object; see `masklet.cli.segment`.

    Raises:
        ValueError: no prompt, one that cannot be read or does not fit the picture, no such model. OSError: a file
            cannot be read or written.
    """
    said = [parse_point(text) for text in points]
    corners = None if box is None else parse_box(box)
    if not said and corners is None and mask is None:
        raise ValueError("nothing to segment: give --point 420,240, --box 100,80,260,300 or --mask rough.png")
    picture = read_image(image)
    rough = None if mask is None else read_mask(mask) != 0
    predictor = ImagePredictor(load(model, device, dtype))
    predictor.set_image(picture)
    found = predictor.predict(
        points=[point for point, _ in said] or None,
        labels=[label for _, label in said] or None,
        box=corners,
        mask=rough,
        multimask=len(said) == 1 and corners is None and rough is None,
    )
    order = np.argsort(-found.iou, kind="stable")
    prompt: dict[str, Any] = {"points": [list(p) for p, _ in said], "labels": [k for _, k in said], "box": corners}
    records = [
        {
            "segmentation": Rle.encode(found.masks[i]).to_coco(),
            "area": int(found.masks[i].sum()),
            "iou": float(found.iou[i]),
            "stability": float(found.stability[i]),
        }
        for i in order
    ]
    best = found.masks[order[0]]
    make_folder(folder)
    write_image(folder / "mask.png", best.astype(np.uint8) * 255)
    write_image(folder / "overlay.png", draw_prompts(draw_masks(picture, {1: best}), [{"object": 1, **prompt}]))
    result = {"image": str(image), "model": model, "prompt": {**prompt, "mask": mask and str(mask)}, "masks": records}
    write_json(folder / "result.json", result)
    table = Table(box=None, pad_edge=False)
    for name in ("mask", "IoU estimate", "stability", "pixels"):
        table.add_column(name, justify="right")
    for rank, record in enumerate(records, start=1):
        table.add_row(str(rank), f"{record['iou']:.3f}", f"{record['stability']:.3f}", str(record["area"]))
    _report(folder, table, ("mask.png", "overlay.png", "result.json"))


def run_everything(
    image: Path,
    options: EverythingOptions,
    *,
    model: str,
    device: str | None,
    dtype: Dtype | None,
    folder: Path,
) -> None:
    """Find all objects; see `masklet.cli.everything`.

    Raises:
        ValueError: no such model, no picture. OSError: a file cannot be read or written.
    """
    picture = read_image(image)
    found = everything(load(model, device, dtype), picture, options)
    found.sort(key=lambda segment: -segment.rle.area)
    labels = np.zeros(picture.shape[:2], np.uint8 if len(found) <= MOST_IN_PALETTE else np.uint16)
    for number, segment in enumerate(found, start=1):
        labels[segment.rle.decode()] = number
    records = [
        {
            "id": number,
            "segmentation": segment.rle.to_coco(),
            "area": segment.rle.area,
            "bbox": _xywh(segment.rle),
            "iou": segment.iou,
            "stability": segment.stability,
            "point": segment.point,
        }
        for number, segment in enumerate(found, start=1)
    ]
    make_folder(folder)
    masks = {number: segment.rle for number, segment in enumerate(found, start=1)}
    write_image(folder / "overlay.png", draw_masks(picture, masks, style=OverlayStyle(labels=False)))
    if labels.dtype == np.uint8:
        write_palette_png(folder / "labels.png", labels)
    else:
        write_image(folder / "labels.png", labels)
    write_json(folder / "result.json", {"image": str(image), "model": model, "masks": records})
    covered = np.count_nonzero(labels) / labels.size
    _report(
        folder, f"{len(found)} objects cover {covered:.0%} of the picture", ("overlay.png", "labels.png", "result.json")
    )


def _xywh(rle: Rle) -> list[int]:
    x0, y0, x1, y1 = rle.bbox or (0, 0, 0, 0)
    return [x0, y0, x1 - x0, y1 - y0]


def _report(folder: Path, summary: RenderableType, names: Sequence[str]) -> None:
    console = Console(soft_wrap=True, highlight=False)
    console.print(summary)
    for name in names:
        console.print(f"{Path(name).stem:<8} {folder / name}", markup=False)
