"""The report of a run: one HTML file that needs nothing beside it, with all figures, curves and worst frames."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from masklet.data.layouts import open_videos
from masklet.data.sequences import AnnotatedVideo
from masklet.export.pages import Page, write_page
from masklet.metrics.manifest import Job
from masklet.metrics.report.curves import clicks_section, finished_rounds, rounds_section, series_of, settings_section
from masklet.metrics.report.runs import open_run
from masklet.metrics.report.sequences import sequences_section, time_section
from masklet.metrics.report.slicing import slices_section
from masklet.metrics.report.summary import (
    facts,
    figures_section,
    leaderboard_section,
    leading_predictor,
    published_section,
    tiles,
    title,
)
from masklet.metrics.report.trust import trust_section
from masklet.metrics.report.worst import worst_section
from masklet.metrics.run import PREDICTIONS
from masklet.metrics.slices import Attributes


def write_report(
    folder: Path,
    out: Path,
    *,
    earlier: Sequence[Path] = (),
    videos: Sequence[AnnotatedVideo] | None = None,
    attributes: Attributes | None = None,
) -> None:
    """Write the page of a finished run, atomically.

    Parameters
    ----------
    folder: of the run.
    out: the HTML file; an older one is replaced.
    earlier: folders of stored runs for the leaderboard.
    videos: what was evaluated, for pictures of the worst frames; by default what the manifest names, and no pictures
        where that is gone.
    attributes: by which the figures are sliced, from `masklet.data.attributes` or `masklet.metrics.slices`.

    Raises
    ------
    FileNotFoundError: one of the folders holds no finished run. ValueError: a damaged file.
    """
    run, stored = open_run(folder), [open_run(path) for path in earlier]
    manifest, figures = run.results.manifest, run.results.figures
    scores = finished_rounds(run.results.scores)
    leading = leading_predictor(manifest.job)
    series = series_of(row.predictor for row in (*figures, *scores))
    given: dict[str, str] = dict(manifest.job.options.get("predictions") or {})
    if videos is None:
        videos = _videos(manifest.job) if given or (folder / PREDICTIONS).is_dir() else []

    def predictions(predictor: str, setting: str) -> Path:
        return Path(given[predictor]) if predictor in given else folder / PREDICTIONS / predictor / setting

    page = Page(
        kind="masklet evaluation",
        title=title(manifest.job),
        facts=facts(manifest),
        tiles=tiles(figures, leading),
        sections=[
            figures_section(figures),
            leaderboard_section(run, stored),
            published_section(manifest.job.protocol),
            settings_section(figures, series),
            sequences_section(scores, series, leading),
            clicks_section(figures, series),
            rounds_section(figures, series),
            slices_section(scores, attributes or {}, leading),
            trust_section(scores),
            worst_section(scores, videos, predictions, leading),
            time_section(scores, series, leading),
        ],
        manifest=json.dumps(manifest.to_json(), indent=1),
    )
    write_page(page, out)


def _videos(job: Job) -> list[AnnotatedVideo]:
    """What the job names, if it is still there."""
    if job.data is None or not job.root.is_dir():
        return []
    return open_videos(job.root, job.layout, split=job.split)
