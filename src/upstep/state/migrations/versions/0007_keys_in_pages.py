"""Keys keep when a page sent them, and of which origin."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    """Add the columns."""
    op.add_column("api_key", sa.Column("page_seen_at", sa.BigInteger()))
    op.add_column("api_key", sa.Column("page_origin", sa.Text()))
