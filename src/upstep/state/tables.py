"""The tables of the operational database. Instants are whole seconds since 1970 UTC; money is minor units."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Dialect

from upstep.clock import from_seconds, to_seconds

METADATA = sa.MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)

# SQLite numbers rows by itself only in a column that it calls INTEGER.
NUMBERED = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


class Instant(sa.types.TypeDecorator[datetime]):
    """A UTC instant, stored as whole seconds, so that SQLite and Postgres compare and return the same value."""

    impl = sa.BigInteger
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> int | None:  # noqa: ARG002 (given by SQLAlchemy)
        """Seconds since 1970; a time without a zone is refused, for it would be a guess."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"{value.isoformat()} has no time zone; state keeps UTC instants")
        return to_seconds(value)

    def process_result_value(self, value: Any | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002 (the same)
        """The instant."""
        return None if value is None else from_seconds(value)


def _text(name: str, *, null: bool = False) -> sa.Column[str]:
    return sa.Column(name, sa.Text, nullable=null)


def _at(name: str, *, null: bool = False) -> sa.Column[datetime]:
    return sa.Column(name, Instant, nullable=null)


def _minor(name: str) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger, nullable=False)


quote = sa.Table(
    "quote",
    METADATA,
    sa.Column("quote_id", sa.Text, primary_key=True),
    _text("account_id"),
    _text("subscription_id"),
    _text("provider"),
    _text("status"),  # locked, applied, refused, declined, needs_confirmation
    _text("currency"),
    sa.Column("change", sa.JSON, nullable=False),
    sa.Column("lines", sa.JSON, nullable=False),
    _minor("proration_minor"),
    _minor("due_now_minor"),
    _minor("next_invoice_minor"),
    _minor("yearly_difference_minor"),
    _at("next_invoice_at"),
    _text("based_on"),
    _at("at"),
    _at("expires_at"),
    _at("locked_at"),
    sa.Column("items", sa.JSON(none_as_null=True)),
    _at("effective_at", null=True),
    _text("billing_mode", null=True),
    sa.Column("credit_used_minor", sa.BigInteger),
    sa.Column("open_minor", sa.BigInteger),
    sa.Column("incentive_lines", sa.JSON(none_as_null=True)),
    sa.Index(None, "account_id"),
)
"""One row per quote that was shown to somebody. Only ``status`` ever changes."""

billing_intent = sa.Table(
    "billing_intent",
    METADATA,
    sa.Column("intent_id", NUMBERED, primary_key=True),
    sa.Column("quote_id", sa.Text, sa.ForeignKey("quote.quote_id"), nullable=False, unique=True),
    sa.Column("idempotency_key", sa.Text, nullable=False, unique=True),
    _text("requested_by"),
    _at("requested_at"),
)
"""One row per quote that was accepted, written before the billing provider is asked."""

billing_attempt = sa.Table(
    "billing_attempt",
    METADATA,
    sa.Column("intent_id", NUMBERED, sa.ForeignKey("billing_intent.intent_id"), primary_key=True, autoincrement=False),
    sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("idempotency_key", sa.Text, nullable=False, unique=True),
    _text("asked_by"),
    _at("asked_at"),
    _text("result", null=True),  # NULL until it answers: applied, refused, declined, needs_confirmation
    _text("reference", null=True),
    sa.Column("amount_minor", sa.BigInteger),
    _text("detail", null=True),
    _text("url", null=True),
    _at("answered_at", null=True),
    _at("expires_at", null=True),
)
"""One row per time that the provider was asked: a declined payment may be tried again, under a new key."""

billing_outcome = sa.Table(
    "billing_outcome",
    METADATA,
    sa.Column("intent_id", NUMBERED, sa.ForeignKey("billing_intent.intent_id"), primary_key=True, autoincrement=False),
    _text("result"),  # applied, refused
    _text("reference", null=True),
    sa.Column("amount_minor", sa.BigInteger),
    _at("effective_at", null=True),
    _text("detail", null=True),
    _at("recorded_at"),
    _text("invoice_id", null=True),
)
"""One row per intent that is settled. One without it was cut off, or was declined, or awaits a confirmation: see its
last attempt."""

offer = sa.Table(
    "offer",
    METADATA,
    sa.Column("offer_id", sa.Text, primary_key=True),
    _text("account_id"),
    _text("step_id"),
    _text("run_id"),
    _text("decision_id", null=True),
    _text("play"),
    _text("motion"),
    _text("path"),
    _text("lane"),
    _text("product_id", null=True),
    _text("target"),
    sa.Column("quote_id", sa.Text, sa.ForeignKey("quote.quote_id")),
    _text("status"),
    sa.Column("facts", sa.JSON, nullable=False),
    _at("opened_at"),
    _at("expires_at", null=True),
    _at("shown_at", null=True),
    _at("clicked_at", null=True),
    _at("accepted_at", null=True),
    _at("converted_at", null=True),
    _at("declined_at", null=True),
    _at("ended_at", null=True),
    _at("not_now_at", null=True),  # a declined offer whose answer was "not now": its step may come back sooner
    sa.UniqueConstraint("account_id", "step_id", "run_id"),
    sa.Index(None, "account_id", "status"),
)
"""One row per offer: a step put before somebody. ``*_at`` are the first instants at which each thing happened."""

offer_change = sa.Table(
    "offer_change",
    METADATA,
    sa.Column("change_id", NUMBERED, primary_key=True),
    sa.Column("offer_id", sa.Text, sa.ForeignKey("offer.offer_id"), nullable=False, index=True),
    _text("from_status", null=True),
    _text("to_status"),
    _text("who"),
    _at("changed_at"),
    _text("why"),
)
"""One row per change of an offer's status: who, when and why."""

message = sa.Table(
    "message",
    METADATA,
    sa.Column("message_id", NUMBERED, primary_key=True),
    sa.Column("idempotency_key", sa.Text, nullable=False, unique=True),
    _text("account_id"),
    sa.Column("offer_id", sa.Text, sa.ForeignKey("offer.offer_id"), index=True),
    _text("purpose"),  # notice, sales, care, task
    _text("channel"),
    _text("recipient"),
    _text("subject"),
    _text("text"),
    _text("html", null=True),
    sa.Column("facts", sa.JSON, nullable=False),
    _text("status"),  # queued, claimed, held, sent, parked, failed, withdrawn
    _text("reason", null=True),
    _at("queued_at"),
    _text("claimed_by", null=True),
    _at("claimed_at", null=True),
    _at("checked_at", null=True),
    _at("sent_at", null=True),
    sa.Column("attempts", sa.Integer, nullable=False, server_default="0"),
    _text("contact_id", null=True),
    _text("play", null=True),
    _text("style", null=True),  # in the app: notice, banner, modal
    sa.Column("arms", sa.JSON(none_as_null=True)),  # experiment_id: arm, as it was drawn
    sa.Column("records", sa.JSON(none_as_null=True)),  # fact: ids of the records that it came from
    _at("not_before", null=True),  # backing off, or quiet hours: nobody looks at it earlier
    sa.Index(None, "status", "message_id"),
    sa.Index(None, "account_id", "sent_at"),
    sa.Index(None, "contact_id", "sent_at"),
)
"""The outbox: one row per message, queued in the transaction that decided it."""

attempt = sa.Table(
    "attempt",
    METADATA,
    sa.Column("message_id", NUMBERED, sa.ForeignKey("message.message_id"), primary_key=True, autoincrement=False),
    sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
    _at("attempted_at"),
    _text("result"),  # sent, failed, withheld
    _text("detail", null=True),
    sa.Column("is_ambiguous", sa.Boolean),
)
"""One row per try to send a message, the withheld ones with their reason. ``is_ambiguous``: it may have left, and the
channel cannot tell."""

answer = sa.Table(
    "answer",
    METADATA,
    sa.Column("answer_id", NUMBERED, primary_key=True),
    _text("account_id"),
    _text("gate"),
    _text("answer"),  # clear, holds
    _text("because"),
    _at("until", null=True),
    _at("recorded_at"),
    _text("recorded_by"),
    sa.UniqueConstraint("account_id", "gate", "recorded_at"),
)
"""One row per answer that a person gave to a gate's question (``upstep confirm``); the latest one counts."""

once_key = sa.Table(
    "once_key",
    METADATA,
    sa.Column("account_id", sa.Text, primary_key=True),
    sa.Column("meter_id", sa.Text, primary_key=True),
    sa.Column("basis", sa.Text, primary_key=True),
    sa.Column("threshold", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("period_start", Instant, primary_key=True, autoincrement=False),
    _at("taken_at"),
    _text("taken_for", null=True),
)
"""Exactly once: one row per (account, meter, basis of the limit, threshold in percent, period) already spoken of."""

audit = sa.Table(
    "audit",
    METADATA,
    sa.Column("audit_id", NUMBERED, primary_key=True),
    _at("happened_at"),
    _text("who"),
    _text("what"),
    _text("subject"),
    sa.Column("details", sa.JSON, nullable=False),
)
"""One row per thing a person or the program did that somebody may ask about later."""

provider_event = sa.Table(
    "provider_event",
    METADATA,
    sa.Column("event_id", sa.Text, primary_key=True),
    _text("provider"),
    _text("object_id"),
    _text("kind"),
    _at("occurred_at"),
    _at("received_at"),
    sa.Column("body", sa.JSON, nullable=False),
    sa.Index(None, "object_id", "occurred_at"),
)
"""One row per event that a billing provider has told, in any order and any number of times; what it told of an object
is worked out from all of that object's rows."""

provider_cursor = sa.Table(
    "provider_cursor",
    METADATA,
    sa.Column("provider", sa.Text, primary_key=True),
    _text("cursor"),
    _at("read_at"),
)
"""One row per billing provider: the last event that was read and loaded."""

goal = sa.Table(
    "goal",
    METADATA,
    sa.Column("goal_id", sa.Text, primary_key=True),
    _text("account_id"),
    _text("contact_id"),
    _text("priority"),
    _text("metric", null=True),
    sa.Column("advances", sa.JSON, nullable=False),
    _text("sponsor_contact_id", null=True),
    _text("source"),
    _at("stated_at"),
    _at("review_at", null=True),
    _at("added_at"),
    _text("added_by"),
    _at("removed_at", null=True),
    _text("removed_by", null=True),
    _text("removed_because", null=True),
    sa.Index(None, "account_id"),
)
"""One row per executive's priority that a person typed; those of the company's own table stand in the facts."""

quarter_plan = sa.Table(
    "quarter_plan",
    METADATA,
    sa.Column("plan_id", sa.Text, primary_key=True),
    _text("owner_id"),
    _at("begins_at"),
    _at("ends_at"),
    sa.Column("hours", sa.Integer, nullable=False),
    sa.Column("planned_hours", sa.Integer, nullable=False),
    sa.Column("is_full", sa.Boolean, nullable=False),
    _text("run_id"),
    _at("made_at"),
    _text("made_by"),
    sa.Index(None, "owner_id", "begins_at"),
)
"""One row per plan that was made for an account manager; of those that cover an instant the one made last counts."""

planned_step = sa.Table(
    "planned_step",
    METADATA,
    sa.Column("plan_id", sa.Text, sa.ForeignKey("quarter_plan.plan_id"), primary_key=True),
    sa.Column("place", sa.Integer, primary_key=True, autoincrement=False),
    _text("account_id"),
    _text("product_id"),
    _text("target"),
    _text("activity"),
    sa.Column("hours", sa.Integer, nullable=False),
)
"""One row per step that a plan takes, best first."""

opportunity = sa.Table(
    "opportunity",
    METADATA,
    sa.Column("opportunity_id", sa.Text, primary_key=True),
    _text("account_id"),
    _text("play"),
    _text("motion"),
    _text("product_id"),
    _text("target"),
    _text("owner_id", null=True),
    _text("stage"),
    _text("currency"),
    sa.Column("expected_minor", sa.BigInteger),
    sa.Column("is_hygiene", sa.Boolean, nullable=False),
    _text("goal_id", null=True),
    _text("sponsor_contact_id", null=True),
    _text("run_id"),
    _at("opened_at"),
    _at("expected_at"),
    _at("closed_at", null=True),
    sa.Column("won_minor", sa.BigInteger),
    _text("contract", null=True),
    sa.Index(None, "account_id", "stage"),
)
"""One row per step that a person sells; ``*_minor`` are a year's. ``stage`` is the last of its changes."""

stage_change = sa.Table(
    "stage_change",
    METADATA,
    sa.Column("change_id", NUMBERED, primary_key=True),
    sa.Column("opportunity_id", sa.Text, sa.ForeignKey("opportunity.opportunity_id"), nullable=False, index=True),
    _text("from_stage", null=True),
    _text("to_stage"),
    _text("who"),
    _at("changed_at"),
    _text("why"),
    _text("contact_id", null=True),
)
"""One row per move of an opportunity: who, when and why, and the contact that the move names."""

exposure = sa.Table(
    "exposure",
    METADATA,
    sa.Column("message_id", NUMBERED, sa.ForeignKey("message.message_id"), primary_key=True, autoincrement=False),
    sa.Column("contact_id", sa.Text, primary_key=True),
    _text("account_id"),
    sa.Column("offer_id", sa.Text, sa.ForeignKey("offer.offer_id")),
    _text("channel"),
    _at("seen_at"),
    _at("dismissed_at", null=True),
    sa.Index(None, "account_id", "seen_at"),
)
"""One row per message and person who really saw it, once; ``dismissed_at``: they put it away."""

consent = sa.Table(
    "consent",
    METADATA,
    sa.Column("contact_id", sa.Text, primary_key=True),
    sa.Column("purpose", sa.Text, primary_key=True),  # sales, service
    sa.Column("recorded_at", Instant, primary_key=True),
    sa.Column("is_given", sa.Boolean, nullable=False),
    _text("source"),
)
"""One row per word of a person on being written to; the latest counts, before what the facts say."""

contact_hold = sa.Table(
    "contact_hold",
    METADATA,
    sa.Column("hold_id", NUMBERED, primary_key=True),
    _text("account_id"),
    _text("contact_id", null=True),  # NULL: everybody of the account
    _text("kind"),  # reply, bounce, complaint, person
    _text("why"),
    _at("recorded_at"),
    _text("recorded_by"),
    _at("until", null=True),
    _at("lifted_at", null=True),
    _text("lifted_by", null=True),
    sa.Index(None, "account_id"),
)
"""One row per reason not to write to a person or an account that no table of facts knows, such as a reply."""

published_decision = sa.Table(
    "published_decision",
    METADATA,
    sa.Column("account_id", sa.Text, primary_key=True),
    _text("run_id"),
    _at("as_of"),
    _at("published_at"),
    _text("body"),  # JSON: the account's decisions as `decide --json` has them
)
"""One row per account: its latest decisions, for look-up by key."""

fact_hold = sa.Table(
    "fact_hold",
    METADATA,
    sa.Column("account_id", sa.Text, primary_key=True),
    sa.Column("step_id", sa.Text, primary_key=True),  # "": the whole account
    sa.Column("gate", sa.Text, primary_key=True),
    sa.Column("is_unknown", sa.Boolean, nullable=False),
    _text("why"),
    _at("as_of"),
)
"""One row per thing that the facts say against selling: an account's holds, a step's holds and unknowns, or that the
step is no eligible self-serve winner (gate ``outcome``). Published with the decisions; the sender reads it by key."""

watermark = sa.Table(
    "watermark",
    METADATA,
    sa.Column("account_id", sa.Text, primary_key=True),  # "": all accounts
    _at("as_of"),
    _at("published_at"),
)
"""Up to when the facts behind ``fact_hold`` go, for all accounts and newer for some. Without one nothing is sent."""

contact_fact = sa.Table(
    "contact_fact",
    METADATA,
    sa.Column("contact_id", sa.Text, primary_key=True),
    _text("account_id"),
    _text("name", null=True),
    _text("email", null=True),
    _text("time_zone", null=True),
    sa.Column("may_buy", sa.Boolean),
    _text("role", null=True),
    sa.Column("consents", sa.JSON(none_as_null=True)),
    sa.Column("has_stake", sa.Boolean),  # in the purchase, a user, or asked for it; NULL: nobody knows
    _at("left_at", null=True),
    _at("as_of"),
    sa.Index(None, "account_id"),
)
"""One row per person that a message or a token may name: what the sender and the widget need of them, by key."""

experiment = sa.Table(
    "experiment",
    METADATA,
    sa.Column("experiment_id", sa.Text, primary_key=True),
    _text("name"),
    _text("kind"),  # holdout, test
    _text("scope"),  # "", path:self_serve, motion:upsell, play:limit_approaching
    _text("varies", null=True),  # message, channel, incentive
    sa.Column("arms", sa.JSON, nullable=False),
    _text("salt"),
    _at("begins_at"),
    _at("ends_at", null=True),
    _text("made_by"),
)
"""One row per holdout or test of arms."""

arm_exposure = sa.Table(
    "arm_exposure",
    METADATA,
    sa.Column("experiment_id", sa.Text, sa.ForeignKey("experiment.experiment_id"), primary_key=True),
    sa.Column("account_id", sa.Text, primary_key=True),
    _text("arm"),
    _text("step_id"),
    _at("exposed_at"),
)
"""One row per account that came to the point at which its arm made a difference: who is compared."""

incentive_grant = sa.Table(
    "incentive_grant",
    METADATA,
    sa.Column("offer_id", sa.Text, sa.ForeignKey("offer.offer_id"), primary_key=True),
    _text("account_id"),
    _text("play"),
    sa.Column("incentive", sa.JSON, nullable=False),
    _minor("cost_minor"),
    _text("currency"),
    _at("granted_at"),
    _at("expires_at"),
    _at("used_at", null=True),
    _at("returned_at", null=True),
    sa.Index(None, "play"),
    sa.Index(None, "account_id"),
)
"""One row per incentive that an offer carries; ``returned_at``: it was not used, and its cost is free again."""

follow_up = sa.Table(
    "follow_up",
    METADATA,
    sa.Column("offer_id", sa.Text, sa.ForeignKey("offer.offer_id"), primary_key=True),
    sa.Column("day", sa.Integer, primary_key=True, autoincrement=False),
    _text("account_id"),
    _at("due_at"),
    _at("looked_at", null=True),
    _text("found", null=True),  # used, unused, unknown
    sa.Column("facts", sa.JSON(none_as_null=True)),
    sa.Index(None, "due_at"),
)
"""One row per look after what was bought: is it used? At 14 and at 30 days."""

api_key = sa.Table(
    "api_key",
    METADATA,
    sa.Column("key_id", sa.Text, primary_key=True),
    _text("name"),
    sa.Column("digest", sa.Text, nullable=False, unique=True),
    sa.Column("scopes", sa.JSON, nullable=False),
    _at("made_at"),
    _text("made_by"),
    _at("expires_at", null=True),
    _at("revoked_at", null=True),
    _at("last_used_at", null=True),
    _at("page_seen_at", null=True),
    _text("page_origin", null=True),
)
"""One row per key of the HTTP API; the key itself is shown once and kept nowhere. ``page_seen_at``: when a page last
sent it although it is for servers, and of which origin."""

request_key = sa.Table(
    "request_key",
    METADATA,
    sa.Column("key_id", sa.Text, primary_key=True),
    sa.Column("idempotency_key", sa.Text, primary_key=True),
    _text("request_digest"),
    sa.Column("status", sa.Integer),
    _text("body", null=True),
    _at("begun_at"),
    _at("ended_at", null=True),
)
"""One row per write that a client of the HTTP API named: the same name gets the same answer."""

tombstone = sa.Table(
    "tombstone",
    METADATA,
    sa.Column("kind", sa.Text, primary_key=True),  # contact, account
    sa.Column("digest", sa.Text, primary_key=True),
    _at("forgotten_at"),
    _text("forgotten_by"),
)
"""One row per contact or account that was forgotten, as a digest of its id: what a source says of it stays out."""

signing_key = sa.Table(
    "signing_key",
    METADATA,
    sa.Column("name", sa.Text, primary_key=True),
    _text("secret"),
    _at("made_at"),
)
"""One row per secret by which links in messages are signed: drawn once, and good for links that are years old."""
