"""`masklet compare`: what got better and worse from one run of `masklet evaluate` to another."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from masklet.cli.options import OUTPUT_GROUP


def compare(
    first: Annotated[Path, Parameter(help="The folder of the run before.")],
    second: Annotated[Path, Parameter(help="The folder of the run after.")],
    /,
    *,
    metric: Annotated[
        list[str] | None,
        Parameter(
            help="J&F, iou, ... as results.csv has them; may be given several times. By default all that judge.",
            negative="",
        ),
    ] = None,
    output: Annotated[
        Path | None,
        Parameter(
            name=["--output", "-o"], group=OUTPUT_GROUP, help="Also write an HTML page here.", show_default=False
        ),
    ] = None,
) -> int:
    """Say what got better and what got worse from one run to another.

    Objects are compared one by one: a difference is a mean over the objects that both runs have, and its interval is a
    paired bootstrap over them (95 %). A difference whose interval holds 0 may be chance and is called unclear.
    Predictors are matched by name; where each run has one that the other has not, these two are compared.

    Examples of use:

        masklet compare run-before run-after
        masklet compare run-before run-after --metric "J&F" -o report.html
    """
    from rich.console import Console

    from masklet.export.pages import write_page
    from masklet.metrics.report.comparison import (
        changes_table,
        compare_runs,
        comparison_page,
        leading_changes,
        objects_table,
        other_data,
    )
    from masklet.metrics.report.runs import open_run

    before, after = open_run(first), open_run(second)
    found = compare_runs(before, after, metric)
    console = Console(highlight=False)
    console.print(changes_table(found, before.name, after.name))
    if any(part.difference for change in leading_changes(found) for part in change.objects):
        console.print(objects_table(leading_changes(found)))
    for name, only in ((before.name, found.only_first), (after.name, found.only_second)):
        if only:
            console.print(f"only in {name}: {'; '.join(only)}", markup=False)
    different = other_data(before, after)
    if different:
        console.print(f"not the same data in both runs: {', '.join(different)}", markup=False)
    if output is not None:
        write_page(comparison_page(before, after, found), output)
        console.print(f"page  {output}", markup=False, soft_wrap=True)
    return 0
