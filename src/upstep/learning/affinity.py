"""Heavy use of X comes before buying Y: found in a company's own past, confirmed on later weeks, never called a cause.

Asked is always the population at risk: accounts that do not own Y at a snapshot. Their use of each meter in the 28 days
before it is set against whether they buy Y in the 60 days after. Found on earlier snapshots, in which every account
stands once, so that its rows are independent; confirmed on a later one, whose 60 days nothing was chosen by.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from upstep.learning.chance import Share, believable, excess_chance, ratio_interval

if TYPE_CHECKING:
    import duckdb
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

USED_DAYS = 28
BOUGHT_DAYS = 60


@dataclass(frozen=True)
class Guards:
    """What a finding must have; without them a thousand thresholds always find something.

    Args:
        users_least: Accounts at risk at or above the threshold, in either part of the past.
        buyers_least: Of them, those who bought.
        lift_least: How many times as often they bought as those below, in the later part.
        false_share: Of the pairs that the earlier part shows, the share that chance may have made (Benjamini-Hochberg).
        false_share_later: The same of those that the later part confirms: the ones that are told.
    """

    users_least: int = 50
    buyers_least: int = 10
    lift_least: float = 1.5
    false_share: float = 0.05
    false_share_later: float = 0.01


DEFAULT_GUARDS = Guards()

_COARSE, _FINE = 8, 30
"""Thresholds looked at: quantiles of use. Eight find the pair, thirty find its threshold."""


@dataclass(frozen=True)
class Compared:
    """Those at or above a threshold beside those below, all at risk."""

    above: Share
    below: Share

    @property
    def lift(self) -> tuple[float, float, float]:
        """How many times as often those above bought, with the 95% interval."""
        counts = (self.above.count, self.above.of, self.below.count, self.below.of)
        ratio, low, high = ratio_interval(*(np.array([value], np.float64) for value in counts))
        return float(ratio[0]), float(low[0]), float(high[0])

    @property
    def chance(self) -> float:
        """How often chance alone would show as much."""
        counts = (self.above.count, self.above.of, self.below.count, self.below.of)
        return float(excess_chance(*(np.array([value], np.float64) for value in counts))[0])


@dataclass(frozen=True)
class Affinity:
    """One finding: at least ``threshold`` of a meter in 28 days comes before buying a product within 60.

    Args:
        feature, product: As numbered in the tables.
        found: On the earlier snapshots, by which the threshold was chosen: it flatters.
        confirmed: On the later snapshot: what may be expected.
    """

    feature: int
    product: int
    threshold: int
    found: Compared
    confirmed: Compared


@dataclass(frozen=True)
class Search:
    """What was looked at and what was found, strongest first.

    Args:
        tested: Pairs and thresholds that had enough accounts to be tested.
        candidates: Pairs that the earlier part showed; those that the later one did not confirm are not in ``found``.
    """

    found: tuple[Affinity, ...]
    tested: int
    candidates: int


def find_affinities(
    connection: duckdb.DuckDBPyConnection, *, own: set[tuple[int, int]] | None = None, guards: Guards = DEFAULT_GUARDS
) -> Search:
    """Search the tables of a connection.

    The tables (all whole numbers; ``part`` 0 is the earlier part of the past, in which an account stands once; 1 the
    later one):

    - ``observed``: account, part; who is looked at.
    - ``used``: account, part, feature, quantity above 0, at most one row per account, part and feature.
    - ``owned``: account, part, product that it owns at its snapshot already, so that it is not at risk.
    - ``bought``: account, part, product bought within 60 days after, by accounts at risk.

    Args:
        own: (feature, product) pairs that are not asked, such as a meter of the product itself.
    """
    features = [row[0] for row in connection.execute("SELECT DISTINCT feature FROM used ORDER BY 1").fetchall()]
    products = [row[0] for row in connection.execute("SELECT DISTINCT product FROM bought ORDER BY 1").fetchall()]
    if not features or not products:
        return Search((), 0, 0)
    names = _Names(features, products)
    own = own or set()
    asked = np.array([[(feature, product) not in own for product in products] for feature in features])
    coarse = _tables(connection, names, part=0, steps=_COARSE, only=features)
    kept, tested = _kept(coarse, asked, guards)
    pairs = [(int(feature), int(product)) for feature, product in np.argwhere(kept.any(axis=1))]
    if not pairs:
        return Search((), tested, 0)
    fine = _tables(connection, names, part=0, steps=_FINE, only=sorted({features[feature] for feature, _ in pairs}))
    best = {pair: _best(fine, pair, guards) for pair in pairs}
    chosen = {pair: step for pair, step in best.items() if step is not None}
    return Search(tuple(_confirmed(connection, names, fine, chosen, guards)), tested, len(pairs))


@dataclass(frozen=True)
class _Names:
    features: list[int]
    products: list[int]


@dataclass(frozen=True)
class _Tables:
    """Counts at or above each threshold, [feature, step, product].

    Args:
        thresholds: [feature, step], rising; NaN where a feature has fewer.
        users: Accounts at risk; ``buyers_above``: those of them who bought.
        at_risk, buyers: The same of everybody, by product.
    """

    thresholds: Floats
    users: Floats
    buyers_above: Floats
    at_risk: Floats
    buyers: Floats

    @property
    def counts(self) -> tuple[Floats, Floats, Floats, Floats]:
        """Buyers and accounts at or above, buyers and accounts below."""
        above, of = self.buyers_above, self.users
        return above, of, self.buyers - above, self.at_risk - of

    def of_pair(self, pair: tuple[int, int]) -> list[Floats]:
        """The same of one feature and product, by step."""
        feature, product = pair
        return [part[feature, :, product] for part in self.counts]


def _tables(connection: duckdb.DuckDBPyConnection, names: _Names, *, part: int, steps: int, only: list[int]) -> _Tables:
    """Every account's use put between two thresholds once; sums from the top turn that into "at or above"."""
    thresholds = _thresholds(connection, names, part=part, steps=steps, only=only)
    _bin(connection, thresholds, names, part=part)
    shape = (len(names.features), steps, len(names.products))
    users = _dense(connection, names, "SELECT feature, step, count(*) FROM _binned GROUP BY ALL", shape[:2])
    sides = []
    for table in ("owned", "bought"):
        query = (
            f"SELECT feature, step, product, count(*) FROM _binned JOIN {table} USING (account)"
            f" WHERE part = {part} GROUP BY ALL"
        )
        sides.append(_dense(connection, names, query, shape))
    owners, buyers = sides
    at_risk, all_buyers = _population(connection, names, part=part)
    return _Tables(thresholds, users[:, :, None] - owners, buyers, at_risk, all_buyers)


def _thresholds(
    connection: duckdb.DuckDBPyConnection, names: _Names, *, part: int, steps: int, only: list[int]
) -> Floats:
    """Quantiles of the use of those who use a feature at all, each once."""
    shares = ", ".join(str(index / steps) for index in range(steps))
    listed = ", ".join(map(str, only))
    rows = connection.execute(
        f"SELECT feature, quantile_disc(quantity, [{shares}]) FROM used"
        f" WHERE part = {part} AND feature IN ({listed}) GROUP BY feature"
    ).fetchall()
    made = np.full((len(names.features), steps), np.nan)
    places = {feature: place for place, feature in enumerate(names.features)}
    for feature, quantiles in rows:
        distinct = sorted(set(quantiles))
        made[places[feature], : len(distinct)] = distinct
    return made


def _bin(connection: duckdb.DuckDBPyConnection, thresholds: Floats, names: _Names, *, part: int) -> None:
    """``_binned``: account, feature, step: the last threshold that its use has reached."""
    import pyarrow as pa

    steps = thresholds.shape[1]
    columns = {f"t{step}": pa.array(thresholds[:, step], from_pandas=True) for step in range(steps)}
    connection.register("_steps", pa.table({"feature": pa.array(names.features, pa.int64()), **columns}))
    reached = " + ".join(f"coalesce(quantity >= t{step}, false)::TINYINT" for step in range(steps))
    connection.execute(
        "CREATE OR REPLACE TEMP TABLE _binned AS"
        f" SELECT account, feature, ({reached} - 1)::TINYINT AS step FROM used JOIN _steps USING (feature)"
        f" WHERE part = {part} AND quantity >= t0"
    )
    connection.unregister("_steps")


def _dense(connection: duckdb.DuckDBPyConnection, names: _Names, query: str, shape: tuple[int, ...]) -> Floats:
    """The counts of a query as an array, summed from the highest threshold down."""
    columns = list(connection.execute(query).fetchnumpy().values())
    counts = np.zeros(shape)
    place = [np.searchsorted(names.features, columns[0]), np.asarray(columns[1], np.int64)]
    if len(shape) == 3:
        known = np.isin(columns[2], names.products)
        place = [part[known] for part in place] + [np.searchsorted(names.products, columns[2][known])]
        counts[tuple(place)] = columns[3][known]
    else:
        counts[tuple(place)] = columns[2]
    summed: Floats = counts[:, ::-1].cumsum(axis=1)[:, ::-1]
    return summed


def _population(connection: duckdb.DuckDBPyConnection, names: _Names, *, part: int) -> tuple[Floats, Floats]:
    """Accounts at risk and buyers among them, by product."""
    everybody = _one(connection, f"SELECT count(*) FROM observed WHERE part = {part}")
    found = []
    for table in ("owned", "bought"):
        counts = np.zeros(len(names.products))
        for product, count in connection.execute(
            f"SELECT product, count(*) FROM {table} WHERE part = {part} GROUP BY 1"
        ).fetchall():
            if product in names.products:
                counts[names.products.index(product)] = count
        found.append(counts)
    return everybody - found[0], found[1]


def _one(connection: duckdb.DuckDBPyConnection, query: str) -> int:
    row: Any = connection.execute(query).fetchone()
    return int(row[0])


def _is_enough(tables: _Tables, guards: Guards) -> NDArray[np.bool_]:
    above, of, _, below_of = tables.counts
    enough = (of >= guards.users_least) & (above >= guards.buyers_least) & (below_of >= guards.users_least)
    marked: NDArray[np.bool_] = enough & np.isfinite(tables.thresholds)[:, :, None]
    return marked


def _kept(tables: _Tables, asked: NDArray[np.bool_], guards: Guards) -> tuple[NDArray[np.bool_], int]:
    """Thresholds [feature, step, product] that all tests together still believe, and how many were tested.

    Tested is every threshold with enough accounts, whoever bought: to test only those that show buyers would be to
    choose by the outcome.
    """
    above, of, below, below_of = tables.counts
    wide = (of >= guards.users_least) & (below_of >= guards.users_least) & np.isfinite(tables.thresholds)[:, :, None]
    tested = wide & asked[:, None, :]
    chances = excess_chance(above, of, below, below_of)[tested]
    kept = np.zeros(tested.shape, np.bool_)
    kept[tested] = believable(chances, false_share=guards.false_share)
    return kept & _is_enough(tables, guards), int(tested.sum())


def _best(tables: _Tables, pair: tuple[int, int], guards: Guards) -> int | None:
    """The step of the threshold that sets buyers apart most surely; None when none has enough accounts."""
    feature, product = pair
    enough = _is_enough(tables, guards)[feature, :, product]
    chances = np.where(enough, excess_chance(*tables.of_pair(pair)), 2.0)
    step = int(np.argmin(chances))
    return step if enough[step] else None


# The later part


def _confirmed(
    connection: duckdb.DuckDBPyConnection,
    names: _Names,
    tables: _Tables,
    chosen: dict[tuple[int, int], int],
    guards: Guards,
) -> list[Affinity]:
    """Of the pairs with their thresholds, those that the later part shows too; strongest first."""
    pairs = list(chosen)
    thresholds = [int(tables.thresholds[feature, chosen[feature, product]]) for feature, product in pairs]
    wanted = [(names.features[feature], names.products[product]) for feature, product in pairs]
    later = _later(connection, names, wanted, thresholds)
    believed = believable(np.array([compared.chance for compared in later]), false_share=guards.false_share_later)
    found = []
    for pair, threshold, named, compared, is_believed in zip(pairs, thresholds, wanted, later, believed, strict=True):
        lift, low, _ = compared.lift
        is_enough = compared.above.of >= guards.users_least and compared.above.count >= guards.buyers_least
        if is_believed and is_enough and low > 1 and lift >= guards.lift_least:
            above, of, below, below_of = (int(part[chosen[pair]]) for part in tables.of_pair(pair))
            earlier = Compared(Share(above, of), Share(below, below_of))
            found.append(Affinity(*named, threshold, earlier, compared))
    return sorted(found, key=lambda one: (-one.confirmed.lift[1], one.feature, one.product))


def _later(
    connection: duckdb.DuckDBPyConnection, names: _Names, pairs: list[tuple[int, int]], thresholds: list[int]
) -> list[Compared]:
    """Each pair on the later part, at the threshold that the earlier one chose."""
    import pyarrow as pa

    columns = {
        "place": range(len(pairs)),
        "feature": [feature for feature, _ in pairs],
        "product": [product for _, product in pairs],
        "threshold": thresholds,
    }
    connection.register("_chosen", pa.table({name: pa.array(values, pa.int64()) for name, values in columns.items()}))
    rows = connection.execute(
        "SELECT place, count(*) - count(o.account), count(b.account)"
        " FROM _chosen JOIN used USING (feature)"
        " LEFT JOIN (SELECT * FROM owned WHERE part = 1) o USING (account, product)"
        " LEFT JOIN (SELECT * FROM bought WHERE part = 1) b USING (account, product)"
        " WHERE used.part = 1 AND quantity >= threshold GROUP BY place"
    ).fetchall()
    connection.unregister("_chosen")
    counted = {place: (users, buyers) for place, users, buyers in rows}
    at_risk, all_buyers = _population(connection, names, part=1)
    compared = []
    for place, (_, product) in enumerate(pairs):
        users, buyers = counted.get(place, (0, 0))
        index = names.products.index(product)
        below = Share(int(all_buyers[index]) - buyers, int(at_risk[index]) - users)
        compared.append(Compared(Share(buyers, users), below))
    return compared
