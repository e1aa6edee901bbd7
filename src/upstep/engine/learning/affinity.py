"""What a company's own past says of "heavy use of X comes before buying Y", and the play that it becomes.

The facts are laid out as snapshots 60 days apart: the last one whose 60 days are over confirms, up to four before it
find. In those every account stands once. What is found is a file in ``plays/`` for a person to read, never a play that
runs unseen.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa

from upstep.clock import DAY_SECONDS, from_seconds, to_day, to_seconds
from upstep.engine.deciding.decide import meter_keys, usage_from_day
from upstep.errors import Fault, SourceError
from upstep.learning.affinity import BOUGHT_DAYS, DEFAULT_GUARDS, USED_DAYS, Affinity, Guards, find_affinities
from upstep.movements.words import PAID_STATUSES
from upstep.tables.facts import Facts, open_facts
from upstep.tables.query import DuckEngine
from upstep.tables.schema import REQUIRED_TABLES
from upstep.wording import percentage

if TYPE_CHECKING:
    from upstep.catalog.model import Catalog
    from upstep.engine.project import Project

EARLIER_MAX = 4
"""Snapshots that find: eight months. What came before a purchase two years ago is another product's story."""

_COUNTED = {"sum": "quantity", "count": "events"}
"""Aggregates whose 28 days add up, and what of a day does. Peaks and people do not."""


@dataclass(frozen=True)
class LearnedPlay:
    """One finding with its names, and the file that it becomes."""

    meter_id: str
    meter_name: str
    product_id: str
    product_name: str
    affinity: Affinity
    play_id: str
    text: str


@dataclass(frozen=True)
class Learned:
    """What was looked at and found, strongest first.

    Args:
        snapshots: The instants, earliest first; the last one confirmed. Fewer than two: the past is too short.
        accounts: How many were looked at in the earlier part and in the later one.
        tested: Pairs and thresholds that were tested; ``candidates``: pairs that the earlier part showed.
        why_none: What stood in the way of looking at all; None when there was a search.
    """

    as_of: datetime
    snapshots: tuple[datetime, ...]
    accounts: tuple[int, int]
    tested: int
    candidates: int
    plays: tuple[LearnedPlay, ...]
    why_none: str | None


def learn_affinities(
    project: Project, *, as_of: datetime | None = None, guards: Guards = DEFAULT_GUARDS, most: int = 10
) -> Learned:
    """Search a project's past. Writes nothing.

    Args:
        most: So many findings at most, strongest first.

    Raises:
        SourceError: A required table is not connected.
    """
    engine = DuckEngine(spill=str(project.folder / ".upstep" / "spill"))
    facts = open_facts(project.folder, engine, as_of=as_of)
    missing = [name for name in REQUIRED_TABLES if name not in facts.connected]
    if missing:
        advice = f"Map it in mapping.yaml or put data/{missing[0]}.csv there, then run 'upstep load'."
        raise SourceError([Fault(str(project.folder), f"table {name} is not loaded.", advice) for name in missing])
    snapshots = _snapshots(facts)
    if len(snapshots) < 2:
        needed = USED_DAYS + 2 * BOUGHT_DAYS
        why = (
            f"Usage must reach back {needed} days: {USED_DAYS} of use, {BOUGHT_DAYS} to find, {BOUGHT_DAYS} to confirm."
        )
        return Learned(facts.as_of, tuple(snapshots), (0, 0), 0, 0, (), why)
    own = lay_out(engine, project.catalog, snapshots)
    made = find_affinities(engine.connection, own=own, guards=guards)
    names = {key: meter for meter, key in meter_keys(engine).items()}
    products = list(project.catalog.products)
    plays = [
        _play(one, names[one.feature], products[one.product], project.catalog, snapshots) for one in made.found[:most]
    ]
    counts = dict(engine.connection.execute("SELECT part, count(*) FROM observed GROUP BY part").fetchall())
    accounts = (counts.get(0, 0), counts.get(1, 0))
    return Learned(facts.as_of, tuple(snapshots), accounts, made.tested, made.candidates, tuple(plays), None)


def _snapshots(facts: Facts) -> list[datetime]:
    """Midnights 60 days apart, earliest first; before the first lie 28 days of usage, after the last 60 days."""
    first = (usage_from_day(facts) + USED_DAYS) * DAY_SECONDS
    last = (to_day(facts.as_of.date()) - BOUGHT_DAYS) * DAY_SECONDS
    apart = BOUGHT_DAYS * DAY_SECONDS
    instants = [last - index * apart for index in range(EARLIER_MAX + 1)]
    return [from_seconds(at) for at in reversed(instants) if at >= first]


def lay_out(engine: DuckEngine, catalog: Catalog, snapshots: Sequence[datetime]) -> set[tuple[int, int]]:
    """Make the tables that ``find_affinities`` reads from the core tables that are open.

    An account stands in the one earlier snapshot that its key picks, where it held a plan then, and in the last one.

    Returns:
        The pairs that are not asked: a product's own meters.
    """
    keys = meter_keys(engine)
    _small_tables(engine, catalog, snapshots, keys)
    statuses = ", ".join(f"'{status}'" for status in PAID_STATUSES)
    earlier = len(snapshots) - 1
    run = engine.connection.execute
    run(
        "CREATE OR REPLACE TEMP TABLE observed AS SELECT DISTINCT account_key AS account, part, taken_at, day"
        " FROM subscription_item JOIN _snapshot ON valid_from <= taken_at AND (valid_to IS NULL OR valid_to > taken_at)"
        f" WHERE plan_id IS NOT NULL AND (part = 1 OR account_key % {earlier} = place)"
    )
    run(
        "CREATE OR REPLACE TEMP TABLE used AS SELECT account, part, meter_key::BIGINT AS feature,"
        " sum(CASE WHEN by_events THEN events ELSE quantity END)::BIGINT AS quantity"
        " FROM usage_day JOIN _feature USING (meter_key) JOIN observed ON account = account_key"
        f" AND usage_day.day < observed.day AND usage_day.day >= observed.day - {USED_DAYS}"
        " GROUP BY ALL HAVING quantity > 0"
    )
    run(
        "CREATE OR REPLACE TEMP TABLE _got AS SELECT account_key AS account, place AS product, min(since) AS since,"
        " min(paid) AS paid FROM ("
        "  SELECT account_key, product_id, valid_from AS since,"
        f"   CASE WHEN status IN ({statuses}) AND amount_minor > 0 THEN valid_from END AS paid"
        "  FROM subscription_item WHERE plan_id IS NOT NULL"
        "  UNION ALL SELECT account_key, product_id, purchased_at, purchased_at FROM purchase"
        " ) JOIN _product USING (product_id) GROUP BY ALL"
    )
    run(
        "CREATE OR REPLACE TEMP TABLE owned AS SELECT account, part, product"
        " FROM observed JOIN _got USING (account) WHERE since <= taken_at"
    )
    run(
        "CREATE OR REPLACE TEMP TABLE bought AS SELECT account, part, product FROM observed JOIN _got USING (account)"
        f" WHERE since > taken_at AND paid <= taken_at + {BOUGHT_DAYS * DAY_SECONDS}"
    )
    products = list(catalog.products.values())
    return {(keys[meter], place) for place, product in enumerate(products) for meter in product.meters if meter in keys}


def _small_tables(engine: DuckEngine, catalog: Catalog, snapshots: Sequence[datetime], keys: dict[str, int]) -> None:
    """``_snapshot``, ``_feature`` and ``_product``: the snapshots, the meters that add up, the products by place."""
    last = len(snapshots) - 1
    rows = [(index, int(index == last), to_seconds(at), to_day(at.date())) for index, at in enumerate(snapshots)]
    columns = dict(zip(("place", "part", "taken_at", "day"), zip(*rows, strict=True), strict=True))
    engine.load("_snapshot", pa.table({name: pa.array(values, pa.int64()) for name, values in columns.items()}))
    features = [
        (keys[meter.id], _COUNTED[meter.aggregate] == "events")
        for meter in catalog.meters.values()
        if meter.id in keys and meter.kind == "flow" and meter.aggregate in _COUNTED
    ]
    by_events = pa.array([is_count for _, is_count in features], pa.bool_())
    engine.load(
        "_feature", pa.table({"meter_key": pa.array([k for k, _ in features], pa.int32()), "by_events": by_events})
    )
    places = pa.array(range(len(catalog.products)), pa.int64())
    engine.load("_product", pa.table({"product_id": pa.array(list(catalog.products), pa.string()), "place": places}))


# The play


def _play(
    one: Affinity, meter_id: str, product_id: str, catalog: Catalog, snapshots: Sequence[datetime]
) -> LearnedPlay:
    meter, product = catalog.meters[meter_id], catalog.products[product_id]
    play_id = re.sub(r"[^a-z0-9]+", "_", f"affinity_{meter_id}_{product_id}".lower())
    text = _TEMPLATE.format(
        play=play_id,
        as_of=f"{snapshots[-1] + timedelta(days=BOUGHT_DAYS):%Y-%m-%d}",
        threshold=one.threshold,
        told=f"{one.threshold:,}",
        meter=meter.id,
        meter_name=meter.name,
        product=product.id,
        product_name=product.name,
        prior=round(one.confirmed.above.value or 0.0, 3),
        source=said(one),
        later=f"{snapshots[-1]:%Y-%m-%d}",
    )
    return LearnedPlay(meter.id, meter.name, product.id, product.name, one, play_id, text)


def said(one: Affinity) -> str:
    """The learned figures in a sentence."""
    above, below = one.confirmed.above, one.confirmed.below
    lift, low, high = one.confirmed.lift
    return (
        f"of {above.of:,} accounts without it at or above, {above.count:,} ({_percent(above.value)}) bought it within"
        f" {BOUGHT_DAYS} days, of {below.of:,} below {below.count:,} ({_percent(below.value)}):"
        f" {lift:.1f} times as often ({low:.1f} to {high:.1f})"
    )


def _percent(share: float | None) -> str:
    return percentage(100 * (share or 0.0), 1)


_TEMPLATE = """\
# Learned from this company's own past up to {as_of} by 'upstep learn affinity'. Read it before it runs: it says what
# came before a purchase, an association and never a cause. Try it: upstep plays test {play}
play: {play}
what: At least {told} {meter_name} in 28 days, and they do not own {product_name}.
motion: cross_sell
each: product
when: product_id = '{product}' and meter('{meter}').used_28d >= {threshold}
moments: [first_value, product_released, onboarded_60d, outcome_met]
propose: product
message: complement
prior: {prior}
source: >-
  Learned, an association: {source}. Counted from {later} on, on weeks by which the threshold was not chosen.
"""


@dataclass(frozen=True)
class Written:
    """What became of one file: ``written``, ``same`` (it stood there) or ``kept`` (with other words)."""

    play_id: str
    path: Path
    outcome: str


def write_plays(
    project: Project, plays: Sequence[LearnedPlay], *, replace: frozenset[str] = frozenset()
) -> list[Written]:
    """Write each play into the project's ``plays`` folder; one that stands there otherwise only when it is named.

    Args:
        replace: Ids of plays whose file may be overwritten.
    """
    folder = project.folder / "plays"
    done = []
    for play in plays:
        path = folder / f"{play.play_id}.yaml"
        before = path.read_text(encoding="utf-8") if path.exists() else None
        if before == play.text:
            outcome = "same"
        elif before is not None and play.play_id not in replace:
            outcome = "kept"
        else:
            folder.mkdir(exist_ok=True)
            path.write_text(play.text, encoding="utf-8")
            outcome = "written"
        done.append(Written(play.play_id, path, outcome))
    return done
