"""catalog.yaml as a ``Catalog``: every reference checked, every fault told at once with file, line and column."""

from __future__ import annotations

import json
import re
from collections.abc import Collection
from dataclasses import asdict, dataclass, field, replace
from hashlib import blake2b
from pathlib import Path

from upstep.catalog.model import (
    PARTNER_KINDS,
    AddOn,
    Bundle,
    Catalog,
    Enforcement,
    Feature,
    FirstValue,
    Limit,
    Meter,
    Milestone,
    Overage,
    Partner,
    Plan,
    Price,
    PriceModel,
    Product,
    UseCase,
)
from upstep.catalog.price_list import PriceList, read_amounts, read_currency, read_prices
from upstep.errors import CatalogError, Fault, did_you_mean
from upstep.yaml_file import Node, in_file_order, read_yaml

BUSINESSES = ("saas", "information", "services")
AGGREGATES = ("sum", "count", "max", "latest", "unique_contacts", "seats")
KINDS = ("flow", "stock")
ADD_ON_KINDS = ("support",)
PERIODS = ("billing_month", "billing_term", "calendar_month", "lifetime")
VERSION = 1

# Ids stand in step targets (plan:ID, term:PLAN@INTERVAL) and in play expressions (meter('id')): none of : @ ' " there.
_ID = re.compile(r"\w[\w .+/-]*")


def load_catalog(path: Path) -> Catalog:
    """Read and check a catalog.

    Raises:
        CatalogError: The file is not a catalog; carries all faults, in file order.
    """
    catalog, faults = read_catalog(path)
    if faults or catalog is None:
        raise CatalogError(faults)
    return replace(catalog, hash=catalog_hash(catalog), source=str(path))


def read_catalog(path: Path) -> tuple[Catalog | None, list[Fault]]:
    """A catalog as far as it can be read, and its faults, for who looks for those of other files, too."""
    faults: list[Fault] = []
    root = read_yaml(path, faults)
    return (None if root is None else _catalog(root)), in_file_order(faults)


def catalog_hash(catalog: Catalog) -> str:
    """32 hexadecimal digits for what is sold: comments, layout and the file's name do not count."""
    content = asdict(replace(catalog, hash="", source=""))
    written = json.dumps(content, sort_keys=True, separators=(",", ":"), default=str)
    return blake2b(written.encode(), digest_size=16).hexdigest()


@dataclass
class _Known:
    """What references may point to, gathered before anything is read, so the order in the file is free."""

    prices: PriceList
    meters: dict[str, Meter]
    products: tuple[str, ...]
    plan_products: dict[str, str]  # plan id -> product id
    overaged: dict[str, set[str]]  # plan id -> meters it prices beyond the limit
    use_cases: tuple[str, ...]
    features: dict[str, Feature] = field(default_factory=dict)
    owners: dict[str, str] = field(default_factory=dict)  # meter id -> product id
    seats: dict[str, set[str]] = field(default_factory=dict)  # product id -> seat meters it names
    ids: dict[tuple[str, str], str] = field(default_factory=dict)  # (kind, id) -> place

    def claim(self, meter_id: str, product_id: str, node: Node, place: str) -> None:
        """The product uses the meter as its own; a second product doing so is a fault, except for seats."""
        if meter_id not in self.meters or not product_id:
            return  # Told where they are read.
        if self.meters[meter_id].aggregate == "seats":
            self.seats.setdefault(product_id, set()).add(meter_id)
        elif (owner := self.owners.setdefault(meter_id, product_id)) != product_id:
            told = f"meter '{meter_id}' belongs to product '{owner}', and product '{product_id}' uses it too."
            node.fault(told, "A meter belongs to one product: count the two apart, as two meters.", place=place)

    def owned(self, product_id: str) -> tuple[str, ...]:
        """The meters of a product in the catalog's order, its seats included."""
        seats = self.seats.get(product_id, set())
        return tuple(meter for meter in self.meters if self.owners.get(meter) == product_id or meter in seats)


def _catalog(root: Node) -> Catalog | None:
    root.unknown_keys(("version", "business", "currency", "meters", "products", "partners", "bundles"))
    version = root.child("version")
    if version is None:
        root.fault("'version' is missing.", f"Add 'version: {VERSION}'.")
    elif version.scalar != VERSION or version.letters != str(VERSION):
        # The rest may follow other rules, so nothing is said about it.
        version.is_not(f"{VERSION}", f"This program reads 'version: {VERSION}'.")
        return None
    business = root.text("business", allowed=BUSINESSES)
    currency = read_currency(root, "currency")
    known = _known(root, currency)
    products = {product.id: product for product in _products(root, known)}
    # Only now is it known which product uses which meter: first value may be declared above a later product's plan.
    products = {key: replace(product, meters=known.owned(key)) for key, product in products.items()}
    return Catalog(
        business=business,
        currency=currency,
        meters=known.meters,
        products=products,
        partners=tuple(_partner(node, known) for node in root.mappings("partners")),
        bundles=tuple(_bundle(node, known, products) for node in root.mappings("bundles")),
    )


def _known(root: Node, currency: str) -> _Known:
    products = root.mappings("products")
    plans = [(plan, product) for product in products for plan in product.mappings("plans")]
    known = _Known(
        prices=PriceList(currency, ()),
        meters={},
        products=_ids(products),
        plan_products={_quiet_id(plan): _quiet_id(product) for plan, product in plans},
        overaged={_quiet_id(plan): set(_keys(plan, "overage")) for plan, _ in plans},
        use_cases=_ids([case for product in products for case in product.mappings("use_cases")]),
    )
    for node in root.mappings("meters"):
        meter = _meter(node, known)
        known.meters[meter.id] = meter
        if "product" in node:
            product_id = node.text("product", allowed=known.products)
            known.claim(meter.id, product_id, node, node.key_place("product"))
    known.prices.meters = known.meters
    _define_features(products, known)
    return known


def _quiet_id(node: Node) -> str:
    """The id as written, without telling anything: the reader proper does."""
    child = node.child("id")
    return child.scalar if child is not None and isinstance(child.scalar, str) else ""


def _ids(nodes: list[Node]) -> tuple[str, ...]:
    return tuple(found for found in map(_quiet_id, nodes) if found)


def _keys(node: Node, key: str) -> list[str]:
    child = node.child(key)
    return [] if child is None else child.keys()


def _id(node: Node, kind: str, known: _Known) -> str:
    """The id, checked for its letters and for standing once among its kind."""
    found = node.text("id")
    child = node.child("id")
    if child is None or not found:
        return found
    _check_letters(child, kind, found)
    first = known.ids.setdefault((kind, found), child.place)
    if first != child.place:
        child.fault(f"{kind} id '{found}' stands twice; first at {first}.", "Give each its own id.")
    return found


def _check_letters(node: Node, kind: str, found: str) -> None:
    if not _ID.fullmatch(found):
        node.fault(f"{kind} id '{found}' has other signs.", "Use letters, digits, spaces and _ . + / - only.")


def _name(node: Node, found_id: str) -> str:
    return node.text("name", found_id.replace("_", " "))


# Meters


def _meter(node: Node, known: _Known) -> Meter:
    meter_id = _id(node, "meter", known)
    node = node.called(f"meter '{meter_id}'")
    node.unknown_keys((*Meter.__dataclass_fields__, "product"))
    aggregate = node.text("aggregate", allowed=AGGREGATES)
    stock = aggregate in ("max", "latest", "seats")
    kind = node.text("kind", "stock" if stock else "flow", allowed=KINDS)
    period = node.text("period", "lifetime" if kind == "stock" else "billing_month", allowed=PERIODS)
    if aggregate == "seats" and kind != "stock":
        node.fault("seats are a flow.", "Write 'kind: stock': seats are held, not used up.")
    if kind == "flow" and period == "lifetime":
        node.fault("is a flow with period lifetime.", f"Write 'kind: stock', or one of {', '.join(PERIODS[:3])}.")
    minutes, source = _minutes_saved(node)
    value_meter = node.flag("value_meter", default=False)
    advanced = node.flag("advanced", default=False)
    return Meter(meter_id, _name(node, meter_id), aggregate, kind, period, value_meter, minutes, source, advanced)


def _minutes_saved(node: Node) -> tuple[float | None, str | None]:
    """Minutes one use saves, and who says so: a number without a source is not shown to a customer."""
    minutes = node.number("minutes_saved_per_use", None, minimum=0.001, maximum=100_000)
    source = node.text("minutes_saved_source", None)
    if minutes is not None and source is None:
        node.fault(
            "minutes_saved_per_use has no source.",
            "Add 'minutes_saved_source:' with the study or measurement it is from.",
            place=node.key_place("minutes_saved_per_use"),
        )
    if source is not None and minutes is None:
        node.fault("minutes_saved_source has no minutes_saved_per_use.", "Add the number, or remove the source.")
    return minutes, source


# Products


def _products(root: Node, known: _Known) -> list[Product]:
    nodes = root.mappings("products", required=True)
    if root.child("products") is not None and not root.items("products"):
        root.fault("products is empty.", "Add at least one product with a plan.", place=root.key_place("products"))
    return [_product(node, known) for node in nodes]


def _product(node: Node, known: _Known) -> Product:
    product_id = _id(node, "product", known)
    node = node.called(f"product '{product_id}'")
    fields = set(Product.__dataclass_fields__) - {"meters"}
    node.unknown_keys(fields)
    one_off = node.flag("one_off", default=False)
    _tell_misplaced(node, one_off=one_off)
    prices = read_prices(node, known.prices, once=True) if one_off else ()
    _claim_priced(node, product_id, prices, known)
    plans = [_plan(plan, product_id, number, known) for number, plan in enumerate(node.mappings("plans"))]
    return Product(
        id=product_id,
        name=_name(node, product_id),
        plans=tuple(plans),
        add_ons=tuple(_add_on(add_on, product_id, known) for add_on in node.mappings("add_ons")),
        prices=prices,
        first_value=_first_value(node, product_id, known),
        milestones=tuple(_milestone(item, product_id, known) for item in node.mappings("milestones")),
        use_cases=tuple(_use_case(item, product_id, known) for item in node.mappings("use_cases")),
        one_off=one_off,
        available_from=node.day("available_from", None),
        buyers=node.words("buyers", ()),
    )


def _tell_misplaced(node: Node, *, one_off: bool) -> None:
    """A subscription has plans, a one-off product has prices; neither has both."""
    if one_off:
        for key in ("plans", "add_ons"):
            if key in node:
                told = f"is sold one_off and has {key}."
                node.fault(told, f"Move {key} to a product of its own.", place=node.key_place(key))
    elif "prices" in node:
        node.fault("has prices outside its plans.", "Move them into a plan, or add 'one_off: true'.")
    elif not node.items("plans"):
        node.fault("has no plan.", "Add 'plans:', lowest first, or 'one_off: true' and prices.")


def _plan(node: Node, product_id: str, position: int, known: _Known) -> Plan:
    plan_id = _id(node, "plan", known)
    node = node.called(f"plan '{plan_id}'")
    node.unknown_keys(("id", "name", "prices", "limits", "overage", "features", "sold", "effective_from"))
    prices = read_prices(node, known.prices)
    _claim_priced(node, product_id, prices, known)
    overages = _overages(node, product_id, known)
    limits = _limits(node, product_id, prices, {overage.meter_id for overage in overages}, known)
    _tell_idle_overages(node, overages, limits)
    _tell_unpriced_overages(node, overages, prices)
    return Plan(
        id=plan_id,
        product_id=product_id,
        name=_name(node, plan_id),
        position=position,
        prices=prices,
        limits=limits,
        overages=overages,
        features=_features(node, known),
        sold=node.flag("sold", default=True),
        effective_from=node.day("effective_from", None),
    )


def _add_on(node: Node, product_id: str, known: _Known) -> AddOn:
    add_on_id = _id(node, "add_on", known)
    node = node.called(f"add-on '{add_on_id}'")
    node.unknown_keys(set(AddOn.__dataclass_fields__) - {"product_id"})
    own_plans = [plan for plan, product in known.plan_products.items() if product == product_id]
    needs = node.words("needs", (), allowed=own_plans)
    prices = read_prices(node, known.prices)
    _claim_priced(node, product_id, prices, known)
    # A bare number joins the limit of the plan below it, so it is enforced as there.
    overaged = set().union(*(known.overaged.get(plan, set()) for plan in needs or own_plans))
    return AddOn(
        id=add_on_id,
        product_id=product_id,
        name=_name(node, add_on_id),
        prices=prices,
        needs=needs,
        limits=_limits(node, product_id, prices, overaged, known),
        features=_features(node, known),
        sold=node.flag("sold", default=True),
        effective_from=node.day("effective_from", None),
        kind=node.text("kind", None, allowed=ADD_ON_KINDS),
    )


def _claim_priced(node: Node, product_id: str, prices: tuple[Price, ...], known: _Known) -> None:
    """A meter that a price is `per` belongs to the product, limited or not."""
    for price in prices:
        if price.per is not None:
            known.claim(price.per, product_id, node, node.key_place("prices"))


# Limits and what lies beyond them


def _is_meter(meter_id: str, node: Node, place: str, known: _Known) -> bool:
    if meter_id not in known.meters:
        node.fault(f"meter '{meter_id}' is not known.", did_you_mean(meter_id, known.meters), place=place)
    return meter_id in known.meters


def _limits(
    owner: Node, product_id: str, prices: tuple[Price, ...], overaged: Collection[str], known: _Known
) -> tuple[Limit, ...]:
    """One limit per meter named. A bare number is overage where that is priced, else hard (docs: rules, 3)."""
    limits = []
    for meter_id, node in owner.entries("limits"):
        place = owner.child("limits").key_place(meter_id)  # type: ignore[union-attr]
        if not _is_meter(meter_id, node, place, known):
            continue
        known.claim(meter_id, product_id, node, place)
        quantity, follows, stated = _limit_written(node)
        bought = any(price.per == meter_id or price.model is PriceModel.QUOTE for price in prices)
        if follows and not bought:
            told = f"the limit of '{meter_id}' is the quantity bought, but no price is per {meter_id}."
            node.fault(told, f"Add 'per: {meter_id}' to a price, or write a number.")
        if stated is Enforcement.OVERAGE and meter_id not in overaged and not bought:
            told = f"'{meter_id}' is stated as overage, but its overage has no price."
            node.fault(told, f"Add overage: {{{meter_id}: {{per: 1, amount: ...}}}}, or write 'when_reached: hard'.")
        default = Enforcement.OVERAGE if meter_id in overaged else Enforcement.HARD
        limits.append(Limit(meter_id, quantity, stated or default, follows))
    return tuple(limits)


def _limit_written(node: Node) -> tuple[int | None, bool, Enforcement | None]:
    """Quantity (None: unlimited or as bought), whether it follows what was bought, and the enforcement if stated."""
    stated: str | None = None
    at: Node | None = node
    if node.is_mapping:
        node.unknown_keys(("at", "when_reached"))
        stated = node.text("when_reached", None, allowed=tuple(Enforcement)) or None
        at = node.child("at")
        if at is None:
            node.fault(f"the limit of '{node.name}' does not say where it is.", "Add 'at:' and a number.")
    enforcement = Enforcement(stated) if stated else None
    if at is None or at.scalar == "unlimited":
        return None, False, enforcement
    if at.scalar == "quantity":
        return None, True, enforcement
    advice = "Write a whole number, 'unlimited', or 'quantity' (as many as were bought)."
    return at.as_whole(advice=advice) or 0, False, enforcement


def _overages(owner: Node, product_id: str, known: _Known) -> tuple[Overage, ...]:
    """What use beyond the limit costs, in each currency that is given."""
    overages = []
    for meter_id, node in owner.entries("overage"):
        place = owner.child("overage").key_place(meter_id)  # type: ignore[union-attr]
        if not _is_meter(meter_id, node, place, known) or not node.must_be_mapping():
            continue
        known.claim(meter_id, product_id, node, place)
        node.unknown_keys(("per", "amount", "amounts"))
        per = node.whole("per", 1, minimum=1)
        for currency, amount in read_amounts(node, known.prices).items():
            overages.append(Overage(meter_id, per, amount, currency))
    return tuple(overages)


def _tell_unpriced_overages(owner: Node, overages: tuple[Overage, ...], prices: tuple[Price, ...]) -> None:
    """Who pays in a currency pays overage in it too, so it needs an amount there."""
    priced = {(overage.meter_id, overage.currency) for overage in overages}
    currencies = sorted({price.currency for price in prices if price.sold and price.model is not PriceModel.QUOTE})
    for meter_id in dict.fromkeys(overage.meter_id for overage in overages):
        for currency in currencies:
            if (meter_id, currency) not in priced:
                place = owner.child("overage").key_place(meter_id)  # type: ignore[union-attr]
                found = f"is sold in {currency}, and its overage on '{meter_id}' has no amount in {currency}."
                owner.fault(
                    found, f"Write amounts: {{{currency}: ...}} with every currency it is sold in.", place=place
                )


def _tell_idle_overages(owner: Node, overages: tuple[Overage, ...], limits: tuple[Limit, ...]) -> None:
    """An overage price that can never be charged is a mistake in one of the two."""
    by_meter = {limit.meter_id: limit for limit in limits}
    for overage in overages:
        limit = by_meter.get(overage.meter_id)
        if limit is None:
            why = "has no limit"
        elif limit.quantity is None and not limit.follows_quantity:
            why = "is unlimited"
        elif limit.enforcement is not Enforcement.OVERAGE:
            why = f"is {limit.enforcement} at its limit"
        else:
            continue
        place = owner.child("overage").key_place(overage.meter_id)  # type: ignore[union-attr]
        advice = f"Add limits: {{{overage.meter_id}: ...}} with a number, or remove the overage."
        owner.fault(f"overage is priced on '{overage.meter_id}', which {why}.", advice, place=place)


# Features


def _define_features(products: list[Node], known: _Known) -> None:
    """Features written out once ({id, name, imitated_by}) hold wherever their id stands."""
    owners = [item for product in products for key in ("plans", "add_ons") for item in product.mappings(key)]
    places: dict[str, str] = {}
    for node in (node for owner in owners for node in owner.items("features") if node.is_mapping):
        node.unknown_keys(("id", "name", "imitated_by"))
        feature_id = node.text("id")
        feature = Feature(feature_id, _name(node, feature_id), node.words("imitated_by", (), allowed=known.meters))
        if known.features.setdefault(feature_id, feature) != feature:
            told = f"feature '{feature_id}' is written differently at {places[feature_id]}."
            node.fault(told, "Write it out once; elsewhere its id is enough.")
        places.setdefault(feature_id, node.place)


def _features(owner: Node, known: _Known) -> tuple[Feature, ...]:
    features: list[Feature] = []
    for node in owner.items("features"):
        feature_id = _quiet_id(node) if node.is_mapping else node.as_text()
        if not feature_id:
            continue  # Told by the line above, or where features are defined.
        _check_letters(node, "feature", feature_id)
        feature = known.features.get(feature_id) or Feature(feature_id, feature_id.replace("_", " "))
        if feature in features:
            node.fault(f"feature '{feature_id}' stands twice.", "Remove one of them.")
        features.append(feature)
    return tuple(features)


# First value, milestones, use cases


def _own_meter(node: Node, product_id: str, known: _Known) -> str:
    """The meter under the key ``meter``, which then belongs to the product."""
    meter_id = node.text("meter", allowed=known.meters)
    known.claim(meter_id, product_id, node, node.key_place("meter"))
    return meter_id


def _first_value(product: Node, product_id: str, known: _Known) -> FirstValue | None:
    node = product.mapping("first_value")
    if node is None:
        return None
    node.unknown_keys(("meter", "at_least", "moment"))
    if ("meter" in node) == ("moment" in node):
        both = "both a meter and a moment" if "meter" in node else "neither a meter nor a moment"
        node.fault(f"first_value has {both}.", "Write {meter: ..., at_least: ...} or {moment: first_value}.")
        return None
    if "moment" in node:
        return FirstValue(moment=node.text("moment"))
    return FirstValue(_own_meter(node, product_id, known), node.whole("at_least", 1, minimum=1))


def _milestone(node: Node, product_id: str, known: _Known) -> Milestone:
    node.unknown_keys(("meter", "every"))
    return Milestone(_own_meter(node, product_id, known), node.whole("every", minimum=1))


def _use_case(node: Node, product_id: str, known: _Known) -> UseCase:
    node.unknown_keys(("id", "meter", "neighbours"))
    case_id = _id(node, "use case", known)
    meter_id = _own_meter(node, product_id, known)
    return UseCase(case_id, meter_id, node.words("neighbours", (), allowed=known.use_cases))


# What goes together


def _partner(node: Node, known: _Known) -> Partner:
    node.unknown_keys(("has", "then", "because", "kind", "holds"))
    has = node.text("has", allowed=known.products)
    then = node.text("then", allowed=known.products)
    if has and has == then:
        node.fault(f"'{has}' is named as its own partner.", "Name another product under 'then'.")
    kind = node.text("kind", "complement", allowed=PARTNER_KINDS)
    holds = node.whole("holds", 1, minimum=1)
    if "holds" in node and kind != "larger":
        node.fault(f"holds stands beside kind: {kind}.", "Only a larger package holds several smaller ones.")
    return Partner(has, then, node.text("because"), kind, holds)


def _bundle(node: Node, known: _Known, products: dict[str, Product]) -> Bundle:
    bundle_id = _id(node, "bundle", known)
    node = node.called(f"bundle '{bundle_id}'")
    node.unknown_keys(("id", "name", "products", "prices"))
    named = node.words("products", allowed=known.products)
    if "products" in node and len(node.items("products")) < 2:
        node.fault(f"names {len(named)} product.", "A bundle is of two or more.", place=node.key_place("products"))
    once = bool(named) and all(name in products and products[name].one_off for name in named)
    return Bundle(bundle_id, _name(node, bundle_id), named, read_prices(node, known.prices, once=once))
