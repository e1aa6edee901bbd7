"""The tables of the inbox: a SQLite file of its own, or tables beside the state on Postgres.

Instants are whole seconds since 1970. They are plain numbers: thousands of rows a second go through here.
"""

from __future__ import annotations

import sqlalchemy as sa

from upstep.state.tables import NUMBERED

INBOX = sa.MetaData()

inbox_event = sa.Table(
    "inbox_event",
    INBOX,
    sa.Column("seq", NUMBERED, primary_key=True),
    sa.Column("message_id", sa.Text, nullable=False, unique=True),
    sa.Column("kind", sa.Text, nullable=False),  # track, identify, group, alias
    sa.Column("occurred_at", sa.BigInteger, nullable=False),
    sa.Column("received_at", sa.BigInteger, nullable=False),
    sa.Column("body", sa.LargeBinary, nullable=False),
    sa.Column("is_public", sa.Boolean, nullable=False, server_default=sa.false()),
    sa.Column("proven_account", sa.Text),
    sqlite_autoincrement=True,  # a number is never given twice, also after the newest rows were removed
)
"""One row per event that arrived, in the order in which they were acknowledged. Kept for a while after it became a
fact: while its row stands, the same event is known again. ``is_public``: a key sent it that anybody can read.
``proven_account``: a token said when it came that its person speaks, for this account."""

inbox_cursor = sa.Table(
    "inbox_cursor",
    INBOX,
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("seq", sa.BigInteger, nullable=False),
)
"""Row ``done``: events up to this number are facts. Row ``again``: up to it, some were made to wait once more."""

inbox_parked = sa.Table(
    "inbox_parked",
    INBOX,
    sa.Column("message_id", sa.Text, primary_key=True),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("occurred_at", sa.BigInteger, nullable=False),
    sa.Column("received_at", sa.BigInteger, nullable=False),
    sa.Column("body", sa.LargeBinary, nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("why", sa.Text, nullable=False),
    sa.Column("person", sa.Text),
    sa.Column("parked_at", sa.BigInteger, nullable=False),
    sa.Column("is_public", sa.Boolean, nullable=False, server_default=sa.false()),
    sa.Column("proven_account", sa.Text),
    sa.Index("ix_inbox_parked_person", "person"),
)
"""One row per event that could not become a fact. Those of a ``person`` wait until that one's account is known."""

inbox_unknown = sa.Table(
    "inbox_unknown",
    INBOX,
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("events", sa.BigInteger, nullable=False),
    sa.Column("first_at", sa.BigInteger, nullable=False),
    sa.Column("last_at", sa.BigInteger, nullable=False),
    sa.Column("example", sa.Text, nullable=False),
)
"""One row per name of an event that no setting says what to do with."""

inbox_refused = sa.Table(
    "inbox_refused",
    INBOX,
    sa.Column("what", sa.Text, primary_key=True),
    sa.Column("events", sa.BigInteger, nullable=False),
    sa.Column("first_at", sa.BigInteger, nullable=False),
    sa.Column("last_at", sa.BigInteger, nullable=False),
    sa.Column("example", sa.Text, nullable=False),
)
"""One row per table and column that a page may not set, such as account.owner_id, and was told to."""

inbox_told = sa.Table(
    "inbox_told",
    INBOX,
    sa.Column("kind", sa.Text, primary_key=True),  # account, contact, alias (an anonymous id: whose it is)
    sa.Column("key", sa.Text, primary_key=True),
    sa.Column("row", sa.JSON, nullable=False),
    sa.Column("told_at", sa.BigInteger, nullable=False),
)
"""One row per account, contact or anonymous id: what events said of it last, column by column."""


def make_tables(connection: sa.Connection) -> None:
    """Make the tables that are missing, and in older ones the columns."""
    INBOX.create_all(connection)
    no = "0" if connection.dialect.name == "sqlite" else "false"
    added = {"is_public": f"BOOLEAN DEFAULT {no} NOT NULL", "proven_account": "TEXT"}
    for table in (inbox_event, inbox_parked):
        known = {column["name"] for column in sa.inspect(connection).get_columns(table.name)}
        for name in added.keys() - known:
            connection.execute(sa.text(f"ALTER TABLE {table.name} ADD COLUMN {name} {added[name]}"))
