"""Smooth random motion of a layer: similarity with perspective along a path, and a thin-plate warp on top.

Coordinates are pixels of the S x S output. Matrices map the layer at rest to the frame at time t; times between two
frames are what a moving picture is blurred with.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

_KNOTS = 5  # control points of the warp along each side
_LIMB_KNOTS = 4  # the same of what swings
_GRID = 33  # points along each side at which the warp is computed; it is smooth in between


@dataclass(frozen=True, slots=True, kw_only=True)
class MotionRange:
    """How far a layer may move over a clip: shares of the frame, natural log of the scale, radians."""

    shift: float
    log_scale: float
    turn: float
    perspective: float
    elastic: float


CAMERA = MotionRange(shift=0.14, log_scale=0.2, turn=0.2, perspective=0.12, elastic=0.025)
TARGET = MotionRange(shift=0.35, log_scale=0.5, turn=0.5, perspective=0.25, elastic=0.05)


class Motion:
    """One layer's path over `length` frames of `size` pixels, drawn once; `flow(t)` and `matrix(t)` are then fixed."""

    def __init__(
        self, rng: np.random.Generator, span: MotionRange, length: int, size: int, pivot: tuple[float, float]
    ) -> None:
        self._size = size
        self._pivot = pivot
        # Rows: x, y, log scale, turn, two perspective terms. A steady drift, a bend, and a little unsteadiness.
        reach = np.array([span.shift, span.shift, span.log_scale, span.turn, span.perspective, span.perspective])
        reach = reach * np.minimum(1.0, 0.25 * max(length - 1, 1)) * rng.beta(1.2, 1.8)
        time = np.linspace(0, 1, length)[:, None] if length > 1 else np.zeros((1, 1))
        drift = rng.uniform(-1, 1, 6) * reach
        bend = rng.uniform(-0.5, 0.5, 6) * reach
        shake = rng.normal(0, 0.04, (length, 6)) * reach
        shake[0] = 0
        self._path = time * drift + time * (1 - time) * 2 * bend + shake
        self._bent = _bent(rng, _KNOTS, np.sqrt(2) * span.elastic * size * rng.uniform(0, 1))
        self._time = time[:, 0]

    def matrix(self, t: float) -> np.ndarray:
        """3x3 map from the layer at rest to its place at time `t`, 0..length-1."""
        before = int(t)
        share = t - before
        after = min(before + 1, len(self._path) - 1)
        x, y, log_scale, turn, px, py = (1 - share) * self._path[before] + share * self._path[after]
        scale = np.exp(log_scale)
        cos, sin = scale * np.cos(turn), scale * np.sin(turn)
        centre_x, centre_y = self._pivot
        to_centre = np.array([[1, 0, -centre_x], [0, 1, -centre_y], [0, 0, 1]])
        warp = np.array([[cos, -sin, 0], [sin, cos, 0], [px / self._size, py / self._size, 1]])
        back = np.array([[1, 0, centre_x + x * self._size], [0, 1, centre_y + y * self._size], [0, 0, 1]])
        return back @ warp @ to_centre

    def flow(self, t: float) -> np.ndarray:
        """Bending [S, S, 2] float32 in pixels, to be added to the sampling positions; 0 at time 0."""
        reached = np.float32(np.interp(t, np.arange(len(self._time)), self._time))
        return cv2.resize(self._bent * reached, (self._size, self._size), interpolation=cv2.INTER_CUBIC)


class Swing:
    """A layer bends to and fro about its own middle: two smooth warps, each at a pace of its own, none at time 0.

    Parameters
    ----------
    length: frames of the clip.
    reach: standard deviation of how far its parts move, a share of the layer's longer side.
    """

    def __init__(self, rng: np.random.Generator, length: int, reach: float = 0.07) -> None:
        self._length = length
        self._warps = [_bent(rng, _LIMB_KNOTS, rng.uniform(0, 1.5) * reach) for _ in range(2)]
        self._turns = rng.uniform(0.2, 0.9, 2)
        self._phases = rng.uniform(0, 2 * np.pi, 2)

    def grid(self, t: float, height: int, width: int) -> tuple[np.ndarray, np.ndarray]:
        """Positions x and y, each [height, width] float32, in the layer at rest for its pixels at time `t`."""
        angles = self._phases + 2 * np.pi * self._turns * t / max(self._length - 1, 1)
        shares = np.sin(angles) - np.sin(self._phases)
        bent = shares[0] * self._warps[0] + shares[1] * self._warps[1]
        moved = cv2.resize(bent.astype(np.float32), (width, height), interpolation=cv2.INTER_CUBIC)
        moved *= max(height, width)
        x = np.arange(width, dtype=np.float32)[None, :] + moved[..., 0]
        return x, np.arange(height, dtype=np.float32)[:, None] + moved[..., 1]


def _bent(rng: np.random.Generator, knots: int, amount: float) -> np.ndarray:
    """A random smooth warp [_GRID, _GRID, 2] float32 of the unit square; its knots move by `amount`, as a deviation."""
    side = np.linspace(0, 1, knots)
    places = np.stack(np.meshgrid(side, side), axis=-1).reshape(-1, 2)
    places += rng.uniform(-0.04, 0.04, places.shape)
    side = (np.arange(_GRID) + 0.5) / _GRID
    grid = np.stack(np.meshgrid(side, side), axis=-1).reshape(-1, 2)
    return thin_plate(places, rng.normal(0, amount, places.shape), grid).reshape(_GRID, _GRID, 2).astype(np.float32)


def thin_plate(knots: np.ndarray, shifts: np.ndarray, points: np.ndarray) -> np.ndarray:
    """The thin-plate spline that moves `knots` [K, 2] by `shifts` [K, 2], at `points` [N, 2]: shifts [N, 2].

    It bends least of all maps that do so (Bookstein, "Principal warps", 1989); knots on one line have none.
    """

    def kernel(a: np.ndarray, b: np.ndarray) -> np.ndarray:
        square = ((a[:, None] - b[None]) ** 2).sum(axis=-1)
        return square * np.log(np.maximum(square, 1e-12))

    plane = np.concatenate([np.ones((len(knots), 1)), knots], axis=1)
    system = np.block([[kernel(knots, knots), plane], [plane.T, np.zeros((3, 3))]])
    weights = np.linalg.solve(system, np.concatenate([shifts, np.zeros((3, 2))]))
    plane = np.concatenate([np.ones((len(points), 1)), points], axis=1)
    return kernel(points, knots) @ weights[:-3] + plane @ weights[-3:]


def sampling_grid(rest_to_frame: np.ndarray, elastic: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Positions x and y, each [S, S] float32, in the source picture for each pixel of the frame.

    `rest_to_frame` is 3x3 (source pixels to frame pixels); `elastic` [S, S, 2] bends the frame before it is mapped
    back.
    """
    inverse = np.linalg.inv(rest_to_frame).astype(np.float32)
    axis = np.arange(elastic.shape[0], dtype=np.float32)
    x = axis[None, :] + elastic[..., 0]
    y = axis[:, None] + elastic[..., 1]
    # A point behind the camera would fold the picture over; the motion ranges keep far from it.
    depth = np.maximum(inverse[2, 0] * x + inverse[2, 1] * y + inverse[2, 2], np.float32(0.05))
    u = (inverse[0, 0] * x + inverse[0, 1] * y + inverse[0, 2]) / depth
    v = (inverse[1, 0] * x + inverse[1, 1] * y + inverse[1, 2]) / depth
    return u, v
