"""J and F a frame: ours, the official evaluator's code and vos-benchmark on the same 480p masks, in turn.

    python -m benchmarks.metrics [--data DAVIS]

prints medians in milliseconds of one core, and ratios. Without data the masks are drawn; with a folder in the DAVIS
layout, every tenth ground truth is judged against itself, moved and frayed. All three must agree to the last bit.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image
from rich.console import Console
from rich.table import Table
from skimage.morphology import disk

from masklet.metrics.jf import frame_jf

HEIGHT, WIDTH = 480, 854
SHARE = 0.008
FRAMES = 10
"""Frames that a side has in one go: sequences are scored as a whole."""

Labels = NDArray[np.uint8]
Figures = dict[int, tuple[float, float]]
"""Object -> J, F."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """Label maps [H, W] of one frame; 0 is background."""

    name: str
    predicted: Labels
    truth: Labels
    objects: Sequence[int]


def masklet_figures(case: Case) -> Figures:
    """Ours."""
    found: Figures = {}
    for label in case.objects:
        figures = frame_jf(case.predicted == label, case.truth == label)
        found[label] = figures.j, figures.f
    return found


def official_figures(case: Case) -> Figures:
    """What davis2017-evaluation computes for every object of a frame, step by step as it does."""
    found: Figures = {}
    for label in case.objects:
        truth, predicted = case.truth == label, case.predicted == label
        found[label] = _official_j(truth, predicted), _official_f(truth, predicted)
    return found


def vos_benchmark_figures(case: Case) -> Figures:
    """vos-benchmark, of one frame."""
    from vos_benchmark.evaluator import Evaluator

    evaluator = Evaluator(boundary=SHARE)
    evaluator.feed_frame(case.predicted, case.truth)
    return {label: (evaluator.object_iou[label][0], evaluator.boundary_f[label][0]) for label in case.objects}


SIDES: Mapping[str, Callable[[Case], Figures]] = {
    "masklet": masklet_figures,
    "official": official_figures,
    "vos-benchmark": vos_benchmark_figures,
}


def _official_j(truth: NDArray[Any], predicted: NDArray[Any]) -> float:
    truth, predicted = truth.astype(bool), predicted.astype(bool)
    void = np.zeros_like(predicted)
    intersection = np.sum((predicted & truth) & np.logical_not(void), axis=(-2, -1))
    union = np.sum((predicted | truth) & np.logical_not(void), axis=(-2, -1))
    return 1.0 if np.isclose(union, 0) else float(intersection / union)


def _official_f(truth: NDArray[Any], predicted: NDArray[Any]) -> float:
    void = np.zeros_like(predicted).astype(bool)
    radius = np.ceil(SHARE * np.linalg.norm(predicted.shape))
    found = _official_outline(predicted * np.logical_not(void))
    wanted = _official_outline(truth * np.logical_not(void))
    near_found = cv2.dilate(found.astype(np.uint8), np.asarray(disk(radius)).astype(np.uint8))
    near_wanted = cv2.dilate(wanted.astype(np.uint8), np.asarray(disk(radius)).astype(np.uint8))
    wanted_match = wanted * near_found
    found_match = found * near_wanted
    found_count, wanted_count = np.sum(found), np.sum(wanted)
    if found_count == 0 or wanted_count == 0:
        return float(found_count == wanted_count)
    precision = np.sum(found_match) / float(found_count)
    recall = np.sum(wanted_match) / float(wanted_count)
    return 0.0 if precision + recall == 0 else float(2 * precision * recall / (precision + recall))


def _official_outline(mask: NDArray[Any]) -> NDArray[np.bool_]:
    mask = mask.astype(bool)
    east, south, south_east = np.zeros_like(mask), np.zeros_like(mask), np.zeros_like(mask)
    east[:, :-1] = mask[:, 1:]
    south[:-1, :] = mask[1:, :]
    south_east[:-1, :-1] = mask[1:, 1:]
    outline = mask ^ east | mask ^ south | mask ^ south_east
    outline[-1, :] = mask[-1, :] ^ east[-1, :]
    outline[:, -1] = mask[:, -1] ^ south[:, -1]
    outline[-1, -1] = 0
    return outline


def drawn_cases() -> list[Case]:
    """Frames of 854 x 480: objects of three sizes, one that touches every border, five objects."""
    sizes = {
        "1 % of the frame": [0.01],
        "8 % of the frame": [0.08],
        "40 % of the frame": [0.4],
        "five objects": [0.02] * 5,
    }
    cases = [_drawn(name, shares) for name, shares in sizes.items()]
    grid = np.zeros((HEIGHT, WIDTH), np.uint8)
    grid[::97, :] = grid[:, ::113] = 1
    return [*cases, _case("a grid all over", _dilated(grid), seed=0)]


def _drawn(name: str, shares: list[float]) -> Case:
    truth = np.zeros((HEIGHT, WIDTH), np.uint8)
    for number, share in enumerate(shares, 1):
        centre = (round(WIDTH * (number - 0.5) / len(shares)), HEIGHT // 2)
        radius = np.sqrt(share * HEIGHT * WIDTH / np.pi)
        cv2.ellipse(truth, centre, (round(radius * 0.9), round(radius / 0.9)), 20, 0, 360, number, cv2.FILLED)
    return _case(name, truth, seed=len(shares))


def _dilated(labels: Labels) -> Labels:
    return cv2.dilate(labels, np.ones((15, 15), np.uint8)).astype(np.uint8)


def _case(name: str, truth: Labels, seed: int) -> Case:
    """Predictions as a tracker might give them: moved by some pixels, with a wavering outline."""
    rng = np.random.default_rng(seed)
    rows, columns = np.indices(truth.shape, dtype=np.float32)
    size = truth.shape[1], truth.shape[0]
    right, down = (cv2.resize(rng.normal(3, 8, (12, 20)).astype(np.float32), size) for _ in range(2))
    predicted = cv2.remap(truth, columns + right, rows + down, cv2.INTER_NEAREST).astype(np.uint8)
    objects = tuple(int(label) for label in np.unique(truth) if label)
    return Case(name=name, predicted=predicted, truth=truth, objects=objects)


def davis_cases(root: Path) -> Iterator[Case]:
    """Every tenth ground truth of a folder in the DAVIS layout, against itself frayed."""
    for sequence in sorted((root / "Annotations" / "480p").iterdir()):
        for index, path in enumerate(sorted(sequence.glob("*.png"))[::10]):
            with Image.open(path) as picture:
                truth = np.array(picture)
            yield _case(sequence.name, truth, seed=index)


def seconds(case: Case, rounds: int) -> dict[str, list[float]]:
    """Side -> seconds of every round, after one that does not count: processor time, as the machine may be shared.

    Raises
    ------
    ValueError: the sides disagree.
    """
    answers = {name: side(case) for name, side in SIDES.items()}
    if any(answer != answers["masklet"] for answer in answers.values()):
        raise ValueError(f"{case.name}: the sides disagree: {answers}")
    spent: dict[str, list[float]] = {name: [] for name in SIDES}
    for number in range(rounds):
        # Who goes first changes from round to round, so that drift hits all alike.
        for name in list(SIDES)[:: 1 if number % 2 else -1]:
            for _ in range(FRAMES):
                start = time.thread_time()
                SIDES[name](case)
                spent[name].append(time.thread_time() - start)
    return spent


def table(spent: Mapping[str, Mapping[str, list[float]]]) -> Table:
    """Case -> side -> seconds, as medians in milliseconds and how many times longer the others take."""
    rendered = Table(title="J and F of a frame")
    for heading in ("masks", *(f"{name} ms" for name in SIDES), *(f"{name} / masklet" for name in list(SIDES)[1:])):
        rendered.add_column(heading, justify="left" if heading == "masks" else "right")
    for name, sides in spent.items():
        medians = {side: statistics.median(values) for side, values in sides.items()}
        ratios = [f"{medians[side] / medians['masklet']:.1f}" for side in list(SIDES)[1:]]
        rendered.add_row(name, *(f"{1000 * value:.2f}" for value in medians.values()), *ratios)
    return rendered


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.metrics", description=__doc__)
    parser.add_argument("--data", type=Path, help="a folder in the DAVIS layout (Annotations/480p)")
    parser.add_argument("--rounds", type=int, default=7)
    options = parser.parse_args()
    cv2.setNumThreads(1)
    spent: dict[str, dict[str, list[float]]] = {}
    for case in drawn_cases() if options.data is None else davis_cases(options.data):
        for side, values in seconds(case, options.rounds).items():
            spent.setdefault(case.name, {}).setdefault(side, []).extend(values)
    Console().print(table(spent))


if __name__ == "__main__":
    main()
