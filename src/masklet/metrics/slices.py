"""Any metric by group of objects: does a model serve all of them alike, and where does it fail?

Groups come from a file of attributes (`masklet.data.attributes`) or from the ground truth (`derived_attributes`). A key
is (sequence, object id), or (sequence, None) for all objects of a sequence.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

import cv2
import numpy as np

from masklet.data.sequences import AnnotatedVideo, Mask
from masklet.metrics.bootstrap import DRAWS, Interval, difference_interval, mean_interval
from masklet.metrics.results import Score, object_means

Key = tuple[str, int | None]
Groups = Mapping[Key, str]
"""Which group a sequence or an object belongs to."""
Attributes = Mapping[Key, Mapping[str, str]]
"""Name of an attribute -> group, of a sequence or an object."""

UNKNOWN = "unknown"
"""Group of the objects that have no other."""

MANY = 6
"""Numbers of more distinct values than this are put into ranges."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Slice:
    """One metric over one group.

    Attributes
    ----------
    mean: mean over the group's objects (of each object's mean over frames), with its interval.
    count: objects of the group.
    difference: this mean less that of all other objects, with its interval; None where there are no others.
    """

    predictor: str
    setting: str
    metric: str
    group: str
    mean: Interval
    count: int
    difference: Interval | None


def slices(
    scores: Sequence[Score], groups: Groups, metrics: Sequence[str], *, draws: int = DRAWS, seed: int = 0
) -> list[Slice]:
    """Each metric, predictor and setting by group; the groups in the order of their names, unknown last.

    Parameters
    ----------
    groups: an object's own group goes before its sequence's; who has none belongs to `UNKNOWN`.
    metrics: names of `Score.metric`, or "J&F".
    draws, seed: of the bootstrap.

    Raises
    ------
    ValueError: no object of the scores has a group, or no score is of such a metric.
    """
    found: list[Slice] = []
    known = False
    for metric in metrics:
        for (predictor, setting), values in _tables(object_values(scores, metric)).items():
            parts: dict[str, list[float]] = {}
            for (sequence, number), value in values.items():
                group = groups.get((sequence, number), groups.get((sequence, None), UNKNOWN))
                parts.setdefault(group, []).append(value)
            known |= bool(parts.keys() - {UNKNOWN})
            for group in sorted(parts, key=lambda name: (name == UNKNOWN, name)):
                rest = [value for name, others in parts.items() if name != group for value in others]
                found.append(
                    Slice(
                        predictor=predictor,
                        setting=setting,
                        metric=metric,
                        group=group,
                        mean=mean_interval(parts[group], draws=draws, seed=seed),
                        count=len(parts[group]),
                        difference=difference_interval(parts[group], rest, draws=draws, seed=seed) if rest else None,
                    )
                )
    if not found:
        raise ValueError(f"no score of the metrics {', '.join(metrics)} to put into groups")
    if not known:
        example = next(iter(groups), None)
        raise ValueError(
            f"no object of the scores has a group: the groups' first key is {example}, the scores have "
            f"the sequence {scores[0].sequence!r}"
        )
    return found


def object_values(scores: Sequence[Score], metric: str) -> dict[tuple[str, str, str, int | None], float]:
    """`results.object_means`, and of "J&F" the mean of an object's J and F."""
    if metric != "J&F":
        return object_means(scores, metric)
    regions, outlines = object_means(scores, "J"), object_means(scores, "F")
    return {key: (value + outlines[key]) / 2 for key, value in regions.items() if key in outlines}


def groups_of(attributes: Attributes, name: str) -> dict[Key, str]:
    """The groups of one attribute; numbers of more than `MANY` distinct values in three ranges of like counts.

    Raises
    ------
    ValueError: nobody has that attribute; the message names those that there are.
    """
    found = {key: values[name] for key, values in attributes.items() if name in values}
    if not found:
        names = sorted({name for values in attributes.values() for name in values})
        raise ValueError(f"no attribute {name!r}: there are {', '.join(names) or 'none'}")
    numbers = {key: _number(value) for key, value in found.items()}
    known = sorted(number for number in numbers.values() if number is not None)
    if len(known) < len(found) or len(set(known)) <= MANY:
        return found
    bounds = [known[round(place * (len(known) - 1) / 3)] for place in range(4)]
    return {key: _range(number, bounds) for key, number in numbers.items() if number is not None}


def _number(text: str) -> float | None:
    try:
        number = float(text)
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def _range(number: float, bounds: Sequence[float]) -> str:
    """The range of ascending bounds that holds a number; a bound belongs to the range below it."""
    places = list(pairwise(bounds))
    place = next(place for place, (_, high) in enumerate(places, 1) if number <= high)
    low, high = places[place - 1]
    return f"{place}: {low:g} to {high:g}"


def _tables(
    values: Mapping[tuple[str, str, str, int | None], float],
) -> dict[tuple[str, str], dict[Key, float]]:
    tables: dict[tuple[str, str], dict[Key, float]] = {}
    for (predictor, setting, sequence, number), value in values.items():
        tables.setdefault((predictor, setting), {})[sequence, number] = value
    return tables


@dataclass(frozen=True, slots=True, kw_only=True)
class Quantities:
    """What the ground truth says of one object.

    Attributes
    ----------
    size: mean share of the picture that the object covers where it is seen.
    motion: mean way of its centroid from frame to frame, in units of the square root of its area; None where it is not
        seen on two annotated frames.
    occlusion: share of the annotated frames, from its first appearance on, on which it is not seen.
    length: frames of the video.
    """

    size: float
    motion: float | None
    occlusion: float
    length: int

    def groups(self) -> dict[str, str]:
        """Attribute -> group, by fixed bounds, so that two data sets have the same groups.

        object size: SA-V's buckets, 32^2 and 96^2 pixels of a picture of 848 x 480: shares of 0.0025 and 0.0225.
        motion: 0.02 and 0.06, which part the clips of DAVIS in three.
        occlusion: always seen, or unseen on less, or on at least, a quarter of the frames.
        length: up to 100 frames (DAVIS), up to 400 (most of SA-V and MOSE), more (LVOS).
        """
        found = {
            "object size": _bucket(self.size, (0.0025, 0.0225), ("small", "medium", "large")),
            "occlusion": "none" if self.occlusion == 0 else _bucket(self.occlusion, (0.25,), ("some", "much")),
            "sequence length": _bucket(self.length, (101, 401), ("short", "medium", "long")),
        }
        if self.motion is not None:
            found["motion"] = _bucket(self.motion, (0.02, 0.06), ("slow", "medium", "fast"))
        return found


def _bucket(value: float, bounds: Sequence[float], names: Sequence[str]) -> str:
    return names[sum(value >= bound for bound in bounds)]


def quantities(video: AnnotatedVideo) -> dict[int, Quantities]:
    """Object id -> quantities, of every object that is seen; reads all annotations of the video once."""
    objects: dict[int, _Course] = {}
    for frame in video.annotations.frames:
        for number, mask in video.annotations.masks(frame).items():
            objects.setdefault(number, _Course()).add(frame, mask)
    return {number: course.quantities(len(video)) for number, course in objects.items() if course.places}


def derived_attributes(videos: Iterable[AnnotatedVideo]) -> dict[Key, dict[str, str]]:
    """(sequence, object) -> attribute -> group of all objects, from their ground truth: see `Quantities.groups`."""
    return {(video.name, number): found.groups() for video in videos for number, found in quantities(video).items()}


@dataclass(slots=True)
class _Course:
    """Where one object was seen."""

    places: list[tuple[int, float, float, float]] = field(default_factory=list)
    """(frame, x, y, area in pixels)."""
    share: float = 0.0
    unseen: int = 0

    def add(self, frame: int, mask: Mask) -> None:
        area = int(np.count_nonzero(mask))
        if not area:
            self.unseen += bool(self.places)
            return
        moments = cv2.moments(np.ascontiguousarray(mask).view(np.uint8), binaryImage=True)
        self.places.append((frame, moments["m10"] / moments["m00"], moments["m01"] / moments["m00"], float(area)))
        self.share += area / mask.size

    def quantities(self, length: int) -> Quantities:
        ways = [
            math.hypot(x - x0, y - y0) / ((frame - frame0) * math.sqrt((area0 + area) / 2))
            for (frame0, x0, y0, area0), (frame, x, y, area) in pairwise(self.places)
        ]
        return Quantities(
            size=self.share / len(self.places),
            motion=sum(ways) / len(ways) if ways else None,
            occlusion=self.unseen / (self.unseen + len(self.places)),
            length=length,
        )
