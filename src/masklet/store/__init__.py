"""What people did, kept in SQL: media, their objects, prompts and masks, every edit a revision, nothing overwritten."""

from masklet.store.records import (
    Applied,
    Change,
    Conflict,
    MaskEntry,
    MaskRecord,
    Media,
    ObjectRecord,
    PromptRecord,
    Revision,
    State,
)
from masklet.store.store import Store

__all__ = [
    "Applied",
    "Change",
    "Conflict",
    "MaskEntry",
    "MaskRecord",
    "Media",
    "ObjectRecord",
    "PromptRecord",
    "Revision",
    "State",
    "Store",
]
