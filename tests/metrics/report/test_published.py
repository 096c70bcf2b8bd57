from __future__ import annotations

import pytest

from masklet.metrics.report.published import FIGURES, published
from masklet.metrics.report.summary import published_section


def value(protocol: str, method: str, setting: str, data_set: str, metric: str) -> float:
    (found,) = {
        figure.value
        for figure in published(protocol)
        if (figure.method, figure.setting, figure.data_set, figure.metric) == (method, setting, data_set, metric)
    }
    return found


@pytest.mark.parametrize(
    ("key", "expected"),
    [
        (("vos", "SAM 2", "click-3", "17 video sets, mean", "J&F"), 0.732),
        (("vos", "SAM + XMem++", "mask", "17 video sets, mean", "J&F"), 0.727),
        (("vos", "SAM 2.1 base+", "mask", "MOSE val", "J&F"), 0.737),
        (("vos", "SAM2Long large", "mask", "SA-V test", "J&F"), 0.812),
        (("images", "SAM", "click-5", "37 image sets, mean", "mIoU"), 0.813),
        (("speed", "SAM 2.1 large", "compiled", "one NVIDIA A100", "frames_per_second"), 39.5),
        (("interactive", "SAM 2", "people", "SA-V data engine", "seconds_per_frame"), 4.5),
        (("robustness", "SeC", "many cuts", "SeCVOS", "J&F"), 0.675),
    ],
)
def test_figures_are_those_of_the_publications(key: tuple[str, str, str, str, str], expected: float):
    assert value(*key) == pytest.approx(expected)


def test_every_figure_says_where_it_is_from():
    assert all(figure.source and figure.data_set and figure.method for figure in FIGURES)
    keys = [(f.method, f.protocol, f.setting, f.data_set, f.metric, f.source) for f in FIGURES]
    assert len(keys) == len(set(keys))
    assert all(0 < figure.value < 1 for figure in FIGURES if figure.metric in {"J&F", "mIoU"})


def test_a_protocol_without_publications_has_no_section():
    assert published("unheard of") == []
    assert published_section("unheard of").empty


def test_the_section_has_every_figure_once():
    for protocol in {figure.protocol for figure in FIGURES}:
        section = published_section(protocol)
        cells = [cell.value for table in section.tables for row in table.rows for cell in row if cell.value is not None]
        assert sorted(cells) == sorted(figure.value for figure in published(protocol))
