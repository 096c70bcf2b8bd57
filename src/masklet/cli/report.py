"""`masklet report`: the page of a run."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from masklet.cli.options import OUTPUT_GROUP


def report(
    run: Annotated[Path, Parameter(help="The folder of a finished run.")],
    /,
    *,
    earlier: Annotated[
        list[Path] | None,
        Parameter(help="The folder of an earlier run for the leaderboard; may be given several times.", negative=""),
    ] = None,
    attributes: Annotated[
        Path | None,
        Parameter(help="A CSV with the columns sequence, perhaps object, and attributes to slice by."),
    ] = None,
    slices: Annotated[
        bool,
        Parameter(
            help="Slice by object size, motion, occlusion and length too, as the ground truth has them.",
            negative="",
            show_default=False,
        ),
    ] = False,
    output: Annotated[
        Path | None,
        Parameter(
            name=["--output", "-o"],
            group=OUTPUT_GROUP,
            help="The HTML file; by default report.html in the run's folder.",
            show_default=False,
        ),
    ] = None,
) -> int:
    """Write the page of a run of `masklet evaluate`: one HTML file that needs nothing beside it.

    Examples of use:

        masklet report run
        masklet report run --earlier run-of-may --earlier run-of-june -o page.html
        masklet report run --slices
        masklet report run --attributes attributes.csv
    """
    from rich.console import Console

    from masklet.cli.slicing import gather
    from masklet.metrics.report.page import write_report
    from masklet.metrics.run import REPORT

    page = run / REPORT if output is None else output
    groups = gather(run, attributes, derived=slices)
    write_report(run, page, earlier=earlier or [], attributes=groups)
    Console(highlight=False, soft_wrap=True).print(f"page  {page}", markup=False)
    return 0
