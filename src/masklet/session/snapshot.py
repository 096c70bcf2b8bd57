"""A whole session in one file: a zip of JSON and of packed records, no pickle.

`session.json` says what there is, `records.bin` holds the records in the order in which the former names them.
"""

from __future__ import annotations

import base64
import json
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import torch

from masklet.media.atomic import atomic_path
from masklet.model.sam2 import Sam2
from masklet.session.memory import MemoryBank
from masklet.session.objects import ObjectState, Pending
from masklet.session.packing import Packing
from masklet.session.policy import CORRECT, PUBLISHED, Policy
from masklet.session.prompts import Prompt
from masklet.session.records import Memory
from masklet.session.source import StreamSource
from masklet.session.video import VideoSession

FORMAT = 1
_POLICIES = {"correct": CORRECT, "published": PUBLISHED}
Session = TypeVar("Session", bound=VideoSession)


def fingerprint(model: Sam2) -> str:
    """A short mark of a model's weights and type."""
    crc = 0
    for name, tensor in model.state_dict().items():
        flat = tensor.detach().reshape(-1)
        sample = flat[:: max(1, flat.numel() // 64)].float().cpu().numpy()  # enough to tell weights apart
        crc = zlib.crc32(sample.tobytes(), zlib.crc32(name.encode(), crc))
    config = model.config
    mark = f"{config.name}-{config.image_size}-{str(model.dtype).removeprefix('torch.')}-{crc:08x}"
    left_out = (config.memory_recent, config.memory_pool)
    return mark if left_out == (None, 1) else f"{mark}-{left_out[0]}-{left_out[1]}"


def save(session: VideoSession, path: Path) -> None:
    """Writes a session; `VideoSession.save` is the public way here."""
    packing = Packing.of(session.model)
    count = 0
    with atomic_path(path) as temporary, zipfile.ZipFile(temporary, "w", zipfile.ZIP_STORED) as file:
        objects: list[dict[str, Any]] = []
        with file.open("records.bin", "w", force_zip64=True) as records:

            def put(record: Memory) -> int:
                nonlocal count
                records.write(packing.pack(record))
                count += 1
                return count - 1

            for object_id, state in session.objects.items():
                tracked = state.bank.tracked
                objects.append(
                    {
                        "id": object_id,
                        "prompts": [[frame, prompt.to_json()] for frame, prompt in state.prompts.items()],
                        "pending": [[t, put(entry.record), entry.conditioning] for t, entry in state.pending.items()],
                        "conditioning": [[t, put(record)] for t, record in state.bank.conditioning.items()],
                        "tracked": [[t, put(record)] for t, record in _records(state)],
                        "pointers": [
                            [t, base64.b64encode(pointer.cpu().numpy().tobytes()).decode()]
                            for t, pointer in tracked.pointer_frames()
                        ],
                        "visited": [[t, reverse] for t, reverse in state.visited.items()],
                    }
                )
        source = session.source
        content = {
            "format": FORMAT,
            "model": fingerprint(session.model),
            "policy": _policy_name(session.policy),
            "live": isinstance(source, StreamSource),
            "frames": source.count if isinstance(source, StreamSource) else source.length,
            "size": source.size,
            "records": count,
            "objects": objects,
        }
        file.writestr("session.json", json.dumps(content))


def _records(state: ObjectState) -> Iterator[tuple[int, Memory]]:
    for frame in state.bank.tracked.frames():
        record = state.bank.tracked.get(frame)
        assert record is not None
        yield frame, record


def _policy_name(policy: Policy) -> str:
    for name, known in _POLICIES.items():
        if policy == known:
            return name
    raise ValueError("only sessions with the default policy or reference_exact=True can be saved")


def load(kind: type[Session], path: Path, model: Sam2, source: Any, archive: bool | str | Path) -> Session:
    """Reads a session; `VideoSession.load` is the public way here."""
    if not path.is_file():
        raise FileNotFoundError(f"no saved session at {path}")
    try:
        with zipfile.ZipFile(path) as file:
            content = json.loads(file.read("session.json"))
            if content["format"] != FORMAT:
                raise ValueError(f"{path}: expected a session of format {FORMAT}, got {content['format']}")
            if content["model"] != fingerprint(model):
                raise ValueError(
                    f"{path} was saved with the model {content['model']}, this one is {fingerprint(model)}"
                )
            policy = _POLICIES[content["policy"]]
            session = kind(model, source, policy=policy, archive=archive)
            try:
                _check_source(path, content, session)
                with file.open("records.bin") as records:
                    _fill(session, content, records)
            except BaseException:
                session.close()
                raise
    except (zipfile.BadZipFile, KeyError, TypeError, EOFError, json.JSONDecodeError) as error:
        raise ValueError(f"{path}: not a complete saved session ({error})") from None
    return session


def _check_source(path: Path, content: dict[str, Any], session: VideoSession) -> None:
    source = session.source
    live = isinstance(source, StreamSource)
    if live != content["live"]:
        kinds = ("a clip", "a live stream")
        raise ValueError(f"{path} was saved from {kinds[content['live']]}, the source given is {kinds[live]}")
    if isinstance(source, StreamSource):
        source.resume(content["frames"], None if content["size"] is None else tuple(content["size"]))
        return
    given, saved = (source.length, list(source.size or ())), (content["frames"], content["size"])
    if given != saved:
        raise ValueError(
            f"{path} was saved from {saved[0]} frames of height and width {saved[1]}, the source given has {given[0]} "
            f"of {given[1]}"
        )


def _fill(session: VideoSession, content: dict[str, Any], records: Any) -> None:
    """Reads the records in the order in which they were written, one at a time."""
    packing = Packing.of(session.model)
    device = session.model.device

    def take() -> Memory:
        data = records.read(packing.size)
        if len(data) != packing.size:
            raise EOFError("records are missing")
        return packing.unpack(data, device)

    for entry in content["objects"]:
        state = ObjectState(MemoryBank(session.archive, session.model.config.memory_reach))
        state.prompts = {frame: Prompt.from_json(prompt) for frame, prompt in entry["prompts"]}
        state.pending = {frame: Pending(take(), conditioning) for frame, _, conditioning in entry["pending"]}
        state.bank.conditioning = {frame: take() for frame, _ in entry["conditioning"]}
        for frame, _ in entry["tracked"]:
            state.bank.tracked.put(frame, take())
        for frame, pointer in entry["pointers"]:
            values = np.frombuffer(base64.b64decode(pointer), np.float32).copy()
            state.bank.tracked.put_pointer(frame, torch.as_tensor(values).to(device))
        state.visited = dict(entry["visited"])
        session.objects[entry["id"]] = state
