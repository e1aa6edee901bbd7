"""What a play may stand on: the grains, the columns each shows, and what a row of it is called."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from upstep.tables.query import Program


@dataclass(frozen=True)
class Grain:
    """One grain of ``each``.

    Args:
        stage: The profile stage that has one row per subject.
        subject: The columns that name a subject beside the account.
        facts: Columns stored with every decision of this grain, whether or not the condition read them.
    """

    name: str
    stage: str
    subject: tuple[str, ...]
    facts: tuple[str, ...]


_LIMIT_FACTS = (
    "used",
    "limit_quantity",
    "utilisation",
    "used_1",
    "used_2",
    "used_3",
    "forecast_use",
    "days_to_limit",
    "days_to_limit_low",
    "days_to_limit_high",
    "days_left",
    "adoption",
)

GRAINS: Mapping[str, Grain] = {
    grain.name: grain
    for grain in (
        Grain("account", "account_profile", (), ("live_products", "tenure_days")),
        Grain("limit", "limit_profile", ("product_id", "meter_id"), _LIMIT_FACTS),
        Grain(
            "product",
            "product_profile",
            ("product_id",),
            ("partner_product_id", "own_product_id", "partner_first_value_reached"),
        ),
        Grain("use_case", "use_case_profile", ("product_id", "meter_id"), ("use_case_id", "neighbour_id")),
        Grain("bundle", "bundle_profile", ("product_id",), ("bundle_id", "bundle_owned", "bundle_missing")),
        Grain("feature", "feature_profile", ("product_id", "feature_id"), ("requested", "feature_gate_hits_28d")),
        Grain("add_on", "add_on_profile", ("product_id", "add_on_id"), ("add_on_quantity",)),
        Grain(
            "plan",
            "plan_profile",
            ("product_id", "plan_id"),
            ("interval", "adoption", "need_share", "peak_share", "paid_days", "live_subscriptions"),
        ),
    )
}

_HIDDEN = frozenset(
    [
        "account_id",
        "name",
        "parent_account_id",
        "owner_id",
        "do_not_sell_why",
        "account_currency",
        "basis",
        "as_of",
        "as_of_day",
        "rate_now",
        "slope",
        "week_sd",
        "week_mean",
        "mrr_units",
        "renewal_risk_id",
        "met_outcome_id",
        "nps_feedback_id",
        "open_deal_id",
        "troubled_invoice_id",
        "weighing_ticket_id",
        "requested_ticket_id",
        "customer_since",
        "is_first_use",
        "plan_used_1",
        "plan_used_2",
        "plan_used_3",
    ]
)


def _is_hidden(name: str) -> bool:
    """Keys, instants, prices and raw series are not for conditions: they mislead or belong to ``propose``."""
    return (
        name in _HIDDEN
        or name.endswith(("_key", "_at", "_minor", "_units", "_until"))
        or name.startswith(("starts_", "week_", "level_"))
    )


def column_kinds(program: Program, each: str) -> dict[str, str]:
    """The columns a condition of this grain may read, with their kind. Account columns show at every grain."""
    kinds: dict[str, str] = {}
    for stage in ("account_profile", GRAINS[each].stage):
        for name, dtype in program.stages[stage].schema().items():
            if not _is_hidden(name):
                kinds[name] = "flag" if dtype.is_boolean() else "text" if dtype.is_string() else "number"
    return kinds
