"""`masklet info`: what a file is, in a few lines."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

CHECKPOINTS = {".pt", ".pth", ".safetensors"}


def info(file: Annotated[Path, Parameter(help="Video, picture, folder of pictures, checkpoint, or result.")]) -> None:
    """Say what a file is: a video, a picture, a folder of pictures, a checkpoint, or a result of `masklet track`.

    Examples of use:

        masklet info clip.mp4
        masklet info sam2.1_hiera_tiny.pt
        masklet info out/masklets.json
    """
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    if not file.exists():
        raise FileNotFoundError(f"no file or folder at {file}")
    suffix = file.suffix.lower()
    if suffix in CHECKPOINTS:
        rows = _checkpoint(file)
    elif suffix == ".json":
        rows = _masklets(file)
    elif suffix == ".jsonl":
        rows = _journal(file)
    else:
        rows = _media(file)
    table = Table(box=None, show_header=False, pad_edge=False)
    for name, value in rows:
        table.add_row(name, Text(value))
    Console(soft_wrap=True, highlight=False).print(table)


def _media(path: Path) -> Iterable[tuple[str, str]]:
    from masklet.media.probe import probe

    found = probe(path)
    yield "kind", {"images": "folder of pictures", "image": "picture"}.get(found.kind, found.kind)
    yield "format", f"{found.container}, {found.codec}, {found.pixel_format}, {found.bit_depth} bits"
    yield (
        "size",
        f"{found.width}x{found.height}" + (f" (rotated by {found.rotation} degrees)" if found.rotation else ""),
    )
    if found.kind != "image":
        yield "frames", str(found.frames)
    if found.kind == "video":
        rate = f"{found.fps:.3f}".rstrip("0").rstrip(".")
        yield "frames/s", f"{rate} on average, {found.fps_min:.3g} to {found.fps_max:.3g}" if found.variable else rate
        yield "length", f"{found.duration:.2f} s"
        yield "sound", "yes" if found.audio else "no"
    if found.damage:
        yield "damage", found.damage


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
    from masklet.export import read_masklet_json

    found = read_masklet_json(path)
    yield "kind", "masklets"
    yield "video", f"{found.info.name}, {found.info.frame_count} frames of {found.info.width}x{found.info.height}"
    if found.info.model:
        yield "model", found.info.model
    for masklet in found.masklets:
        seen = sum(masklet.visibility.values())
        span = f"{masklet.first_seen}..{masklet.last_seen}" if seen else "nowhere"
        yield f"object {masklet.object_id}", f"{len(masklet)} frames, visible in {seen} ({span})"


def _journal(path: Path) -> Iterable[tuple[str, str]]:
    from masklet.cli.journal import read_header, read_records

    header = read_header(path)
    yield "kind", "journal of a tracking run"
    yield "video", str(header["source"])
    yield "frames", str(sum(1 for _ in read_records(path)))
