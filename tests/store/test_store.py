from __future__ import annotations

import tempfile
import threading
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from sqlalchemy import inspect, select

from masklet.masks import FrameMask
from masklet.store import (
    LOCAL_PROJECT,
    Applied,
    Change,
    Conflict,
    EffectsEntry,
    MaskRecord,
    Media,
    ObjectRecord,
    PromptRecord,
    State,
    Store,
)
from masklet.store.database import downgrade, open_engine, upgrade
from masklet.store.tables import effects, metadata, texts

HEIGHT, WIDTH = 4, 6


def new_media(store: Store, name: str = "clip.mp4") -> Media:
    return store.add_media(
        name=name, kind="video", path=f"/{name}", uploaded=False, width=WIDTH, height=HEIGHT, frames=9, fps=25.0
    )


def mask(number: int, frame: int, bits: int, **fields: Any) -> MaskRecord:
    pixels = np.array([bits >> i & 1 for i in range(HEIGHT * WIDTH)], bool).reshape(HEIGHT, WIDTH)
    return MaskRecord(object=number, frame=frame, mask=FrameMask.given(frame, pixels), **fields)


def thing(number: int, **fields: Any) -> ObjectRecord:
    return ObjectRecord(object=number, name=f"Object {number}", colour="#102030", **fields)


def edit(store: Store, media: Media, head: int | None, kind: str = "edit", **change: Any) -> Applied:
    return store.append(media.id, head, kind=kind, author="me", payload={"n": 1}, change=Change(**change))


def counts(number: int, frame: int, bits: int) -> bytes:
    found = mask(number, frame, bits).mask
    assert found is not None
    return found.rle.counts


def blurs(radii: list[int]) -> list[dict[str, Any]]:
    return [{"kind": "blur", "target": "background", "radius": radius} for radius in radii]


def stands_at(applied: Applied) -> int:
    assert applied.head is not None
    return applied.head


def runs(store: Store, state: State) -> dict[tuple[int, int], bytes]:
    entries = {(n, f): entry for n, masks in state.masks.items() for f, entry in masks.items()}
    rles = store.masks([entry.row for entry in entries.values()], HEIGHT, WIDTH)
    return {key: rles[entry.row].counts for key, entry in entries.items()}


def test_media_are_listed_newest_first_and_deleted_with_all_their_edits(store: Store) -> None:
    first, second = new_media(store, "a.mp4"), new_media(store, "b.mp4")
    assert [media.id for media in store.media()] == [second.id, first.id]
    assert store.find_media(first.id) == first
    assert store.find_media("nothing") is None
    edit(store, first, None, objects=(thing(1),), masks=(mask(1, 0, 5),))
    assert store.object_counts([first.id, second.id]) == {first.id: 1, second.id: 0}
    assert store.object_counts([second.id]) == {second.id: 0}
    changed = store.find_media(first.id)
    assert changed is not None
    assert changed.changed > first.changed
    assert store.delete_media(first.id)
    assert not store.delete_media(first.id)
    assert [media.id for media in store.media()] == [second.id]
    with pytest.raises(ValueError, match="no media"):
        store.state(first.id)


def test_an_edit_says_who_when_and_what(store: Store) -> None:
    media = new_media(store)
    applied = store.append(
        media.id, None, kind="object-add", author="Ada", payload={"object": 1}, change=Change(objects=(thing(1),))
    )
    (revision,) = store.revisions(media.id)
    assert revision == applied.revision
    assert (revision.author, revision.kind, revision.payload) == ("Ada", "object-add", {"object": 1})
    assert revision.created.tzinfo is not None
    assert revision.created >= media.created


def test_the_newest_value_on_the_line_holds_and_undo_brings_the_older_one_back(store: Store) -> None:
    media = new_media(store)
    one = edit(store, media, None, objects=(thing(1),), masks=(mask(1, 0, 1), mask(1, 1, 1)))
    two = edit(store, media, one.head, masks=(mask(1, 1, 2, edited=True), mask(1, 2, 2)))
    three = edit(
        store,
        media,
        two.head,
        objects=(thing(1, hidden=True),),
        prompts=(PromptRecord(object=1, frame=0, prompt={"points": [[1.5, 2]]}),),
        masks=(MaskRecord(object=1, frame=0, mask=None),),
    )
    now = store.state(media.id)
    assert set(now.masks[1]) == {1, 2}
    assert now.masks[1][1].edited
    assert now.objects[1].hidden
    assert now.prompts == {1: {0: {"points": [[1.5, 2]]}}}

    undone = store.undo(media.id, three.head, author="me")
    assert undone is not None
    assert undone.revision.id == three.head
    assert undone.objects == {1: thing(1)}
    assert undone.prompts == {(1, 0): None}
    assert undone.masks.keys() == {(1, 0)}
    assert runs(store, store.state(media.id)) == {
        (1, 0): counts(1, 0, 1),
        (1, 1): counts(1, 1, 2),
        (1, 2): counts(1, 2, 2),
    }
    # Any revision can be shown, whether it holds or not.
    assert store.state(media.id, three.head).objects[1].hidden
    assert set(store.state(media.id, one.head).masks[1]) == {0, 1}


def test_a_run_of_tracking_grows_and_is_undone_as_one(store: Store) -> None:
    media = new_media(store)
    start = edit(store, media, None, masks=(mask(1, 0, 1), mask(1, 2, 1)))
    track = edit(store, media, start.head, kind="track")
    for frame in range(4):
        store.add_masks(media.id, stands_at(track), [mask(1, frame, 3)])
    store.add_masks(media.id, stands_at(track), [mask(1, 0, 7)])  # visited twice: the later one holds
    assert runs(store, store.state(media.id))[1, 0] == counts(1, 0, 7)
    undone = store.undo(media.id, track.head, author="me")
    assert undone is not None
    assert {key: entry is None for key, entry in undone.masks.items()} == {
        (1, 0): False, (1, 1): True, (1, 2): False, (1, 3): True,
    }  # fmt: skip
    assert set(runs(store, store.state(media.id)).values()) == {counts(1, 0, 1)}


def test_an_edit_on_an_old_state_is_refused_and_changes_nothing(store: Store) -> None:
    media = new_media(store)
    one = edit(store, media, None, objects=(thing(1),))
    for attempt in (
        lambda: edit(store, media, None, objects=(thing(2),)),
        lambda: store.undo(media.id, None, author="me"),
        lambda: store.redo(media.id, None, author="me"),
    ):
        with pytest.raises(Conflict, match="changed elsewhere"):
            attempt()
    assert len(store.revisions(media.id)) == 1
    assert store.state(media.id).head == one.head
    assert store.redo(media.id, one.head, author="me") is None


def test_numbers_of_objects_are_never_given_twice(store: Store) -> None:
    media = new_media(store)
    assert store.next_object(media.id) == 1
    one = edit(store, media, None, objects=(thing(1),))
    store.undo(media.id, one.head, author="me")
    assert store.next_object(media.id) == 2


def test_revisions_of_another_media_are_not_its_own(store: Store) -> None:
    media, other = new_media(store), new_media(store)
    one = edit(store, media, None, objects=(thing(1),))
    with pytest.raises(ValueError, match="no revision"):
        store.state(other.id, one.head)
    with pytest.raises(ValueError, match="no revision"):
        store.add_masks(other.id, stands_at(one), [mask(1, 0, 1)])
    with pytest.raises(Conflict):
        edit(store, other, one.head)


def test_many_masks_are_read_at_once(store: Store) -> None:
    media = new_media(store)
    records = tuple(mask(number, frame, number * frame) for number in range(1, 40) for frame in range(40))
    edit(store, media, None, masks=records)
    found = runs(store, store.state(media.id))
    assert found == {(n, f): counts(n, f, n * f) for n in range(1, 40) for f in range(40)}


def test_threads_write_side_by_side(store: Store) -> None:
    media = [new_media(store) for _ in range(4)]
    errors: list[BaseException] = []

    def work(one: Media) -> None:
        try:
            head = None
            for frame in range(15):
                head = edit(store, one, head, masks=(mask(1, frame, frame),)).head
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=work, args=(one,)) for one in media]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not errors
    assert [len(store.state(one.id).masks[1]) for one in media] == [15] * 4


def test_what_was_stored_is_there_when_it_is_opened_again(url: str) -> None:
    first = Store(url)
    media = new_media(first)
    edit(first, media, None, objects=(thing(1),), masks=(mask(1, 0, 9),))
    expected = first.state(media.id)
    first.close()
    second = Store(url)
    assert second.media()[0].id == media.id
    assert second.state(media.id) == expected
    second.close()


def test_migrations_lead_to_the_tables_and_back(url: str) -> None:
    engine = open_engine(url)
    with engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []
    upgrade(engine)  # again: nothing to do
    downgrade(engine, "base")
    assert set(inspect(engine).get_table_names()) == {"alembic_version"}
    engine.dispose()


def test_a_database_of_before_there_were_users_keeps_everything(url: str) -> None:
    """Migration 0002 changes the table that all edits refer to."""
    store = Store(url)
    media = new_media(store)
    one = edit(store, media, None, objects=(thing(1),), masks=(mask(1, 0, 5), mask(1, 1, 6)))
    edit(store, media, one.head, prompts=(PromptRecord(object=1, frame=0, prompt={"points": [[1, 2]]}),))
    expected, history = store.state(media.id), store.revisions(media.id)
    shown = runs(store, expected)
    store.close()
    engine = open_engine(url)
    downgrade(engine, "0001")
    assert "project_id" not in {column["name"] for column in inspect(engine).get_columns("media")}
    engine.dispose()

    store = Store(url)
    assert store.media() == [replace(media, changed=store.media()[0].changed)]
    assert store.media()[0].project_id == LOCAL_PROJECT
    assert store.state(media.id) == expected
    assert store.revisions(media.id) == history
    assert runs(store, store.state(media.id)) == shown
    # Foreign keys hold again: what belongs to a media goes with it.
    store.delete_media(media.id)
    assert store.revisions(media.id) == []
    assert store.masks([entry.row for entry in expected.masks[1].values()], HEIGHT, WIDTH) == {}
    store.close()


def test_pictures_of_before_they_were_counted_are_kept(url: str) -> None:
    """Migration 0004; they count for nobody."""
    store = Store(url)
    user, _ = store.accounts.add_user("ada")
    media = new_media(store)
    records = [{"kind": "replace", "target": 1, "picture": "data:image/png;base64," + "A" * 3000}]
    change = Change(effects=tuple(records))
    store.append(media.id, None, kind="effects", author="ada", payload={}, change=change, added_by=user.id)
    store.close()
    engine = open_engine(url)
    downgrade(engine, "0003")
    assert "added_by" not in {column["name"] for column in inspect(engine).get_columns("texts")}
    engine.dispose()

    store = Store(url)
    assert store.effects(store.effects_now(media.id)) == records
    assert store.uploaded_by(user.id) == (0, 0)
    engine = open_engine(url)
    with engine.connect() as connection:
        assert [(row.size, row.added_by) for row in connection.execute(select(texts))] == [(3022, None)]
    engine.dispose()
    store.delete_media(media.id)
    assert store.added_size(new_media(store).id, records) == 3022
    store.close()


def test_effects_are_edits_beside_all_others(store: Store) -> None:
    media = new_media(store)
    assert store.effects(store.effects_now(media.id)) == []
    one = edit(store, media, None, effects=tuple(blurs([3])))
    two = edit(store, media, one.head, objects=(thing(1),))
    assert two.effects is None, "they stay"
    three = edit(store, media, two.head, effects=())
    assert store.effects(store.effects_now(media.id)) == []
    undone = store.undo(media.id, three.head, author="me")
    assert undone is not None
    assert undone.effects is not None
    assert store.effects(undone.effects) == blurs([3])
    undone = store.undo(media.id, two.head, author="me")
    assert undone is not None
    assert undone.effects is None
    undone = store.undo(media.id, one.head, author="me")
    assert undone is not None
    assert undone.effects == EffectsEntry(None)
    redone = store.redo(media.id, None, author="me")
    assert redone is not None
    assert redone.effects == one.effects == store.effects_now(media.id)
    assert [store.effects(store.state(media.id, edit.id).effects) for edit in store.revisions(media.id)] == [
        blurs([3]),
        blurs([3]),
        [],
    ]
    other = new_media(store)
    with pytest.raises(ValueError, match="no revision"):
        store.add_effects(other.id, stands_at(one), [])


def test_a_picture_among_effects_is_kept_once(store: Store, url: str) -> None:
    media, picture = new_media(store), "data:image/png;base64," + "A" * 100_000
    lists = [[{"kind": "replace", "target": 1, "picture": picture, "feather": n, "colour": None}] for n in range(5)]
    first = edit(store, media, None, effects=tuple(lists[0]))
    entries = [first.effects, *(store.add_effects(media.id, stands_at(first), effects) for effects in lists[1:])]
    assert [store.effects(entry) for entry in entries if entry is not None] == lists
    engine = open_engine(url)
    with engine.connect() as connection:
        assert [row.text for row in connection.execute(select(texts))] == [picture]
        assert all(len(str(row.effects)) < 1000 for row in connection.execute(select(effects)))
    store.delete_media(media.id)
    with engine.connect() as connection:
        assert connection.execute(select(texts)).all() == []
    engine.dispose()


def test_who_took_an_edit_back_is_kept(store: Store) -> None:
    media = new_media(store)
    one = edit(store, media, None)
    two = edit(store, media, one.head)
    store.undo(media.id, two.head, author="ada")
    store.undo(media.id, one.head, author="bob")
    store.redo(media.id, None, author="ada")
    assert store.redo(media.id, one.head, author="bob") is not None
    assert store.redo(media.id, two.head, author="bob") is None
    with pytest.raises(Conflict):
        store.undo(media.id, one.head, author="eve")
    moves = store.moves(media.id)
    assert [(move.kind, move.revision, move.author) for move in moves] == [
        ("undo", two.head, "ada"),
        ("undo", one.head, "bob"),
        ("redo", one.head, "ada"),
        ("redo", two.head, "bob"),
    ]
    assert moves[0].created.tzinfo is not None
    assert store.moves(media.id, after=moves[0].id, count=1) == moves[1:2]
    assert store.moves(new_media(store).id) == []


def test_a_part_of_the_history_can_be_read(store: Store) -> None:
    media = new_media(store)
    head = None
    for n in range(5):
        head = edit(store, media, head, kind=f"edit-{n}").head
    everything = store.revisions(media.id)
    assert [revision.kind for revision in store.revisions(media.id, count=2)] == ["edit-0", "edit-1"]
    assert store.revisions(media.id, after=everything[1].id, count=2) == everything[2:4]
    assert store.revisions(media.id, after=everything[4].id) == []


def test_something_that_is_no_database_is_refused() -> None:
    for wrong in ("nonsense", "nosuch://x", ""):
        with pytest.raises(ValueError, match="URL of a database"):
            Store(wrong)


@dataclass(slots=True)
class Model:
    """What a history is, without a database: a list of states and a place in it."""

    states: list[dict[tuple[int, int], int]] = field(default_factory=lambda: [{}])
    effects: list[list[int]] = field(default_factory=lambda: [[]])
    place: int = 0

    @property
    def now(self) -> dict[tuple[int, int], int]:
        return self.states[self.place]


class History(RuleBasedStateMachine):
    """Edits, undos and redos in any order: the store and a plain list say the same, and no revision ever changes."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.store = Store(f"sqlite:///{Path(self.folder.name) / 'work.db'}")
        self.media = new_media(self.store)
        self.state = self.store.state(self.media.id)
        self.model = Model()
        self.seen: dict[int, dict[tuple[int, int], bytes]] = {}

    def teardown(self) -> None:
        self.store.close()
        self.folder.cleanup()

    @rule(changes=st.dictionaries(st.tuples(st.integers(1, 3), st.integers(0, 3)), st.integers(0, 9), max_size=4))
    def edit(self, changes: dict[tuple[int, int], int]) -> None:
        """A value of 0 takes the mask away."""
        records = [
            mask(number, frame, bits) if bits else MaskRecord(object=number, frame=frame, mask=None)
            for (number, frame), bits in changes.items()
        ]
        self.state.apply(edit(self.store, self.media, self.state.head, masks=tuple(records)))
        following = {key: bits for key, bits in (self.model.now | changes).items() if bits}
        self.model.states[self.model.place + 1 :] = [following]
        self.model.effects[self.model.place + 1 :] = [self.model.effects[self.model.place]]
        self.model.place += 1

    @rule(radii=st.lists(st.integers(1, 9), max_size=2), later=st.lists(st.integers(1, 9), max_size=2))
    def set_effects(self, radii: list[int], later: list[int]) -> None:
        """An edit of effects that goes on: the later ones hold."""
        applied = edit(self.store, self.media, self.state.head, effects=tuple(blurs(radii)))
        self.state.apply(applied)
        self.state.effects = self.store.add_effects(self.media.id, stands_at(applied), blurs(later))
        self.model.states[self.model.place + 1 :] = [self.model.now]
        self.model.effects[self.model.place + 1 :] = [later]
        self.model.place += 1

    @rule()
    def undo(self) -> None:
        applied = self.store.undo(self.media.id, self.state.head, author="me")
        assert (applied is not None) == (self.model.place > 0)
        if applied is not None:
            self.state.apply(applied)
            self.model.place -= 1

    @rule()
    def redo(self) -> None:
        applied = self.store.redo(self.media.id, self.state.head, author="me")
        assert (applied is not None) == (self.model.place + 1 < len(self.model.states))
        if applied is not None:
            self.state.apply(applied)
            self.model.place += 1

    @precondition(lambda self: self.seen)
    @rule(data=st.data())
    def look_back(self, data: st.DataObject) -> None:
        revision = data.draw(st.sampled_from(sorted(self.seen)))
        assert runs(self.store, self.store.state(self.media.id, revision)) == self.seen[revision]

    @invariant()
    def the_store_says_what_the_list_says(self) -> None:
        found = runs(self.store, self.state)
        assert found == {(n, f): counts(n, f, bits) for (n, f), bits in self.model.now.items()}
        assert self.state == self.store.state(self.media.id)
        assert self.store.effects(self.state.effects) == blurs(self.model.effects[self.model.place])
        assert self.store.effects_now(self.media.id) == self.state.effects
        assert self.state.can_undo == (self.model.place > 0)
        assert self.state.can_redo == (self.model.place + 1 < len(self.model.states))
        if self.state.head is not None:
            self.seen.setdefault(self.state.head, found)


TestHistory = History.TestCase
TestHistory.settings = settings(
    max_examples=12, stateful_step_count=15, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
