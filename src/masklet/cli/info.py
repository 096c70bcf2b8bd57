"""`masklet info`: what a file is, in a few lines."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

CHECKPOINTS = {".pt", ".pth", ".safetensors"}
IMAGES = {".png", ".jpg", ".jpeg", ".bmp", ".webp", ".tif", ".tiff"}


def info(file: Annotated[Path, Parameter(help="Video, picture, folder of pictures, checkpoint, or result.")]) -> None:
    """Say what a file is: a video, a picture, a folder of pictures, a checkpoint, or a result of `masklet track`.

    Examples of use:

        masklet info clip.mp4
        masklet info sam2.1_hiera_tiny.pt
        masklet info out/masklets.json
    """
    from rich.console import Console
    from rich.table import Table

    if not file.exists():
        raise FileNotFoundError(f"no file or folder at {file}")
    suffix = file.suffix.lower()
    if suffix in CHECKPOINTS:
        rows = _checkpoint(file)
    elif suffix == ".json":
        rows = _masklets(file)
    elif suffix == ".jsonl":
        rows = _journal(file)
    elif suffix in IMAGES and file.is_file():
        rows = _image(file)
    else:
        rows = _clip(file)
    table = Table(box=None, show_header=False, pad_edge=False)
    for name, value in rows:
        table.add_row(name, value)
    Console(soft_wrap=True, highlight=False).print(table)


def _clip(path: Path) -> Iterable[tuple[str, str]]:
    from masklet.media import open_clip

    with open_clip(path) as clip:
        yield "kind", "folder of pictures" if path.is_dir() else "video"
        yield "size", f"{clip.width}x{clip.height}"
        yield "frames", str(len(clip))
        times = clip.timestamps
        if not path.is_dir() and len(times) > 1:
            yield "frames/s", f"{clip.fps:.3f}".rstrip("0").rstrip(".")
            yield "length", f"{times[-1] - times[0] + 1 / clip.fps:.2f} s"
        if clip.damage:
            yield "damage", clip.damage


def _image(path: Path) -> Iterable[tuple[str, str]]:
    from masklet.media import read_image

    height, width, _ = read_image(path).shape
    yield "kind", "picture"
    yield "size", f"{width}x{height}"


def _checkpoint(path: Path) -> Iterable[tuple[str, str]]:
    from masklet.model import checkpoints

    model = checkpoints.load(path)
    config = model.config
    yield "kind", "checkpoint"
    yield "model", config.name
    yield "encoder", type(config.encoder).__name__.removesuffix("Config")
    yield "image size", str(config.image_size)
    yield "parameters", f"{sum(p.numel() for p in model.parameters()) / 1e6:.1f} M"


def _masklets(path: Path) -> Iterable[tuple[str, str]]:
    from masklet.cli.results import read_result

    result = read_result(path)
    yield "kind", "result of masklet track"
    yield "video", str(result.header["source"])
    yield "model", str(result.header["model"])
    for masklet in result.masklets:
        seen = sum(masklet.visibility.values())
        span = f"{masklet.first_seen}..{masklet.last_seen}" if seen else "nowhere"
        yield f"object {masklet.object_id}", f"{len(masklet)} frames, visible in {seen} ({span})"


def _journal(path: Path) -> Iterable[tuple[str, str]]:
    from masklet.cli.journal import read_header, read_records

    header = read_header(path)
    yield "kind", "journal of a tracking run"
    yield "video", str(header["source"])
    yield "frames", str(sum(1 for _ in read_records(path)))
