"""Makers of small clips in many codecs and containers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from masklet.media import video


def picture(i: int, height: int = 48, width: int = 64) -> np.ndarray:
    """A picture that says which one it is: a gradient that moves with `i`."""
    y, x = np.mgrid[:height, :width]
    return np.stack([(x * 3 + i * 7) % 200, (y * 4 + i * 3) % 200, (x + y + i * 11) % 200], -1).astype(np.uint8)


@pytest.fixture(autouse=True)
def forgetful(monkeypatch: pytest.MonkeyPatch) -> None:
    """Clips keep no decoded frames: all of these small ones would fit."""
    monkeypatch.setattr(video, "KEPT_BYTES", 0)


@pytest.fixture(scope="session")
def frame() -> Callable[..., np.ndarray]:
    return picture


@pytest.fixture(scope="session")
def make_video() -> Callable[..., Path]:
    def make(
        path: Path,
        encoder: str = "libx264",
        *,
        frames: int = 30,
        size: tuple[int, int] = (48, 64),
        pixels: str = "yuv420p",
        options: dict[str, str] | None = None,
        rotation: float | None = None,
        times: Sequence[float] | None = None,
        faststart: bool = False,
        fragmented: bool = False,
    ) -> Path:
        quiet = {"libx264": {"g": "10", "bf": "3"}, "libx265": {"x265-params": "keyint=10:bframes=3:log-level=none"}}
        flags = "+faststart" if faststart else "+frag_keyframe+empty_moov" if fragmented else ""
        container = av.open(str(path), "w", options={"movflags": flags} if flags else {})
        stream = container.add_stream(encoder, rate=25, options={**quiet.get(encoder, {}), **(options or {})})
        assert isinstance(stream, av.VideoStream)
        stream.height, stream.width = size
        stream.pix_fmt = pixels
        if times is not None:
            stream.time_base = stream.codec_context.time_base = Fraction(1, 90_000)
        if rotation is not None:
            stream.set_display_rotation(rotation)
        with container:
            for i in range(frames):
                shown = av.VideoFrame.from_ndarray(picture(i, *size))
                if times is not None:
                    shown = shown.reformat(format=pixels)
                    shown.pts, shown.time_base = round(times[i] * 90_000), Fraction(1, 90_000)
                container.mux(stream.encode(shown))
            container.mux(stream.encode())
        return path

    return make


@pytest.fixture(scope="session")
def sequential() -> Callable[[Path], list[np.ndarray]]:
    """All frames of a file by a plain decode from its start: what random access must reproduce."""

    def decode(path: Path) -> list[np.ndarray]:
        with av.open(str(path)) as container:
            return [f.to_ndarray(format="rgb24") for f in container.decode(video=0)]

    return decode


@pytest.fixture(scope="session")
def times_of() -> Callable[[Path], list[float]]:
    def decode(path: Path) -> list[float]:
        with av.open(str(path)) as container:
            return [float(f.time) for f in container.decode(video=0)]

    return decode
