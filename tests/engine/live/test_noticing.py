"""What the worker notices of what others wrote to the state."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import sqlalchemy as sa

from tests.billing.seeds import AT, item_row, to_scale
from upstep.billing.sandbox import Card, SandboxBiller
from upstep.engine.live.noticing import Noticed
from upstep.offers.lifecycle import accept_and_apply, open_offer
from upstep.offers.model import NewOffer
from upstep.state import tables
from upstep.state.holds import HoldKind, record_hold
from upstep.state.session import open_state, writing


def test_a_yes_is_noticed_and_again_when_its_card_was_confirmed_later(tmp_path: Path) -> None:
    engine = open_state(tmp_path / "state.db")
    biller = SandboxBiller(tmp_path / "biller.db")
    biller.seed([item_row()])
    biller.set_card("acme", Card.CONFIRMING, at=AT)
    steps = {"play": "p", "motion": "upsell", "path": "self_serve", "lane": "self_serve", "target": "plan:scale"}
    of = {"account_id": "acme", "step_id": "s", "run_id": "r", "product_id": "sending", "facts": {"used": 1}}
    new = NewOffer(**steps, **of, quote=biller.preview(to_scale(), AT))  # type: ignore[arg-type]
    offer_id = open_offer(engine, new, messages=[], by="upstep", at=AT, why="it fired").offer.offer_id

    noticed = Noticed(engine)
    assert not noticed.has_accepted()
    asked = accept_and_apply(engine, biller, offer_id=offer_id, by="ann", at=AT + timedelta(minutes=1))
    assert noticed.has_accepted()
    assert not noticed.has_accepted()

    biller.confirm(asked.answer.reference, at=AT + timedelta(minutes=2))  # type: ignore[union-attr]
    accept_and_apply(engine, biller, offer_id=offer_id, by="ann", at=AT + timedelta(minutes=2))
    assert noticed.has_accepted()
    assert not noticed.has_accepted()
    engine.dispose()


def held(engine: sa.Engine, account: str, hold_id: int) -> None:
    """A hold under a number of its own, as a server gives it out before the transaction commits."""
    with writing(engine) as connection:
        record_hold(connection, account, contact_id=None, kind=HoldKind.PERSON, why="asked", by="ann", now=AT)
        newest = sa.select(sa.func.max(tables.contact_hold.c.hold_id)).scalar_subquery()
        moved = sa.update(tables.contact_hold).where(tables.contact_hold.c.hold_id == newest)
        connection.execute(moved.values(hold_id=hold_id))


def test_what_commits_later_under_an_earlier_number_is_noticed_and_nothing_twice(
    tmp_path: Path,
) -> None:
    engine = open_state(tmp_path / "state.db")
    held(engine, "before", 1)
    noticed = Noticed(engine, late=10)
    assert noticed.since() == set()
    held(engine, "acme", 1001)
    assert noticed.since() == {"acme"}
    held(engine, "globex", 1002)
    with writing(engine) as connection:
        row = dict(connection.execute(sa.select(tables.contact_hold)).mappings().all()[-1])
        late = row | {"hold_id": 1000, "account_id": "late"}
        connection.execute(sa.insert(tables.contact_hold).values(**late))
    assert noticed.since() == {"globex", "late"}
    assert noticed.since() == set()
    engine.dispose()
