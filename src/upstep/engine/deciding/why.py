"""Why, in one sentence with the numbers: each play's words over the facts of a decision. Page and terminal share them.

A sentence has a capital, no full stop at its end, and no number that is not in the row. Shares are rounded down:
nothing is said to be full before it is.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import ceil, floor
from typing import TYPE_CHECKING

from upstep.engine.deciding.naming import (
    Row,
    capital,
    days_words,
    fact_value,
    facts,
    is_flow,
    meter_of,
    percent,
    percent_words,
    plan_name,
    product_name,
    readable,
)
from upstep.engine.deciding.telling import INTERVALS, a_month, product_words
from upstep.wording import percentage

if TYPE_CHECKING:
    from upstep.catalog.model import Catalog


def why_sentence(row: Row, catalog: Catalog) -> str:
    """Why, in one sentence with the numbers.

    ``46,000 of 50,000 e-mails sent (92%); at this pace the limit is reached in 3 days (2 to 5), and it resets in 9``
    """
    words, needs = _WHYS.get(row["play"], (_by_grain, ()))
    known = all(fact_value(row, name) is not None for name in needs)
    sentence = words(row, catalog) if known else _by_grain(row, catalog)
    return f"{sentence}; {_stay_reason(row, catalog)}" if row["outcome"] == "unfit" else sentence


def _by_grain(row: Row, catalog: Catalog) -> str:
    """For plays without words of their own, the company's among them."""
    if fact_value(row, "used") is not None:
        return _limit_why(row, catalog)
    if (adoption := fact_value(row, "adoption")) is not None:
        return f"{percent_words(adoption)} of what they pay for in {product_words(row, catalog)} was used"
    if fact_value(row, "partner_product_id"):
        return _complement_why(row, catalog)
    said = [f"{fact.label} {fact.text}" for fact in facts(row, catalog) if fact.value not in {None, False}]
    return capital("; ".join(said[:3])) or capital(readable(row["play"]))


def _limit_why(row: Row, catalog: Catalog) -> str:
    use = _use(row, catalog)
    pace = _pace(row, catalog)
    return f"{use}; {pace}" if pace else use


def _use(row: Row, catalog: Catalog) -> str:
    used, limit, name = fact_value(row, "used"), fact_value(row, "limit_quantity"), meter_of(row, catalog)
    if limit is None:
        return f"{used:,} {name}, without a limit"
    if used > limit:
        return f"{used:,} {name}, {used - limit:,} over the limit of {limit:,}"
    return f"{used:,} of {limit:,} {name}{f' ({percentage(used * 100 // limit)})' if limit else ''}"


def _pace(row: Row, catalog: Catalog) -> str:
    """When the limit is reached, as whole days with an interval rounded outwards; empty where that says nothing."""
    used, limit, forecast = (fact_value(row, name) for name in ("used", "limit_quantity", "forecast_use"))
    days, left = fact_value(row, "days_to_limit"), fact_value(row, "days_left")
    if limit is None or used is None:
        return ""
    has_reset = is_flow(row, catalog)
    if used >= limit:
        resets = f", and it resets in {days_words(left)}" if has_reset and left is not None else ""
        return f"the limit is reached{resets}" if used == limit else resets.removeprefix(", and ")
    if days is not None and days <= 366:
        resets = f", and it resets in {ceil(left)}" if has_reset and left is not None else ""
        return f"at this pace the limit is reached in {days_words(days)}{_between(row)}{resets}"
    if has_reset and forecast is not None:
        return f"at this pace {forecast:,} when the period ends in {days_words(left or 0)}"
    return "at this pace the limit is not reached within a year"


def moment_words(row: Row, catalog: Catalog) -> str:
    """What makes now the moment: when the limit is reached and when it resets, and what good has just happened.

    Empty where no limit is the subject and no moment of the play is true.
    """
    pace = _pace(row, catalog) if str(row["target"]).split(":")[0] in _MOMENTS else ""
    # The sentence says of a limit when it is reached, or that it is.
    told = {"limit_reached"} if "the limit is reached" in pace else set()
    good = [_GOOD.get(kind, readable(kind)) for kind in row.get("moments") or () if kind not in told]
    return capital("; ".join(part for part in (pace, ", ".join(good)) if part))


_GOOD = {
    "limit_reached": "the limit is reached",
    "first_value": "their first success is recent",
    "feature_requested": "they asked for a feature",
    "renewal_window": "the renewal is near",
    "onboarded_60d": "they were onboarded two months ago",
    "outcome_met": "they met an outcome they set out for",
    "product_released": "it has just become available",
    "checkout": "they are at the checkout",
    "milestone": "they reached a milestone",
    "completed": "something was finished",
    "hire": "they hired",
    "funding": "they were funded",
    "customer_growth": "their own customers grow",
    "initiative": "they launched an initiative",
    "business_unit": "they opened a unit",
    "geography": "they went to a new place",
    "other_vendor": "another vendor was named",
    "pricing_page_viewed": "they looked at the prices",
}


_MOMENTS = frozenset({"plan", "more", "add_on", "stay", "notice"})


def _between(row: Row) -> str:
    low, high = fact_value(row, "days_to_limit_low"), fact_value(row, "days_to_limit_high")
    if low is None or high is None or floor(low) == ceil(high):
        return ""
    return f" ({floor(low)} to {ceil(high)})"


def _adoption_why(row: Row, catalog: Catalog) -> str:
    share, limit, name = percent(fact_value(row, "adoption")), fact_value(row, "limit_quantity"), meter_of(row, catalog)
    used, last = fact_value(row, "used"), fact_value(row, "used_1")
    meter = catalog.meters.get(row.get("meter_id") or "")
    if meter and meter.aggregate == "seats":
        return f"{percentage(share)} of {limit:,} paid seats are in use; {used:,} are assigned"
    if is_flow(row, catalog) and last is not None:
        return f"{last:,} {name} in the last complete period, {percentage(share)} of what they pay for"
    return f"{used:,} {name}, {percentage(share)} of the {limit:,} they pay for"


def _unused_why(row: Row, catalog: Catalog) -> str:
    used, limit, name = fact_value(row, "used"), fact_value(row, "limit_quantity"), meter_of(row, catalog)
    day = fact_value(row, "unused_day")
    return f"Bought through an offer and hardly used {day} days later: {used:,} of {limit:,} {name} now"


def _overage_why(row: Row, catalog: Catalog) -> str:
    limit, name, times = fact_value(row, "limit_quantity"), meter_of(row, catalog), fact_value(row, "overage_periods_3")
    said = [used for used in (fact_value(row, f"used_{index}") for index in (3, 2, 1)) if used is not None]
    listed = f" ({', '.join(f'{used:,}' for used in said)})" if said else ""
    sentence = f"Over the limit of {limit:,} {name} in {times} of the last 3 periods{listed}"
    overage = row.get("overage_replaced_minor") or 0
    return f"{sentence}; overage of {a_month(overage, row)} disappears" if overage else sentence


def _seats_why(row: Row, catalog: Catalog) -> str:
    active = fact_value(row, "adoption")
    return f"{_use(row, catalog)} assigned{f', {percent_words(active)} in active use' if active is not None else ''}"


def _term_why(row: Row, catalog: Catalog) -> str:
    days, share, saving = (
        fact_value(row, "paid_days"),
        fact_value(row, "adoption"),
        row.get("customer_saving_minor") or 0,
    )
    parts = [f"Paid {INTERVALS.get(fact_value(row, 'interval'), 'monthly')} for {days_words(days or 0)}"]
    if share is not None:
        parts.append(f"steady use at {percent_words(share)} of {plan_name(row.get('plan_id'), catalog)}")
    if saving > 0:
        parts.append(f"a year costs them {a_month(saving, row)} less")
    return "; ".join(parts)


def _size_why(row: Row, catalog: Catalog) -> str:
    plan, live = plan_name(row.get("plan_id"), catalog), fact_value(row, "live_subscriptions") or 1
    need, peak = fact_value(row, "need_share"), fact_value(row, "peak_share")
    parts = [f"{live:,} live subscriptions of {product_words(row, catalog)}"] if live > 1 else []
    if need is not None:
        most = f", at most {percent_words(peak)} in the last 3 periods" if peak is not None else ""
        parts.append(f"needs {percent_words(need)} of {plan} by the highest forecast{most}")
    return capital("; ".join(parts)) or f"Pays for more of {plan} than it needs"


def _complement_why(row: Row, catalog: Catalog) -> str:
    has, then = str(fact_value(row, "partner_product_id") or ""), str(row.get("step_product_id") or "")
    because = next((partner.because for partner in catalog.partners if (partner.has, partner.then) == (has, then)), "")
    gets = f"Gets value from {product_name(has, catalog)}" if has else "Gets value from what it owns"
    reason = f": {because}" if because else ""
    return f"{gets} and does not have {product_name(then, catalog)}{reason}"


def _feature_name(row: Row, catalog: Catalog) -> str:
    names = {feature.id: feature.name for plan in catalog.plans() for feature in plan.features}
    names |= {feature.id: feature.name for add_on in catalog.add_ons() for feature in add_on.features}
    feature = str(row.get("feature_id") or "")
    return names.get(feature, readable(feature))


def _gate_why(row: Row, catalog: Catalog) -> str:
    times = fact_value(row, "feature_gate_hits_28d")
    return f"Their people tried {_feature_name(row, catalog)} {times:,} times in four weeks, and it is locked"


def _workaround_why(row: Row, catalog: Catalog) -> str:
    now, before = fact_value(row, "imitated_28d"), fact_value(row, "imitated_prev_28d")
    return f"{now:,} uses in four weeks, {before:,} in those before, of what imitates {_feature_name(row, catalog)}"


def _request_why(row: Row, catalog: Catalog) -> str:
    return f"They asked for {_feature_name(row, catalog)}"


def _growing_why(row: Row, catalog: Catalog) -> str:
    now, before = fact_value(row, "new_users_28d"), fact_value(row, "new_users_prev_28d")
    return f"{now:,} people came on their own in four weeks, {before:,} in those before; {_use(row, catalog)}"


def _power_why(row: Row, catalog: Catalog) -> str:
    one, two, limit = (fact_value(row, name) for name in ("used_1", "used_2", "limit_quantity"))
    return f"{two:,} and {one:,} of {limit:,} {meter_of(row, catalog)} in the last two periods"


def _growth_why(row: Row, catalog: Catalog) -> str:
    share = percent(fact_value(row, "trend_56d"))
    return f"Their own customers grow, and their use by {percentage(share)} in eight weeks; {_use(row, catalog)}"


def _enterprise_why(row: Row, _catalog: Catalog) -> str:
    signs, asks = fact_value(row, "size_signs"), fact_value(row, "top_feature_asks")
    asked = f", and {asks:,} of the highest plan's features were asked for or tried" if asks else ""
    return f"{signs:,} signs of a company that outgrows self-serve{asked}"


def _support_why(row: Row, _catalog: Catalog) -> str:
    asked, before, cases = (fact_value(row, name) for name in ("questions_90d", "questions_prev_90d", "use_cases_28d"))
    return f"{asked:,} questions in three months, {before:,} in those before, and {cases:,} use cases side by side"


def _trial_why(row: Row, _catalog: Catalog) -> str:
    views, tries = fact_value(row, "pricing_views_28d"), fact_value(row, "gate_hits_28d")
    return f"In four weeks they looked at the prices ({views:,}) and tried what is locked ({tries:,})"


def _renewal_why(row: Row, catalog: Catalog) -> str:
    share = fact_value(row, "adoption")
    used = f"; {percent_words(share)} of {plan_name(row.get('plan_id'), catalog)} was used" if share is not None else ""
    saving = row.get("customer_saving_minor") or 0
    saved = f"; the longer term costs them {a_month(saving, row)} less" if saving > 0 else ""
    return f"The term ends soon and all is well{used}{saved}"


def _volume_why(row: Row, _catalog: Catalog) -> str:
    saving, overage = row.get("customer_saving_minor") or 0, row.get("overage_replaced_minor") or 0
    told = f"; overage of {a_month(overage, row)} disappears" if overage else ""
    saved = f", which costs them {a_month(saving, row)} less" if saving > 0 else ""
    return f"Over the limit in each of the last 3 periods at a steady volume{told}{saved}"


def _partner(row: Row, catalog: Catalog) -> str:
    return product_name(str(fact_value(row, "partner_product_id") or ""), catalog)


def _completion_why(row: Row, catalog: Catalog) -> str:
    days = fact_value(row, "partner_completed_days")
    done = f"Finished {_partner(row, catalog)} {days_words(days)} ago" if days is not None else ""
    deep = f"Is deep in {_partner(row, catalog)}"
    return f"{done or deep}; {product_words(row, catalog)} follows"


def _packages_why(row: Row, catalog: Catalog) -> str:
    times = fact_value(row, "partner_purchases_365d")
    return (
        f"Bought {_partner(row, catalog)} {times:,} times in a year; {product_words(row, catalog)} serves that better"
    )


def _bundle_why(row: Row, catalog: Catalog) -> str:
    owned, missing = fact_value(row, "bundle_owned"), fact_value(row, "bundle_missing")
    bundle_id = str(fact_value(row, "bundle_id") or "")
    name = next((bundle.name for bundle in catalog.bundles if bundle.id == bundle_id), readable(bundle_id))
    lacks = f" and lacks {missing:,}" if missing else ""
    return f"Pays one by one for {owned:,} products of {name}{lacks}"


def _use_case_why(row: Row, _catalog: Catalog) -> str:
    case, near = str(fact_value(row, "use_case_id")), str(fact_value(row, "neighbour_id"))
    return (
        f"Lives {readable(near)} ({fact_value(row, 'neighbour_used_28d'):,} in four weeks) and not yet {readable(case)}"
    )


def _said_why(told: str) -> Callable[[Row, Catalog], str]:
    def words(row: Row, catalog: Catalog) -> str:
        return f"{told}, which {product_words(row, catalog)} serves"

    return words


_WHYS: Mapping[str, tuple[Callable[[Row, Catalog], str], tuple[str, ...]]] = {
    "limit_approaching": (_limit_why, ("used",)),
    "limit_forecast": (_limit_why, ("used",)),
    "unused_purchase": (_unused_why, ("unused_day", "limit_quantity", "used")),
    "adoption_rescue": (_adoption_why, ("adoption", "limit_quantity", "used")),
    "overage_habit": (_overage_why, ("limit_quantity", "overage_periods_3")),
    "seat_saturation": (_seats_why, ("used",)),
    "annual_commit": (_term_why, ()),
    "right_size": (_size_why, ()),
    "complement": (_complement_why, ()),
    "lifecycle": (_complement_why, ()),
    "feature_gate": (_gate_why, ("feature_gate_hits_28d",)),
    "workaround": (_workaround_why, ("imitated_28d", "imitated_prev_28d")),
    "feature_request": (_request_why, ()),
    "growing_team": (_growing_why, ("new_users_28d", "new_users_prev_28d", "used")),
    "power_user": (_power_why, ("used_1", "used_2", "limit_quantity")),
    "own_growth": (_growth_why, ("trend_56d", "used")),
    "enterprise_fit": (_enterprise_why, ("size_signs", "top_feature_asks")),
    "support_need": (_support_why, ("questions_90d", "questions_prev_90d", "use_cases_28d")),
    "trial_higher_plan": (_trial_why, ("pricing_views_28d", "gate_hits_28d")),
    "renewal_annual": (_renewal_why, ()),
    "volume_commit": (_volume_why, ()),
    "completion": (_completion_why, ()),
    "related_course": (_completion_why, ()),
    "package_upgrade": (_packages_why, ("partner_purchases_365d",)),
    "retainer": (_packages_why, ("partner_purchases_365d",)),
    "bundle": (_bundle_why, ("bundle_owned",)),
    "use_case": (_use_case_why, ("use_case_id", "neighbour_id", "neighbour_used_28d")),
    "consolidate": (_said_why("Another vendor or team does the neighbouring job"), ()),
    "new_initiative": (_said_why("They launched an initiative, a unit or a place"), ()),
    "new_buyer": (_said_why("Somebody came into a role that buys this"), ()),
}
"""By play: its words, and the facts without which they cannot be said."""


def _stay_reason(row: Row, catalog: Catalog) -> str:
    """Why the answer is to leave things as they are."""
    forecast, limit = fact_value(row, "forecast_use"), fact_value(row, "limit_quantity")
    plan = plan_name(row.get("plan_id"), catalog) or "what they have"
    if not row["target"].startswith("stay"):
        return "it would cost more and add nothing they use or are forecast to need"
    if row["play"] == "right_size":
        return "no smaller plan holds what they may need"
    if row.get("motion") == "commit":
        return "no longer term is cheaper"
    if forecast is not None and limit is not None and forecast <= limit:
        return f"{plan} holds that"
    if fact_value(row, "enforcement") == "overage":
        return f"{plan} with its overage stays the cheapest"
    return f"nothing sold serves better than {plan}"
