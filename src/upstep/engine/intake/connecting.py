"""What ``upstep init --from`` writes: a mapping for a company's connectors, and a catalog from what they landed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from upstep.catalog.landed import LandedSales, Row, starting_catalog
from upstep.money import CURRENCIES
from upstep.tables.connectors.connector import choose, find_connectors
from upstep.tables.connectors.landing import Landing
from upstep.tables.connectors.template import ACCOUNT_IDS
from upstep.tables.mapping import Source
from upstep.tables.source import source_rows

_EVENTS_MOST = 200  # More are no meters, but whatever somebody tracked.


@dataclass(frozen=True)
class Connected:
    """Files to write, and what they hold.

    Args:
        texts: File in the project -> its text.
        tables: Our table -> the connector that fills it.
        left: Our table and why a connector does not fill it.
    """

    texts: Mapping[str, str]
    tables: Mapping[str, str]
    left: tuple[tuple[str, str], ...]


def connect(names: Sequence[str], *, data: str | None, project: Path, currency: str) -> Connected:
    """Make the files for these connectors.

    Args:
        names: Connectors, the weightiest first: the first that holds a table fills it.
        data: Where their tables lie; None: not looked at, and the usual places are written.
        project: The project's folder; paths in the mapping are relative to it.
        currency: The company's.

    Raises:
        ConfigError: A connector is not known.
        SourceError: ``data`` is no such place, holds none of the tables, or one of them cannot be read.
    """
    landings = {connector: connector.landing(data, project=project) for connector in find_connectors(names)}
    chosen = choose(landings, minor_units=10 ** CURRENCIES[currency])
    texts = {"mapping.yaml": chosen.text}
    catalog = starting_catalog(_sales(list(landings.values())), currency=currency)
    if catalog is not None:
        texts["catalog.yaml"] = catalog
    if chosen.is_linked:
        texts[ACCOUNT_IDS] = "connector,their_id,account_id\n"
    return Connected(texts, chosen.tables, chosen.left)


def _sales(landings: Sequence[Landing]) -> LandedSales:
    """What was landed of products and prices, where somebody looked."""
    sold = next((one for one in landings if one.is_seen and (one.has("price") or one.has("plan"))), None)
    if sold is None:
        return LandedSales()
    used = "select plan_id, max(cast(quantity as bigint)) as quantity from it group by plan_id"
    done = f"select name from it group by name order by count(*) desc, name limit {_EVENTS_MOST}"
    events = [row for landing in landings if landing.is_seen for row in _rows(landing, "event", done)]
    return LandedSales(
        _rows(sold, "product"),
        _rows(sold, "price"),
        _rows(sold, "plan"),
        _rows(sold, "subscription_item", used),
        [str(row["name"]) for row in events if row["name"]],
    )


def _rows(landing: Landing, table: str, select: str = "") -> list[Row]:
    """A landed table's rows, or those of a SELECT over it, as ``it``; none where it was not landed."""
    if not landing.has(table):
        return []
    source = landing.sources[table]
    if select:
        source = Source("select", "--data", select=select, reads=(("it", replace(source, may_lack=("quantity",))),))
    return [*source_rows(source, project=landing.project)]
