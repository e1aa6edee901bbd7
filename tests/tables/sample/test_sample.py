"""The sample companies: the same every time, in the shape of the canonical tables, with their planted answers true."""

from __future__ import annotations

import csv
import json
from calendar import monthrange
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from upstep.catalog.load import load_catalog
from upstep.errors import InputError
from upstep.tables.sample import AS_OF, COMPANIES, PLANTED, Sample, write_sample
from upstep.tables.schema import TABLES, Kind, Nature


@dataclass(frozen=True)
class Written:
    """A sample that was written, its rows as text, its usage as (account, meter) -> [(instant, quantity)]."""

    sample: Sample
    rows: dict[str, list[dict[str, str]]]
    usage: dict[tuple[str, str], list[tuple[datetime, int]]]

    def live_item(self, account_id: str, product_id: str) -> dict[str, str]:
        (item,) = (
            row
            for row in self.rows["subscription_item"]
            if row["account_id"] == account_id and row["product_id"] == product_id
            if row["plan_id"] and not row["valid_to"]
        )
        return item

    def start(self, subscription_id: str) -> datetime:
        items = self.rows["subscription_item"]
        return min(instant(row["valid_from"]) for row in items if row["subscription_id"] == subscription_id)


@pytest.fixture(scope="module", params=COMPANIES)
def company(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Written:
    return read(write_sample(request.param, tmp_path_factory.mktemp(request.param)))


@pytest.fixture(scope="module")
def postline(tmp_path_factory: pytest.TempPathFactory) -> Written:
    return read(write_sample("postline", tmp_path_factory.mktemp("small"), accounts=0))


def read(sample: Sample) -> Written:
    rows = {}
    for table in TABLES:
        if table != "usage":
            with (sample.folder / "data" / f"{table}.csv").open(encoding="utf-8", newline="") as file:
                rows[table] = list(csv.DictReader(file))
    usage: dict[tuple[str, str], list[tuple[datetime, int]]] = {}
    events = pq.read_table(sample.folder / "data" / "usage.parquet")
    planted = {case.account_id for case in sample.planted.values()}
    events = events.filter(pc.is_in(events["account_id"], pc.cast(list(planted), "string")))
    columns = (events[name].to_pylist() for name in ("account_id", "meter_id", "occurred_at", "quantity"))
    for account_id, meter_id, occurred_at, quantity in zip(*columns, strict=True):
        usage.setdefault((account_id, meter_id), []).append((occurred_at, quantity))
    return Written(sample, rows, usage)


def instant(text: str) -> datetime:
    return datetime.fromisoformat(text)


def window_at(anchor: datetime, as_of: datetime) -> tuple[datetime, datetime]:
    """The month from the anchor that holds ``as_of``, reckoned without the code under test."""

    def nth(months: int) -> datetime:
        year, month = anchor.year + (anchor.month - 1 + months) // 12, (anchor.month - 1 + months) % 12 + 1
        return anchor.replace(year=year, month=month, day=min(anchor.day, monthrange(year, month)[1]))

    count = 0
    while nth(count + 1) <= as_of:
        count += 1
    return nth(count), nth(count + 1)


def test_the_same_seed_writes_the_same_bytes(tmp_path: Path) -> None:
    for company in COMPANIES:
        first = write_sample(company, tmp_path / "a" / company, accounts=60)
        second = write_sample(company, tmp_path / "b" / company, accounts=60)
        assert [path.read_bytes() for path in first.files] == [path.read_bytes() for path in second.files]


def test_another_seed_changes_the_others_but_no_planted_answer(tmp_path: Path) -> None:
    first = write_sample("postline", tmp_path / "a", accounts=60)
    second = write_sample("postline", tmp_path / "b", accounts=60, seed=8)
    names = [(sample.folder / "data" / "account.csv").read_text(encoding="utf-8") for sample in (first, second)]
    assert names[0] != names[1]
    assert first.planted == second.planted


def test_planted_rows_do_not_depend_on_how_many_others_there_are(tmp_path: Path) -> None:
    few = read(write_sample("postline", tmp_path / "few", accounts=0))
    more = read(write_sample("postline", tmp_path / "more", accounts=60))
    for table in ("account", "contact", "subscription_item", "invoice"):
        assert more.rows[table][: len(few.rows[table])] == few.rows[table]
    assert {key: sum(q for _, q in events) for key, events in few.usage.items()} == {
        key: sum(q for _, q in events) for key, events in more.usage.items()
    }


def test_a_company_that_does_not_exist_is_refused_with_advice(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="Did you mean 'postline'"):
        write_sample("postlin", tmp_path)
    assert not list(tmp_path.iterdir())


def test_every_canonical_table_is_written_with_exactly_its_columns(company: Written) -> None:
    for table in TABLES.values():
        path = company.sample.folder / "data" / f"{table.name}.csv"
        names = pq.read_schema(path.with_suffix(".parquet")).names if table.name == "usage" else header(path)
        assert tuple(names) == table.names


def header(path: Path) -> list[str]:
    with path.open(encoding="utf-8", newline="") as file:
        return next(csv.reader(file))


def test_every_row_keeps_the_rules_of_its_table(company: Written) -> None:
    for name, rows in company.rows.items():
        table = TABLES[name]
        for column in table.columns:
            values = [row[column.name] for row in rows]
            assert not column.required or all(values), f"{name}.{column.name} is empty"
            assert not column.allowed or set(values) <= {"", *column.allowed}
            if column.kind is Kind.WHOLE:
                assert all(int(value) >= (column.minimum or 0) for value in values if value)
            if column.kind is Kind.INSTANT:
                assert all(instant(value).tzinfo == UTC for value in values if value)


def test_keys_are_unique(company: Written) -> None:
    for name, rows in company.rows.items():
        keys = [tuple(row[column] for column in TABLES[name].key) for row in rows]
        assert len(set(keys)) == len(keys), name
    ids = pq.read_table(company.sample.folder / "data" / "usage.parquet", columns=["event_id"])["event_id"]
    assert pc.count_distinct(ids).as_py() == len(ids)


def test_no_row_is_dated_after_as_of(company: Written) -> None:
    for name, rows in company.rows.items():
        dated_by = TABLES[name].dated_by
        if dated_by and TABLES[name].nature is not Nature.EVENT:
            assert all(row[dated_by][:10] <= AS_OF.date().isoformat() for row in rows), name
    newest = pc.max(pq.read_table(company.sample.folder / "data" / "usage.parquet")["occurred_at"]).as_py()
    assert AS_OF - timedelta(days=1) < newest < AS_OF


def test_references_between_tables_hold(company: Written) -> None:
    accounts = {row["account_id"] for row in company.rows["account"]}
    contacts = {row["contact_id"]: row["account_id"] for row in company.rows["contact"]}
    owners = {row["owner_id"] for row in company.rows["owner"]}
    assert {row["owner_id"] for row in company.rows["account"]} <= {"", *owners}
    for name, rows in company.rows.items():
        assert {row["account_id"] for row in rows if "account_id" in row} <= accounts, name
        assert all(contacts[row["contact_id"]] == row["account_id"] for row in rows if row.get("contact_id")), name


def test_usage_names_known_accounts_contacts_and_meters(company: Written) -> None:
    events = pq.read_table(company.sample.folder / "data" / "usage.parquet")
    accounts = {row["account_id"] for row in company.rows["account"]}
    contacts = {row["contact_id"]: row["account_id"] for row in company.rows["contact"]}
    pairs = set(zip(events["contact_id"].to_pylist(), events["account_id"].to_pylist(), strict=True))
    assert {account for _, account in pairs} <= accounts
    assert all(contacts[contact] == account for contact, account in pairs if contact)
    catalog = load_catalog(company.sample.folder / "catalog.yaml")
    assert set(events["meter_id"].unique().to_pylist()) <= set(catalog.meters)


def test_plans_prices_and_amounts_are_those_of_the_catalog(company: Written) -> None:
    catalog = load_catalog(company.sample.folder / "catalog.yaml")
    sold = {plan.id: plan for plan in (*catalog.plans(), *catalog.add_ons())}
    for row in company.rows["subscription_item"]:
        prices = {price.id: price for price in sold[row["plan_id"] or row["add_on_id"]].prices}
        price = prices[row["price_id"]]
        assert (price.currency, price.interval) == (row["currency"], row["interval"])
        if price.amount_minor is not None:
            units = int(row["quantity"]) if price.per else 1
            assert int(row["list_amount_minor"]) == price.amount_minor * units
        assert int(row["amount_minor"]) <= int(row["list_amount_minor"])


def test_the_intervals_of_an_item_follow_one_another(company: Written) -> None:
    items: dict[str, list[dict[str, str]]] = {}
    for row in company.rows["subscription_item"]:
        items.setdefault(row["item_id"], []).append(row)
    assert any(len(rows) > 1 for rows in items.values())
    for rows in items.values():
        assert [row["valid_to"] for row in rows[:-1]] == [row["valid_from"] for row in rows[1:]]
        assert all(instant(row["valid_from"]) < instant(row["valid_to"]) for row in rows if row["valid_to"])


def test_a_product_has_one_live_subscription_and_its_add_ons_are_on_it(company: Written) -> None:
    live: dict[tuple[str, str], set[str]] = {}
    for row in company.rows["subscription_item"]:
        if not row["valid_to"]:
            live.setdefault((row["account_id"], row["product_id"]), set()).add(row["subscription_id"])
    assert all(len(subscriptions) == 1 for subscriptions in live.values())


def test_every_planted_account_is_there_and_its_answer_is_in_the_folder(company: Written) -> None:
    planted = PLANTED[company.sample.company]
    assert {case.account_id for case in planted.values()} <= {row["account_id"] for row in company.rows["account"]}
    told = json.loads((company.sample.folder / "planted.json").read_text(encoding="utf-8"))
    assert [case["name"] for case in told] == list(planted)
    assert company.sample.planted == planted


def test_planted_use_in_the_current_window_is_what_the_story_says(company: Written) -> None:
    catalog = load_catalog(company.sample.folder / "catalog.yaml")
    owners = {meter: product.id for product in catalog.products.values() for meter in product.meters}
    named = [case for case in company.sample.planted.values() if case.meter_id]
    flows = [case for case in named if catalog.meters[case.meter_id or ""].kind == "flow"]
    assert flows
    for case in flows:
        item = company.live_item(case.account_id, owners[case.meter_id or ""])
        begin, end = window_at(company.start(item["subscription_id"]), AS_OF)
        events = company.usage[case.account_id, case.meter_id or ""]
        assert sum(quantity for at, quantity in events if begin <= at < end) == case.used, case.name
        plan = catalog.plan(item["plan_id"])
        limit = plan.limit(case.meter_id or "") if plan else None
        assert limit is not None
        assert limit.quantity == case.limit, case.name


def test_planted_stocks_stand_at_their_level(company: Written) -> None:
    for case in company.sample.planted.values():
        if case.meter_id == "contacts":
            assert max(company.usage[case.account_id, "contacts"])[1] == case.used
        if case.meter_id == "seats":
            seats = [row for row in company.rows["seat"] if row["account_id"] == case.account_id]
            assert len(seats) == case.used
            (product,) = {seat["product_id"] for seat in seats}
            assert int(company.live_item(case.account_id, product)["quantity"]) == case.limit


@pytest.mark.parametrize(
    ("name", "active"), [("seats_saturated", 18), ("seats_assigned_but_idle", 11), ("seats_unused", 7)]
)
def test_as_many_seats_were_used_in_28_days_as_the_story_says(tmp_path: Path, name: str, active: int) -> None:
    sample = write_sample("databoard", tmp_path, accounts=0)
    events = pq.read_table(sample.folder / "data" / "usage.parquet")
    recent = pc.and_(
        pc.equal(events["account_id"], sample.planted[name].account_id),
        pc.greater(events["occurred_at"], pc.cast(AS_OF - timedelta(days=28), events["occurred_at"].type)),
    )
    seen = set(events.filter(recent)["contact_id"].to_pylist()) - {None}
    seats = read(sample).rows["seat"]
    assert sum(row["contact_id"] in seen for row in seats) == active


def test_no_hard_limit_was_ever_exceeded_by_a_planted_account(postline: Written) -> None:
    for case in postline.sample.planted.values():
        if case.meter_id == "emails" and case.limit in (10_000, 50_000):
            start = postline.start(postline.live_item(case.account_id, "sending")["subscription_id"])
            for begin, end in complete_windows(start, count=12):
                events = postline.usage[case.account_id, "emails"]
                assert sum(q for at, q in events if begin <= at < end) <= (case.limit or 0), case.name


def complete_windows(start: datetime, *, count: int) -> list[tuple[datetime, datetime]]:
    """The last complete windows, newest first."""
    found = []
    begin, _ = window_at(start, AS_OF)
    while len(found) < count and begin > start:
        before = window_at(start, begin - timedelta(seconds=1))
        found.append(before)
        begin = before[0]
    return found


@pytest.mark.parametrize(
    ("name", "shares"),
    [
        ("adoption_38", [0.38, 0.39, 0.37]),
        ("adoption_40", [0.40, 0.41, 0.40]),
        ("adoption_just_over_40", [0.40002]),
        ("overage_cheaper", [3.1, 3.0, 2.9]),
        ("overage_not_cheaper", [1.40, 1.35, 1.30]),
        ("overage_once", [0.76, 1.22, 0.74]),
        ("overpaying_with_peak", [0.42, 0.74, 0.43]),
    ],
)
def test_planted_complete_periods_are_exact(postline: Written, name: str, shares: list[float]) -> None:
    case = postline.sample.planted[name]
    start = postline.start(postline.live_item(case.account_id, "sending")["subscription_id"])
    events = postline.usage[case.account_id, "emails"]
    for (begin, end), share in zip(complete_windows(start, count=len(shares)), shares, strict=True):
        assert sum(q for at, q in events if begin <= at < end) == round(share * (case.limit or 0))


def forecast(case_events: list[tuple[datetime, int]], used: int, end: datetime) -> float:
    """Use expected at the end of the window: eight weekly totals, the slope kept only when |t| > 2."""
    weeks = [0.0] * 8
    for at, quantity in case_events:
        ago = (AS_OF - at) // timedelta(days=7)
        if ago < 8:
            weeks[7 - ago] += quantity
    mean = sum(weeks) / 8
    cross = sum(week * (index - 3.5) for index, week in enumerate(weeks))
    around = sum((week - mean) ** 2 for week in weeks)
    is_steep = cross**2 / 42 > 4 * max(around - cross**2 / 42, 1e-9) / 6
    slope = cross / 42 / 49 if is_steep else 0.0
    days = (end - AS_OF) / timedelta(days=1)
    return used + days * (mean / 7 + slope * 28) + slope * days**2 / 2


def test_planted_forecasts_breach_their_limit_exactly_where_the_story_says_so(postline: Written) -> None:
    told = {"limit_approaching", "limit_forecast"}
    for case in postline.sample.planted.values():
        if case.meter_id in ("emails", "received") and case.answer["play"] in told:
            product = "sending" if case.meter_id == "emails" else "inbound"
            start = postline.start(postline.live_item(case.account_id, product)["subscription_id"])
            expected = forecast(
                postline.usage[case.account_id, case.meter_id], case.used or 0, window_at(start, AS_OF)[1]
            )
            breaches = case.answer["outcome"] not in ("unfit", None)
            assert (expected > (case.limit or 0)) is breaches, (case.name, expected)


def test_anchors_fall_on_odd_times_and_on_the_31st(company: Written) -> None:
    starts = [instant(row["valid_from"]) for row in company.rows["subscription_item"]]
    assert {start.day for start in starts} == set(range(1, 32))
    assert len({(start.hour, start.minute, start.second) for start in starts}) > len(starts) / 2


def test_names_outside_ascii_have_readable_ids(company: Written) -> None:
    foreign = [row for row in company.rows["account"] if not row["name"].isascii()]
    assert len(foreign) >= 5
    assert all(row["account_id"].isascii() for row in company.rows["account"])


def test_another_as_of_moves_every_story_with_it(tmp_path: Path) -> None:
    as_of = datetime(2027, 3, 1, 6, 30, tzinfo=UTC)
    sample = write_sample("postline", tmp_path, accounts=0, as_of=as_of)
    written = read(sample)
    case = sample.planted["exactly_80"]
    begin, end = window_at(written.start(written.live_item(case.account_id, "sending")["subscription_id"]), as_of)
    assert sum(q for at, q in written.usage[case.account_id, "emails"] if begin <= at < end) == 8_000
