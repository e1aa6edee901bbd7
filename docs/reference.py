"""Writes docs/reference/*.md from the code: plays, gates, signals, tables, settings. Nothing there is typed by hand.

Run ``.venv/bin/python docs/reference.py``. What the code cannot say, what a column means, stands here once.
"""

# ruff: noqa: INP001 - a script beside the pages, not a package.

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import upstep.offers
import upstep.tables.sample
from upstep import config
from upstep.catalog.load import load_catalog
from upstep.catalog.model import PARTNER_KINDS
from upstep.plays import gates
from upstep.plays.expression import METER_COLUMNS
from upstep.plays.gates import GATES, Answer, Gate
from upstep.plays.grain import GRAINS
from upstep.plays.play import Kinds, Play, Rung, kinds_of, read_library
from upstep.signals import billing, strategy, support
from upstep.signals.account_profile import JOURNEY, LARGE_EMPLOYEES, MANY_USE_CASES, RENEWAL_WINDOW_DAYS
from upstep.signals.profile import build, shape_of, vocabulary
from upstep.tables.sample import PLANTED
from upstep.tables.schema import REQUIRED_TABLES, TABLES, Column, Table

if TYPE_CHECKING:
    from upstep.catalog.model import Catalog
    from upstep.tables.query import Program

FOLDER = Path(__file__).parent / "reference"
HEAD = "Written by `docs/reference.py` from the code; change the code, then run it.\n"

# What each visible column means: (unit, meaning). Account columns may be read at every grain.

ACCOUNT = {
    "segment": ("text", "the account's segment, as loaded"),
    "industry": ("text", "the account's industry, as loaded"),
    "country": ("text", "the account's country, as loaded"),
    "time_zone": ("text", "the account's time zone; empty means the company's"),
    "employees": ("people", "employees of the account, as loaded"),
    "live_products": ("products", "different products with a live subscription item"),
    "pending_downgrade": ("flag", "a live item has a lower plan set for later"),
    "is_past_due": ("flag", "a live item is past_due or unpaid"),
    "term_days": ("days", "the longest billing term among live items: 30 for a month, 91 a quarter, 365 a year"),
    "renewal_days": ("days", "until the next renewal of any live item; empty once it has passed"),
    "long_renewal_days": (
        "days",
        f"until the next renewal of a term of {billing.LONG_TERM_DAYS} days and more; empty without one",
    ),
    "tenure_days": ("days", "whole days since the account first paid"),
    "troubled_invoices": (
        "invoices",
        f"unpaid ones that failed, are uncollectible, or were due more than {billing.GRACE_DAYS} days ago",
    ),
    "open_invoices": ("invoices", "all unpaid ones, due or not; drafts and void ones never count"),
    "open_problems": ("tickets", "open tickets of kind problem, or of no kind"),
    "weighing_problems": (
        "tickets",
        f"open problems that are urgent or high, escalated, or open for more than {support.OLD_PROBLEM_DAYS} days",
    ),
    "oldest_problem_days": ("days", "age of the oldest open problem"),
    "feature_requests_90d": ("tickets", f"feature requests open now or opened in {support.REQUEST_DAYS} days"),
    "strategic_moments_180d": (
        "moments",
        f"{', '.join(strategy.STRATEGIC_KINDS)} in {strategy.STRATEGIC_DAYS} days",
    ),
    "proofs_365d": ("moments", f"{' and '.join(strategy.PROOF_KINDS)} in {strategy.PROOF_DAYS} days"),
    "gate_hits_28d": ("moments", f"feature_gate_hit in {strategy.INTENT_DAYS} days"),
    "pricing_views_28d": ("moments", f"pricing_page_viewed in {strategy.INTENT_DAYS} days"),
    "renewal_risks_90d": ("moments", f"renewal_risk in {strategy.RISK_DAYS} days"),
    "nps_score": ("score 0 to 10", "the newest NPS answer within 365 days"),
    "outcomes_met": ("outcomes", "metrics whose newest measurement is at or above its target"),
    "outcomes_missed": ("outcomes", "metrics whose newest measurement is below its target"),
    "open_deals": ("deals", "deals opened and not closed"),
    "contacts_now": ("people", "contacts who have not left"),
    "new_users_28d": ("people", "contacts created in 28 days who were not in the original purchase"),
    "limits_saturated": ("limits", "limits with a utilisation of 0.85 or more"),
    "limits_rising": ("limits", "limits whose use of 28 days is a fifth or more above that of the 28 before"),
    "utilisation_max": ("share", "the highest utilisation of any limit"),
    "has_owner": ("flag", "the account's owner_id stands in the owner table"),
    "has_usage_signal": ("flag", "a limit is saturated or rising, or three or more new users came in 28 days"),
    "has_outcome_signal": ("flag", "an outcome is met, or there was a case study or public reference in 365 days"),
    "has_strategic_signal": ("flag", "there is a strategic moment in 180 days"),
    "has_intent_signal": ("flag", "a feature was asked for or a locked one tried, or the price page was seen"),
    "signal_density": ("0 to 4", "how many of the four kinds of signal are true"),
    "in_renewal_window": ("flag", f"long_renewal_days is at most {RENEWAL_WINDOW_DAYS}"),
    "do_not_sell": ("flag", "the owner said so, and its date has not passed"),
    "journey_stage": (
        "text",
        f"the first that is true of: {', '.join(JOURNEY)}; empty without a live product ([signals](../signals.md))",
    ),
    "is_only_trial": ("flag", "every live item is trialing"),
    "values_reached": ("products", "whose first value is reached; what was bought once and finished counts"),
    "values_missing": ("products", "whose first value, by the catalog's rule, is still to come"),
    "new_users_prev_28d": ("people", "the same in the 28 days before"),
    "questions_90d": ("tickets", f"questions opened in {support.REQUEST_DAYS} days"),
    "questions_prev_90d": ("tickets", f"questions opened in the {support.REQUEST_DAYS} days before"),
    "use_cases_28d": ("use cases", "of the catalog whose meter was used in 28 days"),
    "milestones_28d": ("milestones", "of the catalog, reached by use in 28 days"),
    "purchases_365d": ("purchases", "of one-off products in 365 days"),
    "customer_growth_180d": ("moments", f"customer_growth in {strategy.STRATEGIC_DAYS} days"),
    "new_places_180d": ("moments", f"{' and '.join(strategy.PLACE_KINDS)} in {strategy.STRATEGIC_DAYS} days"),
    "funding_365d": ("moments", f"funding in {strategy.PROOF_DAYS} days"),
    "at_checkout": ("flag", "a checkout moment lies within a day"),
    "onboarded_days": ("days", "since the first onboarded moment"),
    "in_annual_review": ("flag", "within 30 days after each year of being a customer"),
    "size_signs": (
        "0 to 4",
        (
            f"of these: {LARGE_EMPLOYEES:,} employees, funding in {strategy.PROOF_DAYS} days, a new place or unit in "
            f"{strategy.STRATEGIC_DAYS} days, {MANY_USE_CASES} use cases in 28 days"
        ),
    ),
}

LIMIT = {
    "product_id": ("text", "the product whose limit it is"),
    "meter_id": ("text", "the meter that is limited"),
    "plan_id": ("text", "the costliest live plan of that product"),
    "live_subscriptions": ("subscriptions", "live ones of that product"),
    "paid_quantity": ("units bought", "summed over the live items of that plan"),
    "aggregate": ("text", "how the meter adds up: sum, count, max, latest, unique_contacts or seats"),
    "meter_kind": ("text", "flow or stock"),
    "period": ("text", "billing_month, billing_term, calendar_month or lifetime"),
    "value_meter": ("flag", "the catalog says the price is for this meter, or its seats are what was bought"),
    "is_advanced": ("flag", "the catalog says the meter counts the use of an advanced feature"),
    "limit_quantity": ("meter's unit", "what may be used in a period; empty when unlimited"),
    "is_unlimited": ("flag", "nothing limits it"),
    "enforcement": ("text", "hard, overage or auto; the loosest of several live items"),
    "seats_used": ("people", "assigned seats whose person was active in 28 days; empty for other meters"),
    "is_estimated": ("flag", "seats were counted from active people, since no seat table is connected"),
    "used": ("meter's unit", "in the current period; for a stock the level now; for seats those assigned"),
    "used_1": ("meter's unit", "in the last complete period; empty for a stock, or when it was not held throughout"),
    "used_2": ("meter's unit", "in the complete period before that"),
    "used_3": ("meter's unit", "in the one before that"),
    "utilisation": ("share", "used / limit_quantity; empty for unlimited, auto and limit 0"),
    "adoption": (
        "share",
        "of the limit used in the last complete period (stock: now; seats: active people); empty before there is one",
    ),
    "adopted_quantity": ("meter's unit", "the quantity that adoption is the share of"),
    "is_own_limit": ("flag", "the limit is the account's own (an override), not its plan's"),
    "is_paid": ("flag", "the product is paid for now"),
    "idle": ("meter's unit", "limit_quantity less what is used, never below 0"),
    "overage_periods_3": ("periods", "how many of the last three complete periods went over today's limit"),
    "periods_at_90_3": (
        "periods",
        "how many of the last three complete periods reached 90% of today's limit",
    ),
    "complete_periods": ("periods", "complete periods among the last three, 0 to 3"),
    "peak_3": ("meter's unit", "the highest of the last three complete periods"),
    "days_left": ("days", "until the period resets; 30 for a stock"),
    "used_28d": ("meter's unit", "in the last 28 days; for a stock the level now"),
    "used_prev_28d": ("meter's unit", "in the 28 days before; for a stock the level four weeks ago"),
    "unused_day": ("days", "14 or 30: the look after a purchase that found it hardly used; empty: none did"),
    "unused_look_days": ("days", "since that look"),
    "trend_28d": ("share", "used_28d / used_prev_28d - 1"),
    "trend_56d": ("share", "growth over eight weeks by the fitted slope; 0 when the slope is not clear of noise"),
    "forecast_use": ("meter's unit", "expected at the period's end; for a stock in 30 days"),
    "forecast_high": ("meter's unit", "the upper end of the 80% interval of forecast_use"),
    "days_to_limit": ("days", "until the trend reaches the limit; empty for a flow that resets before"),
    "days_to_limit_low": ("days", "the early end of its 80% interval"),
    "days_to_limit_high": ("days", "the late end of its 80% interval"),
    "breach_forecast": ("flag", "the trend reaches the limit within days_left"),
}

PRODUCT = {
    "product_id": ("text", "a product that is sold and that the account does not own"),
    "one_off": ("flag", "it is bought once, not subscribed to"),
    "partner_product_id": ("text", "a product the account has that the catalog names as its partner"),
    "partner_kind": (
        "text",
        (
            "what the pair is for: complement, completion, related, larger or retainer; of several the first of "
            f"{', '.join(PARTNER_KINDS)}"
        ),
    ),
    "partner_holds": ("units bought", "how many of the partner one of this holds, for a pair of kind larger"),
    "partner_completed_days": ("days", "since the partner, bought once, was finished; empty while it is not"),
    "partner_purchases_365d": ("purchases", "of the partner in 365 days"),
    "partner_milestones": ("milestones", "reached so far in the partner's meters"),
    "partner_currency": ("text", "the currency the partner was bought in; empty when in several"),
    "own_product_id": ("text", "the partner; without one, what the account has with its first value reached first"),
    "other_vendors_365d": (
        "moments",
        f"other_vendor that names this product or a use case of it, in {strategy.VENDOR_DAYS} days",
    ),
    "initiatives_180d": (
        "moments",
        (
            f"initiative, {', '.join(strategy.PLACE_KINDS)} that name this product or a use case of it, in "
            f"{strategy.STRATEGIC_DAYS} days"
        ),
    ),
    "hires_180d": ("moments", f"hire that names this product, in {strategy.STRATEGIC_DAYS} days"),
    "new_buyers_180d": (
        "people",
        f"contacts of {strategy.STRATEGIC_DAYS} days whose title the catalog names as a buyer's",
    ),
    "partner_first_value_reached": ("flag", "first value of that partner is reached; empty without a rule for it"),
    "available_days": ("days", "since available_from in the catalog; empty without that date"),
    "has_partner": ("flag", "there is such a partner"),
}

FEATURE = {
    "product_id": ("text", "a product the account owns"),
    "plan_id": ("text", "the costliest live plan of that product"),
    "feature_id": ("text", "a feature of it that no live plan or add-on of the account includes"),
    "requested": ("flag", f"a feature request named it within {support.REQUEST_DAYS} days"),
    "feature_gate_hits_28d": (
        "moments",
        f"feature_gate_hit with this feature as subject_id in {strategy.INTENT_DAYS} days",
    ),
    "feature_gate_people_28d": ("people", "different contacts among them"),
    "imitated_28d": ("uses", "in 28 days of the meters that the catalog says imitate it"),
    "imitated_prev_28d": ("uses", "the same in the 28 days before"),
    "is_top": ("flag", "of the product's plans only the highest includes it"),
    "first_value_reached": ("flag", "of the product; empty without a rule"),
}

ADD_ON = {
    "product_id": ("text", "the product of the add-on"),
    "plan_id": ("text", "the costliest live plan of that product"),
    "add_on_id": ("text", "an add-on"),
    "add_on_quantity": ("units bought", "summed over its live items"),
    "has_add_on": ("flag", "the account has it; the other rows may stand on its plan"),
    "add_on_kind": ("text", "support: help by people; empty for others"),
    "first_value_reached": ("flag", "of the product; empty without a rule"),
}

USE_CASE = {
    "product_id": ("text", "a product the account owns"),
    "meter_id": ("text", "the meter of the use case"),
    "use_case_id": ("text", "a use case of it that is the neighbour of another one"),
    "neighbour_id": ("text", "that other one; of several the most used"),
    "use_case_used_28d": ("meter's unit", "use of it in 28 days"),
    "neighbour_used_28d": ("meter's unit", "use of the neighbour in 28 days"),
    "neighbour_used_prev_28d": ("meter's unit", "the same in the 28 days before"),
    "is_included": ("flag", "no limit of 0 stands before it"),
}

BUNDLE = {
    "product_id": ("text", "the one of its products that speaks: first value reached first, then by id"),
    "bundle_id": ("text", "a bundle of which the account owns two products or more"),
    "bundle_owned": ("products", "of the bundle that the account owns"),
    "bundle_missing": ("products", "of the bundle that it does not own"),
    "bundle_values_missing": ("products", "of those owned, whose first value is still to come"),
}

PLAN = {
    "product_id": ("text", "a product the account owns through a plan"),
    "plan_id": ("text", "the costliest live plan of it"),
    "interval": ("text", "day, week, month, quarter or year"),
    "interval_count": ("intervals", "between two bills"),
    "currency": ("text", "of the plan's item"),
    "quantity": ("units bought", "summed over the live items of that plan"),
    "live_subscriptions": ("subscriptions", "live ones of that product"),
    "is_trial": ("flag", "a live item of the product is trialing"),
    "by_invoice": ("flag", "a live item is collected by invoice, not automatically"),
    "adoption": ("share", "the highest adoption of the product's value meters"),
    "utilisation_now": ("share", "the highest utilisation of the product's value meters"),
    "term_days": ("days", "length of the term that the plan is billed for"),
    "complete_periods": ("periods", "complete periods of the value meters among the last three"),
    "first_value_reached": ("flag", "the catalog's rule is met; empty without a rule"),
    "steady_use": (
        "flag",
        "a value meter's last three complete periods lie within a quarter of their mean, or 60% of its seats are used",
    ),
    "need_share": ("share", "the largest need over limit: of forecast_high, peak_3 and used, over any limit"),
    "peak_share": ("share", "the same without the forecast"),
    "paid_days": ("days", "since the product was first paid for"),
    "plan_days": ("days", "since the first payment, the last upgrade or the last purchase of it"),
    "is_paid": ("flag", "the plan counts in MRR"),
    "plans_above": ("plans", "of the product that are sold and stand above"),
    "top_feature_asks": ("features", "of the highest plan alone that were asked for or tried"),
    "overage_periods_3": ("periods", "the most of any limit: how many of the last three went over it"),
}

COLUMNS = {
    "account": ACCOUNT,
    "limit": LIMIT,
    "product": PRODUCT,
    "feature": FEATURE,
    "add_on": ADD_ON,
    "use_case": USE_CASE,
    "bundle": BUNDLE,
    "plan": PLAN,
}

GRAIN_ROWS = {
    "account": "account",
    "limit": "limit of a meter that a live plan or add-on of the account names",
    "product": "product that is sold and that the account does not have",
    "feature": "feature of an owned product that the account does not have",
    "add_on": "add-on the account has or that may stand on its plan",
    "use_case": "use case of an owned product that has a neighbour which is used",
    "bundle": "bundle of which the account owns two products or more",
    "plan": "product the account owns through a plan",
}

METERS = {
    "used": "in the current period; for a stock the level now",
    "used_1": "in the last complete period; empty for a stock",
    "used_28d": "in the last 28 days; for a stock the level now",
    "used_prev_28d": "in the 28 days before; for a stock the level four weeks ago",
}

# What each gate looks at, and which steps answer to it.

HOLDS_WHEN = {
    "open_issue": f"an open problem is urgent or high, escalated, or older than {support.OLD_PROBLEM_DAYS} days; a "
    "ticket without a kind counts as a problem; questions and feature requests never hold",
    "payment_trouble": "an unpaid invoice has failed, is uncollectible, or was due more than "
    f"{billing.GRACE_DAYS} days ago; or a live item is past_due or unpaid",
    "before_first_value": "the catalog's first_value of the product is not reached",
    "just_purchased": "the product's first paid start, an upgrade or a one-off purchase of it lies less than "
    f"{gates.JUST_PURCHASED_DAYS} days back; seats and renewals do not count",
    "low_adoption": f"at most {gates.ADOPTION_PERCENT}% of what the product is paid for was used in its last complete "
    "period, by its most used value meter",
    "leaving": f"a cancellation or a downgrade is set, or a lower plan was taken within {gates.LEAVING_DAYS} days",
    "renewal_threat": f"a renewal_risk moment lies within {strategy.RISK_DAYS} days; or a term of "
    f"{billing.LONG_TERM_DAYS} days and more renews within {RENEWAL_WINDOW_DAYS} days and the last NPS "
    f"score is {gates.DETRACTOR_SCORE} or less, or an outcome was missed",
    "open_deal": "never: a deal that is open makes the step assisted, where it is context for the owner",
    "do_not_sell": "do_not_sell_why or do_not_sell_until is set on the account, and the date has not passed",
    "no_priority": "no live goal of the account advances the product or plan the step leads to",
    "no_sponsor": "such a goal exists, and none has a sponsor who is still there",
    "contact_hold": "somebody of the account replied, or a person here said that nothing more shall be sent there; "
    "until it is lifted",
    "asked_recently": "an offer was shown to the account within cool_down_days, or this step got a no within "
    "declined_days or a not now within not_now_days; an offer that still waits for its answer does not stand in its "
    "own way",
    "at_capacity": "the owner's hours of the quarter are planned, and this step is not among what is planned",
}

ALL_SALES = "upsell, volume, add_on, cross_sell, commit"
NOT_CROSS = "upsell, volume, add_on, commit"
SPONSORED = "upsell, volume and add_on unless a hygiene step; cross_sell"

ASKED_OF = {
    "open_issue": ("every motion", "self_serve, assisted"),
    "payment_trouble": (ALL_SALES, "self_serve, assisted"),
    "before_first_value": (ALL_SALES + " (the product they own)", "self_serve, assisted"),
    "just_purchased": (NOT_CROSS, "self_serve, assisted"),
    "low_adoption": (NOT_CROSS, "self_serve, assisted"),
    "leaving": (ALL_SALES, "self_serve, assisted"),
    "renewal_threat": (ALL_SALES, "self_serve, assisted"),
    "open_deal": ("none", "none"),
    "do_not_sell": (ALL_SALES, "self_serve, assisted"),
    "no_priority": (SPONSORED, "assisted"),
    "no_sponsor": (SPONSORED, "assisted"),
    "contact_hold": (ALL_SALES + "; adopt on every path", "self_serve"),
    "asked_recently": ("every motion", "self_serve, assisted"),
    "at_capacity": (ALL_SALES + "; adopt and right_size", "assisted; the care lane"),
}

UNKNOWN_WHEN = {
    "open_issue": "ticket is not connected or stale, and no hold is seen",
    "payment_trouble": "invoice is not connected or stale, and no hold is seen",
    "before_first_value": "the catalog has no first_value for the product",
    "low_adoption": "there is no complete period yet, and not both first value reached and 80% in use now",
}

# Columns whose name does not say it all.

COLUMN_NOTES = {
    "account.parent_account_id": "the account it belongs to; kept, not decided by",
    "account.owner_id": "the account manager, as in owner",
    "account.do_not_sell_until": "sells nothing until then; empty with a reason means until it is removed",
    "account.do_not_sell_why": "the reason, shown as it is",
    "account.time_zone": "IANA name, such as Europe/Berlin",
    "owner.hours_quarter": "hours the owner has in a quarter",
    "contact.may_buy": "may commit money",
    "contact.in_original_purchase": "was part of the first deal; others are people who came on their own",
    "contact.consents": "words, such as product or marketing",
    "subscription_item.amount_minor": "per interval, after discount, for the whole quantity",
    "subscription_item.list_amount_minor": "the same before discount",
    "subscription_item.plan_id": "a plan or an add-on, not both",
    "subscription_item.add_on_id": "a plan or an add-on, not both",
    "subscription_item.valid_from": "from when the item was as this row says",
    "subscription_item.valid_to": "until when; empty means it still is",
    "subscription_item.period_start": "start of the paid period: gives the billing anchor",
    "subscription_item.interval_count": "empty means 1",
    "subscription_item.pending_plan_id": "a plan change that is set for later",
    "subscription_item.pending_at": "when it comes",
    "subscription_item.cancel_at": "when a cancellation that is set comes",
    "purchase.completed_at": "when what was bought was finished: a course, a package",
    "entitlement_override.limit_quantity": "the account's own limit; it replaces what plan and add-ons give",
    "entitlement_override.feature_id": "kept, not decided by yet",
    "usage.quantity": "whole units; map a smaller unit when yours has fractions",
    "usage.contact_id": "who did it: gives active people and the readers of a notice",
    "usage.properties": "JSON; subscription_id in it lets check compare dates",
    "seat.removed_at": "when the seat was taken back",
    "ticket.kind": "empty counts as a problem",
    "ticket.feature_id": "which feature a request is for",
    "invoice.last_failure_at": "when a charge last failed",
    "outcome.target": "what was to be achieved, in unit",
    "outcome.achieved": "what was; at or above target is met",
    "goal.contact_id": "the executive who stated it",
    "goal.advances": "product or plan ids that serve it",
    "goal.sponsor_contact_id": "who carries a step to that executive",
    "deal.closed_at": "empty means open",
    "moment.kind": "one of those below, or a word of your own",
    "moment.subject_id": "what it is about: a feature, a product",
    "fx_rate.rate": "units of to_currency for one unit of from_currency, exact decimal text",
}

SETTINGS = {
    "version": (None, "1; always written"),
    "company": ("company", "your company's name, as pages show it"),
    "currency": ("currency", "the company's currency, by which steps are ranked; always written"),
    "time_zone": ("time_zone", "for calendar months of accounts without a zone of their own"),
    "fresh_days": ("fresh_days", "a table complete until longer ago than this, before the as-of, is stale"),
    "plays.off": ("plays_off", "ids of plays that do not run"),
    "gates.GATE": (
        "assumptions",
        "`{without_data: allow, because: …}`: unknown counts as clear, listed as assumed",
    ),
    "assisted.from_minor": ("assisted_from_minor", "a yearly change above this is a person's task"),
    "assisted.owned": (
        "assisted_owned",
        "whether accounts with an owner are assisted: yes, no, or auto (yes when the owner table is connected)",
    ),
    "assisted.default_owner": ("default_owner", "whose task an assisted step is where the account has no owner"),
    "contact_policy.cool_down_days": (
        "contact.cool_down_days",
        "no new offer to the account for this long after one was shown",
    ),
    "contact_policy.declined_days": (
        "contact.declined_days",
        "a step that got a no is not offered for this long",
    ),
    "contact_policy.not_now_days": ("contact.not_now_days", "one that got a not now comes back after this long"),
    "contact_policy.caps": (
        "contact.caps",
        "`[{per: person, max: 2, days: 7}]`, sales messages over all channels; max 0 means none, no cap no limit",
    ),
    "contact_policy.quiet_hours": (
        "contact.quiet_hours",
        '`{from: "20:00", to: "08:00", weekends: false}` in the person\'s own zone, or none',
    ),
    "contact_policy.consent_sales": (
        "contact.consent_sales",
        "what counts where a person's consent to sales messages is not known: asked (they get none) or assumed",
    ),
    "contact_policy.consent_service": (
        "contact.consent_service",
        "the same for notices and help to use what is paid",
    ),
    "state": ("state", "`${NAME}`: the environment variable with the address of a Postgres database; else SQLite"),
    "serve.listen": ("serving.listen", "the address and port of `upstep serve`"),
    "serve.public_url": ("serving.public_url", "where customers' browsers and mail programs reach it"),
    "serve.token_secret": (
        "serving.token_secret",
        "`${NAME}`: the environment variable with the secret by which your server signs who is looking",
    ),
    "serve.origins": ("serving.origins", "pages that may embed the widget, as https://app.example.com"),
    "ingest.track.EVENT": (
        "ingest.track",
        "`{meter: emails, quantity: count}` or `{moment: pricing_page_viewed}`: what a track event becomes",
    ),
    "ingest.trusted_traits": (
        "ingest.trusted_traits",
        "true if keys of scope `ingest` are kept on servers only: events may tell who may buy, and another email",
    ),
    "channels.email": (
        "channels.email",
        '`{host, port, from, reply_to, security: starttls, user, password: "${NAME}"}`: a mail server',
    ),
    "channels.slack": ("channels.slack", "`{token: \"${NAME}\", channel: '#accounts'}`: where owners read"),
    "channels.hubspot": ("channels.hubspot", '`{token: "${NAME}", company_property: name}`: tasks for owners'),
    "channels.webhook": (
        "channels.webhook",
        '`{url, secret: "${NAME}", allow_private: false}`: a signed POST for each message',
    ),
    "channels.task": ("channels.task", "what carries an owner's tasks: file, slack, hubspot or webhook"),
    "experiments.salt": ("experiments.salt", "mixed into the hash that assigns accounts; another salt draws anew"),
    "experiments.holdout_percent": ("experiments.holdout_percent", "share of accounts that are never asked"),
    "experiments.paths": ("experiments.holdout_paths", "whose steps are held out: self_serve, assisted"),
    "experiments.motions.MOTION": ("experiments.motion_percent", "share of accounts never asked for one motion"),
    "incentives.PLAY": (
        "incentives",
        "`{kind: percent, percent: 10, periods: 1, budget: 500000}`, `{kind: trial, trial_days: 14, budget: 300000}`",
    ),
    "retention.inbox_days": ("retention.inbox_days", "events taken in and loaded are kept this long, or forever"),
    "retention.messages_days": ("retention.messages_days", "texts of messages that were sent, or forever"),
    "retention.quarantine_days": ("retention.quarantine_days", "rows kept aside, or forever"),
    "propose.nearly_same_percent": (
        "nearly_same_percent",
        "a step is proposed when recurring plus mean overage rises by at most this many percent, or use will not fit",
    ),
    "revenue.policy": ("mrr_policy", "how MRR is counted: standard, chartmogul or stripe; see [money](../money.md)"),
    "revenue.credit_days": ("credit_days", "a change this long after a click is still credited to the offer"),
    "planning.ACTIVITY": (
        "activities",
        "`{hours: 40, days: 150, owner: ID}`: an owner's hours for a motion or task, its expected length, whose it is",
    ),
    "billing.provider": ("billing_provider", "who bills: sandbox is built in; [stripe](../stripe.md) needs its extra"),
    "billing.key": ("billing_key", "`${NAME}`: the environment variable that holds the provider's secret key"),
    "billing.webhook_secret": (
        "billing_webhook_secret",
        "`${NAME}`: the environment variable that holds the secret its webhooks are signed with",
    ),
    "billing.account_metadata": (
        "billing_account_metadata",
        "the metadata key of a Stripe customer that holds the account's id; without it an account is a customer",
    ),
    "billing.return_url": ("billing_return_url", "where the provider's page sends people back to"),
    "billing.api_url": ("billing_api_url", "a server that stands in for the provider, for tests"),
    "billing.prices": (
        "billing_prices",
        "catalog price id: Stripe price id, where that price has not the catalog's id as its lookup key",
    ),
    "billing.products": (
        "billing_products",
        "plan or add-on id: Stripe product id; an amount without a price at Stripe is sent as a price made for it",
    ),
}
"""Key in upstep.yaml -> the field of ``Settings`` it fills, and what it means."""


@cache
def _sample() -> tuple[Catalog, Program]:
    """A catalog and the program of the signals: the columns do not depend on what is sold."""
    catalog = load_catalog(Path(upstep.tables.sample.__file__).parent / "databoard.catalog.yaml")
    known = dict.fromkeys(TABLES, True)
    words = vocabulary(catalog, as_of=datetime(2026, 1, 1, tzinfo=UTC), meter_keys={}, company_zone="UTC", known=known)
    return catalog, build(shape_of(catalog), words)


def pages() -> dict[str, str]:
    """Every reference page by its file name."""
    catalog, program = _sample()
    shipped = read_library(catalog, kinds_of(program))
    return {
        "plays.md": plays_page(shipped),
        **{f"plays/{play.id}.md": play_page(play, kinds_of(program)) for play in shipped},
        "gates.md": gates_page(),
        "signals.md": signals_page(kinds_of(program)),
        "tables.md": tables_page(),
        "settings.md": settings_page(),
        "api.md": api_page(),
    }


def _table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = ["| " + " | ".join(header) + " |", "|" + "---|" * len(header)]
    lines += ["| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in rows]
    return "\n".join(lines) + "\n"


def _page(title: str, *parts: str) -> str:
    return "\n".join([f"# {title}", "", HEAD, *parts])


# Plays


def plays_page(shipped: Sequence[Play]) -> str:
    """The plays that ship."""
    overview = _table(
        ("play", "fires when", "motion", "each", "propose", "prior"),
        [(f"[{p.id}](plays/{p.id}.md)", p.what, p.motion, p.each, p.propose, f"{p.prior:.0%}") for p in shipped],
    )
    return _page(
        "The plays that ship",
        "How a play is written and what becomes of it stands in [plays](../plays.md); each column it reads in\n"
        "[signals](signals.md). A prior is an assumption of ours, not a measurement.\n",
        overview,
    )


def play_page(play: Play, kinds: Kinds) -> str:
    """One play: its rule, what each column of it means, its words, and the planted accounts that prove it."""
    rows = [
        ("motion", "what the proposal comes out as" if play.motion == "from_proposal" else play.motion),
        ("each", play.each),
        ("when", f"`{' '.join(play.condition.text.split())}`"),
        ("propose", play.propose),
    ]
    if play.moments:
        rows.append(("moments", ", ".join(play.moments)))
    if play.notice_percent:
        rows.append(("notice", f"at {play.notice_percent}%"))
    rows += [("rung", _rung(rung)) for rung in play.ladder]
    rows += [("gate added", gate) for gate in play.gates_added]
    rows += [("gate removed", f"{gate}: {why}") for gate, why in play.gates_removed.items()]
    rows.append(("prior", f"{play.prior:.0%}, an assumption of ours"))
    rows.append(("source", play.source))
    parts = [f"{play.what}\n", "[All plays](../plays.md) · [how plays work](../../plays.md)\n", _table(("", ""), rows)]
    if play.is_template:
        parts.append("\nA template: it never runs itself. Plays of its kind lie in the project's own `plays/`.\n")
    parts += ["\n## What it reads\n", _columns_read(play, kinds), *_words(play), *_planted(play)]
    return f"# {play.id}\n\n" + HEAD + "\n" + "\n".join(parts)


def _columns_read(play: Play, kinds: Kinds) -> str:
    own = COLUMNS[play.each]
    rows = []
    for name in play.condition.columns:
        grain = play.each if name in own else "account"
        rows.append((f"`{name}`", *defined(grain, name, kinds[play.each][name])))
    return _table(("column", "unit", "meaning"), rows)


def _words(play: Play) -> list[str]:
    if play.message is None:
        return []
    text = (Path(upstep.offers.__file__).parent / "messages" / f"{play.message}.md").read_text(encoding="utf-8")
    return ["\n## What it says\n", f"```text\n{text.rstrip()}\n```\n"]


def _planted(play: Play) -> list[str]:
    """The accounts of the samples that it must find, and those it must not."""
    rows = [
        (
            company,
            f"`{case.account_id}`",
            case.story,
            "not found" if case.answer["outcome"] is None else case.answer["outcome"],
        )
        for company, cases in PLANTED.items()
        for case in cases.values()
        if case.answer["play"] == play.id or case.answer["play"].startswith(f"{play.id}_")
    ]
    return ["\n## Planted accounts\n", _table(("sample", "account", "story", "answer"), rows)] if rows else []


def _rung(rung: Rung) -> str:
    style = f", {rung.style}" if rung.style else ""
    condition = f", if `{rung.condition.text}`" if rung.condition else ""
    return f"{rung.percent}%: {rung.channel}{style}{condition}"


# Gates


def gates_page() -> str:
    """Every gate, in the order in which holds are told."""
    overview = _table(
        ("gate", "speaks of the", "answers from", "without a fresh table"),
        [(f"[{g.id}](#{g.id})", g.level, ", ".join(g.tables) or "the state", _without(g)) for g in GATES.values()],
    )
    return _page(
        "Gates",
        "What the answers mean and who may give them stands in [gates](../gates.md).\n",
        overview,
        *(_gate(gate) for gate in GATES.values()),
    )


def _without(gate: Gate) -> str:
    always = [name for name in gate.tables if name in REQUIRED_TABLES]
    if always:
        return f"{always[0]} is always there"
    if not gate.tables:
        return "-"
    return {Answer.CLEAR: "clear", Answer.HOLDS: "holds", Answer.UNKNOWN: "unknown"}[gate.without]


def _gate(gate: Gate) -> str:
    motions, paths = ASKED_OF[gate.id]
    rows = [("holds when", HOLDS_WHEN[gate.id]), ("unknown when", UNKNOWN_WHEN.get(gate.id, "never"))]
    if gate.question:
        rows.append(("question", gate.question))
    rows += [("says", gate.why), ("lifts", gate.lifts), ("motions", motions), ("paths", paths)]
    return f"## {gate.id}\n\n" + _table(("", ""), rows)


# Signals


def signals_page(kinds: Mapping[str, Mapping[str, str]]) -> str:
    """Every column that a condition may read, grain by grain."""
    parts = []
    for grain in GRAINS:
        own = [name for name in kinds[grain] if grain == "account" or name not in kinds["account"]]
        rows = [(f"`{name}`", *defined(grain, name, kinds[grain][name])) for name in sorted(own)]
        parts += [
            f"## each: {grain}\n\nOne row per {GRAIN_ROWS[grain]}.\n",
            _table(("column", "unit", "meaning"), rows),
        ]
    rows = [(f"`meter('id').{name}`", "meter's unit", METERS[name]) for name in METER_COLUMNS]
    parts += ["## Other meters\n\nAny meter of the account, whichever product has it.\n"]
    parts += [_table(("write", "unit", "meaning"), rows)]
    return _page(
        "Signals",
        "The columns that `when` may read. Account columns may be read at every grain. How the numbers are made\n"
        "stands in [signals](../signals.md). An empty value makes a comparison neither true nor false.\n",
        *parts,
    )


def defined(grain: str, name: str, kind: str) -> tuple[str, str]:
    """Unit and meaning of a column.

    Raises:
        KeyError: It has none; the test says where to write it.
    """
    unit, meaning = COLUMNS[grain][name]
    assert (kind in ("flag", "text")) == (unit == kind), f"{grain}.{name} is a {kind}, and its unit is {unit}"
    return unit, meaning


# Tables


def tables_page() -> str:
    """Every canonical table."""
    overview = _table(
        ("table", "one row per", "key", "how it changes"),
        [(f"[{t.name}](#{t.name})", t.grain, ", ".join(t.key), _nature(t)) for t in TABLES.values()],
    )
    return _page(
        "Tables",
        "What these words mean stands in [your data](../your-data.md). Needed by everything: "
        f"{', '.join(REQUIRED_TABLES)}.\n",
        overview,
        *(_columns(table) for table in TABLES.values()),
    )


def _nature(table: Table) -> str:
    dated = f", dated by {table.dated_by}" if table.dated_by else ""
    return f"{table.nature}{dated}"


def _columns(table: Table) -> str:
    rows = [
        (f"`{column.name}`", column.kind, "yes" if column.required else "", _note(table, column))
        for column in table.columns
    ]
    text = f"## {table.name}\n\n" + _table(("column", "holds", "needed", ""), rows)
    if table.name == "moment":
        from upstep.tables.schema import MOMENT_KINDS

        text += f"\nKinds: {', '.join(MOMENT_KINDS)}.\n"
    return text


def _note(table: Table, column: Column) -> str:
    notes = [COLUMN_NOTES.get(f"{table.name}.{column.name}", "")]
    notes.append(f"one of {', '.join(column.allowed)}" if column.allowed else "")
    notes.append(f"at least {column.minimum}" if column.minimum is not None else "")
    return "; ".join(note for note in notes if note)


# Settings


def settings_page() -> str:
    """Every key of upstep.yaml."""
    defaults = setting_defaults()
    rows = [(f"`{key}`", _default(defaults, name), meaning) for key, (name, meaning) in SETTINGS.items()]
    return _page(
        "Settings",
        "The keys of `upstep.yaml`; an example stands in [settings](../settings.md). Unknown keys are refused.\n",
        _table(("key", "default", "meaning"), rows),
    )


def setting_defaults() -> dict[str, object]:
    """Each field of ``Settings`` and its default; those of a section as section.field."""
    found: dict[str, object] = {}
    for field in dataclasses.fields(config.Settings):
        section = field.default_factory() if field.default_factory is not dataclasses.MISSING else None
        if section is None:
            found[field.name] = field.default
        else:
            inner = dataclasses.fields(section)
            found |= {f"{field.name}.{one.name}": getattr(section, one.name) for one in inner}
    return found


def _default(defaults: Mapping[str, object], name: str | None) -> str:
    value = defaults.get(name or "", dataclasses.MISSING)
    if value is dataclasses.MISSING:
        return "this company" if name == "company" else "-"
    if name == "activities":
        return "; ".join(f"{one.id} {one.hours} h, {one.days} days" for one in config.ACTIVITIES)
    if name == "contact.caps":
        return "; ".join(f"{cap.per} {cap.most} in {cap.days} days" for cap in config.Settings("", "").contact.caps)
    if name == "contact.quiet_hours":
        return "20:00 to 08:00"
    if isinstance(value, tuple):
        return ", ".join(str(one) for one in value) or "none"
    return "none" if value in (None, {}) else f"{value:,}" if isinstance(value, int) else str(value)


def main() -> None:
    """Write every page."""
    FOLDER.mkdir(exist_ok=True)
    (FOLDER / "plays").mkdir(exist_ok=True)
    for name, text in pages().items():
        (FOLDER / name).write_text(text, encoding="utf-8")


# The HTTP API


def api_page() -> str:
    """Every documented route: what it needs, is sent and answers."""
    from fastapi import FastAPI

    from upstep.web.api.router import ROUTERS
    from upstep.web.openapi import document

    app = FastAPI(title="Upstep", openapi_url=None)
    for router in ROUTERS:
        app.include_router(router)
    told = document(app)
    parts = [
        (
            "What each route is for, is sent and answers; `/v1/openapi.json` of a running service has the same for "
            "programs. [Service and HTTP API](../api.md) says how to ask.\n"
        ),
        _table(
            ("route", "scope", "for"),
            [
                (f"`{method.upper()} {path}`", _scope(method), operation["summary"])
                for path, operations in told["paths"].items()
                for method, operation in operations.items()
            ],
        ),
    ]
    for path, operations in told["paths"].items():
        for method, operation in operations.items():
            parts += _route(method, path, operation, told["components"]["schemas"])
    return _page("HTTP API", *parts)


def _scope(method: str) -> str:
    return "read" if method == "get" else "act"


def _route(method: str, path: str, operation: Mapping[str, Any], schemas: Mapping[str, Any]) -> list[str]:
    parts = [f"## {method.upper()} {path}", "", " ".join(operation["description"].split()), ""]
    rows = [
        (f"`{one['name']}`", one["in"], "yes" if one.get("required") else "", _kind(one["schema"]), _about(one))
        for one in operation.get("parameters", [])
    ]
    body = operation.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema", {})
    for name in _named(body):
        shape = schemas[name]
        rows += [
            (f"`{key}`", "body", "yes" if key in shape.get("required", ()) else "", _kind(one), _about(one))
            for key, one in shape["properties"].items()
        ]
    if rows:
        parts.append(_table(("name", "in", "needed", "is", "means"), rows))
    good = next(status for status in operation["responses"] if status[0] == "2")
    answer = operation["responses"][good]["content"]["application/json"]["schema"]
    for name in _named(answer):
        keys = ", ".join(f"`{key}`" for key in schemas[name].get("properties", {}))
        parts.append(
            f"Answers {good}: {operation['responses'][good]['description']}" + (f" {keys}." if keys else "") + "\n"
        )
    return parts


def _named(schema: Mapping[str, Any]) -> list[str]:
    """The shape that a schema refers to."""
    found = [schema, *schema.get("anyOf", ())]
    return [one["$ref"].rpartition("/")[2] for one in found if "$ref" in one]


def _about(one: Mapping[str, Any]) -> str:
    return str(one.get("description") or one.get("schema", {}).get("description") or "")


def _kind(schema: Mapping[str, Any]) -> str:
    """A schema in a word or two."""
    if "$ref" in schema:
        return schema["$ref"].rpartition("/")[2]
    if "enum" in schema:
        return ", ".join(map(str, schema["enum"]))
    kinds = [_kind(one) for one in schema.get("anyOf", ()) if one.get("type") != "null"]
    return " or ".join(kinds) or str(schema.get("format") or schema.get("type") or "")


if __name__ == "__main__":
    main()
