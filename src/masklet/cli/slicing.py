"""`masklet evaluate slices`: any metric of a finished run by groups of its objects."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

if TYPE_CHECKING:
    from rich.table import Table

    from masklet.metrics.slices import Attributes, Slice

FILE = "slices.csv"


def slices(
    run: Annotated[Path, Parameter(help="The folder of a finished run.")],
    /,
    *,
    attributes: Annotated[
        Path | None,
        Parameter(
            help="A CSV with the columns sequence, perhaps object, and attributes (gender, age, environment, ...)."
            " Without it: object size, motion, occlusion and length, as the ground truth has them.",
            show_default=False,
        ),
    ] = None,
    metric: Annotated[
        list[str] | None,
        Parameter(help="J&F, iou, ... as results.csv has them; by default J&F, or iou of images.", negative=""),
    ] = None,
) -> int:
    """Fairness and slices: a metric by group of objects, and how far each group is from all others.

    Means are over a group's objects, with 95 % bootstrap intervals; a difference is that to the mean of all other
    objects. Attributes of numbers become three ranges of like counts. The table goes to slices.csv in the run's folder,
    and the run's page is written again with it.

    Examples of use:

        masklet evaluate slices run --attributes attributes.csv
        masklet evaluate slices run --metric "J&F" --metric J
    """
    from rich.console import Console

    from masklet.metrics.report.page import write_report
    from masklet.metrics.run import REPORT, read_results
    from masklet.metrics.slices import groups_of
    from masklet.metrics.slices import slices as sliced

    groups = gather(run, attributes, derived=attributes is None)
    scores = read_results(run).scores
    metrics = metric or (["J&F"] if any(score.metric == "F" for score in scores) else ["iou"])
    found = {
        name: sliced(scores, groups_of(groups, name), metrics)
        for name in dict.fromkeys(name for values in groups.values() for name in values)
    }
    console = Console(highlight=False, soft_wrap=True)
    for name, parts in found.items():
        console.print(_table(name, parts))
    _write(run / FILE, found)
    write_report(run, run / REPORT, attributes=groups)
    console.print(f"table  {run / FILE}\npage   {run / REPORT}", markup=False)
    return 0


def gather(run: Path, path: Path | None, *, derived: bool) -> Attributes:
    """Attributes of a run's objects: those of a CSV, and beneath them those that its ground truth gives.

    Raises:
        ValueError: attributes are to be derived, but the run has no annotated videos; a damaged CSV.
    """
    from masklet.data.attributes import read_attributes
    from masklet.data.layouts import open_videos
    from masklet.metrics.run import read_results
    from masklet.metrics.slices import derived_attributes

    groups = {} if path is None else read_attributes(path)
    if derived:
        job = read_results(run).manifest.job
        if job.data is None or job.protocol == "images":
            raise ValueError(f"slices by ground truth need annotated videos, and a run of {job.protocol} has none")
        for key, values in derived_attributes(open_videos(job.root, job.layout, split=job.split)).items():
            groups[key] = {**values, **groups.get(key, {})}
    return groups


def _table(name: str, parts: Sequence[Slice]) -> Table:
    from rich.table import Table

    from masklet.metrics.report.wording import wording

    table = Table("group", "predictor", "setting", "metric", title=name)
    for heading in ("objects", "mean", "95 %", "to the others", "95 %"):
        table.add_column(heading, justify="right")
    for part in parts:
        words = wording(part.metric)
        mean, difference = part.mean, part.difference
        table.add_row(
            part.group,
            part.predictor,
            part.setting,
            words.label,
            str(part.count),
            words.number(mean.value),
            f"{words.number(mean.low)} to {words.number(mean.high)}",
            "" if difference is None else words.change(difference.value),
            "" if difference is None else f"{words.change(difference.low)} to {words.change(difference.high)}",
        )
    return table


def _write(path: Path, found: dict[str, list[Slice]]) -> None:
    import csv

    from masklet.media.atomic import atomic_path

    with atomic_path(path) as temporary, temporary.open("w", encoding="utf-8", newline="") as file:
        rows = csv.writer(file, lineterminator="\n")
        names = ("predictor", "setting", "metric", "group", "objects", "mean", "low", "high")
        rows.writerow(["attribute", *names, "difference", "difference_low", "difference_high"])
        for name, parts in found.items():
            for part in parts:
                apart = part.difference
                rows.writerow(
                    [name, part.predictor, part.setting, part.metric, part.group, part.count]
                    + [part.mean.value, part.mean.low, part.mean.high]
                    + (["", "", ""] if apart is None else [apart.value, apart.low, apart.high])
                )
