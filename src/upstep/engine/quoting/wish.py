"""What somebody wants an account to have instead, and the change that it asks of billing; every fault of it at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING

from upstep.billing.change import Change, Item, ItemChange, Starts
from upstep.catalog.model import Enforcement, PriceModel
from upstep.catalog.price import add_on_amount, amount, price_for, same_plan_amount
from upstep.clock import iso
from upstep.engine.quoting.change import own_or_list_amount
from upstep.engine.quoting.overage import Terms, limit_under
from upstep.errors import Fault, QuoteError, did_you_mean
from upstep.money import monthly_units
from upstep.signals.subscriptions import LIVE_STATUSES
from upstep.tables.schema import INTERVALS

if TYPE_CHECKING:
    from upstep.catalog.model import AddOn, Catalog, Plan, Price
    from upstep.engine.quoting.use import AccountUse, MeterUse

STANDING = (*LIVE_STATUSES, "paused")
"""Items that a change may name. A paused one is refused by billing, which says so."""

BARE = ""
"""The key of a quantity that names no meter: of the one that the plan's price is per."""


@dataclass(frozen=True)
class Wish:
    """What is wanted. What is not named stays as it is.

    Args:
        plan_id: The plan; None: today's.
        quantities: How many, by the meter that a price is per or by an add-on's id.
        add_ons: How many more, by an add-on's id.
        subscription_id: Which one, where an account has several of the product.
        starts: None: upgrades now, downgrades when the paid period ends.
    """

    plan_id: str | None = None
    interval: str | None = None
    quantities: Mapping[str, int] = field(default_factory=dict)
    add_ons: Mapping[str, int] = field(default_factory=dict)
    subscription_id: str | None = None
    currency: str | None = None
    starts: Starts | None = None


@dataclass(frozen=True)
class Wanted:
    """The change, what it means for the limits of the product, and what the person should know beside the price.

    ``debts``: why the account is quoted nothing, although the change is one that could be.
    """

    change: Change
    product_id: str
    item: Item | None
    before: Terms
    after: Terms
    notes: tuple[str, ...] = ()
    debts: tuple[Fault, ...] = ()


def catalog_faults(catalog: Catalog, wish: Wish) -> list[Fault]:
    """What is wrong with the words of a wish, whoever it is for."""
    faults = []
    plans = {plan.id for plan in catalog.plans()}
    add_ons = {add_on.id: add_on for add_on in catalog.add_ons()}
    if wish.plan_id is not None and wish.plan_id not in plans:
        place, found = f"--to plan={wish.plan_id}", f"'{wish.plan_id}' is no plan in the catalog."
        hint = f"It is an add-on: --add add_on={wish.plan_id}" if wish.plan_id in add_ons else ""
        faults.append(Fault(place, found, hint or did_you_mean(wish.plan_id, plans)))
    for add_on_id in wish.add_ons:
        if add_on_id not in add_ons:
            found = f"'{add_on_id}' is no add-on in the catalog."
            faults.append(Fault(f"--add add_on={add_on_id}", found, did_you_mean(add_on_id, add_ons)))
    for name in wish.quantities:
        if name not in {BARE, *catalog.meters, *add_ons}:
            found = f"'{name}' is no meter and no add-on in the catalog."
            faults.append(Fault(f"--quantity {name}", found, did_you_mean(name, [*catalog.meters, *add_ons])))
    counts = [(f"--quantity {name}", count, 0) for name, count in wish.quantities.items()]
    counts += [(f"--add add_on={name}", count, 1) for name, count in wish.add_ons.items()]
    faults += [Fault(place, f"{count} is below {least}.") for place, count, least in counts if count < least]
    if wish.interval is not None and wish.interval not in INTERVALS:
        found = f"'{wish.interval}' is no interval."
        faults.append(Fault(f"--interval {wish.interval}", found, did_you_mean(wish.interval, INTERVALS)))
    return faults


def wanted(catalog: Catalog, wish: Wish, *, live: Sequence[Item], use: AccountUse, at: datetime) -> Wanted:
    """The change that a wish asks for, priced from the catalog.

    More of the same plan at the same interval keeps the unit price that the customer pays.

    Args:
        live: What the provider says the account has.
        at: The instant whose prices count.

    Raises:
        QuoteError: Something is not as it could be sold; everything that was found.
    """
    question = _Question(catalog, wish, [item for item in live if item.status in STANDING], use, at)
    found = question.answer()
    if found is None:
        raise QuoteError([*question.debts(), *question.faults])
    return found


@dataclass
class _Question:
    """One wish of one account, and the faults found so far."""

    catalog: Catalog
    wish: Wish
    live: Sequence[Item]
    use: AccountUse
    at: datetime
    faults: list[Fault] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def answer(self) -> Wanted | None:
        self.faults += catalog_faults(self.catalog, self.wish)
        said = len(self.faults)
        item = self._item()
        plan = self._plan(item)
        if plan is None or len(self.faults) > said:
            return None
        price = self._price(plan, item, f"--to plan={plan.id}")
        quantity = self._quantity(plan, price, item)
        subscription_id = item.subscription_id if item else f"{self.use.account_id}:{plan.product_id}"
        add_ons = self._add_ons(plan, item)
        before, after = self._terms(plan, quantity, item, add_ons)
        self._tell_limits(plan, before, after)
        if self.faults or price is None:
            return None
        wish = self._plan_change(plan, price, item, quantity)
        items = tuple(each for each in (wish, *add_ons) if each is not None)
        if not items:
            self._fault(_option(self.wish, plan), f"{self._name()} has that already: {_told(item)}.", "Name a change.")
            return None
        starts = self.wish.starts or self._starts(plan, item, items)
        change = Change(self.use.account_id, subscription_id, items, starts=starts)
        # A period that begins with the change has used nothing yet.
        notes = () if starts is Starts.AT_RENEWAL else tuple(self.notes)
        return Wanted(change, plan.product_id, item, before, after, notes, tuple(self.debts()))

    def _fault(self, place: str, found: str, advice: str = "") -> None:
        self.faults.append(Fault(place, found, advice))

    def _name(self) -> str:
        return self.use.name

    # The account

    def debts(self) -> list[Fault]:
        """A credit would be for time that was never paid for, so who is late is quoted nothing."""
        place = f"account {self.use.account_id}"
        late = sorted({item.subscription_id for item in self.live if item.status in ("past_due", "unpaid")})
        advice = "It is quoted once that is paid: a change now would credit time that was never paid for."
        if late:
            return [Fault(place, f"is past due on {', '.join(late)}.", advice)]
        if self.use.troubled_invoices:
            invoice = f"invoice {self.use.troubled_invoice_id} is late or failed as of {iso(self.use.as_of)}."
            return [Fault(place, invoice, advice)]
        return []

    # What it has

    def _product_id(self) -> str | None:
        plan = self.catalog.plan(self.wish.plan_id) if self.wish.plan_id else None
        if self.wish.plan_id:
            return plan.product_id if plan else None
        named = {*self.wish.add_ons, *self.wish.quantities}
        of_add_ons = {add_on.product_id for add_on in self.catalog.add_ons() if add_on.id in named}
        items = [item for item in self._plan_items() if not of_add_ons or item.product_id in of_add_ons]
        metered = {item.product_id for item in items if self._meter_of(item) in named}
        products = sorted(metered or {item.product_id for item in items})
        if len(products) == 1:
            return products[0]
        has = ", ".join(f"{item.plan_id} ({item.product_id})" for item in self._plan_items()) or "no plan"
        self._fault(f"account {self.use.account_id}", f"has {has}.", "Say which plan is wanted: --to plan=ID.")
        return None

    def _meter_of(self, item: Item) -> str | None:
        plan = self.catalog.plan(item.plan_id or "")
        return next((price.per for price in plan.prices if price.per), None) if plan else None

    def _plan_items(self) -> list[Item]:
        wanted_id = self.wish.subscription_id
        return [item for item in self.live if item.plan_id and wanted_id in {None, item.subscription_id}]

    def _item(self) -> Item | None:
        """The plan's item that changes; None when the product is new to the account."""
        product_id = self._product_id()
        if self.wish.subscription_id and not self._plan_items():
            has = ", ".join(sorted({item.subscription_id for item in self.live})) or "none"
            self._fault(f"--subscription {self.wish.subscription_id}", "is not live here.", f"Live: {has}.")
            return None
        items = [item for item in self._plan_items() if item.product_id == product_id]
        subscriptions = sorted({item.subscription_id for item in items})
        if len(subscriptions) > 1:
            found = f"has {len(subscriptions)} live subscriptions of {product_id}: {', '.join(subscriptions)}."
            self._fault(f"account {self.use.account_id}", found, "Say which one changes: --subscription ID.")
        elif len(items) > 1:
            listed = ", ".join(f"{item.item_id} ({item.plan_id})" for item in items)
            found = f"subscription {subscriptions[0]} has several plans of {product_id}: {listed}."
            self._fault(f"account {self.use.account_id}", found, "Change them with the provider.")
        return items[0] if len(items) == 1 else None

    def _plan(self, item: Item | None) -> Plan | None:
        plan_id = self.wish.plan_id or (item.plan_id if item else None)
        plan = self.catalog.plan(plan_id) if plan_id else None
        if plan is None and item is not None and self.wish.plan_id is None:
            self._fault(f"account {self.use.account_id}", f"its plan '{plan_id}' is not in the catalog.")
        return plan

    # Prices

    @property
    def _currency_today(self) -> str | None:
        return next((item.currency for item in self.live), None) or self.use.currency

    def _price(self, sold: Plan | AddOn, item: Item | None, place: str) -> Price | None:
        currency = self._currency(item)
        sold_prices = [price for price in sold.prices if price.sold] if sold.sold else []
        if not sold_prices:
            self._fault(place, f"{sold.id} is not sold any more.", "Who has it keeps it; choose another.")
            return None
        interval = self.wish.interval or (item.interval if item else None) or _first_interval(sold)
        count = item.every[1] if item and item.interval == interval else 1
        on = self.at.date()
        price = price_for(sold, currency=currency or "", interval=interval, interval_count=count, on=on)
        if price is not None and price.model is not PriceModel.QUOTE:
            return price
        if price is not None or all(each.model is PriceModel.QUOTE for each in sold_prices):
            self._fault(place, f"a person makes the price of {sold.id}.", "Ask the account's owner.")
        elif currency is not None and interval in INTERVALS:
            self._fault(place, *_not_sold(sold, currency=currency, interval=interval, at=self.at))
        return None

    def _currency(self, item: Item | None) -> str | None:
        """The one they pay in; a subscription has one currency."""
        billed = item.currency if item else None
        asked = self.wish.currency.lower() if self.wish.currency else None
        if billed and asked and billed != asked:
            fault = Fault(
                f"--currency {asked}",
                f"{self._name()} pays {billed.upper()}, and a subscription has one currency.",
                f"Leave it out, or end subscription {item.subscription_id if item else ''} first.",
            )
            self.faults += [] if fault in self.faults else [fault]
            return None
        return asked or billed or self._currency_today or self.catalog.currency

    def _quantity(self, plan: Plan, price: Price | None, item: Item | None) -> int:
        """How many of what the plan's price is per; 1 for a flat price."""
        per = price.per if price else next((each.per for each in plan.prices if each.per), None)
        asked = self.wish.quantities.get(per or BARE, self.wish.quantities.get(BARE))
        for name in self.wish.quantities:
            if name in self.catalog.meters and name != per:
                told = f"it is priced per {per}" if per else "its price is flat"
                self._fault(f"--quantity {name}", f"{plan.id} is not sold by {name}: {told}.")
        if price is None:
            return asked or (item.quantity if item else 1)
        if per is None:
            if asked is not None and asked != 1:
                self._fault("--quantity", f"{plan.id} has a flat price; there is nothing to count.", "Leave it out.")
            return 1
        is_counted = item is not None and self._meter_of(item) == per
        quantity = asked if asked is not None else item.quantity if item and is_counted else price.minimum_quantity
        self._tell_bounds(plan, price, quantity)
        return quantity

    def _tell_bounds(self, plan: Plan, price: Price, quantity: int) -> None:
        place = f"--quantity {price.per}={quantity}"
        if quantity < max(price.minimum_quantity, 1):
            self._fault(place, f"{plan.id} is sold from {max(price.minimum_quantity, 1)} {price.per}.")
        if price.maximum_quantity is not None and quantity > price.maximum_quantity:
            self._fault(place, f"{plan.id} is sold up to {price.maximum_quantity} {price.per}.")
        known = self.use.meter(plan.product_id, price.per or "")
        if known is not None and known.used is not None and quantity < known.used:
            advice = f"Ask for at least {known.used}, or have them given back first."
            self._fault(place, f"{_used(self.catalog, known, self.use)}.", advice)

    def _plan_change(self, plan: Plan, price: Price, item: Item | None, quantity: int) -> ItemChange | None:
        every = (price.interval, price.interval_count)
        if item and (item.plan_id, item.every, item.quantity) == (plan.id, every, quantity):
            return None
        return ItemChange(
            item_id=item.item_id if item else None,
            product_id=plan.product_id,
            quantity=quantity,
            amount_minor=own_or_list_amount(plan, price, item, quantity),
            currency=price.currency,
            interval=price.interval,
            interval_count=price.interval_count,
            plan_id=plan.id,
            price_id=price.id,
            list_amount_minor=amount(price, quantity),
            name=plan.name,
        )

    # Add-ons

    def _add_ons(self, plan: Plan, item: Item | None) -> list[ItemChange]:
        known = {add_on.id: add_on for add_on in self.catalog.add_ons()}
        held = self._held(item)
        asked = {name: count for name, count in self.wish.quantities.items() if name in known}
        for name, more in self.wish.add_ons.items():
            before = asked.get(name, held[name].quantity if name in held else 0)
            asked |= {name: before + more} if name in known else {}
        changes = [self._add_on(known[name], plan, item, held.get(name), count) for name, count in asked.items()]
        for name, each in held.items():
            needs = known[name].needs if name in known else ()
            if needs and plan.id not in needs and asked.get(name) != 0:
                found = f"add-on {name} needs {', '.join(needs)}, and {plan.id} is none of them."
                self._fault(f"item {each.item_id}", found, f"Let it go with --quantity {name}=0.")
        return [each for each in changes if each is not None]

    def _held(self, item: Item | None) -> dict[str, Item]:
        if item is None:
            return {}
        mine = [each for each in self.live if each.subscription_id == item.subscription_id]
        return {each.add_on_id: each for each in mine if each.add_on_id}

    def _add_on(self, add_on: AddOn, plan: Plan, item: Item | None, held: Item | None, count: int) -> ItemChange | None:
        place = f"--add add_on={add_on.id}"
        if add_on.product_id != plan.product_id:
            self._fault(place, f"it is an add-on of {add_on.product_id}, not of {plan.product_id}.")
            return None
        if count == 0:
            if held is None:
                self._fault(f"--quantity {add_on.id}=0", f"{self._name()} does not have it.")
                return None
            return ItemChange(held.item_id, add_on.product_id, removes=True)
        if add_on.needs and plan.id not in add_on.needs and held is None:
            self._fault(place, f"it needs {', '.join(add_on.needs)}, and {plan.id} is none of them.")
        price = self._price(add_on, held if held and not self.wish.interval else item, place)
        if price is None:
            return None
        if held and (held.every, held.quantity) == ((price.interval, price.interval_count), count):
            return None
        return ItemChange(
            item_id=held.item_id if held else None,
            product_id=add_on.product_id,
            quantity=count,
            amount_minor=_add_on_amount(price, held, count),
            currency=price.currency,
            interval=price.interval,
            interval_count=price.interval_count,
            add_on_id=add_on.id,
            price_id=price.id,
            list_amount_minor=add_on_amount(price, count),
            name=add_on.name,
        )

    # Limits

    def _terms(
        self, plan: Plan, quantity: int, item: Item | None, changes: Sequence[ItemChange]
    ) -> tuple[Terms, Terms]:
        held = {name: each.quantity for name, each in self._held(item).items()}
        ids = {each.item_id: name for name, each in self._held(item).items()}
        later = dict(held)
        for change in changes:
            name = change.add_on_id or ids.get(change.item_id or "")
            later |= {name: change.quantity} if name else {}
        today = self.catalog.plan(item.plan_id or "") if item else None
        return Terms(today, item.quantity if item else 0, held), Terms(plan, quantity, later)

    def _tell_limits(self, plan: Plan, before: Terms, after: Terms) -> None:
        """A stock above a limit that stops use cannot be; a flow above it stops now and starts again with a period."""
        for limit in plan.limits:
            known = self.use.meter(plan.product_id, limit.meter_id)
            if known is None or known.used is None or limit.enforcement is not Enforcement.HARD:
                continue
            given = limit_under(self.catalog, known, before=before, after=after)
            if given is None or known.used <= given or limit.follows_quantity:
                continue
            told = f"{plan.id} would hold {given:,}, and {_used(self.catalog, known, self.use)}"
            if known.since is None:
                self._fault(f"--to plan={plan.id}", f"{told}.", "Choose a plan that holds it, or free some first.")
            else:
                self.notes.append(f"{told}: use would stop at once.")

    def _starts(self, plan: Plan, item: Item | None, changes: Sequence[ItemChange]) -> Starts:
        """Upgrades now, downgrades when what is paid for ends.

        A lower plan, a shorter term, or less money a month without a longer term is a downgrade.
        """
        if item is None:
            return Starts.NOW
        today = self.catalog.plan(item.plan_id or "")
        position = today.position if today else plan.position
        terms = [_days(each.interval, each.interval_count) for each in changes if each.plan_id]
        longer = max(terms, default=_days(*item.every)) - _days(*item.every)
        mine = {each.item_id: each for each in self.live}
        difference = sum(_monthly(change, mine.get(change.item_id or "")) for change in changes)
        is_down = plan.position < position or longer < 0 or (difference < 0 and longer <= 0)
        return Starts.AT_RENEWAL if is_down else Starts.NOW


def _add_on_amount(price: Price, held: Item | None, count: int) -> int:
    """The list price, or the customer's own unit price for more of the same at the same interval."""
    every = (price.interval, price.interval_count)
    if held is None or held.every != every or held.amount_minor == add_on_amount(price, held.quantity):
        return add_on_amount(price, count)
    kept = same_plan_amount(held.amount_minor, held.quantity, count)
    return add_on_amount(price, count) if kept is None else kept


def _monthly(change: ItemChange, item: Item | None) -> int:
    after = 0 if change.removes else monthly_units(change.amount_minor, change.interval, change.interval_count)
    return after - (monthly_units(item.amount_minor, *item.every) if item else 0)


_DAYS = {"day": 1, "week": 7, "month": 30, "quarter": 91, "year": 365}


def _days(interval: str, count: int) -> int:
    """About how long a term is, to tell which of two is longer."""
    return _DAYS.get(interval, 0) * count


def _first_interval(sold: Plan | AddOn) -> str:
    intervals = [price.interval for price in sold.prices if price.sold]
    return "month" if "month" in intervals or not intervals else intervals[0]


def _not_sold(sold: Plan | AddOn, *, currency: str, interval: str, at: datetime) -> tuple[str, str]:
    """Why there is no price: not yet, another currency or another interval; and what there is."""
    prices = [price for price in sold.prices if price.sold]
    begins = [each for each in (sold.effective_from, *(price.effective_from for price in prices)) if each]
    listed = ", ".join(sorted({f"{price.currency.upper()} every {every(price)}" for price in prices}))
    found = f"{sold.id} is not sold in {currency.upper()} every {interval}"
    if begins and min(begins) > at.date():
        return f"{found} before {min(begins)}.", f"Then: {listed}."
    return f"{found}.", f"It is sold in {listed}."


def every(price: Price) -> str:
    """How often a price is paid, after "every": month, 2 weeks."""
    return price.interval if price.interval_count == 1 else f"{price.interval_count} {price.interval}s"


def _used(catalog: Catalog, known: MeterUse, use: AccountUse) -> str:
    """How much is in use and from when: since the period began, or as of when a level was read."""
    meter = catalog.meters.get(known.meter_id)
    name = meter.name if meter else known.meter_id
    guess = "about " if known.is_estimated else ""
    if known.since is not None:
        return f"{guess}{known.used:,} {name} were used from {known.since:%Y-%m-%d} to {use.as_of:%Y-%m-%d %H:%M} UTC"
    return f"{guess}{known.used:,} {name} are in use as of {use.as_of:%Y-%m-%d %H:%M} UTC"


def _option(wish: Wish, plan: Plan) -> str:
    return f"--to plan={plan.id}" if wish.plan_id else "quote"


def _told(item: Item | None) -> str:
    if item is None:
        return "nothing would change"
    count = f"{item.quantity} x " if item.quantity > 1 else ""
    interval, number = item.every
    return f"{count}{item.plan_id} every {interval if number == 1 else f'{number} {interval}s'}"
