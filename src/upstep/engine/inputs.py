"""What the state tells the plays: what was asked, what people answered. Tables keyed by account id."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

import pyarrow as pa

from upstep.engine.decide import Inputs

if TYPE_CHECKING:
    from upstep.engine.project import Project


def gather(project: Project, *, at: datetime) -> Inputs:
    """The input tables as of an instant; a project without state has none of them."""
    if not project.state_path.exists():
        return Inputs({})
    from upstep.offers.history import offer_history
    from upstep.state.answers import answers
    from upstep.state.session import open_state, reading

    engine = open_state(project.state_path)
    asked = offer_history(engine, as_of=at)
    asked = asked.select(["account_id", "product_id", "target", "shown_at", "declined_at"])
    asked = asked.rename_columns(["account_id", "to_product_id", "target", "shown_at", "declined_at"])
    with reading(engine) as connection:
        said = answers(connection, at=at)
    engine.dispose()
    columns = {
        "account_id": [answer.account_id for answer in said],
        "gate": [answer.gate for answer in said],
        "answer": [answer.answer.value for answer in said],
    }
    confirmed = pa.table({name: pa.array(values, pa.string()) for name, values in columns.items()})
    return Inputs({"offer_history": asked, "confirmed": confirmed})
