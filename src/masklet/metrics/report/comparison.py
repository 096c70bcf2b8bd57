"""Two runs side by side: what got better and what got worse, in the terminal and as a page."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from rich.box import SIMPLE_HEAD
from rich.table import Table as Grid
from rich.text import Text

from masklet.export.charts import Difference, difference_chart
from masklet.export.pages import Cell, Charts, Page, Section, Table
from masklet.metrics.compare import Change, Comparison, ObjectChange, compare
from masklet.metrics.report.quality import HEADLINES
from masklet.metrics.report.runs import StoredRun
from masklet.metrics.report.slicing import span
from masklet.metrics.report.summary import title
from masklet.metrics.report.wording import wording

# What rows say beside how good something is: the truth, a model's own estimates, and amounts.
_NO_JUDGEMENT = frozenset(
    ("visible", "object_score", "object_score_elsewhere", "predicted_iou", "frames", "clicks", "edited_frames")
)
_MOST_ROWS = 40


def compare_runs(first: StoredRun, second: StoredRun, metrics: Sequence[str] | None = None) -> Comparison:
    """What changed from the first run to the second.

    Parameters
    ----------
    metrics: names of metrics; by default all that judge.

    Raises
    ------
    ValueError: runs of different protocols, a metric that neither has, or nothing in common; names the runs.
    """
    ours, theirs = (run.results.manifest.job.protocol for run in (first, second))
    if ours != theirs:
        raise ValueError(f"expected two runs of one protocol, got {ours} in {first.name} and {theirs} in {second.name}")
    measured = dict.fromkeys(score.metric for run in (first, second) for score in run.results.scores)
    known = [*(["J&F"] if {"J", "F"} <= measured.keys() else []), *measured]
    unknown = [name for name in metrics or () if name not in known]
    if unknown:
        raise ValueError(f"no metric {unknown[0]!r} in {first.name} and {second.name}: there are {', '.join(known)}")
    chosen = metrics or [name for name in known if name not in _NO_JUDGEMENT]
    try:
        return compare(first.results.scores, second.results.scores, chosen)
    except ValueError as error:
        raise ValueError(f"{first.name} and {second.name} have nothing in common: {error}") from error


def other_data(first: StoredRun, second: StoredRun) -> list[str]:
    """Names of the sequences that both runs have with different files."""
    ours, theirs = (run.results.manifest.sequences for run in (first, second))
    return [name for name, checksum in ours.items() if name in theirs and theirs[name] != checksum]


def verdict(change: Change) -> str:
    """In a word: "better", "worse", "unchanged", or "unclear" where the interval holds 0."""
    if not any(part.difference for part in change.objects):
        return "unchanged"
    if not change.difference.excludes_zero:
        return "unclear"
    return "better" if (change.difference.value > 0) != change.lower_is_better else "worse"


def changes_table(comparison: Comparison, first: str, second: str) -> Grid:
    """All changes for the terminal: means of both runs over what they share, the difference with its interval."""
    grid = _grid(f"{first} -> {second}", ("metric",))
    for name in ("before", "after", "difference", "95 % interval"):
        grid.add_column(name, justify="right", no_wrap=True)
    grid.add_column("", no_wrap=True)
    styles = {"better": "green", "worse": "red", "unclear": "dim", "unchanged": "dim"}
    shown = ""
    for change in comparison.changes:
        words, said = wording(change.metric), verdict(change)
        place = f"{_predictors(change)}, {change.setting}"
        if place != shown:
            grid.add_section()
            grid.add_row(Text(place, style="bold"))
        grid.add_row(
            Text(f"  {words.heading}"),
            words.number(change.first),
            words.number(change.second),
            words.change(change.difference.value),
            span(change.difference, words.change),
            Text(said, style=styles[said]),
        )
        shown = place
    return grid


def objects_table(changes: Sequence[Change], most: int = 5) -> Grid:
    """The objects that gained and lost most on some changes of one metric, for the terminal.

    Raises
    ------
    ValueError: no changes.
    """
    if not changes:
        raise ValueError("expected at least one change, got none")
    words = wording(changes[0].metric)
    grid = _grid(f"{words.label}: most changed", ("predictor", "setting", "sequence", "object"))
    for name in ("before", "after", "difference"):
        grid.add_column(name, justify="right", no_wrap=True)
    for moved in ([c.improved(most) for c in changes], [c.worsened(most) for c in changes]):
        found = [(change, part) for change, parts in zip(changes, moved, strict=True) for part in parts]
        for change, part in sorted(found, key=lambda item: -abs(item[1].difference))[:most]:
            names = _predictors(change), change.setting, part.sequence, _object(part)
            values = words.number(part.first), words.number(part.second), words.change(part.difference)
            grid.add_row(*map(Text, names), *values)
        grid.add_section()
    return grid


def _grid(title: str, names: Sequence[str]) -> Grid:
    grid = Grid(title=Text(title), title_justify="left", title_style="bold", box=SIMPLE_HEAD, pad_edge=False)
    for name in names:
        grid.add_column(name, overflow="fold")
    return grid


def comparison_page(first: StoredRun, second: StoredRun, comparison: Comparison) -> Page:
    """The comparison as a page."""
    headlines = leading_changes(comparison)
    different = other_data(first, second)
    facts = [("before", first.name), ("after", second.name)]
    if different:
        facts.append(("not the same data", ", ".join(different)))
    for label, names in (
        (f"only in {first.name}", comparison.only_first),
        (f"only in {second.name}", comparison.only_second),
    ):
        if names:
            facts.append((label, "; ".join(names)))
    return Page(
        kind="masklet comparison",
        title=f"{title(second.results.manifest.job)}: {first.name} and {second.name}",
        facts=facts,
        tiles=[],
        sections=[
            Section(
                key="glance",
                title="At a glance",
                note="How much was gained or lost in points, over the objects that both runs have, with 95 % intervals "
                "of a paired bootstrap. A disc is filled where the interval leaves out 0.",
                charts=_charts(headlines),
            ),
            Section(
                key="better",
                title="What got better",
                tables=_moved(headlines, lambda change: change.improved(_MOST_ROWS)),
            ),
            Section(
                key="worse",
                title="What got worse",
                tables=_moved(headlines, lambda change: change.worsened(_MOST_ROWS)),
            ),
            Section(
                key="changes",
                title="All changes",
                note="Means over the objects that both runs have, shares in percent; differences with their intervals.",
                tables=[_changes(comparison, first.name, second.name)],
            ),
        ],
    )


def leading_changes(comparison: Comparison) -> list[Change]:
    """The changes of the metric that runs are judged by, one for each predictor and setting."""
    metrics = dict.fromkeys(change.metric for change in comparison.changes)
    metric = next(name for name in (*HEADLINES, *metrics) if name in metrics)
    return [change for change in comparison.changes if change.metric == metric]


def _changes(comparison: Comparison, first: str, second: str) -> Table:
    rows: list[list[Cell]] = []
    for change in comparison.changes:
        words, said = wording(change.metric), verdict(change)
        rows.append(
            [
                Cell(text=_predictors(change)),
                Cell(text=change.setting),
                Cell(text=words.heading),
                Cell(text=said),
                Cell(text=words.number(change.first), value=change.first),
                Cell(text=words.number(change.second), value=change.second),
                Cell(
                    text=f"{words.change(change.difference.value)} ({span(change.difference, words.change)})",
                    value=change.difference.value,
                    strong=said in {"better", "worse"},
                ),
                Cell(text=str(len(change.objects)), value=len(change.objects)),
            ]
        )
    heads = ["predictor", "setting", "metric", "verdict", first, second, "difference", "objects"]
    return Table(caption="", heads=heads, rows=rows, names=4)


def _charts(changes: Sequence[Change]) -> list[Charts]:
    rows = [
        Difference(
            label=f"{_predictors(change)}, {change.setting}",
            value=change.difference.value,
            low=change.difference.low,
            high=change.difference.high,
            good={"better": True, "worse": False}.get(verdict(change)),
        )
        for change in changes
    ]
    words = wording(changes[0].metric)
    return [Charts(drawings=[difference_chart(f"{words.label}: difference", rows, text=words.change)])]


def _moved(changes: Sequence[Change], chosen: Callable[[Change], Sequence[ObjectChange]]) -> list[Table]:
    tables: list[Table] = []
    for change in changes:
        words = wording(change.metric)
        rows = [
            [
                Cell(text=part.sequence),
                Cell(text=_object(part)),
                Cell(text=words.number(part.first), value=part.first),
                Cell(text=words.number(part.second), value=part.second),
                Cell(text=words.change(part.difference), value=part.difference),
            ]
            for part in chosen(change)
        ]
        caption = f"{words.label} of {_predictors(change)}, {change.setting}"
        heads = ["sequence", "object", "before", "after", "difference"]
        tables.append(Table(caption=caption, heads=heads, rows=rows, names=2))
    return tables


def _predictors(change: Change) -> str:
    same = change.first_predictor == change.second_predictor
    return change.first_predictor if same else f"{change.first_predictor} -> {change.second_predictor}"


def _object(part: ObjectChange) -> str:
    return "" if part.object_id is None else str(part.object_id)
