"""What Stripe has on its shelf: prices and products, each asked for once, and how a wish is said in them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from upstep.billing.change import ItemChange
from upstep.billing.currencies import to_provider
from upstep.billing.stripe.asking import Line, Thing
from upstep.billing.stripe.prices import PriceMap, Sold
from upstep.billing.stripe.reading import in_currency, list_amount
from upstep.errors import Fault, QuoteError


class Shelf:
    """Prices and products of one Stripe account."""

    def __init__(self, line: Line, prices: PriceMap) -> None:
        self.line = line
        self.prices = prices
        self._prices: dict[str, Thing] = {}
        self._products: dict[str, Thing] = {}
        self._looked_up: dict[str, str | None] = {}

    def sold(self, price: Mapping[str, Any]) -> Sold:
        """What a price sells. A price that does not say is asked for its product."""
        whole = price if "product" in price else self.price(str(price["id"]))
        known = self.prices.of_price(whole)
        return known or self.prices.of_product(self._product(str(whole["product"])), str(whole["id"]))

    def price(self, price_id: str) -> Thing:
        """A price, with its tiers and its amounts in other currencies."""
        if price_id not in self._prices:
            verb = self.line.client.v1.prices.retrieve
            self._prices[price_id] = self.line.ask(verb, price_id, {"expand": ["tiers", "currency_options"]})
        return self._prices[price_id]

    def whole(self, subscription: Thing) -> Thing:
        """The subscription, each price in its currency and with its tiers, which Stripe leaves out inside lists."""
        currency = subscription["currency"]
        for item in subscription["items"]["data"]:
            price = item["price"]
            if price["billing_scheme"] == "tiered" or price["currency"] != currency:
                known = self.price(price["id"])
                item["price"] = in_currency(known, currency) or known
        return subscription

    def said(self, wish: ItemChange, current: Mapping[str, Any] | None) -> Thing:
        """The wish as one of Stripe's ``items``.

        Args:
            wish: The item as it shall be.
            current: The item as Stripe has it; None for a new one.

        Raises:
            QuoteError: Stripe has no price for it, or another one than the catalog.
        """
        if wish.removes:
            return {"id": wish.item_id, "deleted": True}
        named = {"id": wish.item_id} if wish.item_id else {}
        wanted = _provider_amount(wish)
        if current is not None and _fits(current["price"], wish, wanted):
            return {**named, "price": current["price"]["id"], "quantity": wish.quantity}
        price_id = self._price_id(wish)
        if price_id is None:
            return {**named, "price_data": self._made_price(wish, current, wanted), "quantity": wish.quantity}
        price = self.price(price_id)
        if not _fits(price, wish, wanted):
            raise QuoteError(_differs(wish, price, wanted))
        return {**named, "price": price_id, "quantity": wish.quantity}

    def _price_id(self, wish: ItemChange) -> str | None:
        """Stripe's price for the catalog's: as the settings name it, else the one with that lookup key."""
        if wish.price_id is None:
            return None
        # A catalog price in several currencies may be one price at Stripe, or one a currency.
        names = [f"{wish.price_id}_{wish.currency}", wish.price_id]
        for name in names:
            if name in self.prices.prices:
                return self.prices.prices[name]
        if names[0] not in self._looked_up:
            wanted = {"lookup_keys": names, "active": True, "limit": 2}
            found = {p["lookup_key"]: p["id"] for p in self.line.ask(self.line.client.v1.prices.list, wanted)["data"]}
            self._looked_up[names[0]] = next((found[name] for name in names if name in found), None)
        return self._looked_up[names[0]]

    def _made_price(self, wish: ItemChange, current: Mapping[str, Any] | None, wanted: int) -> Thing:
        """A price made for this wish, under the product that the settings name, or the one that the item has."""
        product_id = self.prices.product_of(wish)
        if product_id is None and current is not None:
            what = self.sold(current["price"])
            if what.target == (wish.product_id, wish.plan_id, wish.add_on_id):
                product_id = current["price"]["product"]
        unit, left = divmod(wanted, max(wish.quantity, 1))
        if product_id is None or left:
            raise QuoteError(_unknown(wish))
        interval, count = _every(wish)
        return {
            "currency": wish.currency,
            "product": product_id,
            "recurring": {"interval": interval, "interval_count": count},
            "unit_amount": unit,
        }

    def _product(self, product_id: str) -> Thing:
        if product_id not in self._products:
            self._products[product_id] = self.line.ask(self.line.client.v1.products.retrieve, product_id, {})
        return self._products[product_id]


def _every(wish: ItemChange) -> tuple[str, int]:
    """How often, in Stripe's words: it knows no quarter."""
    return ("month", 3 * wish.interval_count) if wish.interval == "quarter" else (wish.interval, wish.interval_count)


def _fits(price: Mapping[str, Any], wish: ItemChange, wanted: int) -> bool:
    recurring, sold = price["recurring"], in_currency(price, wish.currency)
    is_same_term = (recurring["interval"], recurring["interval_count"]) == _every(wish)
    return is_same_term and sold is not None and list_amount({"price": sold, "quantity": wish.quantity}) == wanted


def _provider_amount(wish: ItemChange) -> int:
    amount = wish.amount_minor if wish.list_amount_minor is None else wish.list_amount_minor
    try:
        return to_provider(amount, wish.currency)
    except ValueError as error:
        raise QuoteError(Fault(f"price {wish.price_id or wish.name}", f"{error}.")) from error


def _differs(wish: ItemChange, price: Mapping[str, Any], wanted: int) -> Fault:
    recurring = price["recurring"]
    price = in_currency(price, wish.currency) or price
    theirs = f"{price['currency']} every {recurring['interval_count']} {recurring['interval']}"
    charged = list_amount({"price": price, "quantity": wish.quantity})
    ours = f"{wanted} {wish.currency} every {_every(wish)[1]} {_every(wish)[0]}"
    return Fault(
        f"price {wish.price_id}",
        f"costs {ours} for {wish.quantity} in the catalog, and {charged} {theirs} at Stripe ({price['id']}).",
        "Bring catalog.yaml and Stripe in line; nothing can be quoted until then.",
    )


def _unknown(wish: ItemChange) -> Fault:
    name = wish.price_id or wish.plan_id or wish.add_on_id or wish.product_id
    return Fault(
        f"price {name}",
        f"is not known at Stripe, for {wish.quantity} at {wish.amount_minor} {wish.currency}.",
        f"Give Stripe's price the lookup key '{name}', or name its id under billing.prices in upstep.yaml.",
    )
