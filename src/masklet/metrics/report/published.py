"""Figures that others published: what a report sets beside its own, always named as published and where.

They were measured on other data than a local run mostly is, so they stand in a table of their own and no mean, rank or
difference is ever made of them.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product

_SAM2 = "Ravi et al. 2024, arXiv:2408.00714"
_RELEASE = "SAM 2.1 release notes, 2024"
_SAM2LONG = "Ding et al. 2024, arXiv:2410.16268"
_SAMURAI = "Yang et al. 2024, arXiv:2411.11922"
_DAM4SAM = "Videnovic et al. 2024, arXiv:2411.17576"
_EDGETAM = "Zhou et al. 2025, arXiv:2501.07256"
_EFFICIENTTAM = "Xiong et al. 2024, arXiv:2411.18933"
_SEC = "Zhang et al. 2025, arXiv:2507.15852"

SEVENTEEN_SETS = "17 video sets, mean"
IMAGE_SETS = "37 image sets, mean"


@dataclass(frozen=True, slots=True, kw_only=True)
class Published:
    """One figure of a publication.

    Attributes
    ----------
    method: what was measured, as its authors call it.
    protocol: the protocol of this package that measures the same: "vos", "interactive", "images", "speed",
        "robustness".
    setting: under which conditions ("mask", "click-3", "no cut").
    data_set: what it was measured on.
    metric, value: as in `masklet.metrics.results.Figure`: shares are 0..1.
    source: the publication.
    """

    method: str
    protocol: str
    setting: str
    data_set: str
    metric: str
    value: float
    source: str


def published(protocol: str) -> list[Published]:
    """The published figures that belong to a protocol by name, grouped by data set; none for an unknown one."""
    return [figure for figure in FIGURES if figure.protocol == protocol]


def _first_frame_prompts() -> list[Published]:
    settings = ("click-1", "click-3", "click-5", "box", "mask")
    rows = {
        "SAM 2": (64.3, 73.2, 75.4, 72.9, 77.6),
        "SAM + Cutie": (56.7, 70.1, 72.2, 69.4, 74.1),
        "SAM + XMem++": (56.9, 68.4, 70.6, 67.6, 72.7),
    }
    return [
        _jf(method, SEVENTEEN_SETS, percent, _SAM2, setting)
        for method, percents in rows.items()
        for setting, percent in zip(settings, percents, strict=True)
    ]


def _released() -> list[Published]:
    """SAM 2.1 tiny, small, base+ and large."""
    models = ("SAM 2.1 tiny", "SAM 2.1 small", "SAM 2.1 base+", "SAM 2.1 large")
    rows = {
        "SA-V test": (76.5, 76.6, 78.2, 79.5),
        "MOSE val": (71.8, 73.5, 73.7, 74.6),
        "LVOS v2": (77.3, 78.3, 78.2, 80.6),
    }
    return [
        _jf(model, data_set, percent, _RELEASE)
        for data_set, percents in rows.items()
        for model, percent in zip(models, percents, strict=True)
    ]


def _follow_ups() -> list[Published]:
    return [
        _jf("SAM 2.1 large", "SA-V val", 78.6, _SAM2LONG),
        _jf("SAM2Long large", "SA-V val", 81.1, _SAM2LONG),
        _jf("SAM2Long large", "SA-V test", 81.2, _SAM2LONG),
        _jf("SAMURAI large", "SA-V val", 79.8, _SAMURAI),
        _jf("SAMURAI large", "SA-V test", 80.0, _SAMURAI),
        _jf("EdgeTAM", "SA-V val", 72.3, _EDGETAM),
        _jf("EdgeTAM", "SA-V test", 71.7, _EDGETAM),
        _jf("EdgeTAM", "DAVIS 2017 val", 87.7, _EDGETAM),
        _jf("EfficientTAM small", "DAVIS 2017 val", 89.2, _EFFICIENTTAM),
        _vos("SAM 2.1 large", "DiDi", "tracking quality", 64.9, _DAM4SAM),
        _vos("DAM4SAM large", "DiDi", "tracking quality", 69.4, _DAM4SAM),
    ]


def _segment_anything() -> list[Published]:
    rows = {"SAM 2": (61.4, 83.7), "SAM": (58.1, 81.3)}
    return [
        _figure("images", method, setting, IMAGE_SETS, "mIoU", percent / 100, _SAM2)
        for method, percents in rows.items()
        for setting, percent in zip(("click-1", "click-5"), percents, strict=True)
    ]


def _speed() -> list[Published]:
    rows = {"SAM 2.1 tiny": 91.2, "SAM 2.1 small": 84.8, "SAM 2.1 base+": 64.1, "SAM 2.1 large": 39.5}
    return [
        _figure("speed", model, "compiled", "one NVIDIA A100", "frames_per_second", value, _RELEASE)
        for model, value in rows.items()
    ]


def _data_engine() -> list[Published]:
    """Seconds a frame, edited frames and clicks on an edited frame, of people who annotated SA-V."""
    metrics = (("seconds_per_frame", 1.0), ("edited_share", 0.01), ("clicks_per_edited_frame", 1.0))
    rows = {
        "SAM on each frame": (37.8, 100.0, 4.80),
        "SAM + SAM 2 masks": (7.4, 23.25, 3.61),
        "SAM 2": (4.5, 19.04, 2.68),
    }
    return [
        _figure("interactive", method, "people", "SA-V data engine", metric, value * factor, _SAM2)
        for method, values in rows.items()
        for (metric, factor), value in zip(metrics, values, strict=True)
    ]


def _shot_cuts() -> list[Published]:
    rows = {"SAM 2.1": (79.4, 58.5, 52.4), "SeC": (84.2, 69.6, 67.5)}
    settings = ("no cut", "one cut", "many cuts")
    return [
        _figure("robustness", method, setting, "SeCVOS", "J&F", rows[method][place] / 100, _SEC)
        for method, (place, setting) in product(rows, enumerate(settings))
    ]


def _jf(method: str, data_set: str, percent: float, source: str, setting: str = "mask") -> Published:
    return _vos(method, data_set, "J&F", percent, source, setting)


def _vos(method: str, data_set: str, metric: str, percent: float, source: str, setting: str = "mask") -> Published:
    return _figure("vos", method, setting, data_set, metric, percent / 100, source)


def _figure(
    protocol: str, method: str, setting: str, data_set: str, metric: str, value: float, source: str
) -> Published:
    return Published(
        method=method,
        protocol=protocol,
        setting=setting,
        data_set=data_set,
        metric=metric,
        value=value,
        source=source,
    )


FIGURES: tuple[Published, ...] = (
    *_first_frame_prompts(),
    *_released(),
    *_follow_ups(),
    *_segment_anything(),
    *_speed(),
    *_data_engine(),
    *_shot_cuts(),
)
