"""Users, tokens, logins and projects."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text

from masklet.store import Change, Store, User
from masklet.store.credentials import credential_of, matches, new_secret


def test_a_secret_is_known_by_its_hash_alone() -> None:
    secret, kept = new_secret()
    other, _ = new_secret()
    assert secret not in str(kept)
    assert secret.partition(".")[2] not in str(kept)
    assert matches(credential_of(secret), kept.hash)
    assert not matches(credential_of(other), kept.hash)
    assert not matches(credential_of(secret), None)


@pytest.mark.parametrize("wrong", ["", "x", ".", "a" * 16, f"{'a' * 16}.", f"{'g' * 16}.{'a' * 43}", "ä" * 60, "a\0b"])
def test_what_cannot_be_a_token_is_nobody_s(store: Store, wrong: str) -> None:
    with pytest.raises(ValueError, match="not a token") as caught:
        credential_of(wrong)
    assert len(wrong) < 2 or wrong not in str(caught.value)
    assert store.accounts.user_of_token(wrong) is None
    assert store.accounts.user_of_login(wrong) is None
    store.accounts.end_login(wrong)


def test_a_token_is_its_user_s_until_it_is_renewed_or_they_go(store: Store) -> None:
    accounts = store.accounts
    ada, token = accounts.add_user("ada")
    bob, other = accounts.add_user("bob")
    assert accounts.users() == [ada, bob]
    assert accounts.user_of_token(token) == ada
    assert accounts.user_of_token(other) == bob
    # The selector of one with the verifier of the other is nobody.
    assert accounts.user_of_token(f"{token.partition('.')[0]}.{other.partition('.')[2]}") is None
    login = accounts.begin_login(ada, 60)
    renewed = accounts.renew_token("ada")
    assert accounts.user_of_token(token) is None
    assert accounts.user_of_login(login) is None
    assert accounts.user_of_token(renewed) == ada
    accounts.remove_user("ada")
    assert accounts.user_of_token(renewed) is None
    assert accounts.users() == [bob]


def test_names_are_unique_and_plain(store: Store) -> None:
    accounts = store.accounts
    accounts.add_user("ada")
    with pytest.raises(ValueError, match="already"):
        accounts.add_user("ada")
    for wrong in ("", " ada", "a/b", "a\n", "-a", "a" * 65, "../x"):
        with pytest.raises(ValueError, match="a name has"):
            accounts.add_user(wrong)
    for ask in (accounts.remove_user, accounts.renew_token):
        with pytest.raises(ValueError, match="no user 'bob'"):
            ask("bob")


def test_a_login_ends_by_itself_and_when_it_is_ended(store: Store) -> None:
    accounts = store.accounts
    ada, token = accounts.add_user("ada")
    short, long = accounts.begin_login(ada, 0.05), accounts.begin_login(ada, 60)
    assert accounts.user_of_login(long) == ada
    assert accounts.user_of_token(long) is None, "a login is no token"
    assert accounts.user_of_login(token) is None, "a token is no login"
    time.sleep(0.06)
    assert accounts.user_of_login(short) is None
    forged = f"{long.partition('.')[0]}.{short.partition('.')[2]}"
    accounts.end_login(forged)
    assert accounts.user_of_login(long) == ada, "only who holds a login can end it"
    accounts.end_login(long)
    assert accounts.user_of_login(long) is None


def test_no_secret_is_in_the_database(tmp_path: Path) -> None:
    store = Store(f"sqlite:///{tmp_path / 'work.db'}")
    ada, token = store.accounts.add_user("ada")
    login = store.accounts.begin_login(ada, 60)
    store.close()
    kept = b"".join(file.read_bytes() for file in tmp_path.iterdir())
    for secret in (token, login):
        assert secret.partition(".")[2].encode() not in kept


def add(store: Store, project_id: str, **fields) -> str:
    return store.add_media(
        name="clip", kind="video", path="/c", uploaded=True, width=6, height=4, frames=9, fps=25.0,
        project_id=project_id, **fields,
    ).id  # fmt: skip


def test_media_are_seen_by_the_members_of_their_project(store: Store) -> None:
    accounts = store.accounts
    (ada, _), (bob, _) = accounts.add_user("ada"), accounts.add_user("bob")
    hers, his = accounts.home(ada.id), accounts.home(bob.id)
    assert hers != his
    first, second, local = add(store, hers), add(store, his), add(store, "local")
    assert [media.id for media in store.media_of(ada.id)] == [first]
    assert not accounts.is_member(bob.id, hers)
    accounts.add_member(hers, "bob")
    accounts.add_member(hers, "bob")
    assert accounts.is_member(bob.id, hers)
    assert {media.id for media in store.media_of(bob.id)} == {first, second}
    assert {media.id for media in store.media()} == {first, second, local}
    (shared,) = [project for project in accounts.projects(bob.id) if project.id == hers]
    assert (shared.name, shared.owner, shared.members) == ("ada", "ada", ("ada", "bob"))
    accounts.remove_member(hers, "bob")
    assert [media.id for media in store.media_of(bob.id)] == [second]
    more = accounts.add_project(bob.id, "Birds")
    assert [project.name for project in accounts.projects(bob.id)] == ["bob", "Birds"]
    assert accounts.home(bob.id) == his != more
    assert {project.id for project in accounts.projects()} == {"local", hers, his, more}


def test_a_project_is_renamed(store: Store) -> None:
    accounts = store.accounts
    ada, _ = accounts.add_user("ada")
    home = accounts.home(ada.id)
    accounts.rename_project(home, "Bees")
    assert [project.name for project in accounts.projects(ada.id)] == ["Bees"]
    assert accounts.is_project(home)
    assert not accounts.is_project("nothing")
    with pytest.raises(ValueError, match="no project"):
        accounts.rename_project("nothing", "x")


def test_memberships_that_cannot_be_are_refused(store: Store) -> None:
    accounts = store.accounts
    ada, _ = accounts.add_user("ada")
    accounts.add_user("bob")
    home = accounts.home(ada.id)
    with pytest.raises(ValueError, match="no project"):
        accounts.add_member("nothing", "ada")
    with pytest.raises(ValueError, match="no user"):
        accounts.add_member(home, "carol")
    with pytest.raises(ValueError, match="owns the project"):
        accounts.remove_member(home, "ada")
    with pytest.raises(ValueError, match="no member"):
        accounts.remove_member(home, "bob")


def test_projects_outlive_their_owner(store: Store) -> None:
    accounts = store.accounts
    ada, _ = accounts.add_user("ada")
    bob, _ = accounts.add_user("bob")
    home = accounts.home(ada.id)
    accounts.add_member(home, "bob")
    media = add(store, home, added_by=ada.id, size=10)
    assert store.uploaded_by(ada.id) == (1, 10)
    accounts.remove_user("ada")
    (found,) = store.media_of(bob.id)
    assert (found.id, found.added_by, found.project_id) == (media, None, home)
    assert next(project for project in accounts.projects(bob.id) if project.id == home).owner is None


def test_what_a_user_uploaded_is_counted(store: Store) -> None:
    ada, _ = store.accounts.add_user("ada")
    home = store.accounts.home(ada.id)
    assert store.uploaded_by(ada.id) == (0, 0)
    media = add(store, home, added_by=ada.id, size=2**40)
    add(store, home, added_by=ada.id, size=5)
    add(store, home, size=7)
    assert store.uploaded_by(ada.id) == (2, 2**40 + 5)
    store.delete_media(media)
    assert store.uploaded_by(ada.id) == (1, 5)


def test_a_picture_among_effects_counts_for_who_brought_it_as_long_as_its_media_is_there(store: Store) -> None:
    (ada, _), (bob, _) = store.accounts.add_user("ada"), store.accounts.add_user("bob")
    media = add(store, store.accounts.home(ada.id), added_by=ada.id, size=5)
    hers, his = ("data:image/png;base64," + letter * 2000 for letter in "AB")
    size = len(hers)

    def effects(*pictures: str, **fields) -> Change:
        return Change(effects=tuple({"kind": "replace", "target": 1, "picture": each} | fields for each in pictures))

    def append(head: int | None, change: Change, user: User) -> int | None:
        return store.append(
            media, head, kind="effects", author=user.name, payload={}, change=change, added_by=user.id
        ).head

    assert store.added_size(media, effects(hers, hers).effects or ()) == size
    head = append(None, effects(hers, hers), ada)
    assert store.uploaded_by(ada.id) == (1, 5 + size)
    assert store.added_size(media, effects(hers, his).effects or ()) == size
    head = append(head, effects(hers, his), bob)
    assert (store.uploaded_by(ada.id), store.uploaded_by(bob.id)) == ((1, 5 + size), (0, size))
    # Kept once, however often it is used; and still kept, as the edit can be taken back, where it is used no more.
    assert head is not None
    store.add_effects(media, head, effects(his, feather=3).effects or (), bob.id)
    head = append(head, effects(hers), bob)
    append(head, Change(effects=()), ada)
    assert (store.uploaded_by(ada.id), store.uploaded_by(bob.id)) == ((1, 5 + size), (0, size))
    other = add(store, store.accounts.home(bob.id))
    assert store.added_size(other, effects(hers).effects or ()) == size, "another media keeps its own"
    store.delete_media(media)
    assert (store.uploaded_by(ada.id), store.uploaded_by(bob.id)) == ((0, 0), (0, 0))


def test_an_index_leads_from_a_login_to_its_row(tmp_path: Path) -> None:
    """Every request of a browser looks its login up."""
    path = tmp_path / "work.db"
    Store(f"sqlite:///{path}").close()
    engine = create_engine(f"sqlite:///{path}")
    with engine.connect() as connection:
        plan = connection.execute(text("EXPLAIN QUERY PLAN SELECT hash FROM logins WHERE selector = 'x'")).all()
    engine.dispose()
    assert "USING INDEX" in str(plan)
