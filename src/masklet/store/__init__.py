"""What people did, kept in SQL: media, their objects, prompts and masks, every edit a revision, nothing overwritten;
and who they are."""

from masklet.store.accounts import Accounts
from masklet.store.records import (
    LOCAL_PROJECT,
    Applied,
    Change,
    Conflict,
    EffectsEntry,
    Key,
    MaskEntry,
    MaskRecord,
    Media,
    Move,
    ObjectRecord,
    Project,
    PromptRecord,
    Revision,
    State,
    User,
)
from masklet.store.store import Store

__all__ = [
    "LOCAL_PROJECT",
    "Accounts",
    "Applied",
    "Change",
    "Conflict",
    "EffectsEntry",
    "Key",
    "MaskEntry",
    "MaskRecord",
    "Media",
    "Move",
    "ObjectRecord",
    "Project",
    "PromptRecord",
    "Revision",
    "State",
    "Store",
    "User",
]
