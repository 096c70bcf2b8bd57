"""Mixtures: shares, order of names, and that the seed decides."""

from __future__ import annotations

import numpy as np
import pytest

from masklet.data.mixture import Mixture, mixed
from masklet.data.samples import Sample, Sources


class Plain:
    def __init__(self, name: str) -> None:
        self.name = name

    def sample(self, rng: np.random.Generator, length: int, size: int, objects: int) -> Sample:  # noqa: ARG002
        frames = np.zeros((length, size, size, 3), np.uint8)
        return Sample(frames=frames, masks=np.ones((1, length, size, size), bool), source=self.name)


def drawn(source: Mixture, count: int) -> list[str]:
    return [source.sample(np.random.default_rng(seed), 1, 8, 1).source for seed in range(count)]


def test_sources_come_by_ratio_and_by_seed() -> None:
    mixture = Mixture([(Plain("pictures"), 15.2), (Plain("videos"), 70), (Plain("own"), 14.8)])
    names = drawn(mixture, 600)
    assert mixture.name == "pictures + videos + own"
    assert names == drawn(mixture, 600)
    for name, share in (("pictures", 0.152), ("videos", 0.7), ("own", 0.148)):
        assert names.count(name) / 600 == pytest.approx(share, abs=0.05)


@pytest.mark.parametrize("ratios", [[0, 1], [-1, 2], [float("nan"), 1], [float("inf"), 1]])
def test_ratios_are_positive(ratios: list[float]) -> None:
    with pytest.raises(ValueError, match="positive numbers, got"):
        Mixture([(Plain(str(ratio)), ratio) for ratio in ratios])


def test_a_mixture_needs_a_part() -> None:
    with pytest.raises(ValueError, match="at least one part"):
        Mixture([])


def test_data_sets_are_mixed_kind_by_kind() -> None:
    first, second = _sources("1"), _sources("2")
    both = mixed([(first, 1), (second, 1e-9)])
    for kind in ("stills", "synthetic", "real"):
        sample = getattr(both, kind).sample(np.random.default_rng(0), 1, 8, 1)
        assert sample.source == f"1 {kind}"


def _sources(name: str) -> Sources:
    return Sources(stills=Plain(f"{name} stills"), synthetic=Plain(f"{name} synthetic"), real=Plain(f"{name} real"))
