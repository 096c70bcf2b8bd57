"""The section of worst frames: chosen by their scores, drawn from the run folder's predictions."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from masklet.data.sequences import AnnotatedVideo
from masklet.export.files import read_labels
from masklet.metrics.report.blocks import Section, Strip
from masklet.metrics.report.strips import WorstFrame, data_uri, frame_values, strip, worst_frames
from masklet.metrics.report.wording import wording
from masklet.metrics.results import Score


def worst_section(
    scores: Sequence[Score], videos: Sequence[AnnotatedVideo], predictions: Path, predictor: str | None, count: int = 12
) -> Section:
    """The worst frames of a predictor over all settings, as strips; only frames whose prediction was kept.

    Parameters
    ----------
    predictions: `<predictor>/<setting>/<video>/<stem>.png` below it.

    Raises
    ------
    ValueError: a prediction or an annotation that cannot be read, or that has another size than its frame.
    """
    by_name = {video.name: video for video in videos}
    candidates = [
        frame
        for frame in frame_values(score for score in scores if score.predictor == predictor)
        if frame.sequence in by_name and _file(frame, by_name[frame.sequence], predictions).is_file()
    ]
    chosen = worst_frames(candidates, count)
    return Section(
        key="worst",
        title="Worst frames",
        note="The frames on which an object was predicted worst, one of each sequence before a second of any. In the "
        "error, blue is missing, orange is too much, pale is right; a yellow frame shows what the other three look at.",
        strips=[
            _drawn(frame, by_name[frame.sequence], predictions)
            for frame in sorted(chosen, key=lambda frame: frame.value)
        ],
    )


def _file(frame: WorstFrame, video: AnnotatedVideo, predictions: Path) -> Path:
    stem = video.stems[frame.frame] if frame.frame < len(video) else str(frame.frame)
    return predictions / frame.predictor / frame.setting / video.name / f"{stem}.png"


def _drawn(frame: WorstFrame, video: AnnotatedVideo, predictions: Path) -> Strip:
    picture = video.frame(frame.frame)
    truth = video.annotations.masks(frame.frame)[frame.object_id]
    labels = read_labels(_file(frame, video, predictions), truth.shape)
    sheet = strip(picture, truth, labels == frame.object_id, object_id=frame.object_id)
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
