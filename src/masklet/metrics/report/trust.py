"""How far a model's own estimates can be trusted: its predicted IoU, and its score for whether an object is seen."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from masklet.export.pages import Cell, Charts, Section, Table
from masklet.metrics.calibration import auroc, presence_accuracy, probability, reliability
from masklet.metrics.report.reliability import reliability_diagram
from masklet.metrics.report.wording import wording
from masklet.metrics.results import Score

_HEADS = ("predictor", "ECE of predicted IoU", "ECE of presence", "presence accuracy", "AUROC of presence", "masks")


def trust_section(scores: Sequence[Score]) -> Section:
    """Reliability curves of every predictor that estimates anything, over all settings, and what they come to."""
    drawings: list[str] = []
    rows: list[list[Cell]] = []
    for predictor in dict.fromkeys(score.predictor for score in scores):
        mine = [score for score in scores if score.predictor == predictor]
        ious = _pairs(mine, "predicted_iou", ("J", "iou"))
        seen = _pairs(mine, "object_score", ("visible",))
        cells = [Cell(text="")] * 4
        if ious:
            # Some models' estimates are no probabilities and pass the ends by a little.
            curve = reliability(np.clip([guess for guess, _ in ious], 0, 1), [came for _, came in ious])
            drawings.append(
                reliability_diagram(f"{predictor}: IoU", curve.bins, predicted="predicted IoU", actual="IoU")
            )
            cells[0] = _cell("ece", curve.error)
        if seen:
            guesses, came = [guess for guess, _ in seen], [value for _, value in seen]
            curve = reliability(probability(guesses), came)
            drawings.append(
                reliability_diagram(
                    f"{predictor}: is it there", curve.bins, predicted="predicted presence", actual="present"
                )
            )
            area = auroc(guesses, [bool(value) for value in came])
            cells[1:] = [
                _cell("ece", curve.error),
                _cell("presence", presence_accuracy(guesses, came)),
                _cell("auroc", area) if area is not None else Cell(text="–"),
            ]
        if ious or seen:
            count = max(len(ious), len(seen))
            rows.append([Cell(text=predictor), *cells, Cell(text=str(count), value=count)])
    used = [place for place in range(len(_HEADS)) if any(row[place].text for row in rows)]
    table = Table(
        caption="", heads=[_HEADS[place] for place in used], rows=[[row[place] for place in used] for row in rows]
    )
    return Section(
        key="calibration",
        title="Calibration",
        note="What a model said of its masks against what came true. On the diagonal a promise is kept, below it too "
        "much was promised; a disc's area grows with the number of masks. ECE is the mean distance from the diagonal.",
        tables=[table],
        charts=[Charts(drawings=drawings)] if drawings else [],
    )


def _pairs(scores: Iterable[Score], estimate: str, outcomes: Sequence[str]) -> list[tuple[float, float]]:
    """(estimate, outcome) of each mask that has both; of several outcomes the first that was measured."""
    found: dict[tuple[str, str, int | None, int | None], dict[str, float]] = {}
    for score in scores:
        if score.metric == estimate or score.metric in outcomes:
            key = (score.setting, score.sequence, score.object_id, score.frame)
            found.setdefault(key, {})[score.metric] = score.value
    return [
        (values[estimate], next(values[name] for name in outcomes if name in values))
        for values in found.values()
        if estimate in values and len(values) > 1
    ]


def _cell(metric: str, value: float) -> Cell:
    return Cell(text=wording(metric).number(value), value=value)
