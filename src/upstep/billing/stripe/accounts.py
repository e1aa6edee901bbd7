"""Whose a Stripe customer is: an account is a customer, or is named in the customer's metadata."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from upstep.billing.stripe.asking import Line, Thing
from upstep.errors import Fault, QuoteError


class Accounts:
    """Accounts and their customers; ``metadata_key`` None: the account's id is the customer's."""

    def __init__(self, line: Line, metadata_key: str | None = None) -> None:
        self.line = line
        self.metadata_key = metadata_key
        self._account_of: dict[str, str] = {}

    def customers(self, account_id: str) -> list[Thing]:
        """The account's customers, the first made first; empty when there is none."""
        v1 = self.line.client.v1
        if self.metadata_key is None:
            found = self.line.find(v1.customers.retrieve, account_id, {})
            return [found] if found and not found.get("deleted") else []
        # The search language quotes with ' and escapes with \\; an id with either is looked for as it stands.
        name, value = (text.replace("\\", "\\\\").replace("'", "\\'") for text in (self.metadata_key, account_id))
        query = f"metadata['{name}']:'{value}'"
        found_customers = self.line.ask(v1.customers.search, {"query": query, "limit": 100})["data"]
        return sorted(found_customers, key=lambda customer: (int(customer["created"]), str(customer["id"])))

    def customer(self, account_id: str) -> Thing:
        """The customer that a new subscription of the account is made for.

        Raises:
            QuoteError: The account has none.
        """
        found = self.customers(account_id)
        if not found:
            said = f"no customer at Stripe has metadata {self.metadata_key!r} = {account_id!r}."
            fault = f"no customer {account_id!r} at Stripe." if self.metadata_key is None else said
            raise QuoteError(Fault(f"account {account_id}", fault, "Make the customer there first."))
        return found[0]

    def account_of(self, customer: str | Mapping[str, Any]) -> str:
        """Whose a customer is; one that does not say is an account of its own."""
        customer_id = customer if isinstance(customer, str) else str(customer["id"])
        if self.metadata_key is None:
            return customer_id
        if customer_id not in self._account_of:
            found = customer if isinstance(customer, Mapping) else None
            whole = found or self.line.ask(self.line.client.v1.customers.retrieve, customer_id, {})
            named = (whole.get("metadata") or {}).get(self.metadata_key)
            self._account_of[customer_id] = str(named or customer_id)
        return self._account_of[customer_id]


def has_payment_method(subscription: Mapping[str, Any] | None, customer: Mapping[str, Any]) -> bool:
    """Whether a charge would find something to charge."""
    settings = customer.get("invoice_settings") or {}
    known = [settings.get("default_payment_method"), customer.get("default_source")]
    if subscription is not None:
        known += [subscription.get("default_payment_method"), subscription.get("default_source")]
    return any(known)
