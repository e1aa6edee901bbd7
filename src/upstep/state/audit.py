"""Who did what, when: a line for everything that somebody may ask about later. Lines are added, never changed."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from upstep.state.tables import audit


def note(
    connection: sa.Connection,
    what: str,
    *,
    subject: str,
    who: str,
    at: datetime,
    details: Mapping[str, Any] | None = None,
) -> None:
    """Add a line, in the transaction of the deed: both happen or neither.

    Args:
        connection: The deed's transaction.
        what: The deed in one word or two: ``confirm``, ``live``, ``apply``.
        subject: What it was done to: an account, an offer, a setting.
        who: Who did it.
        at: When.
        details: What JSON can keep; no secrets and no contact's details.
    """
    row = {"happened_at": at, "who": who, "what": what, "subject": subject, "details": dict(details or {})}
    connection.execute(sa.insert(audit).values(**row))
