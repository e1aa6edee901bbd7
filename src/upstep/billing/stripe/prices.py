"""Which of Stripe's prices is which of the catalog's, in both directions.

A catalog price is found at Stripe under the id that the settings name, else under the lookup key of its own id. A
Stripe price that neither says anything of may say it itself, in its metadata or its product's (``upstep_product``,
``upstep_plan``, ``upstep_add_on``); else it stays under Stripe's own ids, so that no money is left out.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from upstep.billing.change import ItemChange
from upstep.catalog.model import Catalog


@dataclass(frozen=True)
class Sold:
    """What a price sells, in the catalog's words."""

    product_id: str
    plan_id: str | None = None
    add_on_id: str | None = None
    price_id: str | None = None

    @property
    def target(self) -> tuple[str, str | None, str | None]:
        """The plan or add-on, whatever its price."""
        return self.product_id, self.plan_id, self.add_on_id


@dataclass(frozen=True)
class PriceMap:
    """The catalog's prices and Stripe's.

    Args:
        sold: Catalog price id -> what it sells.
        prices: Catalog price id -> Stripe price id, where the lookup key is another.
        products: Plan or add-on id (or product id) -> Stripe product id. With it, an amount that has no price at Stripe
            is sent as a price made for it (``price_data``).
    """

    sold: Mapping[str, Sold] = field(default_factory=dict)
    prices: Mapping[str, str] = field(default_factory=dict)
    products: Mapping[str, str] = field(default_factory=dict)

    def of_price(self, price: Mapping[str, object]) -> Sold | None:
        """What a Stripe price sells, from itself alone; None when it does not say."""
        by_id = {stripe_id: catalog_id for catalog_id, stripe_id in self.prices.items()}
        name = str(by_id.get(str(price["id"])) or price.get("lookup_key") or "")
        # A price of one currency may bear it in its name: pro_month_eur.
        known = self.sold.get(name) or self.sold.get(name.removesuffix(f"_{price.get('currency')}"))
        return known or marked(price.get("metadata"), price_id=name or str(price["id"]))

    def of_product(self, product: Mapping[str, object], price_id: str) -> Sold:
        """What a Stripe product sells; under Stripe's own ids when nobody says."""
        by_id = {stripe_id: name for name, stripe_id in self.products.items()}
        name = by_id.get(str(product["id"]))
        for sold in self.sold.values():
            if name and name in (sold.plan_id, sold.add_on_id):
                return Sold(sold.product_id, sold.plan_id, sold.add_on_id, price_id)
        return marked(product.get("metadata"), price_id=price_id) or Sold(name or str(product["id"]), price_id=price_id)

    def product_of(self, wish: ItemChange) -> str | None:
        """The Stripe product under which an amount without a price is sent."""
        return self.products.get(wish.plan_id or wish.add_on_id or wish.product_id)


def marked(metadata: object, *, price_id: str) -> Sold | None:
    """What metadata says is sold."""
    if not isinstance(metadata, Mapping) or not metadata.get("upstep_product"):
        return None
    plan, add_on = metadata.get("upstep_plan"), metadata.get("upstep_add_on")
    return Sold(str(metadata["upstep_product"]), plan and str(plan), add_on and str(add_on), price_id)


def price_map(
    catalog: Catalog, *, prices: Mapping[str, str] | None = None, products: Mapping[str, str] | None = None
) -> PriceMap:
    """The map of a catalog; ``prices`` and ``products`` as the settings name them."""
    sold: dict[str, Sold] = {}
    for product in catalog.products.values():
        for plan in product.plans:
            sold |= {price.id: Sold(product.id, plan.id, None, price.id) for price in plan.prices}
        for add_on in product.add_ons:
            sold |= {price.id: Sold(product.id, None, add_on.id, price.id) for price in add_on.prices}
        sold |= {price.id: Sold(product.id, None, None, price.id) for price in product.prices}
    return PriceMap(sold, dict(prices or {}), dict(products or {}))
