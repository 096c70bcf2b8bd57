"""What pins a run: the job in words, checksums of data and models, versions, seed, device, threads.

Two runs of one manifest agree bit for bit on a CPU.
"""

from __future__ import annotations

import hashlib
import json
import platform
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Self

import cv2
import numpy as np
import torch

import masklet
from masklet.metrics.predictors import PredictorSpec

FORMAT = 1
FILE = "manifest.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """What is to be run, in words.

    Attributes
    ----------
    protocol: "vos", "interactive", "images", "speed" or "robustness": a module of `masklet.metrics.protocols`.
    data: root of the data set, as it was given; None where a protocol needs none.
    layout, split: how to read it, as `masklet.data.layouts.open_videos` takes them.
    predictors: who predicts; names are unique.
    options: the protocol's own, as JSON values.
    seed: of all random choices; every unit starts with it.
    """

    protocol: str
    data: str | None
    layout: str = "auto"
    split: str | None = None
    predictors: tuple[PredictorSpec, ...]
    options: Mapping[str, Any]
    seed: int = 0

    def __post_init__(self) -> None:
        names = [spec.name for spec in self.predictors]
        twice = next((name for name in names if names.count(name) > 1), None)
        if twice is not None:
            raise ValueError(f"two predictors are called {twice!r}: name one of them, as in other={twice}")

    @property
    def models(self) -> tuple[str, ...]:
        """Names or paths of all models that take part."""
        used = (spec.image_model if spec.baseline else spec.model for spec in self.predictors)
        return tuple(dict.fromkeys(used))

    @property
    def root(self) -> Path:
        """The data set's folder. Raises ValueError where the job names none."""
        if self.data is None:
            raise ValueError(f"{self.protocol} needs data: give the folder of a data set")
        return Path(self.data)


@dataclass(frozen=True, slots=True, kw_only=True)
class Checksum:
    """Of several files: their number, and the SHA-256 of their names and contents in order."""

    files: int
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """A job with all that its results depend on.

    Attributes
    ----------
    sequences: name -> checksum of all files that are read of it.
    models: name or path -> SHA-256 of its file.
    threads: of one worker's arithmetic.
    workers: processes; they change no result.
    versions: of masklet and the libraries that compute; machine: what computes.
    """

    job: Job
    sequences: Mapping[str, Checksum]
    models: Mapping[str, str]
    threads: int
    workers: int
    versions: Mapping[str, str]
    machine: Mapping[str, str]

    def to_json(self) -> dict[str, Any]:
        job = self.job
        return {
            "format": FORMAT,
            "protocol": job.protocol,
            "data": {"root": job.data, "layout": job.layout, "split": job.split},
            "predictors": [asdict(spec) for spec in job.predictors],
            "options": dict(job.options),
            "seed": job.seed,
            "threads": self.threads,
            "workers": self.workers,
            "versions": dict(self.versions),
            "machine": dict(self.machine),
            "models": dict(self.models),
            "sequences": {name: asdict(checksum) for name, checksum in self.sequences.items()},
        }

    @classmethod
    def from_json(cls, record: Mapping[str, Any]) -> Self:
        """The manifest of a JSON object.

        Raises
        ------
        ValueError: it is none, or of another format.
        """
        try:
            if record["format"] != FORMAT:
                raise ValueError(f"a manifest of format {FORMAT}, got {record['format']!r}")
            data = record["data"]
            known = {field.name for field in fields(PredictorSpec)}
            if any(set(spec) != known for spec in record["predictors"]):
                raise ValueError(f"predictors of {', '.join(sorted(known))}")
            job = Job(
                protocol=str(record["protocol"]),
                data=data["root"],
                layout=data["layout"],
                split=data["split"],
                predictors=tuple(PredictorSpec(**spec) for spec in record["predictors"]),
                options=dict(record["options"]),
                seed=int(record["seed"]),
            )
            return cls(
                job=job,
                sequences={
                    name: Checksum(files=int(entry["files"]), sha256=str(entry["sha256"]))
                    for name, entry in record["sequences"].items()
                },
                models=dict(record["models"]),
                threads=int(record["threads"]),
                workers=int(record["workers"]),
                versions=dict(record["versions"]),
                machine=dict(record["machine"]),
            )
        except (KeyError, TypeError, AttributeError) as error:
            raise ValueError(f"no manifest of an evaluation: {type(error).__name__} {error}") from None

    @classmethod
    def read(cls, path: Path) -> Self:
        """The manifest in a file.

        Raises
        ------
        FileNotFoundError: no such file. ValueError: no manifest in it.
        """
        try:
            return cls.from_json(json.loads(path.read_text(encoding="utf-8")))
        except ValueError as error:
            raise ValueError(f"{path}: expected {error}" if "format" in str(error) else f"{path}: {error}") from None

    def check_inputs(self, found: Manifest) -> None:
        """That data and models are those of this manifest.

        Raises
        ------
        ValueError: names the first sequence or model that is missing, new or different in `found`.
        """
        for kind, mine, other in (
            ("sequence", self.sequences, found.sequences),
            ("model", self.models, found.models),
        ):
            for name in (*mine, *other):
                if name not in other:
                    raise ValueError(f"the manifest has the {kind} {name}, which is not there")
                if name not in mine:
                    raise ValueError(f"the {kind} {name} is not in the manifest")
                if mine[name] != other[name]:
                    raise ValueError(f"the {kind} {name} is not that of the manifest: its checksum differs")

    def differences(self, other: Manifest) -> list[str]:
        """Names of what may make the results of `other` different from this one's; not the place of the data."""
        mine, its = self.to_json(), other.to_json()
        for record in (mine, its):
            del record["workers"]
            record["data"] = {**record["data"], "root": None}
        return [name for name, value in mine.items() if value != its[name]]


def versions() -> dict[str, str]:
    """Of what the numbers come from."""
    trackeval = {} if find_spec("trackeval") is None else {"trackeval": version("trackeval")}
    return {
        "masklet": masklet.__version__,
        "torch": torch.__version__,
        "numpy": np.__version__,
        "opencv": cv2.__version__,
        "pillow": version("pillow"),
        "python": platform.python_version(),
        **trackeval,
    }


def machine(devices: Iterable[str | None]) -> dict[str, str]:
    """The kind of processor, and of each CUDA device among `devices`."""
    found = {"cpu": f"{platform.machine()} {torch.backends.cpu.get_cpu_capability()}"}
    for device in devices:
        if device is not None and device.startswith("cuda"):
            found[device] = torch.cuda.get_device_name(device)
    return found


def checksum(files: Sequence[Path], root: Path | None = None) -> Checksum:
    """Of files in their order, by their names (below `root` where they lie there) and contents.

    Raises
    ------
    FileNotFoundError: one of them is not there.
    """
    total = hashlib.sha256()
    for path in files:
        name = path.relative_to(root) if root is not None and path.is_relative_to(root) else Path(path.name)
        total.update(f"{name.as_posix()}\0{file_checksum(path)}\n".encode())
    return Checksum(files=len(files), sha256=total.hexdigest())


def file_checksum(path: Path) -> str:
    """SHA-256 of a file's contents, hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
