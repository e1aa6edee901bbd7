"""upstep keys: keys of the HTTP API; made and shown once, listed, replaced, ended."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING, Annotated, Any

import typer

from upstep.cli.groups import listing_group
from upstep.cli.options import HERE, AsJson, ProjectFolder, instant
from upstep.cli.terminal import grid, next_command, print_json, show

if TYPE_CHECKING:
    from pathlib import Path

    import sqlalchemy as sa

    from upstep.state.keys import ApiKey

KeyId = Annotated[str, typer.Argument(metavar="KEY", help="The key's id, or its name where one good key has it.")]


def list_(*, project: ProjectFolder = HERE, as_json: AsJson = False) -> None:
    """List all keys: what each may do, until when, and when it was last used."""
    from upstep.clock import now
    from upstep.state import keys

    with _state(project) as engine:
        found = keys.list_keys(engine)
    moment = now()
    if as_json:
        print_json({"keys": [_shape(one, is_good=one.is_good(moment)) for one in found]})
        return
    if not found:
        show("There is no key yet.")
        next_command("keys", "make", "NAME", "--scope", "read", project=project)
        return
    rows = [(one.key_id, one.name, _scopes(one), _day(one.last_used_at), _ends(one)) for one in found]
    show(grid(rows, header=("key", "name", "scopes", "last used", "ends")))
    for one in found:
        if one.is_leaked and one.is_good(moment):
            show("", leak(one))


app = listing_group("Keys of the HTTP API.", list_)


@app.command("make")
def make(
    name: Annotated[str, typer.Argument(metavar="NAME", help="What it is for, such as shop-backend.")],
    *,
    scope: Annotated[
        list[str] | None, typer.Option(metavar="SCOPE", help="ingest, browser, read, act or admin; may be repeated.")
    ] = None,
    until: Annotated[str | None, typer.Option(metavar="DATE", help="It ends then. Default: never.")] = None,
    project: ProjectFolder = HERE,
    as_json: AsJson = False,
) -> None:
    """Make a key and print it, this once: only its digest is kept."""
    from upstep.clock import now
    from upstep.state import keys
    from upstep.state.session import writing

    ends = instant(until, "--until")
    with _state(project) as engine, writing(engine) as connection:
        key_id, secret = keys.make_key(connection, name, scope or ["read"], by=_user(), now=now(), expires_at=ends)
    _show_made(key_id, secret, project, as_json=as_json)


def _show_made(key_id: str, secret: str, project: Path, *, as_json: bool) -> None:
    if as_json:
        print_json({"key_id": key_id, "key": secret})
        return
    show(secret, "", "It is shown this once. Put it where your program keeps its secrets.")
    next_command("keys", "list", project=project)


def _shape(one: ApiKey, *, is_good: bool) -> dict[str, Any]:
    from dataclasses import asdict

    from upstep.cli.shapes import plain

    return {**plain(asdict(one)), "scopes": _scopes(one).split(" "), "is_good": is_good}


def leak(one: ApiKey) -> str:
    """Of a server's key that a page sent: when, from where, and what to do."""
    return (
        f"{one.key_id} ({one.name}) is for servers and came from a page, last on {_day(one.page_seen_at)} from"
        f" {one.page_origin}: whoever opens that page has it. Give the page one of scope 'browser' (upstep keys make),"
        f" then replace this one: upstep keys rotate {one.key_id}, and once your servers have the new one, revoke it."
    )


def _scopes(one: ApiKey) -> str:
    from upstep.state.keys import SCOPES

    return " ".join(scope for scope in SCOPES if scope in one.scopes)


def _day(at: Any) -> str:
    return f"{at:%Y-%m-%d %H:%M}" if at else "never"


def _ends(one: ApiKey) -> str:
    if one.revoked_at:
        return f"revoked {one.revoked_at:%Y-%m-%d}"
    return f"{one.expires_at:%Y-%m-%d %H:%M}" if one.expires_at else "-"


@app.command("rotate")
def rotate(
    key: KeyId,
    *,
    overlap_hours: Annotated[int, typer.Option(min=0, metavar="N", help="So long the old one works on.")] = 24,
    project: ProjectFolder = HERE,
    as_json: AsJson = False,
) -> None:
    """Make a key in the place of another; both work for a day, so that nothing stops meanwhile."""
    from upstep.clock import now
    from upstep.state import keys
    from upstep.state.session import writing

    overlap = timedelta(hours=overlap_hours)
    with _state(project) as engine, writing(engine) as connection:
        old = keys.named_key(connection, key, now=now())
        key_id, secret = keys.rotate_key(connection, old, by=_user(), now=now(), overlap=overlap)
    _show_made(key_id, secret, project, as_json=as_json)


@app.command("revoke")
def revoke(key: KeyId, *, project: ProjectFolder = HERE, as_json: AsJson = False) -> None:
    """End a key at once; a service that runs refuses it within a second."""
    from upstep.clock import now
    from upstep.state import keys
    from upstep.state.session import writing

    with _state(project) as engine, writing(engine) as connection:
        key = keys.named_key(connection, key, now=now())
        is_new = keys.revoke_key(connection, key, by=_user(), now=now())
    if as_json:
        print_json({"key_id": key, "revoked": is_new})
        return
    show(f"{key} is revoked." if is_new else f"{key} had ended before.")
    next_command("keys", "list", project=project)


@contextmanager
def _state(project: Path) -> Iterator[sa.Engine]:
    from upstep.engine.project import Project, open_project_state

    opened = Project(project)
    _ = opened.settings
    engine = open_project_state(opened)
    try:
        yield engine
    finally:
        engine.dispose()


def _user() -> str:
    import getpass

    return getpass.getuser()
