"""The fake Stripe's books: customers, subscriptions, invoices, payments and events, and what each request does to them.

One clock for all (test clocks move it). A parameter that exists at Stripe and is not done here is an error of the fake,
never silently left out.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping
from copy import deepcopy
from datetime import UTC, datetime
from typing import Any

from tests.fakes import stripe_money as money
from tests.fakes import stripe_shapes as shapes
from tests.fakes.stripe_form import RefusedError
from tests.fakes.stripe_shapes import Thing

CARDS = {
    "pm_card_visa": "ok",
    "pm_card_chargeDeclined": "declined",
    "pm_card_chargeCustomerFail": "declined",
    "pm_card_visa_chargeDeclinedInsufficientFunds": "insufficient_funds",
    "pm_card_authenticationRequired": "authentication",
}
NAMES = {"in": "invoice", "sub_sched": "schedule", "cus": "customer", "pm": "payment method", "prod": "product"}
# https://docs.stripe.com/billing/subscriptions/pending-updates-reference#supported-attributes; metadata and discounts
# since 2026-05-27.
PENDING_ALLOWED = {
    *("expand", "payment_behavior", "proration_behavior", "proration_date", "billing_cycle_anchor", "items"),
    *("trial_end", "trial_from_plan", "add_invoice_items", "metadata", "discounts"),
}
DONE_ON_UPDATE = {
    *("items", "metadata", "payment_behavior", "proration_behavior", "proration_date", "billing_cycle_anchor"),
    *("trial_end", "cancel_at_period_end", "cancel_at", "discounts", "default_payment_method", "pause_collection"),
    *("collection_method", "days_until_due", "off_session", "expand"),
}
DONE_ON_CREATE = {
    *("customer", "items", "metadata", "payment_behavior", "billing_mode", "trial_end", "trial_period_days"),
    *("collection_method", "days_until_due", "discounts", "default_payment_method", "expand", "off_session"),
    *("proration_behavior", "trial_settings"),
}
DONE_IN_PREVIEW = {
    *("items", "proration_behavior", "proration_date", "billing_cycle_anchor", "trial_end", "billing_mode"),
}
PENDING_SECONDS = 23 * 3600


class Books:
    """Everything the fake knows; ``now`` is its clock, in seconds since 1970."""

    def __init__(self, now: int) -> None:
        self.now = now
        self.kept: dict[str, dict[str, Thing]] = {}
        self.events: list[Thing] = []
        self.key: str | None = None  # of the request that is being answered
        self._numbers = itertools.count(1)

    # --- keeping

    def new_id(self, prefix: str) -> str:
        return f"{prefix}_fake{next(self._numbers):06d}"

    def keep(self, thing: Thing) -> Thing:
        self.kept.setdefault(thing["object"], {})[thing["id"]] = thing
        return thing

    def find(self, kind: str, thing_id: str, param: str = "id") -> Thing:
        found = self.kept.get(kind, {}).get(thing_id)
        if found is None:
            name = kind.replace("test_helpers.", "").replace("subscription_schedule", "subscription schedule")
            raise RefusedError(f"No such {name}: '{thing_id}'", code="resource_missing", param=param, status=404)
        return found

    def all(self, kind: str) -> list[Thing]:
        return list(self.kept.get(kind, {}).values())

    def emit(self, kind: str, thing: Thing, previous: Thing | None = None) -> None:
        event = shapes.event(
            self.new_id("evt"), self.now, type=kind, object=shown(thing), previous=previous, key=self.key
        )
        self.events.append(self.keep(event))

    def changed(self, before: Thing, after: Thing, kind: str = "customer.subscription.updated") -> None:
        """Tell of a change with what was there before: lists as a whole, hashes by the keys that differ."""
        previous = _previous(shown(before), shown(after))
        if previous:
            self.emit(kind, after, previous)

    # --- customers, products, cards

    def create_customer(self, params: Thing) -> Thing:
        _only(params, {"name", "email", "metadata", "test_clock", "payment_method", "invoice_settings", "description"})
        known = {key: params[key] for key in params.keys() - {"payment_method", "invoice_settings"}}
        made = self.keep(shapes.customer(self.new_id("cus"), self.now, **known))
        if "payment_method" in params:
            method = self.attach(params["payment_method"], {"customer": made["id"]})
            made["invoice_settings"]["default_payment_method"] = method["id"]
        return made

    def update_customer(self, customer_id: str, params: Thing) -> Thing:
        _only(params, {"name", "email", "metadata", "invoice_settings", "balance"})
        customer = self.find("customer", customer_id)
        customer["metadata"] |= params.pop("metadata", {})
        customer["invoice_settings"] |= params.pop("invoice_settings", {})
        customer |= params
        return customer

    def attach(self, method_id: str, params: Thing) -> Thing:
        customer = self.find("customer", params["customer"], "customer")
        if method_id in CARDS:
            behaviour = CARDS[method_id]
            return self.keep(
                shapes.payment_method(self.new_id("pm"), self.now, customer=customer["id"], behaviour=behaviour)
            )
        method = self.find("payment_method", method_id)
        method["customer"] = customer["id"]
        return method

    def create_product(self, params: Thing) -> Thing:
        return self.keep(shapes.product(params.pop("id", None) or self.new_id("prod"), self.now, **params))

    def create_price(self, params: Thing) -> Thing:
        _only(
            params,
            {"currency", "product", "unit_amount", "recurring", "lookup_key", "metadata", "nickname", "billing_scheme"}
            | {"tiers", "tiers_mode", "currency_options"},
        )
        self.find("product", params["product"], "product")
        if any(price["lookup_key"] == params.get("lookup_key") is not None for price in self.all("price")):
            raise RefusedError(f"A price already uses lookup key {params['lookup_key']}", param="lookup_key")
        return self.keep(shapes.price(self.new_id("price"), self.now, **params))

    def create_coupon(self, params: Thing) -> Thing:
        if ("percent_off" in params) == ("amount_off" in params):
            raise RefusedError("Must provide percent_off or amount_off.", code="parameter_missing")
        coupon_id = params.pop("id", None) or self.new_id("co")
        if coupon_id in self.kept.get("coupon", {}):
            raise RefusedError("Coupon already exists.", code="resource_already_exists", param="id")
        params["percent_off"] = float(params["percent_off"]) if "percent_off" in params else None
        return self.keep(shapes.coupon(coupon_id, self.now, **params))

    # --- subscriptions

    def create_subscription(self, params: Thing) -> Thing:
        _only(params, DONE_ON_CREATE)
        customer = self.find("customer", params["customer"], "customer")
        made = self._new_subscription(customer, params)
        behaviour = params.get("payment_behavior", "allow_incomplete")
        if behaviour == "pending_if_incomplete":
            raise RefusedError("pending_if_incomplete is only for updates.", param="payment_behavior")
        self._place_discounts(made, params.get("discounts"))
        self.keep(made)
        lines = [] if made["status"] == "trialing" else self._regular_lines(made, made["items"]["data"])
        invoice = self._invoice(made, lines, reason="subscription_create")
        made["latest_invoice"] = invoice["id"]
        outcome = self._collect(invoice, made) if behaviour != "default_incomplete" else "no_method"
        if outcome != "paid" and made["collection_method"] == "charge_automatically":
            if behaviour == "error_if_incomplete":
                del self.kept["subscription"][made["id"]]
                self._void(invoice)
                raise _card_error(outcome)
            made["status"] = "incomplete"
        self._settled(made, invoice)
        self.emit("customer.subscription.created", made)
        return made

    def _new_subscription(self, customer: Thing, params: Thing, *, made_id: str | None = None) -> Thing:
        now = self.now
        trial_end = params.get("trial_end")
        if params.get("trial_period_days"):
            trial_end = now + params["trial_period_days"] * 86_400
        known = {key: params[key] for key in ("metadata", "collection_method", "days_until_due") if key in params}
        mode = {"type": (params.get("billing_mode") or {}).get("type", "flexible")}
        made = shapes.subscription(
            made_id or self.new_id("sub"),
            now,
            customer=customer["id"],
            billing_mode=mode,
            default_payment_method=params.get("default_payment_method"),
            test_clock=customer["test_clock"],
            **known,
        )
        if isinstance(trial_end, int):
            if trial_end <= now:
                raise RefusedError("trial_end must be in the future.", param="trial_end")
            made |= {"status": "trialing", "trial_start": now, "trial_end": trial_end}
            made["billing_cycle_anchor"] = trial_end
        made["items"]["data"] = [
            self._item(made, wanted, number) for number, wanted in enumerate(params.get("items") or [])
        ]
        if not made["items"]["data"]:
            raise RefusedError("Missing required param: items.", code="parameter_missing", param="items")
        made |= {"currency": made["items"]["data"][0]["price"]["currency"], "_pending": [], "_used": []}
        self._check_items(made)
        for item in made["items"]["data"]:
            self._set_period(made, item, now)
        return made

    def update_subscription(self, subscription_id: str, params: Thing) -> Thing:
        _only(params, DONE_ON_UPDATE)
        current = self.find("subscription", subscription_id)
        self._check_update(current, params)
        before = deepcopy(current)
        if current["pending_update"] and params.keys() & {"items", "trial_end", "billing_cycle_anchor"}:
            self._drop_pending(current)
        behaviour = params.get("proration_behavior", "create_prorations")
        after, lines, is_immediate = self._change(current, params, at=params.get("proration_date") or self.now)
        self._plain_changes(after, params)
        if not is_immediate:
            if behaviour == "create_prorations":
                after["_pending"] = [*after["_pending"], *lines]
            return self._take_over(before, after)
        invoice = self._invoice(after, [*after["_pending"], *lines], reason="subscription_update")
        outcome = self._collect(invoice, current)
        if outcome not in ("paid", "sent") and params.get("payment_behavior") == "error_if_incomplete":
            self._void(invoice)
            raise _card_error(outcome)
        if outcome not in ("paid", "sent") and params.get("payment_behavior") == "pending_if_incomplete":
            return self._leave_pending(before, after, invoice, params)
        after |= {"latest_invoice": invoice["id"], "_pending": []}
        self._settled(after, invoice)
        if outcome not in ("paid", "sent"):
            after["status"] = "past_due"
        return self._take_over(before, after)

    def _check_update(self, current: Thing, params: Thing) -> None:
        if current["status"] in ("canceled", "incomplete_expired"):
            raise RefusedError("A canceled subscription can only update its cancellation_details and metadata.")
        if params.get("payment_behavior") == "pending_if_incomplete":
            refused = sorted(params.keys() - PENDING_ALLOWED)
            if refused:
                raise RefusedError(
                    f"The following parameters are not supported with pending_if_incomplete: {', '.join(refused)}",
                    param=refused[0],
                )
            if current["collection_method"] == "send_invoice":
                raise RefusedError("pending_if_incomplete is only for charge_automatically.", param="payment_behavior")
        if current["schedule"] and "items" in params:
            raise RefusedError(
                "The subscription is managed by the subscription schedule "
                f"`{current['schedule']}`, and updating items directly is not allowed. Release the schedule first."
            )
        at = params.get("proration_date")
        starts = [item["current_period_start"] for item in current["items"]["data"]]
        ends = [item["current_period_end"] for item in current["items"]["data"]]
        if at and not min(starts) <= at <= max(ends):
            raise RefusedError("proration_date must be within the current period.", param="proration_date")

    def _plain_changes(self, after: Thing, params: Thing) -> None:
        after["metadata"] = after["metadata"] | (params.get("metadata") or {})
        for name in ("default_payment_method", "collection_method", "days_until_due"):
            if name in params:
                after[name] = params[name]
        if "pause_collection" in params:
            pause = params["pause_collection"]
            after["pause_collection"] = {"resumes_at": None} | pause if pause else None
        if "discounts" in params:
            self._place_discounts(after, params["discounts"])
        if "cancel_at" in params:
            after["cancel_at"] = params["cancel_at"] or None
            after["canceled_at"] = self.now if params["cancel_at"] else None
        if "cancel_at_period_end" in params:
            after["cancel_at_period_end"] = params["cancel_at_period_end"]
            end = min(item["current_period_end"] for item in after["items"]["data"])
            after["cancel_at"] = end if params["cancel_at_period_end"] else None
            after["canceled_at"] = self.now if params["cancel_at_period_end"] else None

    def _take_over(self, before: Thing, after: Thing) -> Thing:
        """Make the new version the one that is kept."""
        current = self.kept["subscription"][after["id"]]
        current.clear()
        current.update(after)
        self.changed(before, current)
        return current

    def _leave_pending(self, before: Thing, after: Thing, invoice: Thing, params: Thing) -> Thing:
        current = self.kept["subscription"][after["id"]]
        ends = [item["current_period_end"] for item in current["items"]["data"]]
        current["pending_update"] = {
            "billing_cycle_anchor": None,
            "discount": None,
            "discounts": [],
            "expires_at": min(self.now + PENDING_SECONDS, *ends, current["trial_end"] or self.now + PENDING_SECONDS),
            "metadata": params.get("metadata"),
            "subscription_items": [shown(item) for item in after["items"]["data"]],
            "trial_end": None,
            "trial_from_plan": None,
        }
        current |= {"latest_invoice": invoice["id"], "_wanted": after, "_pending_invoice": invoice["id"]}
        self.changed(before, current)
        return current

    def _drop_pending(self, current: Thing) -> None:
        invoice_id = current.pop("_pending_invoice", None)
        current.pop("_wanted", None)
        current["pending_update"] = None
        if invoice_id and self.find("invoice", invoice_id)["status"] == "open":
            self._void(self.find("invoice", invoice_id))

    def cancel_subscription(self, subscription_id: str, params: Thing) -> Thing:
        _only(params, {"expand"})
        current = self.find("subscription", subscription_id)
        if current["status"] == "incomplete":
            self._void(self.find("invoice", current["latest_invoice"]))
        if current["pending_update"]:
            self._drop_pending(current)
        current |= {"status": "canceled", "canceled_at": self.now, "ended_at": self.now, "schedule": None}
        self.emit("customer.subscription.deleted", current)
        return current

    def _item(self, made: Thing, wanted: Thing, number: int) -> Thing:
        item = shapes.subscription_item(
            self.new_id("si"),
            self.now,
            price=self._price(wanted, number),
            quantity=wanted.get("quantity", 1),
            metadata=wanted.get("metadata") or {},
            subscription=made["id"],
        )
        item["plan"] = _plan(item["price"])
        return item

    def _price(self, wanted: Thing, number: int) -> Thing:
        if "price" in wanted:
            return self.find("price", wanted["price"], f"items[{number}][price]")
        if "price_data" in wanted:
            found = dict(wanted["price_data"])
            self.find("product", found["product"], f"items[{number}][price_data][product]")
            return self.keep(shapes.price(self.new_id("price"), self.now, **found | {"active": False}))
        raise RefusedError("Missing price or price_data", code="parameter_missing", param=f"items[{number}][price]")

    def _check_items(self, made: Thing) -> None:
        items = made["items"]["data"]
        currencies = {item["price"]["currency"] for item in items}
        if len(currencies) > 1 or currencies - {made["currency"]}:
            raise RefusedError(
                f"The price specified only supports `{(currencies - {made['currency']}).pop()}`. This doesn't match "
                f"the expected currency: `{made['currency']}`."
            )
        every = {(i["price"]["recurring"]["interval"], i["price"]["recurring"]["interval_count"]) for i in items}
        if len(every) > 1 and made["billing_mode"]["type"] == "classic":
            raise RefusedError("Currently, all prices on a subscription must have the same recurring interval.")
        if len({item["price"]["id"] for item in items}) < len(items):
            raise RefusedError("Cannot add multiple subscription items with the same price.")

    def _set_period(self, made: Thing, item: Thing, at: int) -> None:
        if made["status"] == "trialing":
            item |= {"current_period_start": at, "current_period_end": made["trial_end"], "_debits": []}
            return
        start, end = money.period(made["billing_cycle_anchor"], at, item["price"]["recurring"])
        item |= {"current_period_start": start, "current_period_end": end}

    # --- what a change costs

    def _change(self, current: Thing, params: Thing, *, at: int) -> tuple[Thing, list[Thing], bool]:
        """The subscription as it would be, the lines that this makes, and whether they are invoiced at once."""
        after = deepcopy(current)
        behaviour = params.get("proration_behavior", "create_prorations")
        touched = self._wanted_items(after, params.get("items") or [])
        self._check_items(after)
        ends_trial = params.get("trial_end") == "now" and current["status"] == "trialing"
        if ends_trial or self._starts_anew(current, after, params):
            return self._anew(current, after, at=at, is_credited=behaviour != "none")
        lines = []
        was = {item["id"]: item for item in current["items"]["data"]}
        coupons = self._coupons(after)
        mode = after["billing_mode"]["type"]
        for item_id in touched:
            old = was.get(item_id)
            new = next((item for item in after["items"]["data"] if item["id"] == item_id), None)
            if new is not None and (old is None or old["price"]["recurring"] != new["price"]["recurring"]):
                self._set_period(after, new, at)
            if behaviour == "none" or after["status"] == "trialing":
                continue
            if old is not None:
                lines += self._credit_lines(after, old, at)
            if new is not None:
                amount = money.debit(new, at, mode=mode, coupons=coupons, items=after["items"]["data"])
                new["_debits"] = []
                if amount and not money.is_metered(new):
                    lines.append(self._proration(after, new, amount, at, "Remaining"))
                    new["_debits"] = [self._held(lines[-1], amount, at, new["current_period_end"])]
        return after, lines, bool(lines) and behaviour == "always_invoice"

    def _wanted_items(self, after: Thing, wanted: list[Thing]) -> list[str]:
        """Write the wanted items; the ids of those whose price or quantity differs."""
        touched = []
        for number, change in enumerate(wanted):
            allowed = {"id", "price", "price_data", "quantity", "deleted", "metadata"}
            _only(change, allowed, f"items[{number}]")
            if "id" not in change:
                item = self._item(after, change, number)
                after["items"]["data"].append(item)
                touched.append(item["id"])
                continue
            item = next((i for i in after["items"]["data"] if i["id"] == change["id"]), None)
            if item is None:
                raise RefusedError(
                    f"No such subscription_item: '{change['id']}'",
                    code="resource_missing",
                    param=f"items[{number}][id]",
                )
            if change.get("deleted"):
                after["items"]["data"].remove(item)
                touched.append(item["id"])
                continue
            was = (item["price"]["id"], item["quantity"])
            if "price" in change or "price_data" in change:
                item["price"] = self._price(change, number)
                item["plan"] = _plan(item["price"])
            item["quantity"] = change.get("quantity", item["quantity"])
            item["metadata"] |= change.get("metadata") or {}
            if was != (item["price"]["id"], item["quantity"]):
                touched.append(item["id"])
        if not after["items"]["data"]:
            raise RefusedError("A subscription must have at least one active price.")
        return touched

    def _starts_anew(self, current: Thing, after: Thing, params: Thing) -> bool:
        """Classic moves the anchor on another interval and on free to paid, flexible only when told to."""
        anchor = (params.get("billing_cycle_anchor") or {}).get("type")
        if anchor in ("now", "timestamp"):
            return True
        if anchor == "unchanged" or current["status"] == "trialing" or after["billing_mode"]["type"] == "flexible":
            return False
        was, is_now = current["items"]["data"], after["items"]["data"]
        every = [{str(item["price"]["recurring"]["interval"]) for item in items} for items in (was, is_now)]
        is_paid = [any(money.gross(item) for item in items) for items in (was, is_now)]
        return every[0] != every[1] or is_paid == [False, True]

    def _anew(self, current: Thing, after: Thing, *, at: int, is_credited: bool) -> tuple[Thing, list[Thing], bool]:
        lines = []
        if is_credited and current["status"] != "trialing":
            for item in current["items"]["data"]:
                lines += self._credit_lines(after, item, at)
        after |= {"billing_cycle_anchor": at, "status": "active"}
        if after["trial_end"] and after["trial_end"] > at:
            after["trial_end"] = at
        for item in after["items"]["data"]:
            self._set_period(after, item, at)
        return after, [*lines, *self._regular_lines(after, after["items"]["data"])], True

    def _credit_lines(self, after: Thing, item: Thing, at: int) -> list[Thing]:
        mode = after["billing_mode"]["type"]
        return [
            self._proration(after, item, amount, at, "Unused", held)
            for amount, held in money.credited(item, at, mode=mode, coupons=after["_used"])
        ]

    def _proration(self, after: Thing, item: Thing, amount: int, at: int, use: str, held: Thing | None = None) -> Thing:
        count = f"{item['quantity']} × " if item["quantity"] > 1 else ""
        name = self.find("product", item["price"]["product"])["name"]
        return shapes.line(
            self.new_id("il"),
            amount=amount,
            currency=after["currency"],
            description=f"{use} time on {count}{name} after {_day(at)}",
            period=(at, item["current_period_end"]),
            price=item["price"],
            quantity=item["quantity"],
            item_id=item["id"],
            subscription=after["id"],
            proration=True,
            invoice_item=self.new_id("ii"),
            credited_items=held
            and held["invoice"]
            and {"invoice": held["invoice"], "invoice_line_items": [held["line"]]},
        )

    def _regular_lines(self, made: Thing, items: list[Thing]) -> list[Thing]:
        """The recurring lines of these items for the period they are in, discounts beside the amounts."""
        charged = [item for item in items if not money.is_metered(item)]
        coupons = self._coupons(made)
        taken = money.discounted([money.gross(item) for item in charged], coupons)
        lines = []
        for number, item in enumerate(charged):
            amount = money.gross(item)
            line = shapes.line(
                self.new_id("il"),
                amount=amount,
                currency=made["currency"],
                description=f"{item['quantity']} × {self.find('product', item['price']['product'])['name']}",
                period=(item["current_period_start"], item["current_period_end"]),
                price=item["price"],
                quantity=item["quantity"],
                item_id=item["id"],
                subscription=made["id"],
                proration=False,
            )
            line["discount_amounts"] = [
                {"amount": off[number], "discount": discount_id}
                for off, discount_id in zip(taken, made["discounts"], strict=True)
            ]
            paid = amount - sum(off[number] for off in taken)
            item["_debits"] = [self._held(line, paid, item["current_period_start"], item["current_period_end"])]
            lines.append(line)
        return lines

    @staticmethod
    def _held(line: Thing, amount: int, start: int, end: int) -> Thing:
        return {"amount": amount, "start": start, "end": end, "line": line["id"], "invoice": None}

    # --- discounts

    def _place_discounts(self, made: Thing, wanted: Any) -> None:
        if wanted is None:
            return
        kept = []
        for entry in wanted or []:
            if "discount" in entry:
                kept.append(self.find("discount", entry["discount"])["id"])
                continue
            coupon = self.find("coupon", entry["coupon"], "discounts[0][coupon]")
            if coupon["currency"] not in (None, made["currency"]):
                raise RefusedError(f"Coupon {coupon['id']} is for {coupon['currency']} only.", param="discounts")
            coupon["times_redeemed"] += 1
            end = None
            if coupon["duration"] == "repeating":
                end = money.after(self.now, "month", coupon["duration_in_months"])
            made_discount = shapes.discount(
                self.new_id("di"),
                self.now,
                coupon=coupon["id"],
                customer=made["customer"],
                subscription=made["id"],
                end=end,
            )
            kept.append(self.keep(made_discount)["id"])
        made["discounts"] = kept

    def _coupons(self, made: Thing) -> list[Thing]:
        found = [self.find("discount", discount_id) for discount_id in made["discounts"]]
        return [self.find("coupon", discount["source"]["coupon"]) for discount in found]

    def _use_discounts(self, made: Thing) -> None:
        """After an invoice: what was used is what classic credits; a coupon for one invoice is gone."""
        made["_used"] = self._coupons(made)
        kept = []
        for discount_id in made["discounts"]:
            discount = self.find("discount", discount_id)
            coupon = self.find("coupon", discount["source"]["coupon"])
            if coupon["duration"] == "once" or (discount["end"] and discount["end"] <= self.now):
                discount["end"] = discount["end"] or self.now
            else:
                kept.append(discount_id)
        made["discounts"] = kept

    # --- invoices and payments

    def _invoice(self, made: Thing, lines: list[Thing], *, reason: str, is_kept: bool = True) -> Thing:
        customer = self.find("customer", made["customer"])
        invoice = shapes.invoice(
            self.new_id("in" if is_kept else "upcoming_in"),
            self.now,
            lines,
            subscription=made["id"],
            marks=dict(made["metadata"]),
            customer=made["customer"],
            currency=made["currency"],
            billing_reason=reason,
            collection_method=made["collection_method"],
            test_clock=made["test_clock"],
            discounts=list(made["discounts"]),
        )
        off = sum(part["amount"] for line in lines for part in line["discount_amounts"])
        subtotal = sum(line["amount"] for line in lines)
        total, start = subtotal - off, customer["balance"]
        due = max(total + start, 0)
        invoice |= {"subtotal": subtotal, "total": total, "starting_balance": start, "amount_due": due}
        invoice |= {"amount_remaining": due, "ending_balance": total + start - due}
        by_discount: dict[str, int] = {}
        for part in (part for line in lines for part in line["discount_amounts"]):
            by_discount[part["discount"]] = by_discount.get(part["discount"], 0) + part["amount"]
        invoice["total_discount_amounts"] = [{"amount": a, "discount": d} for d, a in by_discount.items()]
        if lines:
            invoice["period_start"] = min(line["period"]["start"] for line in lines)
            invoice["period_end"] = max(line["period"]["end"] for line in lines)
        for line in lines:
            line["invoice"] = invoice["id"] if is_kept else None
        if is_kept:
            invoice |= {"status": "open", "hosted_invoice_url": f"https://invoice.stripe.com/i/{invoice['id']}"}
            invoice["number"] = f"FAKE-{next(self._numbers):04d}"
            invoice["status_transitions"]["finalized_at"] = self.now
            if made["collection_method"] == "send_invoice":
                invoice["due_date"] = self.now + (made["days_until_due"] or 30) * 86_400
            customer["balance"] = invoice["ending_balance"]
            self.keep(invoice)
            for held in (held for item in made["items"]["data"] for held in item["_debits"]):
                held["invoice"] = held["invoice"] or invoice["id"]
            self.emit("invoice.created", invoice)
            self.emit("invoice.finalized", invoice)
        return invoice

    def _collect(self, invoice: Thing, made: Thing, method_id: str | None = None, *, is_confirmed: bool = False) -> str:
        """Try to have it paid: paid, sent (by hand), declined, insufficient_funds, authentication; raises without a
        card."""
        if invoice["amount_due"] == 0:
            self._paid(invoice)
            return "paid"
        if invoice["collection_method"] == "send_invoice" and method_id is None:
            return "sent"
        customer = self.find("customer", invoice["customer"])
        method_id = (
            method_id or made["default_payment_method"] or customer["invoice_settings"]["default_payment_method"]
        )
        if method_id is None:
            self._void(invoice)
            raise RefusedError(
                "This customer has no attached payment source or default payment method. Please consider adding a "
                "default payment method. For more information, visit "
                "https://stripe.com/docs/billing/subscriptions/payment-methods-setting#payment-method-priority.",
                code="resource_missing",
            )
        behaviour = self.find("payment_method", method_id)["_behaviour"]
        if behaviour == "authentication" and is_confirmed:
            behaviour = "ok"
        intent = self.keep(
            shapes.payment_intent(
                self.new_id("pi"),
                self.now,
                amount=invoice["amount_due"],
                currency=invoice["currency"],
                customer=customer["id"],
            )
        )
        invoice |= {"attempted": True, "attempt_count": invoice["attempt_count"] + 1}
        status = "paid" if behaviour == "ok" else "open"
        self.keep(
            shapes.invoice_payment(
                self.new_id("inpay"),
                self.now,
                invoice=invoice["id"],
                payment_intent=intent["id"],
                amount=invoice["amount_due"],
                currency=invoice["currency"],
                status=status,
            )
        )
        self._charged(intent, behaviour, method_id)
        if behaviour == "ok":
            self._paid(invoice)
            return "paid"
        self.emit(
            "invoice.payment_action_required" if behaviour == "authentication" else "invoice.payment_failed", invoice
        )
        return str(behaviour)

    def _charged(self, intent: Thing, behaviour: str, method_id: str) -> None:
        if behaviour == "ok":
            intent |= {"status": "succeeded", "amount_received": intent["amount"], "payment_method": method_id}
        elif behaviour == "authentication":
            intent |= {"status": "requires_action", "next_action": {"type": "use_stripe_sdk"}}
            intent["payment_method"] = method_id
        else:
            intent["last_payment_error"] = _decline(behaviour)

    def _paid(self, invoice: Thing) -> None:
        invoice |= {"status": "paid", "amount_paid": invoice["amount_due"], "amount_remaining": 0}
        invoice["status_transitions"]["paid_at"] = self.now
        self.emit("invoice.paid", invoice)

    def _void(self, invoice: Thing) -> None:
        if invoice["status"] != "open":
            return
        self.find("customer", invoice["customer"])["balance"] -= invoice["ending_balance"] - invoice["starting_balance"]
        invoice |= {"status": "void", "amount_remaining": 0}
        invoice["status_transitions"]["voided_at"] = self.now
        self.emit("invoice.voided", invoice)

    def _settled(self, made: Thing, invoice: Thing) -> None:
        if invoice["lines"]["data"]:
            self._use_discounts(made)

    def pay(self, invoice_id: str, params: Thing, *, is_confirmed: bool = False) -> Thing:
        """Pay an open invoice; an update that waited for it is made."""
        _only(params, {"payment_method", "expand", "off_session"})
        invoice = self.find("invoice", invoice_id)
        if invoice["status"] != "open":
            raise RefusedError(f"Invoice is already {invoice['status']}")
        details = invoice["parent"]["subscription_details"]
        made = self.find("subscription", details["subscription"])
        outcome = self._collect(invoice, made, params.get("payment_method"), is_confirmed=is_confirmed)
        if outcome != "paid":
            raise _card_error(outcome)
        before = deepcopy(made)
        if made.get("_pending_invoice") == invoice_id:
            after = made["_wanted"]
            after["metadata"] = made["metadata"] | (made["pending_update"]["metadata"] or {})
            after |= {"pending_update": None, "latest_invoice": invoice_id, "_pending": []}
            self._settled(after, invoice)
            made.clear()
            made.update(after)
            self.changed(before, made)
            self.emit("customer.subscription.pending_update_applied", made)
        elif made["status"] in ("past_due", "incomplete"):
            made["status"] = "active"
            self.changed(before, made)
        return invoice

    def confirm(self, invoice_id: str) -> Thing:
        """What the customer does on the hosted page: confirms the payment with the bank."""
        return self.pay(invoice_id, {}, is_confirmed=True)

    def update_invoice(self, invoice_id: str, params: Thing) -> Thing:
        _only(params, {"metadata"})
        invoice = self.find("invoice", invoice_id)
        invoice["metadata"] |= params["metadata"]
        return invoice

    def void(self, invoice_id: str, params: Thing) -> Thing:
        _only(params, {"expand"})
        invoice = self.find("invoice", invoice_id)
        if invoice["status"] != "open":
            raise RefusedError(f"You can only void open invoices; this one is {invoice['status']}.")
        self._void(invoice)
        for made in self.all("subscription"):
            if made.get("_pending_invoice") == invoice_id:
                before = deepcopy(made)
                self._drop_pending(made)
                self.changed(before, made)
        return invoice

    def preview(self, params: Thing) -> Thing:
        """POST /v1/invoices/create_preview. Keeps nothing."""
        _only(params, {"customer", "subscription", "subscription_details", "preview_mode", "expand", "currency"})
        details = params.get("subscription_details") or {}
        _only(details, DONE_IN_PREVIEW, "subscription_details")
        kept, numbers = self.kept, self._numbers
        self.kept, self._numbers = deepcopy(kept), itertools.count(900_000)
        try:
            return self._preview(params, details)
        finally:
            self.kept, self._numbers = kept, numbers

    def _preview(self, params: Thing, details: Thing) -> Thing:
        if "subscription" not in params:
            customer = self.find("customer", params["customer"], "customer")
            made = self._new_subscription(customer, details, made_id="sub_preview")
            return self._invoice(
                made, self._regular_lines(made, made["items"]["data"]), reason="upcoming", is_kept=False
            )
        current = self.find("subscription", params["subscription"], "subscription")
        if current["status"] == "canceled":
            raise RefusedError("No upcoming invoices for customer", code="invoice_upcoming_none", status=404)
        self._check_update(current, {**details, "payment_behavior": "allow_incomplete"})
        at = details.get("proration_date") or self.now
        after, lines, is_immediate = self._change(current, details, at=at)
        mode = params.get("preview_mode", "next")
        if is_immediate and mode == "next":
            lines = [*after["_pending"], *lines]
            return self._invoice(after, lines, reason="upcoming", is_kept=False)
        next_at = min(item["current_period_end"] for item in after["items"]["data"])
        pending = [*after["_pending"], *lines] if mode == "next" and not is_immediate else []
        renewing = [i for i in after["items"]["data"] if mode == "recurring" or i["current_period_end"] == next_at]
        after["status"] = "active"
        for item in renewing:
            if current["status"] == "trialing":
                after["billing_cycle_anchor"] = next_at
            self._set_period(after, item, item["current_period_end"])
        return self._invoice(after, [*pending, *self._regular_lines(after, renewing)], reason="upcoming", is_kept=False)

    # --- schedules

    def create_schedule(self, params: Thing) -> Thing:
        _only(params, {"from_subscription", "expand", "metadata"})
        made = self.find("subscription", params["from_subscription"], "from_subscription")
        if made["schedule"]:
            raise RefusedError(
                f"You cannot migrate a subscription that is already attached to a schedule: `{made['schedule']}`."
            )
        items = [{"price": i["price"]["id"], "quantity": i["quantity"]} for i in made["items"]["data"]]
        start = min(item["current_period_start"] for item in made["items"]["data"])
        end = max(item["current_period_end"] for item in made["items"]["data"])
        schedule = self.keep(
            shapes.schedule(
                self.new_id("sub_sched"),
                self.now,
                billing_mode=made["billing_mode"],
                customer=made["customer"],
                current_phase={"start_date": start, "end_date": end},
                phases=[
                    shapes.phase(
                        items,
                        start,
                        end,
                        currency=made["currency"],
                        discounts=[{"coupon": None, "discount": d, "promotion_code": None} for d in made["discounts"]],
                    )
                ],
                subscription=made["id"],
            )
        )
        before = deepcopy(made)
        made["schedule"] = schedule["id"]
        self.emit("subscription_schedule.created", schedule)
        self.changed(before, made)
        return schedule

    def update_schedule(self, schedule_id: str, params: Thing) -> Thing:
        _only(params, {"phases", "end_behavior", "proration_behavior", "metadata", "expand"})
        schedule = self.find("subscription_schedule", schedule_id)
        if schedule["status"] not in ("active", "not_started"):
            raise RefusedError(
                "You cannot update a subscription schedule that is currently in the "
                f"`{schedule['status']}` status. It must have a status of `active` or `not_started`."
            )
        before = deepcopy(schedule)
        phases, previous = [], None
        for number, wanted in enumerate(params.get("phases") or []):
            _only(
                wanted,
                {"items", "start_date", "end_date", "duration", "proration_behavior", "metadata", "discounts"},
                f"phases[{number}]",
            )
            start = wanted.get("start_date") or previous
            if number == 0 and start != schedule["phases"][0]["start_date"]:
                raise RefusedError(
                    "You can not modify the start date of the current phase.", param="phases[0][start_date]"
                )
            end = wanted.get("end_date")
            if "duration" in wanted:
                duration = wanted["duration"]
                end = money.after(start, duration["interval"], duration.get("interval_count", 1))
            if end is None:
                raise RefusedError("Each phase needs an end_date or a duration.", param=f"phases[{number}]")
            items = [
                {"price": self._price(item, position)["id"], "quantity": item.get("quantity", 1)}
                for position, item in enumerate(wanted["items"])
            ]
            phases.append(
                shapes.phase(
                    items,
                    start,
                    end,
                    metadata=wanted.get("metadata"),
                    proration_behavior=wanted.get("proration_behavior", "create_prorations"),
                    discounts=[
                        {"coupon": None, "discount": None, "promotion_code": None} | d
                        for d in wanted.get("discounts") or []
                    ],
                )
            )
            previous = end
        if phases:
            schedule["phases"] = phases
        schedule["end_behavior"] = params.get("end_behavior", schedule["end_behavior"])
        schedule["metadata"] |= params.get("metadata") or {}
        self.changed(before, schedule, "subscription_schedule.updated")
        return schedule

    def release_schedule(self, schedule_id: str, params: Thing) -> Thing:
        _only(params, {"expand", "preserve_cancel_date"})
        schedule = self.find("subscription_schedule", schedule_id)
        if schedule["status"] not in ("active", "not_started"):
            raise RefusedError(f"You cannot release a subscription schedule in the `{schedule['status']}` status.")
        made = self.find("subscription", schedule["subscription"])
        before = deepcopy(made)
        made["schedule"] = None
        schedule |= {"status": "released", "released_at": self.now, "released_subscription": made["id"]}
        schedule |= {"subscription": None, "current_phase": None}
        self.emit("subscription_schedule.released", schedule)
        self.changed(before, made)
        return schedule

    # --- hosted pages

    def portal(self, params: Thing) -> Thing:
        _only(params, {"customer", "return_url", "flow_data", "expand"})
        self.find("customer", params["customer"], "customer")
        session_id = self.new_id("bps")
        return self.keep(
            shapes.portal_session(
                session_id,
                self.now,
                customer=params["customer"],
                return_url=params.get("return_url"),
                flow=params.get("flow_data"),
                url=f"https://billing.stripe.com/p/session/{session_id}",
            )
        )

    def checkout(self, params: Thing) -> Thing:
        _only(params, {"customer", "mode", "success_url", "cancel_url", "currency", "metadata", "expand"})
        session_id = self.new_id("cs_test")
        url = f"https://checkout.stripe.com/c/pay/{session_id}"
        return self.keep(shapes.checkout_session(session_id, self.now, **params | {"url": url}))

    # --- time

    def create_clock(self, params: Thing) -> Thing:
        self.now = params["frozen_time"]
        return self.keep(shapes.test_clock(self.new_id("clock"), self.now, params.get("name")))

    def advance_clock(self, clock_id: str, params: Thing) -> Thing:
        clock = self.find("test_helpers.test_clock", clock_id)
        if params["frozen_time"] < clock["frozen_time"]:
            raise RefusedError("frozen_time must be later.", param="frozen_time")
        self.advance(params["frozen_time"])
        clock["frozen_time"] = params["frozen_time"]
        return clock

    def delete_clock(self, clock_id: str, params: Thing) -> Thing:
        """With its customers and what is theirs."""
        _only(params, set())
        self.find("test_helpers.test_clock", clock_id)
        gone = {customer["id"] for customer in self.all("customer") if customer["test_clock"] == clock_id}
        for kind in ("subscription", "invoice"):
            for thing in self.all(kind):
                if thing["customer"] in gone:
                    del self.kept[kind][thing["id"]]
        for customer_id in gone:
            del self.kept["customer"][customer_id]
        del self.kept["test_helpers.test_clock"][clock_id]
        return {"id": clock_id, "object": "test_helpers.test_clock", "deleted": True}

    def advance(self, to: int) -> None:
        """Let time pass: renewals, ends of trials, phases, cancellations, pending updates that expire."""
        while True:
            dues = [(due, made["id"]) for made in self.all("subscription") if (due := self._next_due(made)) is not None]
            at, made_id = min(dues, default=(to + 1, ""))
            if at > to:
                break
            self.now = at
            self._pass(self.find("subscription", made_id))
        self.now = to

    def _next_due(self, made: Thing) -> int | None:
        if made["status"] == "incomplete":
            return int(made["created"]) + PENDING_SECONDS
        if made["status"] not in ("active", "past_due", "trialing"):
            return None
        dues = [item["current_period_end"] for item in made["items"]["data"]]
        dues += [due for due in (made["cancel_at"], (made["pending_update"] or {}).get("expires_at")) if due]
        return int(min(dues))

    def _pass(self, made: Thing) -> None:
        before = deepcopy(made)
        now = self.now
        if made["status"] == "incomplete":
            made |= {"status": "incomplete_expired", "ended_at": now}
            self._void(self.find("invoice", made["latest_invoice"]))
            self.changed(before, made)
            return
        if made["pending_update"] and made["pending_update"]["expires_at"] <= now:
            self._drop_pending(made)
            self.emit("customer.subscription.pending_update_expired", made)
        if made["cancel_at"] and made["cancel_at"] <= now:
            made |= {"status": "canceled", "ended_at": now, "schedule": None}
            self.emit("customer.subscription.deleted", made)
            return
        if made["status"] == "trialing":
            made |= {"status": "active", "billing_cycle_anchor": now}
        self._next_phase(made)
        due = [item for item in made["items"]["data"] if item["current_period_end"] <= now]
        for item in due:
            self._set_period(made, item, now)
        if due:
            invoice = self._invoice(
                made, [*made["_pending"], *self._regular_lines(made, due)], reason="subscription_cycle"
            )
            made |= {"latest_invoice": invoice["id"], "_pending": []}
            self._settled(made, invoice)
            try:
                outcome = self._collect(invoice, made)
            except RefusedError:
                outcome = "no_method"
            if outcome not in ("paid", "sent"):
                made["status"] = "past_due"
        self.changed(before, made)

    def _next_phase(self, made: Thing) -> None:
        if not made["schedule"]:
            return
        schedule = self.find("subscription_schedule", made["schedule"])
        phase = next((p for p in schedule["phases"] if p["start_date"] == self.now), None)
        if phase is not None:
            schedule["current_phase"] = {"start_date": phase["start_date"], "end_date": phase["end_date"]}
            left = list(made["items"]["data"])
            made["items"]["data"] = [self._phase_item(made, entry, left) for entry in phase["items"]]
            made["metadata"] = made["metadata"] | phase["metadata"]
            # What a phase does not name is taken away.
            made["discounts"] = [entry["discount"] for entry in phase["discounts"]]
        if schedule["phases"][-1]["end_date"] <= self.now or phase is schedule["phases"][-1]:
            # The last phase's end is when the real one releases it; nothing differs in between.
            schedule |= {"status": "released", "released_at": self.now, "released_subscription": made["id"]}
            made["schedule"] = None
            self.emit("subscription_schedule.released", schedule)

    def _phase_item(self, made: Thing, entry: Thing, left: list[Thing]) -> Thing:
        """The item that already has the price, else the next one that is left over, else a new one."""
        item = next((i for i in left if i["price"]["id"] == entry["price"]), left[0] if left else None)
        if item is None:
            return self._item(made, entry, 0) | {"current_period_end": self.now}
        left.remove(item)
        item |= {"price": self.find("price", entry["price"]), "quantity": entry["quantity"]}
        item["plan"] = _plan(item["price"])
        return item

    # --- seeds

    def seed(
        self, rows: Iterable[Mapping[str, Any]], *, mode: str = "classic", card: str | None = "pm_card_visa"
    ) -> None:
        """Subscriptions as they are today, from rows like ``subscription_item``; nothing is told of it by events."""
        for row in rows:
            self._seed_customer(row["account_id"], card)
            self._seed_subscription(row, mode)

    def _seed_customer(self, customer_id: str, card: str | None) -> None:
        if customer_id in self.kept.get("customer", {}):
            return
        customer = self.keep(shapes.customer(customer_id, self.now))
        if card:
            customer["invoice_settings"]["default_payment_method"] = self.attach(card, {"customer": customer_id})["id"]

    def _seed_subscription(self, row: Mapping[str, Any], mode: str) -> None:
        period = [_seconds(row["period_start"]), _seconds(row["period_end"])]
        made = self.kept.get("subscription", {}).get(row["subscription_id"])
        if made is None:
            anchor = max(period, key=lambda at: datetime.fromtimestamp(at, UTC).day)
            made = self.keep(
                shapes.subscription(
                    row["subscription_id"],
                    _seconds(row["valid_from"]),
                    customer=row["account_id"],
                    currency=row["currency"],
                    status=row["status"],
                    billing_mode={"type": mode},
                    billing_cycle_anchor=anchor if row["status"] != "trialing" else period[1],
                    trial_end=period[1] if row["status"] == "trialing" else None,
                    collection_method="send_invoice" if row.get("collection") == "invoice" else "charge_automatically",
                    _pending=[],
                    _used=[],
                )
            )
        price = self._seed_price(row)
        item = shapes.subscription_item(
            row["item_id"],
            _seconds(row["valid_from"]),
            price=price,
            plan=_plan(price),
            quantity=row["quantity"],
            subscription=made["id"],
            current_period_start=period[0],
            current_period_end=period[1],
        )
        held = {"amount": row["amount_minor"], "start": period[0], "end": period[1], "line": None, "invoice": None}
        item["_debits"] = [held] if row["status"] != "trialing" else []
        made["items"]["data"].append(item)
        self._seed_invoice(made, item)

    def _seed_invoice(self, made: Thing, item: Thing) -> None:
        """The running period was billed when it began, and paid."""
        if made["status"] == "trialing":
            return
        start, end = item["current_period_start"], item["current_period_end"]
        line = shapes.line(
            self.new_id("il"),
            amount=money.gross(item),
            currency=made["currency"],
            description=f"{item['quantity']} × {item['price']['product']}",
            period=(start, end),
            price=item["price"],
            quantity=item["quantity"],
            item_id=item["id"],
            subscription=made["id"],
            proration=False,
        )
        invoice = self.kept.get("invoice", {}).get(made["latest_invoice"])
        if invoice is None:
            known = {"subscription": made["id"], "customer": made["customer"], "currency": made["currency"]}
            made["latest_invoice"] = self.new_id("in")
            invoice = self.keep(shapes.invoice(made["latest_invoice"], start, [], **known, status="paid"))
            invoice |= {"billing_reason": "subscription_cycle", "period_start": start, "period_end": end}
            invoice["status_transitions"] |= {"finalized_at": start, "paid_at": start}
        invoice["lines"]["data"].append(line | {"invoice": invoice["id"]})
        for name in ("subtotal", "total", "amount_due", "amount_paid"):
            invoice[name] += line["amount"]

    def seed_product(self, product_id: str, *, plan_id: str | None = None, add_on_id: str | None = None) -> Thing:
        """One Stripe product for each plan or add-on, which says in its metadata what it is."""
        name = plan_id or add_on_id or product_id
        made_id = f"prod_{product_id}_{name}"
        if made_id not in self.kept.get("product", {}):
            marks = {"upstep_product": product_id, "upstep_plan": plan_id, "upstep_add_on": add_on_id}
            known = {key: value for key, value in marks.items() if value}
            self.keep(shapes.product(made_id, self.now, name=name, metadata=known))
        return self.kept["product"][made_id]

    def _seed_price(self, row: Mapping[str, Any]) -> Thing:
        product = self.seed_product(row["product_id"], plan_id=row.get("plan_id"), add_on_id=row.get("add_on_id"))
        unit, left = divmod(row["amount_minor"], max(row["quantity"], 1))
        assert not left, "a seeded amount is quantity x a whole unit amount"
        every = {"interval": row["interval"], "interval_count": row.get("interval_count") or 1}
        known = {"product": product["id"], "currency": row["currency"], "unit_amount": unit, "recurring": every}
        return self.keep(shapes.price(self.new_id("price"), self.now, **known, lookup_key=row.get("price_id")))


def shown(thing: Any) -> Any:
    """As it is sent: without the keys that are ours."""
    if isinstance(thing, dict):
        return {key: shown(value) for key, value in thing.items() if not key.startswith("_")}
    return [shown(element) for element in thing] if isinstance(thing, list) else thing


def _previous(was: Thing, now: Thing) -> Thing:
    """``previous_attributes``: a key that was not there before is null."""
    found = {}
    for key in was.keys() | now.keys():
        old, new = was.get(key), now.get(key)
        if old == new:
            continue
        is_hash = isinstance(old, dict) and isinstance(new, dict) and old.get("object") != "list"
        found[key] = _previous(old, new) if is_hash and key != "pending_update" else old
    return found


def _plan(price: Thing) -> Thing:
    recurring = price["recurring"]
    return {
        "id": price["id"],
        "object": "plan",
        "active": price["active"],
        "amount": price["unit_amount"],
        "amount_decimal": price["unit_amount_decimal"],
        "billing_scheme": price["billing_scheme"],
        "created": price["created"],
        "currency": price["currency"],
        "interval": recurring["interval"],
        "interval_count": recurring["interval_count"],
        "livemode": False,
        "metadata": {},
        "nickname": price["nickname"],
        "product": price["product"],
        "usage_type": recurring["usage_type"],
    }


def _only(params: Thing, done: set[str], path: str = "") -> None:
    unknown = sorted(params.keys() - done)
    assert not unknown, f"the fake Stripe does not do {path}{unknown} yet: add it to tests/fakes/stripe_books.py"


def _decline(behaviour: str) -> Thing:
    code = "insufficient_funds" if behaviour == "insufficient_funds" else "generic_decline"
    message = "Your card has insufficient funds." if code == "insufficient_funds" else "Your card was declined."
    return {"type": "card_error", "code": "card_declined", "decline_code": code, "message": message}


def _card_error(outcome: str) -> RefusedError:
    if outcome == "authentication":
        return RefusedError(
            "Your card was declined. This transaction requires authentication.",
            code="subscription_payment_intent_requires_action",
            status=402,
        )
    error = RefusedError(_decline(outcome)["message"], code="card_declined", status=402)
    error.error["decline_code"] = _decline(outcome)["decline_code"]
    return error


def _seconds(instant: datetime | int) -> int:
    return instant if isinstance(instant, int) else int(instant.timestamp())


def _day(at: int) -> str:
    day = datetime.fromtimestamp(at, UTC)
    return f"{day.day:02d} {day:%b %Y}"
