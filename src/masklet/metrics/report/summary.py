"""The figures of a run in words and tables: what was run, the figures, the leaderboard, what others published."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TypeVar

from masklet.export.pages import Cell, Section, Table, Tile
from masklet.metrics.manifest import Job, Manifest
from masklet.metrics.report.curves import ROUND
from masklet.metrics.report.published import Published, published
from masklet.metrics.report.quality import headline
from masklet.metrics.report.runs import StoredRun
from masklet.metrics.report.wording import wording
from masklet.metrics.results import Figure

_TILES = 6
THIS_RUN = "this run"
_T = TypeVar("_T")
_K = TypeVar("_K")


def leading_predictor(job: Job) -> str | None:
    """The predictor that a page looks at most closely: the first that is no baseline; None without predictors."""
    models = [spec.name for spec in job.predictors if not spec.baseline]
    files = list(job.options.get("predictions") or {})
    return next(iter([*models, *files, *(spec.name for spec in job.predictors)]), None)


def title(job: Job) -> str:
    """What was measured on what."""
    return f"{job.protocol} on {Path(job.data).name}" if job.data else job.protocol


def facts(manifest: Manifest) -> list[tuple[str, str]]:
    """What was run, as labels and values; nothing that the manifest does not say."""
    job = manifest.job
    devices = dict.fromkeys(spec.device or "best present" for spec in job.predictors)
    found = [
        ("predictors", ", ".join(_predictor(spec.name, spec.model) for spec in job.predictors)),
        (
            "model files (SHA-256)",
            ", ".join(f"{Path(name).name} {mark[:12]}" for name, mark in manifest.models.items()),
        ),
        ("data", _data(manifest)),
        (
            "options",
            ", ".join(f"{name} {_plain(value)}" for name, value in job.options.items() if value not in (None, [], {})),
        ),
        (
            "device",
            f"{', '.join(devices)}: {', '.join(manifest.machine.values())}, {_count(manifest.threads, 'thread')}",
        ),
        ("seed", str(job.seed)),
        ("versions", ", ".join(f"{name} {number}" for name, number in manifest.versions.items())),
    ]
    return [(label, value) for label, value in found if value]


def tiles(figures: Sequence[Figure], predictor: str | None) -> list[Tile]:
    """The headline figure of a predictor for each setting (interactive rounds: their mean), and the best other one."""
    metric = headline(figures)
    if metric is None or predictor is None:
        return []
    words = wording(metric)
    found: list[Tile] = []
    for setting in _ordered(figure.setting for figure in figures if not ROUND.fullmatch(figure.setting)):
        values = {f.predictor: f.value for f in figures if f.setting == setting and f.metric == metric}
        mine = values.pop(predictor, None)
        if mine is None:
            continue
        best = (min if words.lower_is_better else max)(values, key=lambda name: values[name], default=None)
        note = f"{predictor}; {best} {words.number(values[best])}" if best is not None else predictor
        found.append(Tile(label=f"{words.label}, {setting}", value=words.number(mine), note=note))
    return found[:_TILES]


def figures_section(figures: Sequence[Figure]) -> Section:
    """All figures: a line for each setting and predictor."""
    return Section(key="figures", title="Figures", tables=[figures_as_table(figures)], note=_means(figures))


def figures_as_table(figures: Sequence[Figure], caption: str = "") -> Table:
    """Settings and predictors down, metrics across."""
    metrics = _ordered(figure.metric for figure in figures)
    cells = {(figure.setting, figure.predictor, figure.metric): figure.value for figure in figures}
    best = _best(figures)
    rows = [
        [
            Cell(text=setting),
            Cell(text=predictor),
            *(
                _cell(metric, cells.get((setting, predictor, metric)), best.get((setting, metric)))
                for metric in metrics
            ),
        ]
        for setting in _ordered(figure.setting for figure in figures)
        for predictor in _ordered(figure.predictor for figure in figures if figure.setting == setting)
    ]
    heads = ["setting", "predictor", *(wording(metric).heading for metric in metrics)]
    return Table(caption=caption, heads=heads, rows=rows, names=2)


def leaderboard_section(run: StoredRun, earlier: Sequence[StoredRun]) -> Section:
    """This run's predictors and those of earlier runs of the same protocol, by the headline metric."""
    results = run.results
    metric = headline(results.figures)
    comparable = [other for other in earlier if other.results.manifest.job.protocol == results.manifest.job.protocol]
    if metric is None or not comparable:
        return Section(key="leaderboard", title="Leaderboard")
    settings = _ordered(figure.setting for figure in results.figures if figure.metric == metric)
    lines: list[tuple[str, str, str, dict[str, float]]] = []
    for other in (run, *comparable):
        same = other.results.manifest.sequences == results.manifest.sequences
        for predictor in _ordered(figure.predictor for figure in other.results.figures):
            values = {
                figure.setting: figure.value
                for figure in other.results.figures
                if figure.predictor == predictor and figure.metric == metric and figure.setting in settings
            }
            if values:
                lines.append((predictor, THIS_RUN if other is run else other.name, "same" if same else "other", values))
    sign = 1 if wording(metric).lower_is_better else -1
    lines.sort(key=lambda line: (line[2] != "same", sign * sum(line[3].values()) / len(line[3])))
    rows = [
        [
            Cell(text=predictor),
            Cell(text=name),
            Cell(text=data),
            *(_cell(metric, values.get(setting), None) for setting in settings),
        ]
        for predictor, name, data, values in lines
    ]
    left_out = len(earlier) - len(comparable)
    note = f"{wording(metric).heading} by setting. Only lines with the same data can be compared."
    if left_out:
        note += f" {_count(left_out, 'earlier run')} of other protocols left out."
    return Section(
        key="leaderboard",
        title="Leaderboard",
        note=note,
        tables=[Table(caption="", heads=["predictor", "run", "data", *settings], rows=rows, names=3)],
    )


def published_section(protocol: str) -> Section:
    """What others published for this protocol, on their data: a table a data set, or one for several of one setting."""
    tables: list[Table] = []
    single: dict[str, list[Published]] = {}
    for data_set, group in _grouped(published(protocol), lambda figure: figure.data_set).items():
        if len({figure.setting for figure in group}) > 1:
            caption = f"{data_set}: {wording(group[0].metric).heading}"
            tables.append(_published_table(caption, group, lambda figure: figure.setting))
        elif len({figure.metric for figure in group}) > 1:
            tables.append(_published_table(data_set, group, lambda figure: wording(figure.metric).heading))
        else:
            single.setdefault(f"{wording(group[0].metric).heading}, {group[0].setting}", []).extend(group)
    for caption, group in single.items():
        tables.append(_published_table(caption, group, lambda figure: figure.data_set))
    return Section(
        key="published",
        title="Published figures",
        note="Published by others, who measured them on the data that is named. None of it was measured here.",
        tables=tables,
    )


def _published_table(caption: str, group: Sequence[Published], column: Callable[[Published], str]) -> Table:
    columns = _ordered(column(figure) for figure in group)
    rows: list[list[Cell]] = []
    for (method, source), line in _grouped(group, lambda figure: (figure.method, figure.source)).items():
        cells = {column(figure): _cell(figure.metric, figure.value, None) for figure in line}
        rows.append([Cell(text=method), Cell(text=source), *(cells.get(name, Cell(text="")) for name in columns)])
    return Table(caption=caption, heads=["method", "published in", *columns], rows=rows, names=2)


def _cell(metric: str, value: float | None, best: float | None) -> Cell:
    if value is None:
        return Cell(text="")
    return Cell(text=wording(metric).number(value), value=value, strong=value == best)


def _best(figures: Iterable[Figure]) -> dict[tuple[str, str], float]:
    """(setting, metric) -> the best value, where there are several."""
    values: dict[tuple[str, str], list[float]] = {}
    for figure in figures:
        values.setdefault((figure.setting, figure.metric), []).append(figure.value)
    return {
        key: (min if wording(key[1]).lower_is_better else max)(found)
        for key, found in values.items()
        if len(set(found)) > 1
    }


def _means(figures: Iterable[Figure]) -> str:
    counts = sorted({figure.count for figure in figures})
    if not counts:
        return ""
    span = str(counts[0]) if len(counts) == 1 else f"{counts[0]} to {counts[-1]}"
    return f"Means over {span} objects or sequences, as the protocol defines them. Shares in percent; the best is bold."


def _data(manifest: Manifest) -> str:
    job = manifest.job
    words = [job.data or "", f"split {job.split}" if job.split else "", _count(len(manifest.sequences), "sequence")]
    return ", ".join(word for word in words if word) if manifest.sequences or job.data else ""


def _predictor(name: str, model: str) -> str:
    return name if name == model else f"{name} ({Path(model).name})"


def _plain(value: object) -> str:
    if isinstance(value, (list, tuple)):
        return " ".join(map(str, value))
    return {True: "yes", False: "no"}.get(value, str(value)) if isinstance(value, bool) else str(value)


def _count(number: int, thing: str) -> str:
    return f"{number} {thing}{'' if number == 1 else 's'}"


def _grouped(items: Iterable[_T], key: Callable[[_T], _K]) -> dict[_K, list[_T]]:
    groups: dict[_K, list[_T]] = {}
    for item in items:
        groups.setdefault(key(item), []).append(item)
    return groups


def _ordered(items: Iterable[_T]) -> list[_T]:
    return list(dict.fromkeys(items))
