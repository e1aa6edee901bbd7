"""One company that holds every case: each signal, gate, play, kind of limit and date that engines could tell apart."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

from tests.company import (
    CATALOG,
    Company,
    Rows,
    account,
    company,
    contact,
    deal,
    feedback,
    fx,
    goal,
    invoice,
    item,
    moment,
    outcome,
    override,
    owner,
    purchase,
    seat,
    ticket,
    usage,
)
from upstep.clock import iso, parse_instant, to_seconds
from upstep.tables.schema import MOMENT_KINDS

ODD_IDS = ("ü-Ångström", "日本", 'it\'s "quoted"', "\U0001f600", "a%b_c\\d", "Z", "É", " spaced ", "E\u0301")
ZONES = (
    *("America/New_York", "Asia/Kathmandu", "Pacific/Apia", "Pacific/Chatham", "Australia/Lord_Howe"),
    *("Europe/Dublin", "", "Nowhere/Else", None),
)


_MORE = (
    (
        "meters:\n",
        "  - {id: automations, name: automations, aggregate: sum, kind: flow, period: billing_month, advanced: true}\n",
    ),
    ("          templates: 20\n", "          automations: 100\n"),
    ("limits: {emails: 100000, ", "automations: 1000, "),
    (
        "    add_ons:\n",
        "      - {id: help, kind: support, needs: [pro, scale], prices: [{id: help, interval: month, amount: 1500}]}\n",
    ),
    ("    name: Audience\n", "    buyers: [Head of Marketing]\n"),
    (
        "    prices: [{id: audit_once, amount: 150000}]\n",
        """
  - {id: audit_pack, name: Three audits, one_off: true, prices: [{id: audit_pack_once, amount: 390000}]}
  - {id: course, name: Course, one_off: true, prices: [{id: course_once, amount: 40000}]}
  - {id: next_course, name: Next course, one_off: true, prices: [{id: next_course_once, amount: 60000}]}
  - id: care
    name: Deliverability care
    plans: [{id: care_monthly, prices: [{id: care_month, interval: month, amount: 60000}]}]
""",
    ),
    (
        "partners:\n",
        """  - {has: audit, then: audit_pack, kind: larger, holds: 3, because: three cost less together}
  - {has: audit, then: care, kind: retainer, because: the work comes back each quarter}
  - {has: course, then: next_course, kind: related, because: it begins where the first one ends}
  - {has: course, then: audience, kind: completion, because: what was learned is used at once}
""",
    ),
)
"""What the engines' company sells beside that of the other tests: (what stands in the catalog, what follows it)."""


def catalog() -> str:
    """Everything that a play of any kind of business needs."""
    text = CATALOG
    for place, more in _MORE:
        assert text.count(place) >= 1, place
        text = text.replace(place, place + more, 1)
    return text


def everything(as_of: str, *, without: tuple[str, ...] = ()) -> Company:
    """The company as of an instant; its rows reach from years before it to days after it."""
    return company(*_Days(as_of).rows(), as_of=as_of, without=without, catalog=catalog())


def told(given: Company) -> dict[str, list[dict[str, Any]]]:
    """What the house of plays is told from outside, for accounts of ``everything``."""
    shown = to_seconds(given.as_of - timedelta(days=2))
    return {
        "offer_history": [
            {
                "account_id": "g-asked_recently",
                "to_product_id": "x",
                "target": "y",
                "shown_at": shown,
                "declined_at": None,
                "not_now_at": None,
                "cools_own_step": True,
            },
            {
                "account_id": "any-1",
                "to_product_id": "audience",
                "target": "product:audience",
                "shown_at": 0,
                "declined_at": shown,
                "not_now_at": None,
                "cools_own_step": True,
            },
        ],
        "follow_up": [
            {"account_id": name, "product_id": "sending", "meter_id": "emails", "day": day, "looked_at": shown}
            for name, day in (("anchor-1-00", 14), ("anchor-28-13", 30), ("g-none", 14))
        ],
        "contact_hold": [{"account_id": "g-contact_hold", "kind": "reply", "held_at": shown}],
        "confirmed": [
            {"account_id": "g-none", "gate": "leaving", "answer": "holds"},
            {"account_id": "routes", "gate": "before_first_value", "answer": "clear"},
        ],
        "owner_capacity": [{"owner_id": "busy", "is_full": True}, {"owner_id": "olga", "is_full": False}],
        "planned_step": [{"account_id": "any-2", "to_product_id": "audience", "target": "product:audience"}],
        "typed_goal": [
            {
                "account_id": f"any-{n}",
                "goal_id": f"typed_{n}",
                "contact_id": "boss",
                "advances": "audience",
                "sponsor_contact_id": "cfo" if n % 2 else None,
                "stated_at": 0,
            }
            for n in range(8)
        ],
        "holdout": [
            {"account_id": f"any-{n}", "lane": lane, "experiment": "x"}
            for n in range(20)
            for lane in ("care", "self_serve")
        ],
        "likelihood": [{"play": 2, "motion": "cross_sell", "segment": "", "rate": 0.0812345}],
    }


class _Days:
    """Rows told by how many days they lie before the as-of."""

    def __init__(self, as_of: str) -> None:
        self.now = parse_instant(as_of)
        self.random = random.Random(7)

    def ago(self, days: float) -> str:
        return iso(self.now - timedelta(days=days))

    def rows(self) -> list[Rows]:
        return [
            *self.anchors(),
            *self.zones(),
            *self.terms(),
            *self.limits(),
            *self.stocks(),
            *self.seats(),
            *self.states(),
            *self.gates(),
            *self.signals(),
            *self.plays(),
            *self.occasions(),
            *self.one_off(),
            *self.nulls(),
            *self.any(40),
        ]

    def daily(self, account_id: str, meter: str, quantity: int, *, days: int = 120, **columns: str) -> Rows:
        return usage(account_id, meter, quantity * days, since=self.ago(days), until=self.ago(-1), **columns)

    def anchors(self) -> Iterator[Rows]:
        for day in (1, 28, 29, 30, 31):
            for clock in ("00:00:00", "13:37:11", "23:59:59"):
                name = f"anchor-{day}-{clock[:2]}"
                yield item(name, "pro", since=f"2023-01-{day:02}T{clock}")
                yield usage(name, "emails", 200, since=self.ago(150), until=self.ago(-1))
                for back in (27, 28, 29, 30, 31, 32):
                    date = self.ago(back)[:10]
                    yield usage(name, "emails", {f"{date}T{clock}": 3, f"{date}T00:00:00": 5, f"{date}T23:59:59": 7})
        # The provider moved the period: its own start counts.
        yield item("moved", "pro", since="2023-01-15", period_start=self.ago(10))
        yield item("moved-ahead", "pro", since="2023-01-15", period_start=self.ago(-10), interval="year")
        yield [self.daily(name, "emails", 90) for name in ("moved", "moved-ahead")]
        yield item("two-anchors", "pro", subscription="s2", since="2023-05-20T10:00:00")
        yield item("two-anchors", "pro", subscription="s1", since="2023-05-07T10:00:00")

    def zones(self) -> Iterator[Rows]:
        for index, zone in enumerate(ZONES):
            name = f"zone-{index}"
            yield account(name, time_zone=zone)
            yield item(name, "scale", since="2023-03-31T01:02:03")
            for back in range(0, 95, 1):
                yield usage(name, "calls", {self.ago(back + 0.3): 1, self.ago(back)[:10] + "T04:00:00": 2})

    def terms(self) -> Iterator[Rows]:
        for interval, times in (
            ("year", 1),
            ("quarter", 1),
            ("week", 2),
            ("day", 1),
            ("month", 6),
            ("year", 2),
            ("month", 7),
        ):
            name = f"term-{interval}-{times}"
            yield item(
                name,
                "scale",
                since="2023-02-28T06:00:01",
                interval=interval,
                interval_count=times,
                amount_minor=90_001,
                renews_at=self.ago(-20),
            )
            yield usage(name, "exports", 90, since=self.ago(300), until=self.ago(-1))

    def limits(self) -> Iterator[Rows]:
        yield item("unlimited", "enterprise", interval="year")
        yield item("stacked", "pro", since="2023-06-01")
        yield item("stacked", "scale", since="2023-06-02", subscription="other")
        yield item("stacked", add_on="more_storage", quantity=3)
        yield item("stacked", add_on="own_ip")
        for name in ("unlimited", "stacked"):
            yield [self.daily(name, meter, 40) for meter in ("emails", "peak", "sms", "exports", "calls")]
        for name, limit, columns in (
            ("own", 7_000, {}),
            ("own-gone", 7_000, {"valid_to": self.ago(0)}),
            ("own-later", 7_000, {"valid_from": self.ago(-1)}),
            ("own-zero", 0, {}),
            ("own-null", None, {}),
        ):
            yield [item(name, "pro"), override(name, "emails", limit, **columns), self.daily(name, "emails", 220)]
        yield override("own", "emails", 6_000)
        yield override("own", "unknown meter", 6_000)

    def stocks(self) -> Iterator[Rows]:
        """Levels of storage, limit 100, oldest first, a week apart."""
        for name, levels in (
            ("dip-small", (82, 75, 82)),
            ("dip-deep", (82, 69, 82)),
            ("dip-edge", (82, 70, 82)),
            ("falling", (95, 60)),
            ("rising", (10, 20, 30, 40, 50, 60, 70, 79)),
            ("full", (100, 100, 120)),
            ("once", (85,)),
            ("empty", (0, 0)),
        ):
            yield item(f"stock-{name}", "pro")
            for back, level in enumerate(reversed(levels)):
                yield usage(
                    f"stock-{name}", "storage", {self.ago(7 * back + 0.2): level, self.ago(7 * back + 0.1): level}
                )
                yield usage(f"stock-{name}", "templates", level % 7, at=self.ago(7 * back + 3))
        yield item("audience", "audience_pack", quantity=3000)
        yield usage("audience", "contacts", {self.ago(back): 2500 + 7 * back for back in range(0, 60, 3)})
        yield usage("audience", "campaigns", 2, at=self.ago(40))

    def seats(self) -> Iterator[Rows]:
        for plan in ("team", "volume_team", "flexible_team"):
            name = f"seats-{plan}"
            yield item(name, plan, quantity=12, since="2024-01-05")
            yield moment(name, "first_value", at=self.ago(20), subject_id="teams")
            for number in range(12):
                person = f"{name}-{number}"
                yield seat(name, at=self.ago(5 * number), contact_id=person if number else None)
                yield contact(name, contact_id=person, at=self.ago(5 * number))
                yield usage(name, "messages", 1, at=self.ago(2.5 * number), contact=person)
        yield seat("seats-team", at=self.ago(90), removed_at=self.ago(2), seat_id="removed")
        yield seat("seats-team", at=self.ago(9), product_id="sending", seat_id="other product")

    def states(self) -> Iterator[Rows]:
        for status in ("trialing", "active", "past_due", "unpaid", "paused", "canceled", "incomplete"):
            yield [item(f"is-{status}", "pro", status=status), self.daily(f"is-{status}", "emails", 300)]
        yield item("ended", "pro", until=self.ago(0))
        yield item("starts-now", "pro", since=self.ago(0))
        yield item("starts-later", "pro", since=self.ago(-3))
        yield item("raised", "free", until=self.ago(9))
        yield item("raised", "pro", since=self.ago(9))
        yield item("lowered", "scale", until=self.ago(50))
        yield item("lowered", "free", since=self.ago(50))
        for currency in ("eur", "jpy", "gbp"):
            name = f"pays-{currency}"
            yield [account(name, currency=currency), item(name, "pro", currency=currency, amount_minor=1700)]
            yield self.daily(name, "emails", 400)
        yield [fx("eur", "usd", "1.08", on=self.ago(40)[:10]), fx("eur", "usd", "1.1", on=self.ago(4)[:10])]
        yield fx("usd", "jpy", "150.25", on=self.ago(3)[:10])

    def gates(self) -> Iterator[Rows]:
        """Accounts that would be asked, each with one reason to wait."""
        reasons: dict[str, list[Rows]] = {
            "none": [],
            "open_issue": [ticket("g-open_issue", at=self.ago(1), severity="urgent")],
            "payment_trouble": [invoice("g-payment_trouble", at=self.ago(9), due_at=self.ago(4))],
            "before_first_value": [],
            "just_purchased": [],
            "low_adoption": [],
            "leaving": [],
            "renewal_threat": [moment("g-renewal_threat", "renewal_risk", at=self.ago(3))],
            "open_deal": [deal("g-open_deal", at=self.ago(3), motion="upsell")],
            "do_not_sell": [account("g-do_not_sell", do_not_sell_why="asked us", do_not_sell_until=self.ago(-9))],
            "no_priority": [account("g-no_priority", owner_id="olga")],
            "no_sponsor": [
                account("g-no_sponsor", owner_id="olga"),
                goal("g-no_sponsor", at=self.ago(9), advances=("scale", "sending", "audience")),
            ],
            "contact_hold": [],
            "asked_recently": [],
            "at_capacity": [
                account("g-at_capacity", owner_id="busy"),
                goal("g-at_capacity", at=self.ago(9), advances=("sending", "audience"), sponsor_contact_id="sam"),
            ],
        }
        yield [owner("olga"), owner("busy", hours_quarter=10)]
        for gate, rows in reasons.items():
            name = f"g-{gate}"
            since = self.ago(5) if gate == "just_purchased" else "2023-01-10T09:00:00"
            columns = {"cancel_at": self.ago(-20)} if gate == "leaving" else {}
            yield [*rows, item(name, "pro", since=since, **columns)]
            each = {"before_first_value": 0, "low_adoption": 60}.get(gate, 250)
            yield [self.daily(name, "emails", each), self.daily(name, "peak", 48, days=60)]

    def signals(self) -> Iterator[Rows]:
        yield account(
            "told",
            parent_account_id="stacked",
            owner_id="olga",
            segment="large",
            industry="books",
            country="NZ",
            time_zone="Pacific/Auckland",
            employees=250,
        )
        yield item("told", "scale", interval="year", since="2023-06-01", renews_at=self.ago(-60))
        yield [moment("told", kind, at=self.ago(5), subject_id="sso") for kind in (*MOMENT_KINDS, "own_kind")]
        yield [
            moment("told", kind, at=self.ago(days), moment_id=f"{kind}-{days}")
            for kind in ("feature_gate_hit", "hire", "case_study", "renewal_risk")
            for days in (28, 90, 180, 365)
        ]
        yield [feedback("told", at=self.ago(day), score=float(score)) for day, score in ((9, 6), (3, 3), (400, 10))]
        yield outcome("told", at=self.ago(9), metric="revenue", achieved=4.2, target=3.0)
        yield outcome("told", at=self.ago(3), metric="revenue", achieved=2.9999999, target=3.0)
        yield outcome("told", at=self.ago(3), metric="hours", achieved=3.0, target=3.0)
        yield ticket("told", at=self.ago(8), kind="feature_request", feature_id="sso")
        yield ticket("told", at=self.ago(89), kind="feature_request", feature_id="sso", closed_at=self.ago(80))
        yield [
            ticket("told", at=self.ago(6), kind=kind, severity=severity, escalated=escalated)
            for kind in ("problem", "question", None)
            for severity in ("low", "high", None)
            for escalated in (True, None)
        ]
        for days in (2.99, 3, 3.01):
            yield invoice("told", at=self.ago(30), due_at=self.ago(days), amount_due_minor=5)
        yield [invoice("told", at=self.ago(30), status=status) for status in ("draft", "paid", "uncollectible", "void")]
        yield invoice("told", at=self.ago(30), paid_at=self.ago(-1), last_failure_at=self.ago(2))
        yield [
            goal("told", at=self.ago(60), advances=words, sponsor_contact_id=sponsor, contact_id=person)
            for words in (("audience",), ("Audience", "", "x"), None)
            for sponsor in ("sam", "gone", None)
            for person in ("boss", "gone")
        ]
        yield contact("told", contact_id="gone", left_at=self.ago(1))
        yield contact("told", contact_id="back", left_at=self.ago(-1))
        yield deal("told", at=self.ago(20), closed_at=self.ago(1), won=True)
        yield purchase("told", at=self.ago(3))

    def plays(self) -> Iterator[Rows]:
        yield [item("steady", "pro", since="2023-01-01"), self.daily("steady", "emails", 290, days=200)]
        yield [item("over", "pro", since="2023-01-01"), self.daily("over", "emails", 1500, days=200)]
        yield [item("too-big", "scale", since="2023-01-01"), self.daily("too-big", "emails", 30, days=200)]
        yield item("growing", "pro", since="2023-01-01")
        yield usage("growing", "emails", {self.ago(back): 420 - 6 * back for back in range(60)})
        for name in ("routes", "routes-unasked"):
            yield [item(name, "receiving_basic", collection="invoice"), self.daily(name, "receipts", 190)]

    def occasions(self) -> Iterator[Rows]:
        """Accounts that use what they pay for, each with one more thing that happened."""
        happened: dict[str, list[Rows]] = {
            "consolidate": [moment("o-consolidate", "other_vendor", at=self.ago(30), subject_id="audience")],
            "feature_gate": [
                moment("o-feature_gate", "feature_gate_hit", at=self.ago(day), subject_id="subaccounts")
                for day in (1, 2, 3, 4)
            ],
            "lifecycle": [moment("o-lifecycle", "onboarded", at=self.ago(70))],
            "new_buyer": [contact("o-new_buyer", contact_id="o-head", title="Head of Marketing", at=self.ago(20))],
            "new_initiative": [moment("o-new_initiative", "initiative", at=self.ago(30), subject_id="audience")],
            "trial": [
                moment("o-trial", "feature_gate_hit", at=self.ago(3), subject_id="subaccounts"),
                moment("o-trial", "pricing_page_viewed", at=self.ago(2)),
            ],
            "bundle": [
                item("o-bundle", "audience_pack", quantity=1000, since="2024-03-01"),
                usage("o-bundle", "campaigns", 3, at=self.ago(40)),
                usage("o-bundle", "contacts", 800, at=self.ago(20)),
            ],
            "power_user": [self.daily("o-power_user", "automations", 3)],
        }
        for name, rows in happened.items():
            yield [item(f"o-{name}", "pro", since="2023-01-10T09:00:00"), *rows, self.daily(f"o-{name}", "emails", 250)]
        yield item("o-renewal", "pro", interval="year", since="2024-05-02", renews_at=self.ago(-45))
        yield self.daily("o-renewal", "emails", 240, days=400)
        yield [item("o-growth", "pro", since="2023-01-01"), moment("o-growth", "customer_growth", at=self.ago(30))]
        yield usage("o-growth", "emails", {self.ago(back): 400 - 5 * back for back in range(60)})
        yield item("o-support", "scale", since="2023-01-01")
        yield [self.daily("o-support", "emails", 2000), self.daily("o-support", "sms", 20)]
        yield [
            ticket("o-support", at=self.ago(days), kind="question", closed_at=self.ago(days - 1))
            for days in range(5, 40, 6)
        ]

    def one_off(self) -> Iterator[Rows]:
        """What is bought once, and again."""
        yield purchase("bought-course", product_id="course", at=self.ago(50), completed_at=self.ago(10))
        yield [
            purchase("bought-audits", at=self.ago(30 + 60 * number), completed_at=self.ago(20 + 60 * number))
            for number in range(5)
        ]

    def nulls(self) -> Iterator[Rows]:
        for name in ODD_IDS:
            yield account(name, currency=None, country=None, name=name)
            yield item(name, "pro", price_id=None, interval_count=None, item_id=name, subscription=name)
            yield usage(name, "emails", 9500, since=self.ago(30), until=self.ago(0), contact=name)
            yield ticket(name, at=self.ago(1), kind=None, ticket_id=f"ticket {name}")
        yield account("alone")
        yield item("planless", None, product_id="sending", item_id="planless")
        yield item("unsold", None, plan_id="an old plan", product_id="sending", item_id="unsold")
        yield moment("alone", "hire", contact_id=None)

    def any(self, count: int) -> Iterator[Rows]:
        """Accounts drawn from a seed."""
        draw = self.random
        plans = ("free", "pro", "scale", "enterprise", "team", "receiving_basic", "audience_pack")
        meters = (
            "emails",
            "calls",
            "peak",
            "exports",
            "senders",
            "storage",
            "templates",
            "sms",
            "contacts",
            "receipts",
        )
        for number in range(count):
            name = f"any-{number}"
            yield account(name, owner_id=draw.choice(("olga", "nobody", None)), time_zone=draw.choice(ZONES))
            for plan in draw.sample(plans, draw.randint(1, 3)):
                yield item(
                    name,
                    plan,
                    quantity=draw.choice((1, 5, 30)),
                    since=self.ago(draw.uniform(1, 500)),
                    until=draw.choice((None, None, self.ago(draw.uniform(-9, 90)))),
                    status=draw.choice(("active", "active", "past_due", "trialing")),
                    subscription=f"{name}-{plan}",
                )
            for meter in draw.sample(meters, 4):
                scale = draw.choice((1, 30, 400))
                yield usage(
                    name,
                    meter,
                    {self.ago(draw.uniform(0, 130)): draw.randint(0, scale) for _ in range(40)},
                    contact=draw.choice((f"{name}-p", "shared", None)),
                )
