"""The sandbox: an embedded billing provider, the default. A real ledger, for demos, tests and one's own catalog.

It owns invoices, credit, cards that fail, trials, scheduled changes, incentives and renewals as time passes. Time is
always passed in: it has no clock. It keeps its own file because a provider is outside: its answers come back as events
only.
"""

from __future__ import annotations

from upstep.billing.sandbox.book import Card, Invoice, InvoiceStatus
from upstep.billing.sandbox.surroundings import SandboxBiller

__all__ = ["Card", "Invoice", "InvoiceStatus", "SandboxBiller"]
