"""A yes taken to its end in one go: applied at the provider, read back as facts, the offer converted."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, TypeVar

from upstep.engine.quoting import quotes as quoting
from upstep.engine.quoting.biller import open_biller
from upstep.engine.quoting.reconciling import reconcile
from upstep.errors import UpstepError

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    import sqlalchemy as sa

    from upstep.engine.project import Project
    from upstep.engine.quoting.quotes import Settled

Told = TypeVar("Told")
LOG = logging.getLogger(__name__)


def settle_whole(
    project: Project, state: sa.Engine, named: str, *, by: str, now: datetime, quote_id: str | None = None
) -> tuple[Settled, tuple[str, ...]]:
    """Apply a quote, or accept an offer, and read back what the provider did. Twice is once.

    Args:
        quote_id: The one whose price was shown; an offer that has another by now is not accepted.

    Returns:
        What became of it, and the offers that the provider's word converted; none where it is not read back yet.

    Raises:
        QuoteError: It is not known, or cannot be applied as it was shown; nothing was changed.
        OutsideError: The provider gave no answer. It may have happened: ask again.
    """
    known = quoting.find(state, named)
    provider = open_biller(project, as_of=now, accounts=[known.account_id])
    settled = quoting.settle(project, state, provider, known, by=by, now=now, quote_id=quote_id)
    told, why = after_settling(lambda: reconcile(project, provider=provider, now=now))
    if told is None:
        LOG.warning("%s is settled and not read back yet: %s", named, why)
        return settled, ()
    return quoting.as_it_stands(state, settled), tuple(offer.offer_id for offer in told.converted)


def after_settling(step: Callable[[], Told]) -> tuple[Told | None, str]:
    """What a step gives that only tells what was settled; None, with the reason, where it fails.

    Nothing that goes wrong in it may look as if the change had failed, for the money is settled: whoever is told of a
    failure asks again, or tells their customer so.
    """
    try:
        return step(), ""
    except UpstepError as error:
        return None, str(error)
    except Exception as error:
        LOG.exception("telling what was settled")
        return None, f"{type(error).__name__}: {error}"
