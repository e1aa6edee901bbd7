"""How Alembic reaches the database: by the connection, and the transaction, that ``migrate`` hands in."""

from __future__ import annotations

from alembic import context

from upstep.state.tables import METADATA

context.configure(connection=context.config.attributes["connection"], target_metadata=METADATA)
context.run_migrations()
