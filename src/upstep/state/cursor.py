"""How far a billing provider's events have been read and loaded."""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa

from upstep.state.session import hold, reading, writing
from upstep.state.tables import provider_cursor


def read_cursor(engine: sa.Engine, provider: str) -> str | None:
    """What the provider's events go on after; None: nothing has been read."""
    with reading(engine) as connection:
        row = connection.execute(
            sa.select(provider_cursor.c.cursor).where(provider_cursor.c.provider == provider)
        ).first()
    return None if row is None else str(row.cursor)


def save_cursor(engine: sa.Engine, provider: str, cursor: str, *, now: datetime) -> None:
    """Go on after that event from now on. Called when what was read is loaded, so that a crash reads it again."""
    values = {"cursor": cursor, "read_at": now}
    with writing(engine) as connection:
        hold(connection, f"cursor:{provider}")
        mine = provider_cursor.c.provider == provider
        if not connection.execute(sa.update(provider_cursor).where(mine).values(**values)).rowcount:
            connection.execute(sa.insert(provider_cursor).values(provider=provider, **values))
