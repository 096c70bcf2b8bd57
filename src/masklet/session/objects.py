"""What a session knows of each object."""

from __future__ import annotations

from dataclasses import dataclass, field

from masklet.session.memory import MemoryBank
from masklet.session.prompts import Prompt
from masklet.session.records import Memory


@dataclass(frozen=True, slots=True)
class Pending:
    """A prompted frame whose memory is not written yet."""

    record: Memory
    conditioning: bool


@dataclass(slots=True)
class ObjectState:
    """One object: its prompts, its memories, and on which frames the tracker has been (and in which direction)."""

    bank: MemoryBank
    prompts: dict[int, Prompt] = field(default_factory=dict)
    pending: dict[int, Pending] = field(default_factory=dict)
    visited: dict[int, bool] = field(default_factory=dict)

    def record(self, frame: int) -> Memory | None:
        """The newest record of a frame."""
        pending = self.pending.get(frame)
        return self.bank.get(frame) if pending is None else pending.record


ObjectTable = dict[int, ObjectState]
