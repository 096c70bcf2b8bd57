"""Changes of colour and sharpness as the bundled model is trained with: stronger than the published ones."""

from __future__ import annotations

import cv2
import numpy as np


def jitter_colours(rng: np.random.Generator, frames: np.ndarray) -> np.ndarray:
    """Brightness, contrast, saturation, gamma: one draw a clip and a small drift over its frames. [T,H,W,3] uint8."""
    grey = rng.random() < 0.05
    gain, lift, gamma, saturation = (
        rng.uniform(0.75, 1.3),
        rng.uniform(-18, 18),
        rng.uniform(0.8, 1.25),
        rng.uniform(0.6, 1.3),
    )
    drift = rng.normal(0, 0.06, 2) if rng.random() < 0.3 else np.zeros(2)
    tint = rng.uniform(0.94, 1.06, 3)
    levels = np.arange(256, dtype=np.float32)
    out = np.empty_like(frames)
    for index, original in enumerate(frames):
        frame = original
        if grey:
            frame = cv2.cvtColor(cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB)
        elif abs(saturation - 1) > 0.1:
            luma = cv2.cvtColor(cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB)
            frame = cv2.addWeighted(frame, saturation, luma, 1 - saturation, 0)
        time = index / max(len(frames) - 1, 1)
        curve = 255 * (levels / 255) ** gamma * gain * (1 + drift[0] * time) + lift + 60 * drift[1] * time
        table = np.clip(curve[:, None] * tint, 0, 255).astype(np.uint8)
        out[index] = cv2.LUT(frame, np.ascontiguousarray(table[:, None, :]))
    return out


def blur_some(rng: np.random.Generator, frames: np.ndarray) -> np.ndarray:
    """Line blur (a fast camera) or defocus on all or some frames of a quarter of the clips. [T,H,W,3] uint8."""
    if rng.random() > 0.25:
        return frames
    length = int(rng.integers(3, 10))
    kernel = np.zeros((length, length), np.float32)
    if rng.random() < 0.7:
        angle = rng.uniform(0, np.pi)
        middle = (length - 1) / 2
        reach = np.array([np.cos(angle), np.sin(angle)]) * middle
        start, end = np.rint(middle - reach).astype(int), np.rint(middle + reach).astype(int)
        cv2.line(kernel, (int(start[0]), int(start[1])), (int(end[0]), int(end[1])), 1.0, 1)
    else:
        cv2.circle(kernel, (length // 2, length // 2), max(length // 3, 1), 1.0, -1)
    kernel /= kernel.sum()
    chosen = rng.random(len(frames)) < rng.choice([0.4, 1.0])
    return np.stack(
        [cv2.filter2D(frame, -1, kernel) if blur else frame for frame, blur in zip(frames, chosen, strict=True)]
    )
