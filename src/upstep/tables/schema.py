"""The canonical tables: what one row is, which columns it has, and how time applies to it.

Names are a contract with users. Instants are UTC; keys are never NULL; money is integer minor units.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum


class Kind(StrEnum):
    """What a column holds, independent of any engine."""

    TEXT = "text"
    WHOLE = "whole"  # int64: counts, quantities, money in minor units
    NUMBER = "number"  # float64: shares, scores, metrics
    RATE = "rate"  # decimal text, exact
    FLAG = "flag"
    INSTANT = "instant"  # UTC
    DATE = "date"
    WORDS = "words"  # list of text; a source may give it separated by ; or as JSON
    JSON = "json"


class Nature(StrEnum):
    """How a table changes."""

    STATE = "state"  # what is true now; versions are kept as seen_from / seen_to
    DATED = "dated"  # a fact with its own date; a later row with the same key replaces it
    EVENT = "event"  # append only, deduplicated by key and UTC day


@dataclass(frozen=True)
class Column:
    """One column. ``allowed`` lists the only words it may hold; empty means any."""

    name: str
    kind: Kind = Kind.TEXT
    required: bool = False
    allowed: tuple[str, ...] = ()
    minimum: int | None = None


@dataclass(frozen=True)
class Table:
    """One canonical table.

    Args:
        key: Columns that make a row unique.
        dated_by: The column that dates a row: rows dated after ``complete_through`` are kept aside.
    """

    name: str
    grain: str
    key: tuple[str, ...]
    columns: tuple[Column, ...]
    nature: Nature
    dated_by: str | None = None
    _by_name: dict[str, Column] = field(default_factory=dict, init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        self._by_name.update({column.name: column for column in self.columns})

    def column(self, name: str) -> Column | None:
        """The column of that name, or None."""
        return self._by_name.get(name)

    @property
    def names(self) -> tuple[str, ...]:
        """Column names in order."""
        return tuple(column.name for column in self.columns)


INTERVALS = ("day", "week", "month", "quarter", "year")
ITEM_STATUSES = ("trialing", "active", "past_due", "unpaid", "paused", "canceled", "incomplete")
INVOICE_STATUSES = ("draft", "open", "paid", "uncollectible", "void")
CONTACT_ROLES = ("user", "admin", "champion", "budget_owner", "executive")
TICKET_KINDS = ("problem", "question", "feature_request")
SEVERITIES = ("low", "normal", "high", "urgent")
MOTIONS = ("upsell", "volume", "add_on", "cross_sell", "commit", "adopt", "right_size")
MOMENT_KINDS = (
    "first_value",
    "onboarded",
    "milestone",
    "case_study",
    "public_reference",
    "completed",
    "feature_gate_hit",
    "pricing_page_viewed",
    "initiative",
    "business_unit",
    "geography",
    "hire",
    "funding",
    "customer_growth",
    "renewal_risk",
    "other_vendor",
    "invite_refused",
)


def _columns(text: str) -> tuple[Column, ...]:
    """Columns from a compact line: ``name*:kind`` separated by spaces; ``*`` means required."""
    columns = []
    for word in text.split():
        name, _, kind = word.partition(":")
        columns.append(Column(name.rstrip("*"), Kind(kind or "text"), name.endswith("*")))
    return tuple(columns)


def _with(columns: tuple[Column, ...], **rules: tuple[str, ...] | int) -> tuple[Column, ...]:
    """The same columns, some with their allowed words (a tuple) or least value (an int)."""

    def ruled(column: Column) -> Column:
        rule = rules.get(column.name)
        if isinstance(rule, tuple):
            return Column(column.name, column.kind, column.required, allowed=rule)
        return Column(column.name, column.kind, column.required, column.allowed, minimum=rule)

    return tuple(ruled(column) if column.name in rules else column for column in columns)


TABLES: dict[str, Table] = {
    table.name: table
    for table in (
        Table(
            "account",
            "account",
            ("account_id",),
            _with(
                _columns(
                    "account_id* name* created_at*:instant parent_account_id owner_id segment industry country"
                    " currency time_zone employees:whole do_not_sell_until:instant do_not_sell_why"
                ),
                employees=0,
            ),
            Nature.STATE,
            "created_at",
        ),
        Table(
            "owner",
            "account manager",
            ("owner_id",),
            _with(_columns("owner_id* name email hours_quarter:whole"), hours_quarter=0),
            Nature.STATE,
        ),
        Table(
            "contact",
            "person",
            ("contact_id",),
            _with(
                _columns(
                    "contact_id* account_id* name email title role team time_zone may_buy:flag"
                    " in_original_purchase:flag invited_by_contact_id consents:words created_at:instant left_at:instant"
                ),
                role=CONTACT_ROLES,
            ),
            Nature.STATE,
            "created_at",
        ),
        Table(
            "subscription_item",
            "item and interval in which it did not change",
            ("item_id", "valid_from"),
            _with(
                _columns(
                    "item_id* subscription_id* account_id* product_id* plan_id add_on_id price_id quantity*:whole"
                    " amount_minor*:whole list_amount_minor:whole currency* interval* interval_count:whole status*"
                    " valid_from*:instant valid_to:instant trial_ends_at:instant period_start:instant"
                    " period_end:instant renews_at:instant auto_renew:flag cancel_at:instant pending_plan_id"
                    " pending_at:instant collection"
                ),
                quantity=0,
                amount_minor=0,
                list_amount_minor=0,
                interval=INTERVALS,
                interval_count=1,
                status=ITEM_STATUSES,
                collection=("automatic", "invoice"),
            ),
            Nature.STATE,
            "valid_from",
        ),
        Table(
            "purchase",
            "one-off sale",
            ("purchase_id",),
            _with(
                _columns(
                    "purchase_id* account_id* product_id* quantity:whole amount_minor*:whole currency*"
                    " purchased_at*:instant completed_at:instant"
                ),
                quantity=0,
            ),
            Nature.DATED,
            "purchased_at",
        ),
        Table(
            "entitlement_override",
            "account's own limit",
            ("override_id",),
            _with(
                _columns(
                    "override_id* account_id* meter_id feature_id limit_quantity:whole valid_from:instant"
                    " valid_to:instant"
                ),
                limit_quantity=0,
            ),
            Nature.STATE,
        ),
        Table(
            "usage",
            "event",
            ("event_id",),
            _with(
                _columns(
                    "event_id* account_id* meter_id* occurred_at*:instant quantity*:whole contact_id properties:json"
                ),
                quantity=0,
            ),
            Nature.EVENT,
            "occurred_at",
        ),
        Table(
            "seat",
            "assigned seat",
            ("seat_id",),
            _columns("seat_id* account_id* product_id* contact_id assigned_at*:instant removed_at:instant"),
            Nature.STATE,
            "assigned_at",
        ),
        Table(
            "ticket",
            "ticket",
            ("ticket_id",),
            _with(
                _columns(
                    "ticket_id* account_id* opened_at*:instant closed_at:instant kind severity escalated:flag"
                    " feature_id contact_id"
                ),
                kind=TICKET_KINDS,
                severity=SEVERITIES,
            ),
            Nature.STATE,
            "opened_at",
        ),
        Table(
            "invoice",
            "invoice",
            ("invoice_id",),
            _with(
                _columns(
                    "invoice_id* account_id* issued_at*:instant due_at:instant paid_at:instant"
                    " amount_due_minor*:whole currency* status* last_failure_at:instant"
                ),
                status=INVOICE_STATUSES,
            ),
            Nature.STATE,
            "issued_at",
        ),
        Table(
            "feedback",
            "answer",
            ("feedback_id",),
            _with(
                _columns("feedback_id* account_id* contact_id kind score*:number answered_at*:instant"),
                kind=("nps", "csat"),
            ),
            Nature.DATED,
            "answered_at",
        ),
        Table(
            "outcome",
            "measurement",
            ("outcome_id",),
            _columns(
                "outcome_id* account_id* product_id metric* unit currency target*:number achieved*:number"
                " started_at:instant measured_at*:instant source"
            ),
            Nature.DATED,
            "measured_at",
        ),
        Table(
            "goal",
            "executive priority",
            ("goal_id",),
            _columns(
                "goal_id* account_id* contact_id* priority* metric advances:words sponsor_contact_id"
                " stated_at*:instant source* review_at:instant"
            ),
            Nature.STATE,
            "stated_at",
        ),
        Table(
            "deal",
            "open or closed deal",
            ("deal_id",),
            _with(
                _columns(
                    "deal_id* account_id* motion stage amount_minor:whole opened_at*:instant closed_at:instant won:flag"
                ),
                motion=MOTIONS,
            ),
            Nature.STATE,
            "opened_at",
        ),
        Table(
            "moment",
            "dated fact",
            ("moment_id",),
            _columns("moment_id* account_id* kind* occurred_at*:instant contact_id subject_id detail source"),
            Nature.DATED,
            "occurred_at",
        ),
        Table(
            "fx_rate",
            "day and pair",
            ("rate_on", "from_currency", "to_currency"),
            _columns("rate_on*:date from_currency* to_currency* rate*:rate"),
            Nature.DATED,
            "rate_on",
        ),
    )
}
"""Every canonical table by name."""

REQUIRED_TABLES = ("account", "subscription_item", "usage")
"""Without these no step can be decided: ``decide`` exits 2 and says so."""
