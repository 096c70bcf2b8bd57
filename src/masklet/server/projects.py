"""HTTP for projects: the media that several users share."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated

from fastapi import APIRouter, Depends, Path, Response
from pydantic import BaseModel, ConfigDict, Field

from masklet.server.errors import Refused
from masklet.server.rest import Identity, Parts
from masklet.server.visitors import visitor
from masklet.store import Project

router = APIRouter(prefix="/api/projects")
UserName = Annotated[str, Field(min_length=1, max_length=64)]


class ProjectItem(BaseModel):
    """A project, its owner (none where they are gone) and all its members."""

    id: str
    name: str
    owner: str | None
    members: list[str]
    created: str


class ProjectName(BaseModel):
    model_config = ConfigDict(extra="forbid")
    name: Annotated[str, Field(min_length=1, max_length=200)]


class MemberAdd(BaseModel):
    model_config = ConfigDict(extra="forbid")
    user: UserName


def own_user() -> int:
    """The user who asks. Refused where nobody logs in: projects are made and shared by users."""
    user = visitor().user
    if user is None:
        raise Refused(403, "projects are made and shared where people log in: masklet serve")
    return user


def seen_project(project_id: Identity, parts: Parts, user: Annotated[int, Depends(own_user)]) -> Project:
    """A project that the visitor is a member of."""
    found = [project for project in parts.store.accounts.projects(user) if project.id == project_id]
    if not found:
        raise Refused(404, "there is no such project")
    return found[0]


def own_project(project: Annotated[Project, Depends(seen_project)]) -> Project:
    """A project that the visitor owns."""
    if project.owner != visitor().name:
        raise Refused(403, "only the owner of a project names it and says who is a member")
    return project


User = Annotated[int, Depends(own_user)]
OwnProject = Annotated[Project, Depends(own_project)]


@router.get("")
def list_projects(parts: Parts) -> list[ProjectItem]:
    """The projects that you are a member of (all, where nobody logs in), the oldest first; uploads go to your own first
    one."""
    return [_item(project) for project in parts.store.accounts.projects(visitor().user)]


@router.post("")
def add_project(body: ProjectName, parts: Parts, user: User) -> ProjectItem:
    """A project of your own."""
    number = parts.store.accounts.add_project(user, body.name)
    return next(_item(project) for project in parts.store.accounts.projects(user) if project.id == number)


@router.patch("/{project_id}")
def rename_project(project: OwnProject, body: ProjectName, parts: Parts) -> ProjectItem:
    """Gives a project that you own another name."""
    parts.store.accounts.rename_project(project.id, body.name)
    return _item(replace(project, name=body.name))


@router.post("/{project_id}/members", status_code=204)
def add_member(project: OwnProject, body: MemberAdd, parts: Parts) -> Response:
    """Lets a user see and edit all media of a project that you own."""
    parts.store.accounts.add_member(project.id, body.user)
    return Response(status_code=204)


@router.delete("/{project_id}/members/{name}", status_code=204)
def remove_member(
    project: OwnProject, name: Annotated[str, Path(min_length=1, max_length=64)], parts: Parts
) -> Response:
    """Takes a project that you own away from a user."""
    parts.store.accounts.remove_member(project.id, name)
    return Response(status_code=204)


def _item(project: Project) -> ProjectItem:
    return ProjectItem(
        id=project.id,
        name=project.name,
        owner=project.owner,
        members=list(project.members),
        created=project.created.isoformat(),
    )
