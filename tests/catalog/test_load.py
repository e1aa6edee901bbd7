# ruff: noqa: E501, ISC004 -- the table of faults reads best with a catalog and its fault side by side
"""catalog.yaml: what it may hold, what comes of it, and every fault with its place."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from upstep.catalog.load import load_catalog
from upstep.catalog.model import (
    Catalog,
    Enforcement,
    Feature,
    FirstValue,
    Limit,
    Milestone,
    Overage,
    Partner,
    Price,
    PriceModel,
    Tier,
    UseCase,
)
from upstep.catalog.price import amount
from upstep.errors import CatalogError

# The example of the design, with the meters and products that it only refers to, and quotes around the sentence
# with a comma, which YAML would read as two keys.
EXAMPLE = """\
version: 1
business: saas                       # saas, information, services: selects tactics
currency: usd
meters:
  - {id: emails, name: e-mails sent, aggregate: sum, kind: flow, period: billing_month, value_meter: true}   # value_meter: what the price is for
  - {id: seats, name: seats, aggregate: seats, kind: stock, period: lifetime}      # aggregates: sum count max latest unique_contacts seats
  - {id: magic_links, aggregate: count}
  - {id: shared_login, aggregate: count}
products:
  - id: sending
    name: Transactional e-mail
    first_value: {meter: emails, at_least: 100}                          # or {moment: first_value}
    milestones: [{meter: emails, every: 1000000}]
    use_cases: [{id: magic_link, meter: magic_links, neighbours: [digest]}]
    plans:                                                                # lowest to highest
      - {id: free,  prices: [{id: free, interval: month, amount: 0}], limits: {emails: 3000, seats: 1}, features: [api]}
      - id: pro
        prices: [{id: pro_month, interval: month, amount: 2000}, {id: pro_year, interval: year, amount: 20000}]
        limits: {emails: 50000, seats: 5}
        overage: {emails: {per: 1000, amount: 90}}
        features: [api, webhooks]
      - {id: enterprise, prices: [{id: ent, interval: year, amount: quote, estimate: 1200000}], limits: {emails: unlimited, seats: quantity}, features: [api, webhooks, {id: sso, imitated_by: [shared_login]}]}
    add_ons: [{id: dedicated_ip, prices: [{id: ip, interval: month, amount: 3000}], needs: [pro, enterprise], features: [dedicated_ip]}]
  - id: marketing
    use_cases: [{id: digest, meter: digests}]
    plans: [{id: basic, prices: [{id: basic_month, interval: month, amount: 1000}], limits: {seats: 3}}]
partners: [{has: sending, then: marketing, because: 'one list, one sender reputation'}]
bundles: [{id: suite, products: [sending, marketing], prices: [{id: suite_month, interval: month, amount: 2500}]}]
""".replace("  - {id: shared_login", "  - {id: digests, aggregate: count}\n  - {id: shared_login")


def load(tmp_path: Path, content: str) -> Catalog:
    path = tmp_path / "catalog.yaml"
    path.write_text(content, encoding="utf-8")
    return load_catalog(path)


def faults(tmp_path: Path, content: str) -> list[str]:
    with pytest.raises(CatalogError) as caught:
        load(tmp_path, content)
    return [str(fault).replace(f"{tmp_path}/", "") for fault in caught.value.faults]


def one_plan(plan: str, **blocks: str) -> str:
    """A catalog with one plan on line 9, whose keys are given, and other blocks as given."""
    return (
        "version: 1\nbusiness: saas\ncurrency: usd\nmeters:\n"
        "  - {id: emails, aggregate: sum}\n  - {id: seats, aggregate: seats}\n"
        f"products:\n  - id: mail\n    plans: [{{id: pro, {plan}}}]\n"
        + "".join(f"    {line}\n" for line in blocks.pop("product", "").splitlines())
        + "".join(f"{key}: {block}\n" for key, block in blocks.items())
    )


def with_price(price: str, rest: str = "") -> str:
    return one_plan(f"prices: [{{id: p, interval: month, {price}}}]{rest}")


GOOD = "prices: [{id: p, interval: month, amount: 1}]"


def test_the_example_of_the_design_loads(tmp_path: Path) -> None:
    catalog = load(tmp_path, EXAMPLE)
    sending = catalog.products["sending"]
    assert (catalog.business, catalog.currency, len(catalog.hash)) == ("saas", "usd", 32)
    assert [(plan.id, plan.position) for plan in sending.plans] == [("free", 0), ("pro", 1), ("enterprise", 2)]
    assert catalog.meters["emails"].value_meter
    assert sending.name == "Transactional e-mail"
    assert sending.first_value == FirstValue("emails", 100)
    assert sending.milestones == (Milestone("emails", 1_000_000),)
    assert sending.use_cases == (UseCase("magic_link", "magic_links", ("digest",)),)
    assert sending.meters == ("emails", "seats", "magic_links")
    assert catalog.products["marketing"].meters == ("seats", "digests")
    assert catalog.partners == (Partner("sending", "marketing", "one list, one sender reputation"),)
    assert catalog.bundles[0].products == ("sending", "marketing")


def test_a_plan_of_the_example_has_its_prices_limits_overage_and_features(tmp_path: Path) -> None:
    catalog = load(tmp_path, EXAMPLE)
    free, pro, enterprise = catalog.products["sending"].plans
    assert free.limits == (Limit("emails", 3000, Enforcement.HARD), Limit("seats", 1, Enforcement.HARD))
    assert pro.limits == (Limit("emails", 50000, Enforcement.OVERAGE), Limit("seats", 5, Enforcement.HARD))
    assert pro.overages == (Overage("emails", 1000, 90, "usd"),)
    assert pro.prices[1] == Price("pro_year", PriceModel.FLAT, "usd", "year", amount_minor=20000)
    assert enterprise.prices == (Price("ent", PriceModel.QUOTE, "usd", "year", estimate_minor=1200000),)
    assert enterprise.limit("emails") == Limit("emails", None, Enforcement.HARD)
    assert enterprise.limit("seats") == Limit("seats", None, Enforcement.HARD, follows_quantity=True)
    assert enterprise.features[2] == Feature("sso", "sso", ("shared_login",))
    (add_on,) = catalog.add_ons()
    assert (add_on.id, add_on.needs, add_on.prices[0].amount_minor) == ("dedicated_ip", ("pro", "enterprise"), 3000)


def test_the_hash_follows_what_is_sold_not_how_it_is_written(tmp_path: Path) -> None:
    first = load(tmp_path, EXAMPLE).hash
    assert load(tmp_path, "# a comment\n" + EXAMPLE.replace("amount: 2000}", "amount: 2_000 }")).hash == first
    assert load(tmp_path, EXAMPLE.replace("amount: 2000}", "amount: 2001}")).hash != first


def test_amounts_in_several_currencies_make_one_price_each_under_one_id(tmp_path: Path) -> None:
    (plan,) = load(tmp_path, with_price("amounts: {usd: 2000, EUR: 1900}, per: seats")).plans()
    assert [(price.id, price.currency, price.amount_minor) for price in plan.prices] == [
        ("p", "usd", 2000),
        ("p", "eur", 1900),
    ]


@pytest.mark.parametrize(
    ("written", "model", "quantity", "expected"),
    [
        ("amount: 1500, per: seats, minimum: 3, maximum: 9", PriceModel.PER_UNIT, 2, 4500),
        ("amount: 1500, per: seats, model: per_unit", PriceModel.PER_UNIT, 2, 3000),
        ("amount: 90, package: 1000, per: emails", PriceModel.PACKAGE, 1001, 180),
        (
            "per: emails, model: graduated, tiers: [{up_to: 100, unit: 50, flat: 0}, {up_to: unlimited, unit: 40}]",
            PriceModel.GRADUATED,
            101,
            5040,
        ),
        ("per: emails, model: volume, tiers: [{up_to: 100, unit: 50}, {up_to: unlimited, unit: 40}]",
         PriceModel.VOLUME, 101, 4040),
        ("amount: quote, estimate: 777", PriceModel.QUOTE, 1, 777),
        ("amount: 0", PriceModel.FLAT, 1, 0),
    ],
)  # fmt: skip
def test_every_price_model_is_read(
    tmp_path: Path, written: str, model: PriceModel, quantity: int, expected: int
) -> None:
    (plan,) = load(tmp_path, with_price(written)).plans()
    assert plan.prices[0].model is model
    assert amount(plan.prices[0], quantity) == expected


def test_a_price_keeps_its_term_bounds_tiers_and_dates(tmp_path: Path) -> None:
    written = (
        "currency: eur, interval_count: 3, per: emails, model: volume, minimum: 2, maximum: 8, sold: false,"
        " effective_from: 2026-12-01, tiers: [{up_to: 5, unit: 1, flat: 7}, {up_to: unlimited, flat: 9}]"
    )
    (plan,) = load(tmp_path, with_price(written, ", sold: false, effective_from: 2027-01-01, name: Pro")).plans()
    price = plan.prices[0]
    assert (price.currency, price.interval, price.interval_count) == ("eur", "month", 3)
    assert (price.minimum_quantity, price.maximum_quantity, price.sold) == (2, 8, False)
    assert price.tiers == (Tier(5, 1, 7), Tier(None, 0, 9))
    assert price.effective_from == date(2026, 12, 1)
    assert (plan.name, plan.sold, plan.effective_from) == ("Pro", False, date(2027, 1, 1))


@pytest.mark.parametrize(
    ("limit", "expected"),
    [
        ("5", Limit("seats", 5, Enforcement.HARD)),
        ("0", Limit("seats", 0, Enforcement.HARD)),
        ("unlimited", Limit("seats", None, Enforcement.HARD)),
        ("quantity", Limit("seats", None, Enforcement.HARD, follows_quantity=True)),
        ("{at: 5, when_reached: auto}", Limit("seats", 5, Enforcement.AUTO)),
        ("{at: quantity, when_reached: auto}", Limit("seats", None, Enforcement.AUTO, follows_quantity=True)),
        ("{at: 5, when_reached: overage}", Limit("seats", 5, Enforcement.OVERAGE)),
        ("{at: 5}", Limit("seats", 5, Enforcement.HARD)),
    ],
)
def test_a_limit_may_be_written_in_each_way(tmp_path: Path, limit: str, expected: Limit) -> None:
    (plan,) = load(tmp_path, with_price("amount: 900, per: seats", f", limits: {{seats: {limit}}}")).plans()
    assert plan.limits == (expected,)


def test_a_bare_limit_of_an_add_on_is_enforced_as_on_the_plans_it_stands_on(tmp_path: Path) -> None:
    add_on = "add_ons: [{id: more, prices: [{id: m, interval: month, amount: 1}], limits: {emails: 500, seats: 1}}]"
    over = f"{GOOD}, limits: {{emails: 10}}, overage: {{emails: {{per: 1, amount: 1}}}}"
    (more,) = load(tmp_path, one_plan(over, product=add_on)).add_ons()
    assert [limit.enforcement for limit in more.limits] == [Enforcement.OVERAGE, Enforcement.HARD]


def test_a_feature_written_out_once_holds_wherever_its_id_stands(tmp_path: Path) -> None:
    plans = one_plan(f"{GOOD}, features: [sso, audit_log]").replace(
        "plans: [", "plans: [{id: top, prices: [{id: t, interval: month, amount: 2}],"
        " features: [{id: sso, name: Single sign-on, imitated_by: [emails]}]}, "
    )  # fmt: skip
    assert load(tmp_path, plans).plan("pro").features == (  # type: ignore[union-attr]
        Feature("sso", "Single sign-on", ("emails",)),
        Feature("audit_log", "audit log"),
    )


def test_a_one_off_product_has_prices_without_interval(tmp_path: Path) -> None:
    one_off = one_plan(GOOD).replace(
        "products:\n", "products:\n  - {id: audit, one_off: true, available_from: 2026-12-01,"
        " first_value: {moment: completed}, prices: [{id: a, amount: 50000}]}\n"
    )  # fmt: skip
    product = load(tmp_path, one_off).products["audit"]
    assert (product.one_off, product.available_from) == (True, date(2026, 12, 1))
    assert product.prices == (Price("a", PriceModel.FLAT, "usd", "once", amount_minor=50000),)
    assert product.first_value == FirstValue(moment="completed")


def test_a_meter_belongs_to_the_product_it_declares_and_has_its_minutes_with_their_source(tmp_path: Path) -> None:
    meter = "{id: exports, aggregate: count, product: mail, minutes_saved_per_use: 2.5, minutes_saved_source: a study}"
    catalog = load(tmp_path, one_plan(GOOD).replace("meters:\n", f"meters:\n  - {meter}\n"))
    assert catalog.products["mail"].meters == ("exports",)
    assert catalog.meters["exports"].minutes_saved_per_use == 2.5
    assert catalog.meters["exports"].minutes_saved_source == "a study"


NEWLINE = "\n"
LIMIT = f"{GOOD}, limits: {{emails: 10}}"
SECOND = "{id: two, prices: [{id: t, interval: month, amount: 1}], limits: {emails: 1}}"
TIERED = "per: emails, model: graduated, tiers: "


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        # amounts
        (with_price("amount: §20.50"), "price 'p': amount is 20.50, not a whole number. Amounts are whole minor"
         " units: for 20.50 usd write 2050."),
        (with_price("currency: jpy, amount: 20.0"), "for 20.0 jpy write 20."),
        (with_price("amount: 20.505"), "usd has 2 decimal places, 20.505 has more."),
        (with_price("amount: $20"), "amount is '$20', not a whole number."),
        (with_price("amount: §-5"), "price 'p': amount is -5. The least allowed is 0."),
        (with_price("amounts: {usd: 1, eur: §-1}"), "price 'p': eur is -1."),
        (with_price("sold: true").replace("{id: p,", "§{id: p,"), "price 'p': 'amount' is missing. Add 'amount:' in minor units of usd."),
        (with_price("§amount: 1, amounts: {eur: 1}"), "price 'p': 'amount' does not go with 'amounts'."),
        (with_price("amount: 1, estimate: 4"), "'estimate' does not go with a flat price."),
        (with_price("amount: 1, model: volume"), "model is volume, but what is written makes it flat. Add 'tiers:'"),
        (with_price("amount: 1, model: volum"), "model 'volum' is not known. Did you mean 'volume'?"),
        (with_price("amount: 1, package: 0, per: emails"), "package is 0. The least allowed is 1."),
        (with_price("amount: 1, package: 10"), "is package, and 'per' does not say which meter is bought."),
        (with_price("amount: 1, per: §seat"), "price 'p': per 'seat' is not known. Did you mean 'seats'?"),
        (with_price("amount: 1, per: seats, minimum: 9, maximum: 3"), "maximum 3 is less than minimum 9."),
        (with_price("amount: 1, minimum: 9"), "'minimum' does not go with a flat price."),
        (with_price("amount: 9223372036854775808"), "The most that fits is 9223372036854775807."),
        # tiers
        (with_price("per: emails, tiers: [{up_to: unlimited, unit: 1}]"), "has tiers. Say 'model: graduated'"),
        (with_price(f"{TIERED}[{{up_to: 5, unit: 1}}, {{up_to: §5, unit: 1}}, {{up_to: unlimited, unit: 1}}]"),
         "price 'p': tier 2 goes up to 5, the tier before it to 5. Tiers must rise."),
        (with_price(f"{TIERED}[{{up_to: 5, unit: 1}}]"), "the last tier ends at 5: more has no price."),
        (with_price(f"{TIERED}[{{up_to: unlimited, unit: 1}}, {{up_to: unlimited, unit: 1}}]"),
         "tier 1 is unlimited, but tiers follow it."),
        (with_price(f"{TIERED}[{{up_to: unlimited}}]"), "tier 1 has no price."),
        (with_price(f"{TIERED}[{{unit: 5}}]"), "'up_to' is missing."),
        (with_price(f"{TIERED}[{{up_to: unlimited, unit: -5}}]"), "unit is -5."),
        (with_price(f"{TIERED}[]"), "tiers is empty."),
        # currency, interval, dates
        (with_price("amount: 1, currency: uds"), "currency 'uds' is no ISO 4217 currency. Write its three letters,"),
        (with_price("amounts: {uds: 1}"), "'uds' is no ISO 4217 currency."),
        (one_plan(GOOD).replace("currency: usd", "currency: §dollars"), "currency 'dollars' is no ISO 4217"),
        (one_plan("prices: [{id: p, interval: §monthly, amount: 1}]"),
         "price 'p': interval 'monthly' is not known. Did you mean 'month'? Known: day, month, quarter, week,"),
        (with_price("amount: 1, interval_count: 0"), "interval_count is 0. The least allowed is 1."),
        (with_price("amounts: {usd: 1, USD: §2}"), "'USD' stands twice in amounts."),
        (with_price("amounts: {}"), "amounts is empty. Write {usd: ..., eur: ...}."),
        (one_plan(GOOD).replace("  - id: mail", "  - {id: a, one_off: true, prices: [{id: a, §interval: month, amount: 1}]}\n  - id: mail"),
         "a one-off price has no interval."),
        (with_price("amount: 1, effective_from: soon"), "effective_from is 'soon', not a date."),
        # plans and products
        (one_plan("limits: {emails: 5}").replace("{id: pro", "§{id: pro"), "plan 'pro': has no price. Add prices: [{id: ..., interval: month,"
         " amount: ...}], with 'amount: quote' when a person prices it."),
        (one_plan("prices: []"), "plan 'pro': has no price."),
        (one_plan("prices: [{id: p, interval: month, amount: 1}, {id: q, interval: month, amount: 2}]"),
         "'p' and 'q' are both sold per month in usd. Mark one 'sold: false'"),
        (one_plan("prices: [{id: p, interval: month, amount: 1}, {id: §p, interval: year, amount: 2}]"),
         "price 'p': the id stands twice in usd; first at"),
        (one_plan(f"{GOOD}, §limit: {{emails: 5}}"), "plan 'pro': 'limit' is not a known key. Did you mean"
         " 'limits'?"),
        (one_plan(GOOD).replace("id: pro", "id: 'pro:1'"), "plan id 'pro:1' has other signs."),
        (one_plan(GOOD).replace("id: pro", "id: §123"), "product 'mail': id is 123, not text. Put it in quotes: "),
        (one_plan(GOOD).replace("plans: [", f"plans: [{SECOND.replace('two', 'pro')}, "),
         "plan id 'pro' stands twice; first at"),
        (one_plan(GOOD).replace("    plans: [{id: pro, " + GOOD + "}]\n", "    name: x\n").replace("id: mail", "§id: mail"),
         "product 'mail': has no plan. Add 'plans:', lowest first, or 'one_off: true' and prices."),
        (one_plan(GOOD, product="one_off: true\nprices: [{id: z, amount: 1}]").replace("plans", "§plans", 1), "product 'mail': is sold one_off"
         " and has plans."),
        (one_plan(GOOD, product="prices: [{id: z, amount: 1}]"), "product 'mail': has prices outside its plans."),
        ("version: 1\nbusiness: saas\ncurrency: usd\n".replace("version", "§version"), "'products' is missing."),
        ("version: 1\nbusiness: saas\ncurrency: usd\n§products: []\n", "products is empty."),
        # limits and overage
        (one_plan(f"{GOOD}, limits: {{§emials: 5}}"), "plan 'pro': meter 'emials' is not known. Did you mean"
         " 'emails'? Known: emails, seats."),
        (one_plan(f"{GOOD}, limits: {{emails: lots}}"), "emails is 'lots', not a whole number. Write a whole number,"
         " 'unlimited', or 'quantity'"),
        (one_plan(f"{GOOD}, limits: {{emails: -1}}"), "emails is -1. The least allowed is 0."),
        (one_plan(f"{GOOD}, limits: {{emails: {{when_reached: hard}}}}"), "the limit of 'emails' does not say where"),
        (one_plan(f"{GOOD}, limits: {{emails: {{at: 5, when_reached: soft}}}}"), "when_reached 'soft' is not known."),
        (one_plan(f"{GOOD}, limits: {{seats: quantity}}"), "the limit of 'seats' is the quantity bought, but no price"
         " is per seats. Add 'per: seats' to a price"),
        (one_plan(f"{GOOD}, limits: {{emails: {{at: 5, when_reached: overage}}}}"), "its overage has no price."),
        (one_plan(f"{GOOD}, overage: {{§emails: {{per: 1, amount: 1}}}}"), "plan 'pro': overage is priced on"
         " 'emails', which has no limit. Add limits: {emails: ...}"),
        (one_plan(f"{GOOD}, limits: {{emails: unlimited}}, overage: {{emails: {{amount: 1}}}}"),
         "overage is priced on 'emails', which is unlimited."),
        (one_plan(f"{GOOD}, limits: {{emails: {{at: 1, when_reached: hard}}}}, overage: {{emails: {{amount: 1}}}}"),
         "overage is priced on 'emails', which is hard at its limit."),
        (one_plan(f"{LIMIT}, overage: {{emials: {{amount: 1}}}}"), "meter 'emials' is not known. Did you mean"),
        (one_plan(f"{LIMIT}, overage: {{emails: {{amount: 0.09}}}}"), "for 0.09 usd write 9."),
        (one_plan(f"{LIMIT}, overage: {{emails: {{per: 0, amount: 9}}}}"), "per is 0. The least allowed is 1."),
        (one_plan(f"{LIMIT}, overage: {{emails: 9}}"), "emails is 9, not a mapping."),
        # features, add-ons
        (one_plan(f"{GOOD}, features: [§'a:b']"), "plan 'pro': feature id 'a:b' has other signs. Use letters"),
        (one_plan(f"{GOOD}, features: [api, api]"), "feature 'api' stands twice."),
        (one_plan(f"{GOOD}, features: [{{id: sso, imitated_by: [logins]}}]"), "imitated_by[1] 'logins' is not known."),
        (one_plan(f"{GOOD}, features: [{{id: sso, name: A}}, {{id: sso, name: B}}]"), "feature 'sso' is written"
         " differently at"),
        (one_plan(GOOD, product=f"add_ons: [{SECOND[:-1]}, needs: [§prp]}}]"), "add-on 'two': needs[1] 'prp' is"
         " not known. Did you mean 'pro'?"),
        (one_plan(GOOD, product="add_ons: [{id: x}]"), "add-on 'x': has no price."),
        # first value, milestones, use cases
        (one_plan(GOOD, product="first_value: {meter: email}"), "meter 'email' is not known. Did you mean 'emails'?"),
        (one_plan(GOOD, product="first_value: {meter: emails, moment: x}"), "first_value has both a meter and a"),
        (one_plan(GOOD, product="first_value: {at_least: 5}"), "first_value has neither a meter nor a moment."),
        (one_plan(GOOD, product="milestones: [{meter: emails, every: 0}]"), "every is 0. The least allowed is 1."),
        (one_plan(GOOD, product="use_cases: [{id: a, meter: emails, neighbours: [b]}]"), "neighbours[1] 'b' is not"),
        # partners, bundles
        (one_plan(GOOD, partners="[{has: mail, then: §crm, because: x}]"), "then 'crm' is not known."),
        (one_plan(GOOD, partners="[{has: mail, then: mail, because: x}]"), "'mail' is named as its own partner."),
        (one_plan(GOOD, partners="[{has: mail, then: mail, because: one list, §one reputation}]"),
         "'one reputation' is not a known key. A comma ends a value inside {...}: put the whole text before it in quotes."),
        (one_plan(GOOD, partners="[{has: mail, then: mail}]"), "'because' is missing."),
        (one_plan(GOOD, bundles="[{id: b, §products: [mail], prices: [{id: b, interval: month, amount: 1}]}]"),
         "bundle 'b': names 1 product. A bundle is of two or more."),
        (one_plan(GOOD, bundles="[{id: b, products: [mail, crm]}]"), "bundle 'b': has no price."),
        # meters
        (one_plan(GOOD).replace("aggregate: sum", "aggregate: §total"), "meter 'emails': aggregate 'total' is not"
         " known."),
        (one_plan(GOOD).replace("aggregate: sum", "aggregate: sum, kind: flux"), "kind 'flux' is not known. Known: flow, stock."),
        (one_plan(GOOD).replace("aggregate: sum", "aggregate: sum, period: month"), "period 'month' is not known."),
        (one_plan(GOOD).replace("aggregate: sum", "aggregate: sum, period: lifetime"), "is a flow with period"),
        (one_plan(GOOD).replace("aggregate: seats", "aggregate: seats, kind: flow"), "seats are a flow."),
        (one_plan(GOOD).replace("id: seats", "id: §emails"), "meter id 'emails' stands twice; first at"),
        (one_plan(GOOD).replace("aggregate: sum", "aggregate: sum, product: male"), "product 'male' is not known. Did"
         " you mean 'mail'?"),
        (one_plan(GOOD).replace("aggregate: sum", "aggregate: sum, §minutes_saved_per_use: 3"), "meter 'emails':"
         " minutes_saved_per_use has no source."),
        (one_plan(GOOD).replace("aggregate: sum", "aggregate: sum, minutes_saved_source: x"), "minutes_saved_source"
         " has no minutes_saved_per_use."),
        (one_plan(LIMIT).replace("products:\n", f"products:\n  - {{id: other, plans: [{SECOND}]}}\n").replace("emails: 10", "§emails: 10"),
         "plan 'pro': meter 'emails' belongs to product 'other', and product 'mail' uses it too."),
        # the top
        (one_plan(GOOD).replace("business: saas", "business: §sas"), "business 'sas' is not known. Did you mean"
         " 'saas'? Known: information, saas, services."),
        (one_plan(GOOD).replace("version: 1", "version: §2"), "version is 2, not 1. This program reads"),
        (one_plan(GOOD).replace("version: 1", "version: §true"), "version is true, not 1."),
        (one_plan(GOOD).replace("version: 1\n", "§"), "'version' is missing."),
        (one_plan(GOOD, product_list="[]").replace("product_list", "§product_list"), "'product_list' is not a known key. Did you mean 'products'?"),
        (one_plan(GOOD, currency="eur").replace("currency: eur", "§currency: eur"), "'currency' stands twice; first in line 3"),
        ("products: [§}", "this is not YAML"),
        ("§", "the file is empty."),
    ],
)  # fmt: skip
def test_a_fault_says_where_what_was_found_and_what_to_do(tmp_path: Path, content: str, fault: str) -> None:
    """A § in the content marks the place that the fault must name; it is not written to the file."""
    before, mark, after = content.partition("§")
    place = f"{before.count(NEWLINE) + 1}:{len(before) - before.rfind(NEWLINE)}: " if mark else ""
    told = faults(tmp_path, before + after)
    assert any(line.startswith(f"catalog.yaml:{place}") and fault in line for line in told), told


def test_all_faults_are_told_at_once_in_file_order_and_once_each(tmp_path: Path) -> None:
    marked = one_plan(
        "prices: [{id: p, interval: §monthly, amount: §1.5}], limits: {§emials: 5, seats: §-2}",
        partners="[{has: §male, then: §crm, because: x}]",
    ).replace("aggregate: sum", "aggregate: §total")
    parts = marked.split("§")
    texts = ["".join(parts[:number]) for number in range(1, len(parts))]
    places = [f"{text.count(NEWLINE) + 1}:{len(text) - text.rfind(NEWLINE)}" for text in texts]
    told = faults(tmp_path, "".join(parts))
    assert [line.split(" ")[0] for line in told] == [f"catalog.yaml:{place}:" for place in places]
    assert len(told) == 7


def test_two_products_may_share_seats_but_no_other_meter(tmp_path: Path) -> None:
    other = SECOND.replace("emails", "seats")
    content = one_plan(f"{GOOD}, limits: {{seats: 2, emails: 5}}").replace(
        "products:\n", f"products:\n  - {{id: other, plans: [{other}]}}\n"
    )
    catalog = load(tmp_path, content)
    assert catalog.products["other"].meters == ("seats",)
    assert catalog.products["mail"].meters == ("emails", "seats")


def test_a_version_not_known_is_the_only_thing_told(tmp_path: Path) -> None:
    assert len(faults(tmp_path, one_plan("nonsense: 5").replace("version: 1", "version: 2"))) == 1


def test_a_missing_catalog_is_a_catalog_error(tmp_path: Path) -> None:
    with pytest.raises(CatalogError, match="there is no such file"):
        load_catalog(tmp_path / "catalog.yaml")
