"""What proposers share: the rows that fired, what their accounts hold, and the table proposals are collected in."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, fields, replace
from datetime import date
from functools import cached_property, partial
from itertools import groupby
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from upstep.catalog.fit import UNLIMITED, Fit, Holding, Terms

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from upstep.catalog.model import Catalog
    from upstep.plays.play import Play, Playbook

    Wholes = NDArray[np.int64]

KEYS = ("account_key", "product_id")


@dataclass(frozen=True)
class Fired:
    """Everything that fired, as tables by grain, and what the accounts concerned hold.

    Args:
        rows: Grain to its ``fired_<grain>`` table.
        owned: ``owned`` of the accounts that fired.
        limits: ``limit_profile`` of the same accounts.
        reached: ``stock_reached``: since when stocks stand where they do, for notices.
    """

    rows: Mapping[str, pa.Table]
    owned: pa.Table
    limits: pa.Table
    reached: pa.Table | None = None


@dataclass(frozen=True)
class Taken:
    """Some rows of a column, not taken yet: those of many blocks are taken at once."""

    table: pa.Table
    name: str
    rows: Wholes


@dataclass
class Columns:
    """The proposals being collected: one value per fired row and name."""

    blocks: list[tuple[int, Mapping[str, Any]]] = field(default_factory=list)

    def add(self, rows: int, **values: Any) -> None:
        """Append one block of rows; single values are repeated, and what is not named is NULL."""
        self.blocks.append((rows, values))

    def table(self) -> pa.Table:
        """All blocks as one table."""
        schema = pa.schema([pa.field(name, kind) for name, kind in SCHEMA.items()])
        columns = [self._column(name, kind) for name, kind in SCHEMA.items()]
        return pa.table(columns, schema=schema)

    def _column(self, name: str, kind: pa.DataType) -> pa.ChunkedArray:
        """Blocks of one nature are made to an array together: there are many small ones."""
        parts = [(rows, values.get(name)) for rows, values in self.blocks]
        made: list[pa.Array] = []
        for nature, alike in groupby(parts, lambda part: _nature(part[1])):
            made += _arrays(nature, list(alike), kind)
        return pa.chunked_array(made, kind)


def _nature(value: Any) -> tuple[str, int, str]:
    """How a block's value becomes an array; blocks that take from one column are of one nature."""
    if isinstance(value, Taken):
        return "taken", id(value.table), value.name
    if isinstance(value, pa.Array | pa.ChunkedArray):
        return "arrow", 0, ""
    return ("null" if value is None else "values"), 0, ""


def _arrays(nature: tuple[str, int, str], parts: list[tuple[int, Any]], kind: pa.DataType) -> list[pa.Array]:
    values = [value for _, value in parts]
    if nature[0] == "null":
        return [pa.nulls(sum(rows for rows, _ in parts), kind)]
    if nature[0] == "taken":
        rows = np.concatenate([value.rows for value in values])
        return list(values[0].table[values[0].name].take(pa.array(rows)).cast(kind).chunks)
    if nature[0] == "arrow":
        return [chunk for value in values for chunk in getattr(value, "chunks", (value,))]
    each = [value if isinstance(value, np.ndarray) else _repeated(value, rows) for rows, value in parts]
    joined = np.concatenate(each)
    return [pa.array(joined, kind, from_pandas=joined.dtype == object)]


def _repeated(value: Any, rows: int) -> NDArray[Any]:
    return np.full(rows, value, object if isinstance(value, str) else None)


SCHEMA: dict[str, pa.DataType] = {
    "play": pa.int32(),
    "grain": pa.string(),
    "source_row": pa.int64(),
    "account_key": pa.int32(),
    "product_id": pa.string(),
    "gate_product_id": pa.string(),
    "meter_id": pa.string(),
    "feature_id": pa.string(),
    "subject_add_on_id": pa.string(),
    "subject_plan_id": pa.string(),
    "target": pa.string(),
    "motion": pa.string(),
    "to_product_id": pa.string(),
    "to_plan_id": pa.string(),
    "to_add_on_id": pa.string(),
    "quantity": pa.int64(),
    "interval": pa.string(),
    "currency": pa.string(),
    "recurring_units": pa.int64(),
    "overage_units": pa.int64(),
    "saving_units": pa.int64(),
    "committed_units": pa.int64(),
    "rank_units": pa.int64(),
    "one_off_units": pa.int64(),
    "meter_adoption": pa.float64(),
    "rungs": pa.int32(),
    "is_estimated": pa.bool_(),
    "is_quote": pa.bool_(),
    "stays": pa.bool_(),
    "adds_nothing": pa.bool_(),
    "is_hygiene": pa.bool_(),
    "prior": pa.float64(),
    "lever": pa.float64(),
}


@dataclass(frozen=True)
class PlayFigures:
    """What the proposal of a row takes from its play, by the play's index."""

    plays: tuple[Play, ...]
    prior: NDArray[np.float64]
    lever: NDArray[np.float64]

    @classmethod
    def of(cls, playbook: Playbook) -> PlayFigures:
        """The figures of every play of a playbook."""
        plays = playbook.plays
        return cls(plays, np.array([play.prior for play in plays]), np.array([play.lever for play in plays]))

    def alike(self, indexes: Wholes) -> dict[tuple[str, str], list[int]]:
        """Plays that propose in the same way, by (proposal, motion of staying): their rows are worked on together."""
        groups: dict[tuple[str, str], list[int]] = {}
        for index in indexes:
            play = self.plays[int(index)]
            groups.setdefault((play.propose, _motion_of_staying(play)), []).append(int(index))
        return groups


@dataclass(frozen=True)
class Batch:
    """Rows of one grain whose plays propose in the same way.

    Args:
        staying: The motion of a step that stays.
        whole: What fired for the grain.
        where: The rows of it that this batch has.
    """

    staying: str
    figures: PlayFigures
    grain: str
    whole: pa.Table
    where: Wholes
    held: Held
    catalog: Catalog
    on: date
    nearly_same_percent: int

    def __len__(self) -> int:
        return len(self.where)

    @cached_property
    def rows(self) -> pa.Table:
        """The batch's own rows."""
        return self.whole.take(pa.array(self.where))

    @property
    def term_meters(self) -> frozenset[str]:
        """Meters that are counted by the term of the contract."""
        return frozenset(meter.id for meter in self.catalog.meters.values() if meter.period == "billing_term")

    def subject(self) -> dict[str, Any]:
        """The columns that say what the row is about."""
        names = {"meter_id": "meter_id", "feature_id": "feature_id", "add_on_id": "subject_add_on_id"}
        names |= {"plan_id": "subject_plan_id"} | ({"adoption": "meter_adoption"} if self.grain == "limit" else {})
        found = {ours: self.taken(theirs) for theirs, ours in names.items() if theirs in self.whole.column_names}
        index = self.whole["play"].to_numpy()[self.where]
        return {
            "play": index,
            "grain": self.grain,
            "source_row": self.where,
            "account_key": self.taken("account_key"),
            "product_id": self.taken("product_id"),
            "gate_product_id": self.taken("product_id"),
            "prior": self.figures.prior[index],
            "lever": self.figures.lever[index],
            "one_off_units": 0,
            "rungs": self.taken("rungs"),
            **found,
        }

    def taken(self, name: str) -> Taken:
        """A column of the batch's rows, for ``Columns``."""
        return Taken(self.whole, name, self.where)


@dataclass(frozen=True)
class Held:
    """What accounts hold, by pair of account and product, in arrays sorted by pair.

    Args:
        pairs: account_key x number of products + product index, rising.
        groups: Per pair, an index into ``terms``; -1 without a plan.
    """

    products: Mapping[str, int]
    pairs: Wholes
    owned: pa.Table
    groups: NDArray[np.int64]
    terms: tuple[tuple[str, str, str, str, int], ...]
    meters: Mapping[str, Mapping[str, Wholes]]
    _columns: dict[str, Wholes] = field(default_factory=dict)

    @classmethod
    def of(cls, owned: pa.Table, limits: pa.Table, catalog: Catalog) -> Held:
        """What the accounts hold, ready to be looked up."""
        products = {product: index for index, product in enumerate(catalog.products)}
        keys = _pairs(owned, products)
        order = np.argsort(keys, kind="stable")
        owned = owned.take(pa.array(order))
        pairs = keys[order]
        terms, groups = _terms(owned)
        return cls(products, pairs, owned, groups, terms, _by_meter(limits, pairs, products))

    def find(self, rows: pa.Table) -> Wholes:
        """Position of each row's pair; -1 when the account does not hold the product."""
        keys = _pairs(rows, self.products)
        if not len(self.pairs):
            return np.full(len(keys), -1, np.int64)
        at = np.minimum(np.searchsorted(self.pairs, keys), len(self.pairs) - 1)
        return np.where(self.pairs[at] == keys, at, -1).astype(np.int64)

    def column(self, name: str, at: Wholes) -> Wholes:
        """A whole-number column of ``owned`` at positions; NULL is 0."""
        if name not in self._columns:
            self._columns[name] = pc.fill_null(self.owned[name], 0).to_numpy().astype(np.int64)
        return self._columns[name][at]


def _pairs(rows: pa.Table, products: Mapping[str, int]) -> Wholes:
    names = rows["product_id"].combine_chunks().dictionary_encode()
    codes = np.array([products.get(name, -1) for name in names.dictionary.to_pylist()] or [-1], np.int64)
    keys = rows["account_key"].to_numpy().astype(np.int64)
    pairs: Wholes = keys
    if len(keys):
        pairs = keys * (len(products) + 1) + codes[names.indices.to_numpy(zero_copy_only=False)]
    return pairs


def _terms(owned: pa.Table) -> tuple[tuple[tuple[str, str, str, str, int], ...], NDArray[np.int64]]:
    """The distinct (product, plan, currency, interval, count) and which each row has."""
    names = ("product_id", "plan_id", "currency", "interval", "interval_count")
    if not owned.num_rows:
        return (), np.zeros(0, np.int64)
    joined = pc.binary_join_element_wise(
        *(pc.fill_null(pc.cast(owned[name], pa.string()), "") for name in names), "\x1f"
    )
    coded = joined.combine_chunks().dictionary_encode()
    keys = []
    for text in coded.dictionary.to_pylist():
        product, plan, currency, interval, count = text.split("\x1f")
        keys.append((product, plan, currency, interval, int(count or 1)))
    return tuple(keys), coded.indices.to_numpy(zero_copy_only=False).astype(np.int64)


_METER_FIGURES = (
    *("limit", "forecast", "forecast_high", "peak", "used", "plan_used_1", "plan_used_2", "plan_used_3"),
    *("is_own", "is_hard"),
)


def _by_meter(limits: pa.Table, pairs: Wholes, products: Mapping[str, int]) -> dict[str, dict[str, Wholes]]:
    """Meter to figures per pair: -1 where the account has no such limit."""
    found: dict[str, dict[str, Wholes]] = {}
    if not limits.num_rows or not len(pairs):
        return found
    keys = _pairs(limits, products)
    at = np.minimum(np.searchsorted(pairs, keys), len(pairs) - 1)
    known = pairs[at] == keys
    unlimited = limits["is_unlimited"].to_numpy(zero_copy_only=False)
    limit = np.where(unlimited, UNLIMITED, _whole(limits, "limit_quantity"))
    figures = {"limit": limit, "forecast": _whole(limits, "forecast_use"), "peak": _whole(limits, "peak_3")}
    figures |= {name: _whole(limits, name) for name in ("forecast_high", "used")}
    figures |= {f"plan_used_{index}": _whole(limits, f"plan_used_{index}") for index in (1, 2, 3)}
    figures["is_own"] = limits["is_own_limit"].to_numpy(zero_copy_only=False).astype(np.int64)
    figures["is_hard"] = np.asarray(pc.equal(limits["enforcement"], "hard").to_numpy(zero_copy_only=False)).astype(
        np.int64
    )
    names = limits["meter_id"].combine_chunks().dictionary_encode()
    codes = names.indices.to_numpy(zero_copy_only=False)
    for code, meter in enumerate(names.dictionary.to_pylist()):
        rows = known & (codes == code)
        found[meter] = {}
        for name in _METER_FIGURES:
            column = np.full(len(pairs), -1, np.int64)
            column[at[rows]] = figures[name][rows]
            found[meter][name] = column
    return found


def _whole(table: pa.Table, name: str) -> Wholes:
    column: Wholes = pc.fill_null(table[name], -1).to_numpy().astype(np.int64)
    return column


def groups(batch: Batch) -> Iterator[tuple[Terms, Wholes, Wholes]]:
    """The batch by equal terms: terms, rows of the batch, positions in ``held``. Others have nothing to fit."""
    at = batch.held.find(batch.rows)
    groups = np.where(at >= 0, batch.held.groups[at] if len(batch.held.groups) else -1, -1)
    for group in np.unique(groups[groups >= 0]):
        product_id, plan_id, currency, interval, count = batch.held.terms[int(group)]
        product = batch.catalog.products.get(product_id)
        plan = batch.catalog.plan(plan_id)
        if product is not None and plan is not None:
            rows = np.flatnonzero(groups == group)
            yield Terms(product, plan, currency, interval, count, batch.on, batch.term_meters), rows, at[rows]


def holding_of(batch: Batch, terms: Terms, at: Wholes, needs: Mapping[str, Wholes]) -> Holding:
    """What the accounts at those positions have today, as fitting takes it."""
    held = batch.held
    limits = {meter: figures["limit"][at] for meter, figures in held.meters.items() if meter in terms.meters}
    known = {meter: limit for meter, limit in limits.items() if (limit >= 0).any()}
    past = {
        meter: [held.meters[meter][f"plan_used_{index}"][at] for index in (1, 2, 3)]
        for meter in known
        if terms.plan.overage(meter, terms.currency)
    }
    return Holding(
        quantity=np.maximum(held.column("quantity", at), 1),
        recurring_units=held.column("recurring_units", at),
        plan_units=held.column("plan_units", at),
        add_on_units=held.column("add_on_units", at),
        needs={meter: need for meter, need in needs.items() if meter in known},
        limits=known,
        own_limits={meter: held.meters[meter]["is_own"][at] == 1 for meter in known},
        past_use=past,
    )


def forecasts(batch: Batch, terms: Terms, at: Wholes) -> dict[str, Wholes]:
    """What each meter of the product is forecast to need: the use expected, at least what is used already.

    Where a hard limit is reached, work has stopped and use cannot grow: one more than the limit is needed.
    """
    needs = {}
    for meter in terms.meters & batch.held.meters.keys():
        figures = batch.held.meters[meter]
        used, limit = figures["used"][at], figures["limit"][at]
        stuck = (figures["is_hard"][at] == 1) & (limit > 0) & (used >= limit)
        needs[meter] = np.maximum(np.maximum(figures["forecast"][at], used), np.where(stuck, limit + 1, -1))
    return needs


def each_group(columns: Columns, batch: Batch, answer: Any) -> None:
    """Fit every group of equal terms; what no plan is known for stays."""
    done = np.zeros(len(batch), bool)
    for terms, rows, at in groups(batch):
        done[rows] = True
        add_fit(columns, part_of(batch, rows), terms, each_once(at, partial(answer, terms)))
    if not done.all():
        add_stay(columns, part_of(batch, np.flatnonzero(~done)))


def part_of(batch: Batch, rows: Wholes) -> Batch:
    """Those rows of a batch."""
    return replace(batch, where=batch.where[rows])


def each_once(at: Wholes, answer: Callable[[Wholes], Fit]) -> Fit:
    """The answers for positions in ``held``. Several plays ask about the same one, so each is worked out once."""
    distinct, inverse = np.unique(at, return_inverse=True)
    if len(distinct) == len(at):
        return answer(at)
    found = answer(distinct)
    return Fit(**{part.name: getattr(found, part.name)[inverse] for part in fields(Fit)})


def add_fit(
    columns: Columns, batch: Batch, terms: Terms, answer: Fit, *, target: NDArray[np.object_] | None = None
) -> None:
    """Add what was fitted. ``target`` None: the plan, the add-on or more of the same."""
    same_plan = answer.plan_id == terms.plan.id
    with_add_on = answer.add_on_id != np.array(None)
    stays = answer.plan_id == np.array(None)
    more = same_plan & ~with_add_on
    motion = np.where(with_add_on, "add_on", np.where(more, "volume", "upsell")).astype(object)
    if target is None:
        target = np.where(with_add_on, prefixed("add_on:", answer.add_on_id), prefixed("plan:", answer.plan_id))
        target = np.where(more, f"more:{terms_meter(terms)}", target).astype(object)
        target[stays] = f"stay:{batch.staying}"
    motion[stays] = batch.staying
    columns.add(
        len(batch),
        **batch.subject(),
        target=target,
        motion=motion,
        to_product_id=terms.product.id,
        to_plan_id=answer.plan_id,
        to_add_on_id=answer.add_on_id,
        quantity=answer.quantity,
        interval=terms.interval,
        currency=terms.currency,
        recurring_units=answer.recurring_units,
        overage_units=answer.overage_units,
        saving_units=answer.saving_units,
        committed_units=0,
        rank_units=np.maximum(answer.recurring_units - answer.overage_units, 0),
        is_estimated=answer.is_estimated,
        is_quote=answer.is_quote,
        stays=stays,
        adds_nothing=answer.adds_nothing,
        is_hygiene=_hygiene(batch),
    )


def terms_meter(terms: Terms) -> str:
    """The meter that more of today's plan would add: the one its price is per."""
    return next((price.per for price in terms.plan.prices if price.per), "units")


def _hygiene(batch: Batch) -> NDArray[np.bool_]:
    """The account's own hard or overage limit constrains work in use: 90% of it is used. See ``docs/words.md``."""
    if batch.grain != "limit":
        return np.zeros(len(batch), bool)
    used = pc.fill_null(batch.rows["used"], 0).to_numpy()
    limit = pc.fill_null(batch.rows["limit_quantity"], 0).to_numpy()
    is_met = batch.rows["enforcement"].combine_chunks()
    auto = np.asarray(pc.equal(is_met, "auto").to_numpy(zero_copy_only=False))
    constrained: NDArray[np.bool_] = ~auto & (limit > 0) & (used * 100 >= limit * 90)
    return constrained


def _motion_of_staying(play: Play) -> str:
    return "upsell" if play.motion == "from_proposal" else play.motion


def add_stay(columns: Columns, batch: Batch) -> None:
    """Nothing to fit against: no plan of the catalog is known for these."""
    columns.add(
        len(batch),
        **batch.subject(),
        target=f"stay:{batch.staying}",
        motion=batch.staying,
        to_product_id=batch.rows["product_id"],
        quantity=1,
        **{**NOTHING, "stays": True},
    )


def prefixed(prefix: str, names: NDArray[np.object_]) -> NDArray[np.object_]:
    """Names with a word before them; each distinct one is made once."""
    coded, inverse = np.unique(np.where(names == np.array(None), "", names).astype(str), return_inverse=True)
    return np.array([f"{prefix}{name}" for name in coded], object)[inverse]


NOTHING: Mapping[str, Any] = {
    "recurring_units": 0,
    "overage_units": 0,
    "saving_units": 0,
    "committed_units": 0,
    "rank_units": 0,
    "is_estimated": False,
    "is_quote": False,
    "stays": False,
    "adds_nothing": False,
    "is_hygiene": False,
}
"""A proposal without money and without marks; what a proposer does not name stays so."""
