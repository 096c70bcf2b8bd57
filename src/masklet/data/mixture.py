"""Several sources as one, drawn by ratio."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from masklet.data.samples import Sample, Source, Sources


class Mixture:
    """Each sample comes from one of several sources; the generator alone decides which.

    Parameters
    ----------
    parts: sources with their ratios, which are positive and need not sum to one.

    Raises
    ------
    ValueError: no parts, or a ratio that is not a positive number.

    Example
    -------
    >>> Mixture([(photographs, 15.2), (videos, 84.8)])  # doctest: +SKIP
    """

    def __init__(self, parts: Sequence[tuple[Source, float]]) -> None:
        self._sources = [source for source, _ in parts]
        self._shares = shares_of([ratio for _, ratio in parts])
        self.name = " + ".join(dict.fromkeys(source.name for source in self._sources))

    def sample(self, rng: np.random.Generator, length: int, size: int, objects: int) -> Sample:
        """Draw from one of the sources."""
        chosen = self._sources[int(rng.choice(len(self._sources), p=self._shares))]
        return chosen.sample(rng, length, size, objects)


def mixed(parts: Sequence[tuple[Sources, float]]) -> Sources:
    """Several data sets as one: stills with stills, clips with clips, in the given ratios. Errors as `Mixture`."""
    return Sources(
        stills=Mixture([(sources.stills, ratio) for sources, ratio in parts]),
        synthetic=Mixture([(sources.synthetic, ratio) for sources, ratio in parts]),
        real=Mixture([(sources.real, ratio) for sources, ratio in parts]),
    )


def shares_of(ratios: Sequence[float]) -> np.ndarray:
    """Ratios as probabilities. Raises ValueError for none, or one that is not a positive number."""
    values = np.array(ratios, np.float64)
    if not len(values):
        raise ValueError("a mixture needs at least one part")
    if not (np.isfinite(values) & (values > 0)).all():
        raise ValueError(f"ratios are positive numbers, got {', '.join(f'{ratio:g}' for ratio in ratios)}")
    return values / values.sum()
