"""Writing the business case of one step: its numbers from records, its words from what was said and decided."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

from upstep.engine.deciding.naming import fact_value, meter_name, plan_name, product_name, read_column
from upstep.engine.deciding.telling import holds, step_words
from upstep.engine.planning.evidence import SUMMED, Records, price_of, yearly_minor
from upstep.engine.planning.goals import Register, read_register
from upstep.engine.planning.selling import account_rows, goal_of, is_hygiene, read_opportunities, row_of
from upstep.errors import ConfigError, DamagedError
from upstep.planning.business_case import (
    GROUP_MIN,
    Case,
    Incomplete,
    Missing,
    Number,
    Section,
    Value,
    committee,
    computed,
)
from upstep.plays.rank import SALES
from upstep.wording import vendor_phrases

if TYPE_CHECKING:
    from upstep.catalog.model import Catalog
    from upstep.engine.project import Project
    from upstep.planning.goals import Standing

Row = Mapping[str, Any]
COMPARABLE_DAYS = 365
"""Outcomes of other customers count when they were measured within this many days."""


def write_case(
    project: Project, account_id: str, play: str, *, as_of: datetime | None, now: datetime
) -> Case | Incomplete:
    """The business case of the step that a play proposes, or what it lacks.

    Raises:
        SourceError: The play is not known or does not fire for the account.
        ConfigError: A text of the company's own speaks of the seller's goals.
        DamagedError: A number is not what its records give.
    """
    run, rows = account_rows(project, account_id, as_of=as_of, now=now)
    row = row_of(project, rows, account_id, play)
    records = Records(project, account_id, as_of=run.as_of, now=now)
    register = read_register(project, now=now, as_of=run.as_of, accounts=[account_id])
    made = _Writer(project, row, records, register, play).write()
    if isinstance(made, Incomplete):
        return made
    phrases = [fault for one in made.sections for text in one.paragraphs for fault in vendor_phrases(text, one.heading)]
    if phrases:
        raise ConfigError(phrases)
    if faults := committee(made, records.read):
        raise DamagedError("\n".join(map(str, faults)))
    return made


@dataclass
class _Numbers:
    """The numbers of a case, each computed from its records as it is added."""

    records: Records
    found: dict[str, Number] = field(default_factory=dict)

    def read(self, name: str, label: str, unit: str, record: str) -> Value:
        """A number as a record holds it."""
        return self._add(Number(name, label, 0, unit, "read", (record,)))

    def count(self, name: str, label: str, unit: str, records: Sequence[str]) -> Value:
        """How many records there are."""
        return self._add(Number(name, label, 0, unit, "count", tuple(records)))

    def make(self, name: str, label: str, unit: str, how: str, *of: str) -> Value:
        """A number made of others."""
        return self._add(Number(name, label, 0, unit, how, (), of))

    def _add(self, number: Number) -> Value:
        value = computed(number, self.records.read, self.found)
        self.found[number.name] = Number(
            number.name, number.label, value, number.unit, number.how, number.records, number.of
        )
        return value

    def __contains__(self, name: str) -> bool:
        return name in self.found


class _Writer:
    """Gathers the numbers of one step, finds what is missing, and says the rest."""

    def __init__(self, project: Project, row: Row, records: Records, register: Register, play: str) -> None:
        self.project, self.row, self.records, self.register, self.play = project, row, records, register, play
        self.catalog: Catalog = project.catalog
        self.numbers = _Numbers(records)
        self.goal: Standing | None = goal_of(row, register)
        self.is_hygiene = is_hygiene(row)
        self.account_id: str = row["account_id"]
        self.outcome = self._outcome()
        self.is_estimated = False

    def write(self) -> Case | Incomplete:
        """The case, or what it lacks."""
        step = step_words(self.row, self.catalog).removeprefix("+ ")
        if self.row["motion"] in SALES and self.row["outcome"] != "unfit":
            self._use()
            self._cost()
            self._anchor()
        missing = tuple(self._missing())
        if missing:
            return Incomplete(self.account_id, self.row["name"], self.play, step, missing)
        self._effect()
        sections = (
            self._anchor_section(),
            self._framing(step),
            self._ask(step),
            self._whose(),
            self._economics(),
            self._risks(),
            self._stops(),
        )
        return Case(
            account_id=self.account_id,
            account=self.row["name"],
            play=self.play,
            motion=self.row["motion"],
            step=step,
            as_of=f"{self.records.as_of:%Y-%m-%d}",
            decision_id=self.row["decision_id"],
            sections=tuple(section for section in sections if section.paragraphs or section.points),
            numbers=self.numbers.found,
            names=tuple(self._names(step)),
        )

    # Numbers

    def _outcome(self) -> Row | None:
        """Their newest measurement of a metric, of the product that the step stands on before any other."""
        rows = self.records.rows(
            "SELECT outcome.* FROM outcome JOIN account_key USING (account_key) WHERE account_id = ?"
            " AND measured_at <= (SELECT as_of FROM clock) ORDER BY measured_at DESC, outcome_id",
            self.account_id,
        )
        base = {self.row["product_id"], fact_value(self.row, "partner_product_id"), self.row["step_product_id"]}
        met = [one for one in rows if one["achieved"] >= one["target"]]
        return min(met or rows, key=lambda one: (one["product_id"] not in base, -one["measured_at"]), default=None)

    def _metric_unit(self) -> str:
        assert self.outcome is not None
        currency = (self.outcome["currency"] or "").lower()
        return f"major:{currency}" if currency else self.outcome["unit"] or "units"

    def _anchor(self) -> None:
        if self.outcome is None or self.outcome["achieved"] < self.outcome["target"]:
            return
        record, unit = f"outcome/{self.outcome['outcome_id']}", self._metric_unit()
        self.numbers.read("achieved", "outcome achieved", unit, f"{record}/achieved")
        self.numbers.read("target", "their target", unit, f"{record}/target")
        self.numbers.make("above", "above the target", unit, "difference", "achieved", "target")
        self.numbers.read("measured_on", "outcome measured on", "date", f"{record}/measured_at")

    def _use(self) -> None:
        """Use against its limit, where events alone give it."""
        meter = self.catalog.meters.get(self.row["meter_id"] or "")
        used = read_column(self.row, "facts", {}).get("used")
        if meter is None or meter.aggregate not in SUMMED or used is None or not used["records"]:
            return
        limit = f"limit/{self.account_id}/{meter.id}"
        self.numbers.read("used", f"{meter.name}, used this period", "", used["records"][0])
        try:
            self.numbers.read("limit", f"{meter.name}, included", meter.name, limit)
        except LookupError:
            return
        self.numbers.make("share", "share of the limit used", "share", "share", "used", "limit")

    def _cost(self) -> None:
        """What the step costs a year more: as a person priced it, else by the catalog."""
        unit = f"minor:{self.row['currency']}"
        opened = [
            one
            for one in read_opportunities(self.project, account_id=self.account_id)
            if one.is_open and (one.product_id, one.target) == (self.row["step_product_id"], self.row["target"])
        ]
        if opened and opened[-1].expected_minor:
            record = f"opportunity/{opened[-1].opportunity_id}/expected_minor"
            self.numbers.read("cost", "cost a year more", unit, record)
            return
        self._cost_by_catalog(unit)

    def _cost_by_catalog(self, unit: str) -> None:
        from upstep.catalog.price import is_estimated
        from upstep.engine.deciding.telling import price_record

        told = price_record(self.row, self.catalog, on=self.records.as_of.date())
        price = price_of(self.project, told.partition("price_id=")[2].partition("&")[0]) if told else None
        quantity = self.row["to_quantity"] or 1
        if price is None or yearly_minor(price, quantity) is None:
            return
        self.is_estimated = is_estimated(price)
        new, guess = f"price/{price.id}/{quantity}/yearly", ", estimated" if self.is_estimated else ""
        held = [
            item
            for item in self.records.live_items(self.account_id)
            if item["plan_id"]
            and item["plan_id"] == self.row["plan_id"]
            and item["product_id"] == self.row["product_id"]
        ]
        if self.row["motion"] in ("cross_sell", "add_on") or not held:
            self.numbers.read("cost", f"cost a year more{guess}", unit, new)
            return
        old = f"subscription_item/{held[0]['item_id']}/{self.account_id}/yearly"
        self.numbers.read("new_price", f"price a year{guess}", unit, new)
        self.numbers.read("old_price", "paid a year now", unit, old)
        self.numbers.make("cost", f"cost a year more{guess}", unit, "difference", "new_price", "old_price")

    def _effect(self) -> None:
        """The measured difference between comparable customers with and without the step, where there are enough."""
        if "target" not in self.numbers:
            return
        assert self.outcome is not None
        with_it, without_it = self._comparable()
        if min(len(with_it), len(without_it)) < GROUP_MIN:
            return
        add, unit = self.numbers, self._metric_unit()
        add.count("n_with", "comparable customers with it", "customers", with_it)
        add.count("n_without", "comparable customers without it", "customers", without_it)
        for end, words in (("low", "low"), ("middle", "middle"), ("high", "high")):
            share = f"effect_{end}"
            add.make(share, f"difference, share of target, {words}", "share", share, "n_with", "n_without")
            add.make(f"gain_{end}", f"change of their metric, {words}", unit, "product", share, "target")
        self._payback(unit)

    def _payback(self, unit: str) -> None:
        assert self.outcome is not None
        gain = self.numbers.found["gain_middle"].value
        is_same = unit == f"major:{self.row['currency']}"
        if not is_same or self.outcome["started_at"] is None or isinstance(gain, str) or gain <= 0:
            return
        record = f"outcome/{self.outcome['outcome_id']}/days"
        self.numbers.read("span", "days in which the outcome came about", "days", record)
        self.numbers.make("payback", "payback", "months", "payback", "cost", "gain_middle", "span")

    def _comparable(self) -> tuple[list[str], list[str]]:
        """Outcome records of others by the same metric: of those who have what the step brings, and of the others."""
        assert self.outcome is not None
        plans = [plan.id for plan in self._plans_reached()]
        rows = self.records.rows(
            "WITH newest AS (SELECT account_key, outcome_id, row_number() OVER (PARTITION BY account_key"
            " ORDER BY measured_at DESC, outcome_id) AS place FROM outcome WHERE metric = ?"
            " AND coalesce(unit, '') = ? AND target > 0 AND measured_at <= (SELECT as_of FROM clock)"
            " AND measured_at > (SELECT as_of FROM clock) - ?), live AS (SELECT * FROM subscription_item"
            " WHERE valid_from <= (SELECT as_of FROM clock)"
            " AND (valid_to IS NULL OR valid_to > (SELECT as_of FROM clock))"
            " AND status IN ('active', 'past_due', 'unpaid')) SELECT outcome_id,"
            " bool_or(coalesce(list_contains(?, plan_id), false)) AS has_it, bool_or(product_id = ?) AS has_base"
            " FROM newest JOIN live USING (account_key) JOIN account_key USING (account_key)"
            " WHERE place = 1 AND account_id <> ? GROUP BY outcome_id ORDER BY outcome_id",
            self.outcome["metric"],
            self.outcome["unit"] or "",
            COMPARABLE_DAYS * 86_400,
            plans,
            fact_value(self.row, "partner_product_id") or self.row["product_id"],
            self.account_id,
        )
        with_it = [f"outcome/{one['outcome_id']}" for one in rows if one["has_it"]]
        without_it = [f"outcome/{one['outcome_id']}" for one in rows if not one["has_it"] and one["has_base"]]
        return with_it, without_it

    def _plans_reached(self) -> Iterator[Any]:
        """The plans by which a customer has what the step brings: the target and those above it."""
        product = self.catalog.products.get(self.row["step_product_id"])
        target = self.catalog.plan(self.row["to_plan_id"] or "")
        for plan in product.plans if product else ():
            if self.row["motion"] == "cross_sell" or (target and plan.position >= target.position):
                yield plan

    # What is missing

    def _missing(self) -> Iterator[Missing]:
        if self.row["motion"] not in SALES:
            yield Missing("a sale", f"{self.row['motion']} is help, which needs no case: do it", "you")
            return
        if self.row["outcome"] == "unfit":
            yield Missing("a step that fits", "what they have serves them better", "nobody: leave them be")
            return
        if "cost" not in self.numbers:
            yield Missing("a price", "a person prices it", "its owner: upstep stage open … --amount")
        if self.is_hygiene:
            if "share" not in self.numbers:
                yield Missing("use against the limit", "events alone do not give it", "upstep explain")
            return
        if "achieved" not in self.numbers:
            why = "none was measured" if self.outcome is None else "it was missed: help them reach it first"
            yield Missing("an outcome that they met", why, "their champion and yours: table outcome")
        if self.goal is None:
            who = "their executive: upstep goals add"
            yield Missing("an executive priority that it advances", "none is on record", who)
        elif not self.goal.has_sponsor:
            priority = self.goal.goal.priority
            yield Missing("a sponsor", f"nobody there stands behind “{priority}” yet", "develop one: upstep goals add")

    # Words

    def _anchor_section(self) -> Section:
        if "achieved" not in self.numbers:
            return Section("anchor", "What they achieved")
        assert self.outcome is not None
        source = f" ({self.outcome['source']})" if self.outcome["source"] else ""
        text = (
            f"The measure is {self.outcome['metric']}: {self.row['name']} set out for [[target]] and reached"
            f" [[achieved]], [[above]] above the target, as measured on [[measured_on]]{source}."
        )
        return Section("anchor", "What they achieved", (text,))

    def _framing(self, step: str) -> Section:
        parts = []
        if "share" in self.numbers:
            parts.append("[[used]] of [[limit]] are used up, [[share]]: what works has little room left.")
        because = self._because()
        if because:
            parts.append(f"{because[:1].upper()}{because[1:]}.")
        what = "room for work in use" if self.is_hygiene else "the next part of the same work"
        parts.append(f"The next step is {step}: {what}.")
        return Section("framing", "The next step", (" ".join(parts),))

    def _because(self) -> str:
        has, then = fact_value(self.row, "partner_product_id"), self.row["step_product_id"]
        return next((one.because for one in self.catalog.partners if (one.has, one.then) == (has, then)), "")

    def _ask(self, step: str) -> Section:
        about = "about " if self.is_estimated else ""
        text = f"We ask for {step} at {about}[[cost]] a year more."
        if "target" in self.numbers:
            assert self.outcome is not None
            text += (
                f" It is to be judged by {self.outcome['metric']}: if that falls below [[target]], it was not worth it."
            )
        return Section("ask", "The ask", (text,))

    def _whose(self) -> Section:
        if self.goal is None:
            return Section("whose", "Whose priority it serves")
        goal = self.goal.goal
        who, sponsor = self._person(goal.contact_id), self._person(goal.sponsor_contact_id)
        self.numbers.read("stated_on", "priority stated on", "date", f"goal/{self.goal.goal_id}/stated_at")
        text = f"“{goal.priority}”, said {who} on [[stated_on]] ({goal.source})."
        if goal.metric:
            text += f" The number they go by: {goal.metric}."
        if sponsor and self.goal.has_sponsor:
            text += f" {sponsor} sponsors it."
        return Section("whose", "Whose priority it serves", (text,))

    def _person(self, contact_id: str | None) -> str:
        person = self.register.people.get(contact_id or "")
        if person is None:
            return contact_id or ""
        return f"{person.name} ({person.title})" if person.title else person.name

    def _economics(self) -> Section:
        estimated = ", an estimate until a person names the price" if self.is_estimated else ""
        texts = [f"It costs [[cost]] a year more{estimated}."]
        if "old_price" in self.numbers:
            texts.append("Today they pay [[old_price]] a year; the new price is [[new_price]].")
        if self.row["overage_replaced_minor"]:
            texts.append("The overage that they pay today disappears; it is not counted here.")
        if "gain_low" in self.numbers:
            assert self.outcome is not None
            texts.append(
                f"[[n_with]] comparable with it stand against [[n_without]] without it. By that difference"
                f" {self.outcome['metric']} changes by [[gain_low]] at the low end, [[gain_middle]] in the middle and"
                " [[gain_high]] at the high end of an interval that holds four times in five. It is an association, and"
                " no promise."
            )
        else:
            texts.append(
                "No change of their own metric is claimed: too few comparable customers have measured one, with it and"
                " without it."
            )
        if "payback" in self.numbers:
            texts.append("At the middle it has paid for itself after [[payback]].")
        return Section("economics", "What it costs and brings", (" ".join(texts),))

    def _risks(self) -> Section:
        points = []
        if self.is_estimated:
            points.append("The price is an estimate: the real one may be higher.")
        if "gain_low" in self.numbers and float(self.numbers.found["gain_low"].value) <= 0:
            points.append("The low end of the interval holds no gain at all.")
        if "gain_low" not in self.numbers:
            points.append("What it brings has not been measured at customers like them.")
        if self.goal is not None and self.goal.has_sponsor:
            points.append("One sponsor carries it: when that person leaves, so does the reason.")
        if self.goal is not None and any("review" in line for line in self.goal.told):
            points.append("The priority is past its review: it may no longer hold.")
        if self.is_hygiene:
            points.append("Their use may fall back by itself, and then the present limit is enough.")
        return Section("risks", "Risks", points=tuple(points))

    def _stops(self) -> Section:
        waits = [hold.label.lower() for hold in holds(self.row)]
        points = [f"Today it waits for: {', '.join(waits)}."] if waits else []
        points.append(
            "An urgent or old problem of theirs is open, or an invoice is late: then nothing is asked of them."
        )
        if self.row["motion"] != "cross_sell":
            self.numbers.read("least", "use at or under which nothing is sold", "share", "rule/adoption")
            points.append("They use [[least]] or less of what they already pay for.")
        if "target" in self.numbers:
            assert self.outcome is not None
            points.append(f"The next measurement of {self.outcome['metric']} is below [[target]].")
        if self.goal is not None:
            points.append(f"“{self.goal.goal.priority}” is no longer what matters to them.")
        return Section("stops", "What would make us not do it", points=tuple(points))

    def _names(self, step: str) -> Iterator[str]:
        """Words that may hold digits of their own."""
        yield from (self.row["name"], step, self._because())
        yield plan_name(self.row["to_plan_id"], self.catalog)
        yield product_name(self.row["step_product_id"], self.catalog)
        yield meter_name(self.row["meter_id"], self.catalog)
        if self.outcome is not None:
            yield from (self.outcome["metric"], self.outcome["source"] or "")
        if self.goal is not None:
            goal = self.goal.goal
            yield from (goal.priority, goal.source, goal.metric or "")
            yield from (self._person(goal.contact_id), self._person(goal.sponsor_contact_id))
