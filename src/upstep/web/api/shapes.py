"""What the API answers, as the OpenAPI document shows it. Names are those of ``--json``; ``sent`` has the bodies."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

Next = Annotated[str | None, Field(description="The cursor of the next page; null on the last one.")]


class Problem(BaseModel):
    """RFC 9457: what is wrong, and what to do."""

    model_config = ConfigDict(
        extra="allow",
        json_schema_extra={
            "example": {
                "type": "urn:upstep:scope",
                "title": "Forbidden",
                "status": 403,
                "detail": "This key lacks the scope 'act'. Make one that has it: upstep keys make --scope act.",
            }
        },
    )
    type: str
    title: str
    status: int
    detail: str


# Accounts and decisions


class Account(BaseModel):
    """A company that uses what you sell."""

    account_id: str
    name: str | None
    created_at: str | None
    parent_account_id: str | None
    owner_id: str | None
    segment: str | None
    industry: str | None
    country: str | None
    currency: str | None
    time_zone: str | None
    employees: int | None
    do_not_sell_until: str | None
    do_not_sell_why: str | None


class Accounts(BaseModel):
    """A page of accounts."""

    accounts: list[Account]
    next: Next


class Hold(BaseModel):
    """A gate that holds, why, and when it lifts."""

    gate: str
    why: str
    lifts: str | None


class Question(BaseModel):
    """A gate that no connected table can answer, and what a person must say."""

    gate: str
    question: str


class Fact(BaseModel):
    """A number that the decision rests on, and its records."""

    model_config = ConfigDict(extra="allow")
    value: Any
    unit: str | None
    records: list[str]


class Subject(BaseModel):
    """The row that made the play fire."""

    grain: str | None
    product_id: str | None
    meter_id: str | None
    feature_id: str | None
    add_on_id: str | None
    plan_id: str | None


class Proposal(BaseModel):
    """What would change, per month."""

    product_id: str | None
    plan_id: str | None
    add_on_id: str | None
    quantity: int | None
    interval: str | None
    recurring_change_minor: int | None
    overage_replaced_minor: int | None
    customer_saving_minor: int | None
    currency: str | None
    estimated: bool | None


class Decision(BaseModel):
    """What became of one step in one run."""

    decision_id: str
    step_id: str
    account_id: str
    play: str
    evidence: list[str]
    motion: str | None
    path: str
    lane: str | None
    subject: Subject
    outcome: str
    holds: list[Hold]
    unknown: list[Question]
    assumed: list[str]
    outranked_by: str | None
    moments: list[str]
    recipients: list[str]
    facts: dict[str, Fact]
    proposal: Proposal | None
    likelihood: float | None
    signal_density: int | None
    priority: int | float | None
    rank: int | None


class AccountDecisions(BaseModel):
    """What is published of an account."""

    account_id: str
    run_id: str
    as_of: str
    published_at: str
    decisions: list[Decision]


class Decisions(BaseModel):
    """A page of decisions over all accounts."""

    decisions: list[Decision]
    next: Next


class Clause(BaseModel):
    """One part of a play's condition and what it came to; null: a value it reads is not known."""

    text: str
    answer: bool | None


class AskedPlay(BaseModel):
    """One play asked of one subject."""

    play: str
    fired: bool
    subject: dict[str, Any]
    clauses: list[Clause]
    values: dict[str, Any]


class Explanation(BaseModel):
    """Everything about one account: its signals, its decisions, and every play clause by clause."""

    account_id: str
    as_of: str
    run_id: str
    account: dict[str, Any]
    limits: list[dict[str, Any]]
    decisions: list[Decision]
    asked: list[AskedPlay]
    without_subject: list[str]
    is_held_out: bool
    experiments: list[dict[str, Any]]


# Offers and quotes


class Offer(BaseModel):
    """A step put before somebody."""

    offer_id: str
    account_id: str
    step_id: str
    play: str
    motion: str
    lane: str
    product_id: str | None
    target: str
    status: str


class LockedQuote(BaseModel):
    """What an offer costs, locked until it expires."""

    quote_id: str
    currency: str
    due_now_minor: int
    next_invoice_minor: int
    next_invoice_at: str
    yearly_difference_minor: int
    expires_at: str
    free_until: str | None


class OpenedOffer(Offer):
    """An offer that was opened, or stood already."""

    is_new: bool
    quote: LockedQuote | None


class RefusedStep(BaseModel):
    """A step that could not be offered, and why."""

    account_id: str
    step_id: str
    play: str
    target: str
    why: str


class Openings(BaseModel):
    """What opening the offers of an account came to."""

    run_id: str
    offers: list[OpenedOffer]
    refused: list[RefusedStep]
    notices: int
    tasks: int
    help: int
    would: None = None


class DatedOffer(Offer):
    """An offer, and when each thing first happened to it."""

    quote_id: str | None
    opened_at: str
    expires_at: str | None
    shown_at: str | None
    clicked_at: str | None
    accepted_at: str | None
    converted_at: str | None
    declined_at: str | None
    ended_at: str | None


class Offers(BaseModel):
    """A page of offers, newest first."""

    offers: list[DatedOffer]
    next: Next


class Change(BaseModel):
    """One change of an offer's status."""

    from_status: str | None
    to_status: str
    who: str
    changed_at: str
    why: str


class OfferInFull(DatedOffer):
    """An offer with its price, its facts and its history."""

    quote: LockedQuote | None
    facts: dict[str, Any]
    changes: list[Change]


class ShortQuote(BaseModel):
    """Which quote it was."""

    quote_id: str
    account_id: str
    subscription_id: str
    provider: str
    currency: str
    due_now_minor: int
    expires_at: str


class Applied(BaseModel):
    """What the provider did."""

    reference: str
    amount_minor: int
    effective_at: str | None
    invoice_id: str | None


class NotPaid(BaseModel):
    """A payment that failed, or that somebody must confirm at ``url``."""

    reason: str | None
    why: str | None
    amount_minor: int | None
    url: str | None
    expires_at: str | None


class Settled(BaseModel):
    """What became of a yes."""

    result: Literal["nothing", "applied", "scheduled", "applied_before", "declined", "needs_confirmation"]
    applied_before_at: str | None
    quote: ShortQuote | None
    offer: Offer | None
    applied: Applied | None
    refused: NotPaid | None
    converted: list[str]


class PricedQuote(BaseModel):
    """A quote with everything that was shown of it; amounts are minor units of ``currency``."""

    model_config = ConfigDict(extra="allow")
    quote_id: str
    account_id: str
    account_name: str
    subscription_id: str
    provider: str
    currency: str
    quoted_at: str
    expires_at: str
    starts: Literal["now", "at_renewal"]
    effective_at: str
    items: list[dict[str, Any]]
    lines: list[dict[str, Any]]
    proration_minor: int
    due_now_minor: int
    next_invoice_minor: int
    next_invoice_at: str
    recurring_change_minor: int
    yearly_difference_minor: int
    overage_replaced_minor: int
    customer_saving_minor: int
    yearly_saving_minor: int
    holds: list[Hold]
    notes: list[str]


class KeptQuote(LockedQuote):
    """A quote as it is kept."""

    account_id: str
    subscription_id: str
    provider: str
    status: str
    lines: list[dict[str, Any]]
    quoted_at: str


# Goals, experiments, reports, people


class Goal(BaseModel):
    """A priority that is on record."""

    goal_id: str
    account_id: str
    contact_id: str
    priority: str
    source: str
    stated_at: str
    metric: str | None
    advances: list[str]
    sponsor_contact_id: str | None
    review_at: str | None


class StandingGoal(Goal):
    """A priority and how it stands."""

    typed: bool
    counts: bool
    has_sponsor: bool
    told: list[str]


class Goals(BaseModel):
    """A page of priorities."""

    goals: list[StandingGoal]
    next: Next


class Recorded(BaseModel):
    """What was new of what was sent."""

    recorded: list[Goal]
    read: int


class Removed(BaseModel):
    """What was taken out."""

    removed: str


class Experiments(BaseModel):
    """Every experiment, with what may be concluded by now."""

    experiments: list[dict[str, Any]]


class Membership(BaseModel):
    """Whether an account is held out, and by what."""

    account_id: str
    is_held_out: bool
    experiments: list[dict[str, Any]]


class Report(BaseModel):
    """What came of a month, as ``upstep report --json`` prints it."""

    model_config = ConfigDict(extra="allow")


class Kept(BaseModel):
    """Whether it is new; sent again it changes nothing."""

    is_new: bool


class Exposure(BaseModel):
    """That a person saw a message, once."""

    message_id: int
    contact_id: str
    account_id: str
    offer_id: str | None
    channel: str
    seen_at: str


class Exposures(BaseModel):
    """A page of exposures, by account and time."""

    exposures: list[Exposure]
    next: Next
