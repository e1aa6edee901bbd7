"""Bringing the operational database to its newest form: forward only, by itself, from the installed package.

One file a step in ``versions``; a step is never edited once it has been released.
"""

from __future__ import annotations

import sqlalchemy as sa

from upstep.errors import OutsideError
from upstep.state.tables import METADATA

NEWEST = "0007"
"""The revision of the last file in ``versions``; a test keeps it true."""

_LOCK = 0x757073746570  # "upstep": one number that only migrations of upstep lock


def migrate(engine: sa.Engine) -> None:
    """Apply the steps that are missing, in one transaction, while nobody else does.

    Raises:
        OutsideError: The database is of a newer version of the program.
    """
    if _revision(engine) == NEWEST:
        return  # the usual case; Alembic takes longer to load than most commands to run
    with engine.begin() as connection:
        if connection.dialect.name == "postgresql":
            connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_LOCK)))
        if sa.inspect(connection).get_table_names():
            upgrade(connection)
        else:
            _make(connection)


def _make(connection: sa.Connection) -> None:
    """A new database gets its newest form at once; the steps are for those that hold something."""
    METADATA.create_all(connection)
    connection.execute(sa.text("CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL PRIMARY KEY)"))
    connection.execute(sa.text("INSERT INTO alembic_version VALUES (:revision)"), {"revision": NEWEST})


def _revision(engine: sa.Engine) -> str | None:
    with engine.connect() as connection:
        if not sa.inspect(connection).has_table("alembic_version"):
            return None
        found: str | None = connection.execute(sa.text("SELECT version_num FROM alembic_version")).scalar()
        return found


def upgrade(connection: sa.Connection) -> None:
    """Every step that is missing, one after the other."""
    from alembic import command
    from alembic.config import Config
    from alembic.util import CommandError

    settings = Config()
    settings.set_main_option("script_location", "upstep.state:migrations")
    settings.attributes["connection"] = connection
    try:
        command.upgrade(settings, "head")
    except CommandError as error:
        raise OutsideError(
            f"{connection.engine.url.database}: state was written by a newer upstep ({error}). Install that version."
        ) from error
