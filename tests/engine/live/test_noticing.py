"""What the worker notices of what others wrote to the state."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from tests.billing.seeds import AT, item_row, to_scale
from upstep.billing.sandbox import Card, SandboxBiller
from upstep.engine.live.noticing import Noticed
from upstep.offers.lifecycle import accept_and_apply, open_offer
from upstep.offers.model import NewOffer
from upstep.state.session import open_state


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
