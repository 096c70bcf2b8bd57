"""Predicted masks on disk, of this or of other tools, checked before any of them is scored.

Two layouts, recognised for each video:

    FOLDER/VIDEO/STEM.png          labels, as DAVIS has them: a pixel's value is the id of its object
    FOLDER/VIDEO/OBJECT/STEM.png   one black and white picture an object, as SA-V has them; OBJECT is 1, 01, 001, ...

STEM is the name of the frame's picture without its ending. Frames that are not scored may be there or not. Files that
are no pictures, directly in FOLDER, are left alone: evaluators write their tables there.

Legend: H W image.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from masklet.data.layouts.annotations import BINARY
from masklet.data.layouts.folders import by_frame, mask_files, object_folders, subfolders, video_size
from masklet.data.layouts.labels import Size, check_label_file, mask_of, read_labels, values_of
from masklet.data.sequences import AnnotatedVideo, Mask
from masklet.media.images import IMAGE_SUFFIXES


def prediction_path(folder: Path, video: AnnotatedVideo, frame: int, object_id: int | None = None) -> Path:
    """Where the prediction of a frame lies: its picture of labels, or with `object_id` that object's own picture."""
    place = folder / video.name
    if object_id is not None:
        place = place / f"{object_id:03d}"
    return place / f"{video.frames[frame].stem}.png"


class Predictions:
    """The predictions in a folder, complete for every scored frame of the videos; masks are decoded when asked for.

    Made by `open_predictions`.
    """

    def __init__(self, readers: Mapping[str, _LabelFiles | _ObjectFiles]) -> None:
        self._readers = dict(readers)

    def masks(self, video: AnnotatedVideo, frame: int) -> dict[int, Mask]:
        """Every target object -> [H, W] bool, all False where it is not predicted.

        Raises
        ------
        ValueError: there is no prediction of that frame (it is not scored), or the file has an unknown object, a
            wrong palette, or for a single object more than two values; the message names it.
        """
        return self._readers[video.name].masks(frame)

    def files(self, video: AnnotatedVideo) -> Sequence[Path]:
        """All predictions of a video, for checksums."""
        return self._readers[video.name].files()


def open_predictions(folder: Path, videos: Sequence[AnnotatedVideo]) -> Predictions:
    """Check a folder of predictions against the videos that they are of; reads the headers of all files.

    Parameters
    ----------
    folder: holds one folder a video, in either layout.
    videos: all of the data set that the predictions are of.

    Raises
    ------
    FileNotFoundError: no such folder.
    ValueError: a video, scored frame or target object is missing, or there is one that the data set does not have;
        pictures of another size than the video, of more than 8 bits, or of colours. The message names the file.
    """
    names = {video.name.split("/")[0] for video in videos}
    for place in subfolders(folder):
        if place.name not in names:
            raise ValueError(f"{place}: predictions of a video that is not in the data set")
    for path in folder.iterdir():
        if path.suffix.lower() in IMAGE_SUFFIXES:
            raise ValueError(f"{path}: expected a folder for each video, got a picture")
    return Predictions({video.name: _reader(folder / video.name, video) for video in videos})


@dataclass(frozen=True, slots=True, kw_only=True)
class _LabelFiles:
    """One picture of labels a frame."""

    by_frame: Mapping[int, Path]
    size: Size
    objects: tuple[int, ...]

    def masks(self, frame: int) -> dict[int, Mask]:
        path = _present(self.by_frame, frame)
        labels = read_labels(path, self.size)
        values = self._known(path, values_of(labels))
        return {i: labels == values.get(i, i) for i in self.objects}

    def files(self) -> list[Path]:
        return list(self.by_frame.values())

    def check(self, wanted: Iterable[int]) -> None:
        """Whether each of these objects is predicted in some frame: one that never is was left out, not lost."""
        missing = set(wanted)
        for path in self.by_frame.values():
            if not missing:
                return
            missing -= set(self._known(path, values_of(read_labels(path, self.size))))
        if missing:
            folder = next(iter(self.by_frame.values())).parent
            raise ValueError(f"{folder}: object {min(missing)} is missing: it is in none of the predictions")

    def _known(self, path: Path, values: list[int]) -> dict[int, int]:
        """Object -> its value in a file. A single object 1 may be white (DAVIS 2016)."""
        if self.objects == (1,) and values == [BINARY]:
            return {1: BINARY}
        for value in values:
            if value not in self.objects:
                known = ", ".join(map(str, self.objects))
                raise ValueError(f"{path}: unknown object {value}; the video's objects are {known}")
        return {value: value for value in values}


@dataclass(frozen=True, slots=True, kw_only=True)
class _ObjectFiles:
    """One picture for each object and frame."""

    by_object: Mapping[int, Mapping[int, Path]]
    size: Size

    def masks(self, frame: int) -> dict[int, Mask]:
        paths = {i: _present(files, frame) for i, files in self.by_object.items()}
        return {i: mask_of(path, read_labels(path, self.size)) for i, path in paths.items()}

    def files(self) -> list[Path]:
        return [path for files in self.by_object.values() for path in files.values()]


def _reader(folder: Path, video: AnnotatedVideo) -> _LabelFiles | _ObjectFiles:
    if not folder.is_dir():
        raise ValueError(f"{folder}: no predictions of the video {video.name}")
    size = video_size(video.frames)
    pictures = [path for path in folder.iterdir() if path.suffix.lower() in IMAGE_SUFFIXES]
    for path in pictures:
        if path.suffix.lower() != ".png":
            raise ValueError(f"{path}: expected PNG predictions, got {path.suffix}")
    if pictures and subfolders(folder):
        raise ValueError(f"{folder}: pictures of labels beside folders of objects: which of them are the predictions?")
    if pictures:
        labels = _LabelFiles(by_frame=_frames_of(folder, video, size), size=size, objects=video.annotations.objects)
        last = max(video.scored, default=-1)
        labels.check(target.object_id for target in video.targets if target.frame <= last)
        return labels
    places = object_folders(folder)
    for object_id, place in places.items():
        if object_id not in video.annotations.objects:
            known = ", ".join(map(str, video.annotations.objects))
            raise ValueError(f"{place}: unknown object {object_id}; the video's objects are {known}")
    for object_id in video.annotations.objects:
        if object_id not in places:
            raise ValueError(f"{folder / f'{object_id:03d}'}: the predictions of object {object_id} are missing")
    files = {i: _frames_of(places[i], video, size) for i in video.annotations.objects}
    return _ObjectFiles(by_object=files, size=size)


def _frames_of(folder: Path, video: AnnotatedVideo, size: Size) -> dict[int, Path]:
    """Frame -> file, for all files of a folder."""
    files = by_frame(video.frames, mask_files(folder))
    for frame in video.scored:
        if frame not in files:
            raise ValueError(f"{folder / video.frames[frame].stem}.png: the prediction is missing")
    for path in files.values():
        check_label_file(path, size)
    return dict(sorted(files.items()))


def _present(files: Mapping[int, Path], frame: int) -> Path:
    if frame not in files:
        raise ValueError(f"{next(iter(files.values())).parent}: holds no prediction of frame {frame}")
    return files[frame]
