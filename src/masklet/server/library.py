"""Media in: files and folders that are there, and uploads, piece by piece."""

from __future__ import annotations

import json
import secrets
import shutil
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from masklet.media import write_text
from masklet.server.apart import Unfit
from masklet.server.probing import probe_apart
from masklet.server.settings import MOST_PIECE, Limits
from masklet.server.sniff import ARCHIVE, sniff
from masklet.server.unpacking import unpack_pictures
from masklet.server.visitors import chosen_project, visitor
from masklet.store import LOCAL_PROJECT, Media, Store

__all__ = ["MOST_PIECE", "Library", "OutOfStep", "TooLarge", "Upload"]

_MOST_UNFINISHED = 64
_STALE_SECONDS = 24 * 3600


class TooLarge(ValueError):
    """More bytes than an upload may have."""


class OutOfStep(ValueError):
    """A piece of an upload that does not begin where the last one ended."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Upload:
    """A file on its way: `offset` of `size` bytes are there. `user` began it (None: whoever sits at this machine), for
    a project."""

    id: str
    name: str
    size: int
    offset: int
    user: int | None
    project_id: str


class Library:
    """Brings media into the store.

    Parameters
    ----------
    store
        Where they are entered.
    folder
        For uploaded files.
    limits
        On what is let in.
    """

    def __init__(self, store: Store, folder: Path, limits: Limits) -> None:
        self._store = store
        self._folder = folder
        self._limits = limits
        self._lock = threading.Lock()
        folder.mkdir(parents=True, exist_ok=True)

    def open(self, path: Path) -> Media:
        """The media of a file or folder; the one that was opened earlier, if it still fits. Raises Unfit."""
        if not path.is_dir():
            _sniffed(path)
        found = probe_apart(path, self._limits)
        known = (str(path), found.width, found.height, found.frames)
        for media in self._store.media():
            if (media.path, media.width, media.height, media.frames) == known:
                return media
        return self._store.add_media(
            name=path.name,
            path=str(path),
            uploaded=False,
            **asdict(found),
        )

    def delete(self, media: Media) -> None:
        """Deletes a media with all edits; its file only if it was uploaded."""
        self._store.delete_media(media.id)
        if media.uploaded:
            _remove(Path(media.path))

    def check_room(self, size: int) -> None:
        """Raises TooLarge where the visitor may not keep another upload of `size` bytes."""
        user = visitor().user
        if user is not None:
            with self._lock:
                self._check_share(user, self._unfinished(user), size)

    def check_bytes(self, size: int) -> None:
        """Raises TooLarge where the visitor may not keep `size` bytes more, which are no upload of their own, but part
        of a media: pictures among effects."""
        user = visitor().user
        if user is not None:
            with self._lock:
                self._check_total(self._store.uploaded_by(user)[1], self._unfinished(user), size)

    # -- uploads ------------------------------------------------------------------------------------------------------

    def begin(self, name: str, size: int, project_id: str | None = None) -> Upload:
        """The visitor begins an upload for a project; for their own, where they name none.

        Raises TooLarge, also where it is too much for one user, Unfit where they never finished too many uploads, and
        NotServed for a project that is not theirs.
        """
        if size > self._limits.upload_bytes:
            raise TooLarge(f"an upload may have {self._limits.upload_bytes} bytes, this one has {size}")
        project_id = chosen_project(self._store, project_id)
        user = visitor().user
        with self._lock:
            self._remove_stale()
            unfinished = self._unfinished(user)
            if len(unfinished) >= _MOST_UNFINISHED:
                raise Unfit(f"{_MOST_UNFINISHED} uploads are unfinished: finish one of them first")
            if user is not None:
                self._check_share(user, unfinished, size)
            upload = Upload(
                id=secrets.token_hex(12),
                name=Path(name).name or "upload",
                size=size,
                offset=0,
                user=user,
                project_id=project_id,
            )
            self._part(upload.id).touch()
            note = {"name": upload.name, "size": size, "user": user, "project": project_id}
            write_text(self._note(upload.id), json.dumps(note))
        return upload

    def upload(self, upload_id: str) -> Upload | None:
        """An upload of the visitor that is not finished."""
        found = self._find(upload_id) if upload_id.isalnum() else None
        return found if found is not None and found.user == visitor().user else None

    def append(self, upload: Upload, offset: int, piece: bytes) -> int:
        """Adds a piece and returns the new offset. Raises OutOfStep and TooLarge, and changes nothing then."""
        with self._lock:
            part = self._part(upload.id)
            there = part.stat().st_size
            if offset != there:
                raise OutOfStep(f"expected the piece from byte {there} on, got one from {offset}")
            if there + len(piece) > upload.size:
                raise TooLarge(f"the upload was to have {upload.size} bytes, got {there + len(piece)}")
            with part.open("ab") as file:
                file.write(piece)
            return there + len(piece)

    def finish(self, upload: Upload) -> Media:
        """Enters an upload: a video, a picture, or an archive of pictures, which are its frames in natural order.

        Raises OutOfStep where bytes are missing, Unfit for what is no media, which is deleted.
        """
        _check_complete(upload)
        project_id = chosen_project(self._store, upload.project_id)
        part = self._part(upload.id)
        kept = part
        try:
            kept = part.rename(part.with_suffix(_sniffed(part)))
            if kept.suffix == ARCHIVE:
                kept = unpack_pictures(kept, self._limits)
            found = probe_apart(kept, self._limits)
        except FileNotFoundError:
            raise OutOfStep("the upload is being finished already") from None
        except Unfit as error:
            _remove(kept)
            self._note(upload.id).unlink(missing_ok=True)
            raise Unfit(str(error).replace(kept.name, upload.name)) from None
        media = self._store.add_media(
            name=upload.name,
            path=str(kept),
            uploaded=True,
            project_id=project_id,
            added_by=upload.user,
            size=upload.size,
            **asdict(found),
        )
        self._note(upload.id).unlink(missing_ok=True)
        return media

    @contextmanager
    def taken(self, upload: Upload) -> Iterator[Path]:
        """The file of an upload that is to be no media; it is deleted when the block ends. Raises OutOfStep where
        bytes are missing."""
        _check_complete(upload)
        try:
            file = self._part(upload.id).rename(self._folder / f"{upload.id}.taken")
        except FileNotFoundError:
            raise OutOfStep("the upload is being used already") from None
        self._note(upload.id).unlink(missing_ok=True)
        try:
            yield file
        finally:
            file.unlink(missing_ok=True)

    def _remove_stale(self) -> None:
        """Uploads that nobody went on with for a day, and files that a server left behind when it was killed."""
        for taken in self._folder.glob("*.taken"):
            if time.time() - taken.stat().st_mtime > _STALE_SECONDS:
                taken.unlink(missing_ok=True)
        for note in self._folder.glob("*.json"):
            part = self._part(note.stem)
            if not part.exists() or time.time() - part.stat().st_mtime > _STALE_SECONDS:
                part.unlink(missing_ok=True)
                note.unlink(missing_ok=True)

    def _find(self, upload_id: str) -> Upload | None:
        try:
            note = json.loads(self._note(upload_id).read_text(encoding="utf-8"))
            offset = self._part(upload_id).stat().st_size
        except FileNotFoundError:
            return None
        return Upload(
            id=upload_id,
            name=note["name"],
            size=note["size"],
            offset=offset,
            user=note.get("user"),  # notes of before there were users have none
            project_id=note.get("project", LOCAL_PROJECT),
        )

    def _unfinished(self, user: int | None) -> list[Upload]:
        found = (self._find(note.stem) for note in self._folder.glob("*.json"))
        return [upload for upload in found if upload is not None and upload.user == user]

    def _check_share(self, user: int, unfinished: list[Upload], size: int) -> None:
        count, kept = self._store.uploaded_by(user)
        limits = self._limits
        if count + len(unfinished) >= limits.user_uploads:
            raise TooLarge(f"you may keep {limits.user_uploads} uploads: delete some media first")
        self._check_total(kept, unfinished, size)

    def _check_total(self, kept: int, unfinished: list[Upload], size: int) -> None:
        most = self._limits.user_bytes
        total = kept + sum(upload.size for upload in unfinished) + size
        if total > most:
            raise TooLarge(f"your uploads may have {most} bytes together, with this one they have {total}")

    def _part(self, upload_id: str) -> Path:
        return self._folder / f"{upload_id}.part"

    def _note(self, upload_id: str) -> Path:
        return self._folder / f"{upload_id}.json"


def _check_complete(upload: Upload) -> None:
    if upload.offset != upload.size:
        raise OutOfStep(f"the upload has {upload.offset} of {upload.size} bytes")


def _remove(path: Path) -> None:
    """Removes a file, or a folder with all that is in it; neither has to be there."""
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


def _sniffed(path: Path) -> str:
    try:
        return sniff(path)
    except ValueError as error:
        raise Unfit(f"{path.name}: {error}") from None
    except OSError as error:
        raise Unfit(f"{path.name}: {(error.strerror or str(error)).lower()}") from None
