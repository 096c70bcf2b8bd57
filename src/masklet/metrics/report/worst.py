"""The section of worst frames: chosen by their scores, drawn from the run folder's predictions."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from masklet.data.predictions import prediction_path
from masklet.data.sequences import AnnotatedVideo, Mask
from masklet.export.files import read_labels
from masklet.export.pages import Section, Strip, data_uri
from masklet.metrics.report.strips import WorstFrame, frame_values, strip, worst_frames
from masklet.metrics.report.wording import wording
from masklet.metrics.results import Score

Folders = Callable[[str, str], Path]
"""Predictor and setting -> the folder of its predictions, in either layout of `masklet.data.predictions`."""


def worst_section(
    scores: Sequence[Score], videos: Sequence[AnnotatedVideo], folders: Folders, predictor: str | None, count: int = 12
) -> Section:
    """The worst frames of a predictor over all settings, as strips; only frames whose prediction was kept.

    Raises
    ------
    ValueError: a prediction or an annotation that cannot be read, or that has another size than its frame.
    """
    by_name = {video.name: video for video in videos}
    candidates = [
        frame
        for frame in frame_values(score for score in scores if score.predictor == predictor)
        if frame.sequence in by_name and _file(frame, by_name[frame.sequence], folders) is not None
    ]
    chosen = worst_frames(candidates, count)
    return Section(
        key="worst",
        title="Worst frames",
        note="The frames on which an object was predicted worst, one of each sequence before a second of any. In the "
        "error, blue is missing, orange is too much, pale is right; a yellow frame shows what the other three look at.",
        strips=[
            _drawn(frame, by_name[frame.sequence], folders) for frame in sorted(chosen, key=lambda frame: frame.value)
        ],
    )


def _file(frame: WorstFrame, video: AnnotatedVideo, folders: Folders) -> tuple[Path, bool] | None:
    """Where the prediction lies, and whether that file is the object's own; None where it was not kept."""
    folder = folders(frame.predictor, frame.setting)
    if frame.frame >= len(video):
        return None
    for own in (False, True):
        path = prediction_path(folder, video, frame.frame, frame.object_id if own else None)
        if path.is_file():
            return path, own
    return None


def _predicted(frame: WorstFrame, video: AnnotatedVideo, folders: Folders, size: tuple[int, int]) -> Mask:
    found = _file(frame, video, folders)
    assert found is not None
    path, own = found
    labels = read_labels(path, size)
    alone = tuple(video.annotations.objects) == (1,)  # it may be white
    return labels > 0 if own or alone else labels == frame.object_id


def _drawn(frame: WorstFrame, video: AnnotatedVideo, folders: Folders) -> Strip:
    truth = video.annotations.masks(frame.frame)[frame.object_id]
    predicted = _predicted(frame, video, folders, (truth.shape[0], truth.shape[1]))
    sheet = strip(video.frame(frame.frame), truth, predicted, object_id=frame.object_id)
    quality = wording("J&F").text(frame.value)
    title = f"{video.name}, frame {frame.frame}, object {frame.object_id}"
    return Strip(
        address=data_uri(sheet),
        alternative=f"{title}: picture, ground truth, prediction and error map; {quality} right",
        width=sheet.shape[1],
        height=sheet.shape[0],
        title=title,
        text=f"{frame.predictor}, {frame.setting}: {quality}",
    )
