"""A made-up company of any size, for measuring: 100 events an account and year, string ids, a long tail.

Everything hangs on ``hash``, nothing on chance or on the order of rows, so a size is the same company on every machine.
DuckDB writes it as Parquet into ``benchmarks/work/<size>/data``, one usage file a day, in bounded memory.

    .venv/bin/python benchmarks/generate.py quick
"""

from __future__ import annotations

import shutil
import sys
import time
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import duckdb

WORK = Path(__file__).parent / "work"
FORM = 3
"""Raised when the made-up company changes, so that an old one is made anew."""

FIRST_DAY = date(2025, 11, 22)
CUT = datetime(2026, 11, 21, 18, tzinfo=UTC)
"""Up to here reaches the first load. Not midnight, so that the day of the as-of counts by its events."""
NEXT_CUT = datetime(2026, 11, 22, 18, tzinfo=UTC)
"""Up to here reaches the load of one more day."""
DAYS = (NEXT_CUT.date() - FIRST_DAY).days + 1

EVENTS_A_YEAR = 67
"""The median account. With the long tail the mean is 100, the 99th percentile near 570, the largest near 190,000."""

PRODUCTS = ("mail", "sms", "voice", "video")
METERS = {
    # product: (meter, aggregate, kind, period) of the value meter, the second and the third; the others stand unused.
    "mail": (
        ("mail_sent", "sum", "flow", "billing_month"),
        ("mail_campaigns", "count", "flow", "calendar_month"),
        ("mail_lists", "latest", "stock", "lifetime"),
        ("mail_templates", "count", "flow", "billing_month"),
        ("mail_exports", "sum", "flow", "billing_month"),
    ),
    "sms": (
        ("sms_sent", "sum", "flow", "billing_month"),
        ("sms_flows", "count", "flow", "calendar_month"),
        ("sms_people", "unique_contacts", "flow", "billing_month"),
        ("sms_links", "count", "flow", "billing_month"),
        ("sms_exports", "sum", "flow", "billing_month"),
    ),
    "voice": (
        ("voice_minutes", "sum", "flow", "billing_month"),
        ("voice_calls", "count", "flow", "billing_month"),
        ("voice_storage", "max", "stock", "lifetime"),
        ("voice_numbers", "latest", "stock", "lifetime"),
        ("voice_exports", "sum", "flow", "billing_month"),
    ),
    "video": (
        ("video_minutes", "sum", "flow", "billing_month"),
        ("video_rooms", "count", "flow", "calendar_month"),
        ("video_storage", "latest", "stock", "lifetime"),
        ("video_exports", "sum", "flow", "billing_month"),
    ),
}
IN_USE = 3
"""Meters of each product that have events: 12 of the 20, seats among the others."""

PLANS = ("free", "starter", "basic", "pro", "scale", "business", "enterprise")
LIMITS = (
    (250, 400, 700, 1_400, 5_000, 30_000),  # the value meter; the free plan does not limit it
    (12, 20, 35, 70, 250, 1_500),
    (100, 200, 400, 1_000, 4_000, 20_000),
)
SEATS = (2, 6, 9, 15, 50, 200)
PRICES = (0, 1_900, 2_900, 4_900, 14_900, 59_900)
OVERAGE = (None, None, None, (100, 700), (100, 500), (100, 300))


@dataclass(frozen=True)
class Size:
    """How large a company: accounts, and events a year from them."""

    name: str
    accounts: int

    @property
    def folder(self) -> Path:
        """The project folder."""
        return WORK / self.name


SIZES = {size.name: size for size in (Size("tiny", 10_000), Size("quick", 100_000), Size("full", 1_000_000))}


def generate(size: Size) -> Path:
    """Write the company unless it stands there already. Gives its folder."""
    stamp = size.folder / "generated.txt"
    has_data = stamp.exists() and stamp.read_text() == f"{FORM}"
    if not has_data:
        shutil.rmtree(size.folder, ignore_errors=True)
    for name in ("data", "later", "plays_bench"):
        (size.folder / name).mkdir(parents=True, exist_ok=True)
    _write_rules(size)
    if has_data:
        return size.folder
    connection = duckdb.connect(config={"memory_limit": "3GB", "temp_directory": str(size.folder / "spill")})
    connection.execute("CREATE TEMP MACRO throw_of(key, salt) AS (hash(key, salt) >> 1)::BIGINT")
    _write_base(connection, size)
    for table, select in _tables().items():
        _copy(connection, select, size.folder / "data" / f"{table}.parquet")
    _write_usage(connection, size)
    connection.close()
    stamp.write_text(f"{FORM}")
    return size.folder


def _write_rules(size: Size) -> None:
    """Settings, catalog and plays; they cost nothing, so they are written every time."""
    (size.folder / "upstep.yaml").write_text("version: 1\ncompany: Bench\ncurrency: usd\ntime_zone: Europe/Berlin\n")
    (size.folder / "catalog.yaml").write_text(catalog_yaml())
    for name, text in play_files().items():
        (size.folder / "plays_bench" / name).write_text(text)


def _copy(connection: duckdb.DuckDBPyConnection, select: str, path: Path) -> None:
    connection.execute(f"COPY ({select}) TO '{path}' (FORMAT parquet, COMPRESSION snappy)")


# Accounts and what they hold

_SHARE = "(throw_of({key}, {salt}) % 1000003 / 1000003.0)"


def share(key: str, salt: int) -> str:
    """SQL: a fixed number in [0, 1) for a key. Each salt is another throw of the dice."""
    return _SHARE.format(key=key, salt=salt)


def _normal(key: str, salt: int) -> str:
    """SQL: a fixed standard normal number for a key (Box and Muller)."""
    return f"(sqrt(-2 * ln({share(key, salt)} + 1e-9)) * cos(2 * pi() * {share(key, salt + 1)}))"


def _write_base(connection: duckdb.DuckDBPyConnection, size: Size) -> None:
    """The temp tables ``base`` (accounts), ``holding`` (account and product) and ``stream`` (who sends what how often)."""
    connection.execute(f"""
        CREATE TEMP TABLE base AS SELECT i::INTEGER AS i, 'acc_' || lower(to_hex(hash(i, 1))) AS account_id,
            CASE WHEN i % 50000 = 7 THEN 60000 + 130000 * {share("i", 4)}
                 ELSE exp(ln({EVENTS_A_YEAR}) + 0.88 * {_normal("i", 2)}) END AS events,
            TIMESTAMP '{CUT:%Y-%m-%d %H:%M:%S}' - to_seconds((86400 * (3 + 1460 * {share("i", 5)}))::BIGINT) AS created_at,
            CASE WHEN {share("i", 6)} < 0.2 THEN 'eur' ELSE 'usd' END AS currency
        FROM range({size.accounts}) t(i)""")
    connection.execute(f"""
        CREATE TEMP TABLE holding AS
        SELECT i, account_id, currency, p, least(greatest(created_at, TIMESTAMP '2022-11-23') + to_seconds((n * 86400 * 40
                * {share("i + n", 11)})::BIGINT), TIMESTAMP '{CUT:%Y-%m-%d %H:%M:%S}' - INTERVAL 2 DAY) AS started_at,
            events / 12 * 0.6 / held * 50 AS monthly,
            exp(ln(0.75) + 0.25 * {_normal("i * 4 + p", 12)}) AS use_share,
            events / held AS events, {share("i * 4 + p", 14)} AS dice
        FROM (SELECT *, ((throw_of(i, 10) % 4 + n * (1 + throw_of(i, 15) % 3)) % 4)::INTEGER AS p,
                CASE WHEN {share("i", 9)} < 0.08 THEN 3 WHEN {share("i", 9)} < 0.28 THEN 2 ELSE 1 END AS held
              FROM base, range(3) r(n))
        WHERE n < held QUALIFY row_number() OVER (PARTITION BY i, p ORDER BY n) = 1""")
    steps = " ".join(f"WHEN monthly / use_share < {limit} THEN {plan}" for plan, limit in enumerate(LIMITS[0]))
    connection.execute(
        f"CREATE OR REPLACE TEMP TABLE holding AS SELECT *, CASE {steps} ELSE {len(LIMITS[0])} END AS plan FROM holding"
    )
    connection.execute(f"""
        CREATE TEMP TABLE stream AS SELECT i, account_id, p, m, 'x' AS meter_id,
            events * CASE m WHEN 0 THEN 0.6 ELSE 0.2 END / 318.0 AS a_day,
            (epoch(started_at) // 86400)::INTEGER AS first_day,
            CASE m WHEN 2 THEN [{", ".join(map(str, LIMITS[2]))}, 100000][plan + 1] * use_share * 0.62 ELSE 0 END AS level
        FROM holding, range({IN_USE}) r(m)""")
    names = ", ".join(f"'{METERS[product][m][0]}'" for product in PRODUCTS for m in range(IN_USE))
    connection.execute(f"UPDATE stream SET meter_id = [{names}][p * {IN_USE} + m + 1]")


def _tables() -> dict[str, str]:
    """SQL of every table but usage."""
    now = f"TIMESTAMP '{CUT:%Y-%m-%d %H:%M:%S}'"
    owner = "'own_' || lpad((throw_of(i, 21) % 200)::VARCHAR, 3, '0')"
    past = f"{now} - to_seconds((86400 * {{days}} * {share('i', 31)})::BIGINT)"
    some = "SELECT i, account_id, currency, created_at FROM base WHERE {test}"
    return {
        "account": f"""SELECT account_id, 'Company ' || i AS name, created_at,
            CASE WHEN i % 12 = 0 THEN {owner} END AS owner_id, ['small', 'middle', 'large'][throw_of(i, 22) % 3 + 1] AS segment,
            ['US', 'DE', 'FR', 'BR', 'IN', 'JP'][throw_of(i, 23) % 6 + 1] AS country, currency,
            CASE WHEN i % 3 > 0 THEN ['America/New_York', 'Europe/Berlin', 'Europe/Paris', 'America/Sao_Paulo',
                'Asia/Kolkata', 'Asia/Tokyo'][throw_of(i, 23) % 6 + 1] END AS time_zone,
            (throw_of(i, 24) % 900 + 3)::BIGINT AS employees FROM base""",
        "owner": "SELECT 'own_' || lpad(k::VARCHAR, 3, '0') AS owner_id, 'Owner ' || k AS name,"
        " 'owner' || k || '@example.com' AS email, 400::BIGINT AS hours_quarter FROM range(200) t(k)",
        "contact": "SELECT 'con_' || i || '_0' AS contact_id, account_id, 'Person ' || i AS name,"
        " 'p' || i || '@example.com' AS email, ['user', 'admin', 'champion', 'budget_owner', 'executive'][throw_of(i, 25) % 5 + 1]"
        " AS role, i % 2 = 0 AS may_buy, created_at FROM base",
        "subscription_item": _items(now),
        "seat": "SELECT 'seat_' || i || '_' || p || '_' || k AS seat_id, account_id, CASE p WHEN 0 THEN 'mail' ELSE 'voice' END AS"
        " product_id, CASE WHEN k < 4 THEN 'con_' || i || '_' || k END AS contact_id, started_at + to_seconds(((86400 *"
        f" least(datesub('day', started_at, {now}), 400) * {share('i * 16 + k', 26)}))::BIGINT) AS assigned_at"
        " FROM holding, range(9) r(k) WHERE p IN (0, 2) AND plan > 0 AND i % 8 = 0 AND k < 2 + throw_of(i, 27) % 8",
        "ticket": f"""SELECT 'tic_' || i AS ticket_id, account_id, opened_at,
            CASE WHEN throw_of(i, 32) % 10 < 9 THEN least(opened_at + to_seconds(86400 * (1 + throw_of(i, 33) % 9)::BIGINT), {now}) END
                AS closed_at, ['problem', 'question', 'feature_request'][throw_of(i, 34) % 3 + 1] AS kind,
            ['low', 'normal', 'high', 'urgent'][throw_of(i, 35) % 4 + 1] AS severity, throw_of(i, 36) % 20 = 0 AS escalated,
            CASE WHEN throw_of(i, 34) % 3 = 2 THEN ['sso', 'audit', 'webhooks'][throw_of(i, 37) % 3 + 1] END AS feature_id
            FROM (SELECT *, {past.format(days=365)} AS opened_at FROM ({some.format(test="i % 2 = 0")}))""",
        "invoice": f"""SELECT 'inv_' || i AS invoice_id, account_id, issued_at, issued_at + INTERVAL 14 DAY AS due_at,
            CASE WHEN throw_of(i, 42) % 50 > 0 THEN issued_at + INTERVAL 1 HOUR END AS paid_at, 2900::BIGINT AS amount_due_minor,
            currency, CASE WHEN throw_of(i, 42) % 50 > 0 THEN 'paid' ELSE 'open' END AS status
            FROM (SELECT *, {past.format(days=90)} AS issued_at FROM ({some.format(test="i % 2 = 1")}))""",
        "moment": f"""SELECT 'mom_' || i AS moment_id, account_id, ['feature_gate_hit', 'pricing_page_viewed', 'hire',
                'funding', 'renewal_risk', 'onboarded', 'case_study', 'milestone'][throw_of(i, 51) % 8 + 1] AS kind,
            {past.format(days=365)} AS occurred_at,
            CASE throw_of(i, 51) % 8 WHEN 0 THEN ['sso', 'audit', 'webhooks'][throw_of(i, 52) % 3 + 1] END AS subject_id
            FROM ({some.format(test="throw_of(i, 50) % 2 = 0")})""",
        "feedback": f"SELECT 'fee_' || i AS feedback_id, account_id, 'nps' AS kind, (throw_of(i, 61) % 11)::DOUBLE AS score,"
        f" {past.format(days=200)} AS answered_at FROM ({some.format(test='i % 10 = 3')})",
        "outcome": "SELECT 'out_' || i AS outcome_id, account_id, 'hours saved' AS metric, 100::DOUBLE AS target,"
        f" (throw_of(i, 62) % 200)::DOUBLE AS achieved, {past.format(days=200)} AS measured_at"
        f" FROM ({some.format(test='i % 20 = 9')})",
        "goal": "SELECT 'goa_' || i AS goal_id, account_id, 'con_' || i || '_0' AS contact_id, 'Grow' AS priority,"
        " 'mail;sms;voice;video' AS advances, CASE WHEN i % 2 = 0 THEN 'con_' || i || '_0' END AS sponsor_contact_id,"
        f" {past.format(days=90)} AS stated_at, 'call' AS source FROM ({some.format(test='i % 24 = 0')})",
        "deal": f"SELECT 'dea_' || i AS deal_id, account_id, 'upsell' AS motion, 'open' AS stage,"
        f" {past.format(days=60)} AS opened_at FROM ({some.format(test='i % 100 = 12')})",
        "entitlement_override": "SELECT 'ove_' || i AS override_id, account_id, 'mail_sent' AS meter_id,"
        " 5000::BIGINT AS limit_quantity FROM base WHERE i % 200 = 5",
        "purchase": "SELECT 'pur_' || i AS purchase_id, account_id, 'mail' AS product_id, 5000::BIGINT AS amount_minor,"
        f" currency, {past.format(days=300)} AS purchased_at FROM ({some.format(test='i % 100 = 33')})",
        "fx_rate": "SELECT (DATE '2025-11-01' + to_months(m::INTEGER))::DATE AS rate_on, 'eur' AS from_currency, 'usd' AS"
        " to_currency, (1.05 + 0.01 * m)::DECIMAL(9, 4)::VARCHAR AS rate FROM range(13) t(m)",
    }


def _items(now: str) -> str:
    """Three rows a holding in the mean: earlier intervals on smaller plans, the live one, and add-ons for some."""
    plans = ", ".join(f"'{plan}'" for plan in PLANS)
    prices = ", ".join(map(str, (*PRICES, 150_000)))
    past = f"""
        SELECT *, CASE WHEN dice < 0.55 THEN 2 WHEN dice < 0.8 THEN 1 ELSE 0 END AS before,
            dice * 1.7 % 1 < 0.2 AND plan > 0 OR plan = 6 AS is_yearly,
            date_diff('second', started_at, {now}) AS age FROM holding"""
    intervals = f"""
        SELECT *, greatest(plan - (before - k), 0) AS held_plan,
            started_at + to_seconds((age * CASE WHEN k = 0 THEN 0 ELSE (k - dice * 0.9) / (before + 0.3) END)::BIGINT) AS valid_from,
            CASE WHEN k < before THEN started_at + to_seconds((age * (k + 1 - dice * 0.9) / (before + 0.3))::BIGINT) END AS valid_to
        FROM ({past}), range(3) r(k) WHERE k <= before"""
    months = f"datesub('month', started_at, {now})"
    term = f"CASE WHEN is_yearly THEN {months} // 12 * 12 ELSE {months} END"
    length = "CASE WHEN is_yearly THEN 12 ELSE 1 END"
    products = ", ".join(f"'{product}'" for product in PRODUCTS)
    plan_rows = f"""
        SELECT 'it_' || i || '_' || p AS item_id, 'sub_' || i || '_' || p AS subscription_id, account_id, product_id,
            product_id || '_' || [{plans}][held_plan + 1] AS plan_id, NULL::VARCHAR AS add_on_id,
            product_id || '_' || [{plans}][held_plan + 1] || CASE WHEN is_yearly THEN '_year_' ELSE '_month_' END || currency AS price_id,
            1::BIGINT AS quantity,
            ([{prices}][held_plan + 1] * CASE WHEN is_yearly THEN 10 ELSE 1 END)::BIGINT AS amount_minor, currency,
            CASE WHEN is_yearly THEN 'year' ELSE 'month' END AS interval, 1::BIGINT AS interval_count,
            CASE WHEN throw_of(i, 71) % 25 = 0 AND valid_to IS NULL THEN 'canceled' WHEN throw_of(i, 71) % 97 = 1 THEN 'past_due'
                ELSE 'active' END AS status, valid_from, valid_to,
            CASE WHEN valid_to IS NULL THEN started_at + to_months(({term})::INTEGER) END AS period_start,
            CASE WHEN valid_to IS NULL THEN started_at + to_months(({term} + {length})::INTEGER) END AS period_end,
            CASE WHEN valid_to IS NULL THEN started_at + to_months(({term} + {length})::INTEGER) END AS renews_at,
            throw_of(i, 72) % 10 > 0 AS auto_renew,
            CASE WHEN throw_of(i, 73) % 60 = 0 AND valid_to IS NULL THEN {now} + INTERVAL 20 DAY END AS cancel_at,
            CASE WHEN is_yearly THEN 'invoice' ELSE 'automatic' END AS collection, dice, plan
        FROM (SELECT *, [{products}][p + 1] AS product_id FROM ({intervals}))"""
    return f"""
        SELECT * EXCLUDE (dice, plan) FROM ({plan_rows})
        UNION ALL
        SELECT item_id || '_a' AS item_id, subscription_id, account_id, product_id, NULL AS plan_id,
            product_id || '_support' AS add_on_id, product_id || '_support_month_' || currency AS price_id, 1 AS quantity,
            1900 AS amount_minor, currency, 'month' AS interval, interval_count, status, valid_from, valid_to, period_start,
            period_end, renews_at, auto_renew, cancel_at, collection
        FROM ({plan_rows}) WHERE valid_to IS NULL AND plan > 0 AND throw_of(item_id, 74) % 5 = 0"""


# Usage


def _write_usage(connection: duckdb.DuckDBPyConnection, size: Size) -> None:
    """A file a day; the day of the first cut in two, and what comes after it into ``later``."""
    began = time.monotonic()
    for number in range(DAYS):
        day = FIRST_DAY + timedelta(days=number)
        number_since = (day - date(1970, 1, 1)).days
        select = _usage_day(number_since)
        data, later = size.folder / "data", size.folder / "later"
        if day < CUT.date():
            _copy(connection, select, data / f"usage.{day}.parquet")
            continue
        first, last = f"TIMESTAMP '{CUT:%Y-%m-%d %H:%M:%S}'", f"TIMESTAMP '{NEXT_CUT:%Y-%m-%d %H:%M:%S}'"
        if day == CUT.date():
            _copy(connection, f"FROM ({select}) WHERE occurred_at <= {first}", data / f"usage.{day}.parquet")
            _copy(connection, f"FROM ({select}) WHERE occurred_at > {first}", later / f"usage.{day}-evening.parquet")
        else:
            _copy(connection, f"FROM ({select}) WHERE occurred_at <= {last}", later / f"usage.{day}.parquet")
        print(f"usage of {number + 1} days written in {time.monotonic() - began:.0f} s", file=sys.stderr)


def _usage_day(day: int) -> str:
    """SQL: one day's events. A stream that sends 0.3 events a day sends one on three days of ten.

    Three in ten name a contact, one in fifty comes twice.
    """
    sent = f"floor(a_day + (hash(i * 16 + p * 4 + m, {day}) % 1000003) / 1000003.0)::INTEGER"
    streams = f"SELECT i, account_id, meter_id, p, m, level, {sent} AS sent FROM stream WHERE first_day < {day}"
    events = f"""
        SELECT *, hash(i * 16 + p * 4 + m, {day}, k) AS h
        FROM (SELECT *, unnest(range(sent)) AS k FROM ({streams}) WHERE sent > 0)"""
    return f"""
        SELECT ((h::UHUGEINT * 18446744073709551616::UHUGEINT) + hash(h, k))::UUID::VARCHAR AS event_id, account_id, meter_id,
            make_timestamp({day}::BIGINT * 86400000000 + (h % 86400)::BIGINT * 1000000) AS occurred_at,
            CASE WHEN m = 0 THEN 20 + h // 86400 % 61 WHEN level > 0 THEN round(level * (0.6 + 0.5 * ({day} - 20400) / 365
                + (h // 86400 % 100) / 1000)) ELSE 1 END::BIGINT AS quantity,
            CASE WHEN h // 8640000 % 10 < 3 OR p = 1 AND m = 2 THEN 'con_' || i || '_' || (h // 86400000 % 5) END AS contact_id
        FROM ({events}), (VALUES (0), (1)) r(repeated) WHERE repeated = 0 OR h // 777 % 50 = 0"""


# The catalog and the plays


def catalog_yaml() -> str:
    """20 meters over four products; five plans each, monthly and yearly, in two currencies."""
    lines = ["version: 1", "business: saas", "currency: usd", "", "meters:"]
    lines.append("  - {id: seats, name: seats, aggregate: seats, kind: stock, period: lifetime}")
    for product in PRODUCTS:
        for index, (meter, aggregate, kind, period) in enumerate(METERS[product]):
            value = ", value_meter: true" if index == 0 else ""
            name = meter.replace("_", " ")
            lines.append(
                f"  - {{id: {meter}, name: {name}, aggregate: {aggregate}, kind: {kind}, period: {period}{value}}}"
            )
    lines += ["", "products:"]
    for product in PRODUCTS:
        lines += _product_yaml(product)
    lines += [
        "",
        "partners:",
        "  - {has: mail, then: sms, because: one list}",
        "  - {has: voice, then: video, because: one room}",
    ]
    return "\n".join(lines) + "\n"


def _product_yaml(product: str) -> list[str]:
    meters = METERS[product]
    has_seats = product in ("mail", "voice")
    lines = [f"  - id: {product}", f"    name: {product.title()}"]
    lines += [f"    first_value: {{meter: {meters[0][0]}, at_least: 4000}}", "    plans:"]
    for index, plan in enumerate(PLANS):
        plan_id = f"{product}_{plan}"
        is_last = index == len(LIMITS[0])
        limits = {meter[0]: "unlimited" if is_last else LIMITS[kind][index] for kind, meter in enumerate(meters[:3])}
        if index == 0:
            del limits[meters[0][0]], limits[meters[1][0]]
        if has_seats:
            limits["seats"] = "unlimited" if is_last else SEATS[index]
        lines.append(f"      - id: {plan_id}")
        lines.append("        prices:")
        for currency in ("usd", "eur"):
            for interval, times in (("month", 1), ("year", 10)):
                if is_last and interval == "month":
                    continue
                amount = "quote, estimate: 1500000" if is_last else f"{PRICES[index] * times}"
                lines.append(
                    f"          - {{id: {plan_id}_{interval}_{currency}, interval: {interval}, amount: {amount}, currency: {currency}}}"
                )
        lines.append(f"        limits: {{{', '.join(f'{name}: {limit}' for name, limit in limits.items())}}}")
        over = None if is_last else OVERAGE[index]
        if over:
            lines.append(
                f"        overage: {{{meters[0][0]}: {{per: {over[0]}, amounts: {{usd: {over[1]}, eur: {over[1]}}}}}}}"
            )
        features = ("api", "webhooks", "audit", "sso")[: max(1, index)]
        lines.append(f"        features: [{', '.join(features)}]")
    lines += ["    add_ons:", f"      - id: {product}_support", "        prices:"]
    for currency in ("usd", "eur"):
        lines.append(
            f"          - {{id: {product}_support_month_{currency}, interval: month, amount: 1900, currency: {currency}}}"
        )
    lines.append(f"        needs: [{', '.join(f'{product}_{plan}' for plan in PLANS[1:])}]")
    lines.append("        features: [support]")
    return lines


_LIMIT = "enforcement != 'auto' and aggregate != 'seats'"
VARIANTS: dict[str, tuple[str, str, str, tuple[str, ...]]] = {
    # shipped play: motion, grain, proposal, and the conditions of its variants
    "limit_approaching": (
        "from_proposal",
        "limit",
        "fit",
        tuple(f"{_LIMIT} and reached({share})" for share in (0.75, 0.85, 0.9, 0.95, 1.0)),
    ),
    "limit_forecast": (
        "from_proposal",
        "limit",
        "fit",
        tuple(
            f"{_LIMIT} and not reached(0.8) and utilisation >= {share} and breach_forecast"
            for share in (0.3, 0.4, 0.55, 0.6, 0.7)
        ),
    ),
    "overage_habit": (
        "from_proposal",
        "limit",
        "fit",
        tuple(
            f"enforcement = 'overage' and overage_periods_3 >= {times} and used_28d >= {used}"
            for times, used in ((1, 0), (1, 100), (2, 100), (3, 0), (3, 100))
        ),
    ),
    "seat_saturation": (
        "from_proposal",
        "limit",
        "seats",
        tuple(
            f"aggregate = 'seats' and enforcement != 'auto' and limit_quantity >= 5 and utilisation > {share}"
            for share in (0.7, 0.75, 0.8, 0.9, 0.95)
        ),
    ),
    "adoption_rescue": (
        "adopt",
        "limit",
        "adopt",
        tuple(
            f"value_meter and adoption <= {share} and limit_quantity > 1000" for share in (0.2, 0.25, 0.3, 0.35, 0.45)
        ),
    ),
    "complement": (
        "cross_sell",
        "product",
        "product",
        tuple(
            f"has_partner and partner_first_value_reached and tenure_days >= {days}" for days in (60, 90, 180, 365, 540)
        ),
    ),
    "annual_commit": (
        "commit",
        "plan",
        "term",
        tuple(
            f"interval = 'month' and is_paid and not is_trial and paid_days >= {days} and steady_use"
            for days in (60, 120, 180, 270, 365)
        ),
    ),
    "right_size": (
        "right_size",
        "plan",
        "cheaper",
        tuple(f"is_paid and need_share <= {share}" for share in (0.2, 0.3, 0.4, 0.5, 0.55)),
    ),
}
"""With the eight shipped ones, 48 plays."""


def play_files() -> dict[str, str]:
    """The 40 plays beside those shipped: the same rules at other thresholds."""
    files = {}
    for play, (motion, each, propose, conditions) in VARIANTS.items():
        for index, condition in enumerate(conditions):
            files[f"{play}_{index}.yaml"] = (
                f"play: {play}_{index}\nwhat: {play} at another threshold.\nmotion: {motion}\neach: {each}\n"
                f"when: >-\n  {condition}\npropose: {propose}\nprior: 0.{10 + index}\nsource: benchmarks/generate.py\n"
            )
    return files


if __name__ == "__main__":
    for word in sys.argv[1:] or ["quick"]:
        began = time.monotonic()
        folder = generate(SIZES[word])
        print(f"{folder} stands after {time.monotonic() - began:.0f} s")
