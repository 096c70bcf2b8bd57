"""`masklet track` as users have it: an MP4 of discs in, an MP4 with the masks drawn in out."""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

from masklet.data.scene import Scene
from masklet.media.writer import VideoWriter


def frames_per_second(objects: int, *, dtype: str, fast: int = 0, frames: int = 120) -> float:
    """What `masklet track` says of itself with nano and so many objects at 854x480."""
    with tempfile.TemporaryDirectory() as folder:
        clip, scene = Path(folder) / "discs.mp4", Scene(frames, 480, 854, objects)
        with VideoWriter(clip, height=scene.height, width=scene.width, fps=scene.fps) as writer:
            for frame in scene:
                writer.write(frame)
        prompts: list[str] = []
        for number in range(objects):
            rows, columns = np.nonzero(scene.mask(0, number))
            prompts += ["--prompt", f"{number + 1}@0:point={round(columns.mean())},{round(rows.mean())}"]
        command = [str(Path(sys.executable).with_name("masklet")), "track", str(clip), *prompts, "--fast", str(fast)]
        command += ["--dtype", dtype, "--device", "cpu", "--format", "overlay", "--output", f"{folder}/out"]
        said = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    rate = re.search(r"\(([\d.]+) frames/s\)", said)
    assert rate is not None, said
    return float(rate[1])
