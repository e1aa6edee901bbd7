"""The planted accounts of Loomboard: who they are, what their tables say, and what must be said of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from upstep.tables.sample.book import Book, Customer
from upstep.tables.sample.life import OWNER_IDS, add_goal, add_moment, add_score, add_ticket
from upstep.tables.sample.names import slug
from upstep.tables.sample.planted import Planted

Twist = Callable[[Book, Customer], None]

HEAD_OF_COMMUNICATIONS = "Head of Internal Communications"


@dataclass(frozen=True)
class Flow:
    """Use of a meter: what complete periods came to, newest last, and what the current one has so far."""

    meter_id: str
    limit: int
    periods: tuple[int, ...]
    now: int


@dataclass(frozen=True)
class Case:
    """A planted team on yearly Boards; ``assigned`` of its ``paid`` seats are given out and used.

    Args:
        newcomers: Days before as-of at which people came on their own.
        others: Plans of other products, paid by the year; guides: whether the wiki's guides are followed.
        flows: Use beside tasks and the products' quiet use; a flow with a limit is what the story speaks of.
        tasks: What each person does a week.
        months: How long they have been a customer; ``elapsed`` days of this month have passed.
    """

    name: str
    customer: str
    story: str
    answer: dict[str, Any]
    plan: str = "basic"
    paid: int = 12
    assigned: int = 8
    newcomers: tuple[float, ...] = ()
    others: tuple[str, ...] = ("wiki_basic",)
    guides: bool = True
    flows: tuple[Flow, ...] = ()
    tasks: float = 14.0
    months: int = 14
    elapsed: float = 20.3
    employees: int = 80
    industry: str = "software"
    place: int = 0
    owner_id: str | None = None
    is_onboarded: bool = True
    twist: Twist | None = None

    @property
    def planted(self) -> Planted:
        """The case as others see it."""
        limited = next((flow for flow in self.flows if flow.limit), None)
        told = (limited.meter_id, limited.now, limited.limit) if limited else ("seats", self.assigned, self.paid)
        return Planted(slug(self.customer), self.name, self.story, self.answer, *told)


def _finds(play: str, motion: str, **more: Any) -> dict[str, Any]:
    return {"play": play, "outcome": "eligible", "lane": "self_serve", "motion": motion, **more}


def _misses(play: str) -> dict[str, Any]:
    return {"play": play, "outcome": None}


def _hits(feature_id: str, count: int) -> Twist:
    def twist(book: Book, customer: Customer) -> None:
        for number in range(count):
            add_moment(book, customer, "feature_gate_hit", days=3.3 + 5.1 * number, subject_id=feature_id)

    return twist


def _looked(*, tried: bool) -> Twist:
    def twist(book: Book, customer: Customer) -> None:
        add_moment(book, customer, "pricing_page_viewed", days=2.7)
        if tried:
            add_moment(book, customer, "feature_gate_hit", days=4.2, subject_id="timeline")

    return twist


def _asked(feature_id: str | None) -> Twist:
    def twist(book: Book, customer: Customer) -> None:
        add_ticket(book, customer, opened_days=21.4, kind="feature_request", feature_id=feature_id)

    return twist


def _questions(count: int) -> Twist:
    def twist(book: Book, customer: Customer) -> None:
        for number in range(count):
            opened = 80.5 - 13.7 * number
            add_ticket(book, customer, opened_days=opened, closed_days=opened - 1.2, kind="question")

    return twist


def _score(score: int) -> Twist:
    def twist(book: Book, customer: Customer) -> None:
        add_score(book, customer, score=score, days=40.6)

    return twist


def _happened(kind: str, subject_id: str | None, detail: str, *, days: float) -> Twist:
    def twist(book: Book, customer: Customer) -> None:
        add_moment(book, customer, kind, days=days, subject_id=subject_id, detail=detail)

    return twist


def _enterprise(*, funded: bool) -> Twist:
    def twist(book: Book, customer: Customer) -> None:
        add_ticket(book, customer, opened_days=12.6, kind="feature_request", feature_id="sso")
        if funded:
            add_moment(book, customer, "funding", days=60.4, detail="closed a series C")
        sponsor = customer.contact_ids[1]
        add_goal(book, customer, "fewer passwords", advances=("boards",), days=30.1, sponsor_id=sponsor)

    return twist


def _hired(days: float) -> Twist:
    def twist(book: Book, customer: Customer) -> None:
        contact_id = book.next_id("contact", "con")
        book.add(
            "contact",
            contact_id=contact_id,
            account_id=customer.account_id,
            name="Robin Hale",
            email=f"robin.hale@{customer.account_id}.example",
            title=HEAD_OF_COMMUNICATIONS,
            role="user",
            may_buy=False,
            in_original_purchase=False,
            consents=("service",),
            created_at=book.before(days),
        )
        book.contact_ids.append(contact_id)

    return twist


_QUIET_WIKI = Flow("pages", 0, (1_240,) * 3, 800)
_GROWING_WIKI = Flow("pages", 2_000, (420, 680, 1_060), 1_230)


CASES: tuple[Case, ...] = (
    Case(
        "newcomers_by_themselves",
        "Tallgrass Studio",
        "Four people came on their own in four weeks and two before; 10 of 12 seats are used.",
        _finds("growing_team", "volume", plan_id="basic"),
        assigned=10,
        newcomers=(3.2, 9.8, 16.1, 22.7, 33.9, 47.3),
    ),
    Case(
        "two_newcomers",
        "Fernhill Dental",
        "As full, and two people came in four weeks.",
        _misses("growing_team"),
        assigned=10,
        newcomers=(9.8, 22.7, 33.9, 47.3),
        industry="health",
    ),
    Case(
        "automations_rationed",
        "Brightwater Courier",
        "Ran 74 and 81 of 100 automations in its last two periods: a power user on the smallest plan.",
        _finds("power_user", "upsell", plan_id="plus"),
        flows=(Flow("automations", 100, (62, 74, 81), 48),),
        industry="logistics",
    ),
    Case(
        "automations_once_heavy",
        "Poppyfield Bakery",
        "Ran 81 of 100 automations in the last period, and 55 in the one before.",
        _misses("power_user"),
        flows=(Flow("automations", 100, (62, 55, 81), 44),),
        industry="retail",
    ),
    Case(
        "three_locked_doors",
        "Ironbark Engineering",
        "Its people opened the locked timeline three times in four weeks.",
        _finds("feature_gate", "upsell", plan_id="plus"),
        twist=_hits("timeline", 3),
    ),
    Case(
        "two_locked_doors",
        "Şahin Tekstil",
        "Its people opened the locked timeline twice.",
        _misses("feature_gate"),
        twist=_hits("timeline", 2),
        place=9,
        industry="manufacturing",
    ),
    Case(
        "exports_for_reports",
        "Gullwing Aviation",
        "Exports a spreadsheet nearly every day, which is what reports are for.",
        _finds("workaround", "upsell", plan_id="plus"),
        flows=(Flow("exports", 0, (40, 42, 41), 28),),
    ),
    Case(
        "few_exports",
        "Peña Logística",
        "Exports a spreadsheet a week.",
        _misses("workaround"),
        flows=(Flow("exports", 0, (5, 6, 5), 3),),
        place=5,
        industry="logistics",
    ),
    Case(
        "asked_for_portfolios",
        "Marlow & Finch",
        "Asked for portfolios, which the Business plan has.",
        _finds("feature_request", "upsell", plan_id="business"),
        twist=_asked("portfolios"),
        place=2,
    ),
    Case(
        "asked_for_what_nobody_sells",
        "Quillon Press",
        "Asked for a dark theme, which no plan has.",
        _misses("feature_request"),
        twist=_asked(None),
        industry="media",
    ),
    Case(
        "renewal_and_all_is_well",
        "Åkesson Handel AB",
        "Its year ends in seven weeks, its last score was 9: two years cost less than two times one.",
        _finds("renewal_annual", "commit", plan_id="basic", interval="year"),
        months=10,
        elapsed=12.4,
        twist=_score(9),
        place=6,
        industry="retail",
    ),
    Case(
        "renewal_and_a_low_score",
        "Dunmore Estates",
        "Its year ends as soon, and its last score was 5.",
        _misses("renewal_annual"),
        months=10,
        elapsed=12.4,
        twist=_score(5),
        industry="real_estate",
    ),
    Case(
        "forms_beyond_the_plan",
        "Willowmere Insurance",
        "About 3,000 forms a month at 1,000 included, for a year: the volume can be committed.",
        _finds("volume_commit", "commit", plan_id="intake_volume", interval="year"),
        others=("wiki_basic", "intake_flex"),
        flows=(Flow("submissions", 1_000, (3_050, 2_980, 3_010), 2_000),),
        industry="insurance",
    ),
    Case(
        "forms_once_within",
        "Calder Valley Schools",
        "Over its included forms in two of the last three periods.",
        _misses("volume_commit"),
        others=("wiki_basic", "intake_flex"),
        flows=(Flow("submissions", 1_000, (1_150, 960, 1_180), 700),),
        industry="education",
    ),
    Case(
        "large_funded_and_asks_for_sso",
        "Hollis Robotics",
        "1,600 people, funded two months ago, asks for single sign-on, and an executive stands behind it.",
        _finds("enterprise_fit", "upsell", plan_id="enterprise") | {"lane": "assisted"},
        plan="business",
        paid=30,
        assigned=20,
        employees=1_600,
        owner_id=OWNER_IDS[1],
        twist=_enterprise(funded=True),
        industry="manufacturing",
    ),
    Case(
        "small_and_asks_for_sso",
        "Verano Games",
        "As funded and asks for single sign-on too, with 180 people: one sign, not several.",
        _misses("enterprise_fit"),
        plan="business",
        paid=30,
        assigned=20,
        employees=180,
        owner_id=OWNER_IDS[1],
        twist=_enterprise(funded=True),
    ),
    Case(
        "many_questions",
        "Oakhurst Museum",
        "Six questions in three months, none in those before, and two ways of using the wiki.",
        _finds("support_need", "add_on", plan_id="basic"),
        twist=_questions(6),
        industry="culture",
    ),
    Case(
        "three_questions",
        "Bramblewood Toys",
        "Three questions in three months.",
        _misses("support_need"),
        twist=_questions(3),
        industry="retail",
    ),
    Case(
        "looked_and_tried",
        "Nordlys Design ApS",
        "Looked at the prices and tried the timeline: may try Plus free.",
        _finds("trial_higher_plan", "upsell", plan_id="plus"),
        twist=_looked(tried=True),
        place=7,
    ),
    Case(
        "only_looked",
        "Stonebridge Legal",
        "Looked at the prices, and tried nothing.",
        _misses("trial_higher_plan"),
        twist=_looked(tried=False),
        industry="legal",
    ),
    Case(
        "busy_enough_for_chat",
        "Highmoor Broadcasting",
        "Its people do far more tasks than others, which in this company's past went before buying Chat.",
        _finds("affinity_chat", "cross_sell", product_id="chat"),
        tasks=110.0,
        industry="media",
    ),
    Case(
        "not_busy_enough_for_chat",
        "Rosewell Clinics",
        "Does many tasks, and fewer than the learned figure.",
        _misses("affinity_chat"),
        tasks=48.0,
        industry="health",
    ),
    Case(
        "wiki_and_chat_apart",
        "Gauthier et Fils",
        "Pays for the wiki and for chat by themselves; the bundle of both costs less.",
        _finds("bundle", "cross_sell", product_id="knowledge"),
        others=("wiki_basic", "chat_basic"),
        place=4,
    ),
    Case(
        "wiki_and_unused_chat",
        "Pemberton Yachts",
        "Pays for both, and has hardly used chat: first it must be of use.",
        _misses("bundle"),
        others=("wiki_basic", "chat_unused"),
        place=2,
        industry="manufacturing",
    ),
    Case(
        "onboarded_two_months_ago",
        "Lumen & Lark",
        "Was onboarded ten weeks ago and uses Boards, and has no wiki.",
        _finds("lifecycle", "cross_sell", product_id="wiki"),
        others=(),
        months=2,
        elapsed=14.2,
        is_onboarded=False,
        twist=_happened("onboarded", None, "first board finished", days=69.4),
    ),
    Case(
        "onboarded_four_months_ago",
        "Kestrel Outfitters",
        "Was onboarded four months ago and has no wiki: the occasion has passed.",
        _misses("lifecycle"),
        others=(),
        months=4,
        elapsed=14.2,
        is_onboarded=False,
        twist=_happened("onboarded", None, "first board finished", days=118.4),
        industry="retail",
    ),
    Case(
        "handbook_without_guides",
        "Grünwald Technik GmbH",
        "Keeps its handbook in the wiki and has never tried guided onboarding.",
        _finds("use_case", "adopt") | {"lane": "care"},
        guides=False,
        place=3,
        industry="manufacturing",
    ),
    Case(
        "handbook_and_guides",
        "Sablewood Hotels",
        "Keeps its handbook in the wiki and follows guides too.",
        _misses("use_case"),
        industry="travel",
    ),
    Case(
        "another_chat_next_door",
        "Tidewater Fisheries",
        "Said in spring that another team works in another vendor's chat.",
        _finds("consolidate", "cross_sell", product_id="chat"),
        twist=_happened("other_vendor", "chat", "the sales team chats elsewhere", days=150.2),
        industry="food",
    ),
    Case(
        "another_chat_long_ago",
        "Maple & Moss",
        "Said the same sixteen months ago: nobody knows whether it is still so.",
        _misses("consolidate"),
        months=26,
        twist=_happened("other_vendor", "chat", "the sales team chats elsewhere", days=480.2),
        industry="retail",
    ),
    Case(
        "started_talking_across_teams",
        "Corvane Energy",
        "Announced a programme for talk between its teams, which is what Chat is for.",
        _finds("new_initiative", "cross_sell", product_id="chat"),
        twist=_happened("initiative", "team_talk", "announced one channel per site", days=35.8),
        industry="energy",
    ),
    Case(
        "started_something_else",
        "Wójcik Logistyka",
        "Announced a loyalty programme, which maps to nothing that is sold here.",
        _misses("new_initiative"),
        twist=_happened("initiative", None, "announced a loyalty programme", days=35.8),
        place=8,
        industry="logistics",
    ),
    Case(
        "hired_head_of_communications",
        "Fairweather Travel",
        "A head of internal communications came six weeks ago, a role that buys Chat.",
        _finds("new_buyer", "cross_sell", product_id="chat"),
        twist=_hired(41.7),
        industry="travel",
    ),
    Case(
        "head_of_communications_of_old",
        "Blackthorn Brewing",
        "Has had a head of internal communications for ten months.",
        _misses("new_buyer"),
        twist=_hired(301.7),
        industry="food",
    ),
    Case(
        "customers_grow",
        "Penrose Marketplace",
        "Passed 100,000 customers of its own, and edits more pages week by week.",
        _finds("own_growth", "upsell", plan_id="wiki_plus"),
        flows=(_GROWING_WIKI,),
        elapsed=24.6,
        twist=_happened("customer_growth", None, "passed 100,000 customers", days=20.5),
        industry="retail",
    ),
    Case(
        "use_grows_alone",
        "Sunder & Vale",
        "Edits as many more pages, and nothing is known of its own customers.",
        _misses("own_growth"),
        flows=(_GROWING_WIKI,),
        elapsed=24.6,
    ),
)

PLANTED: dict[str, Planted] = {case.name: case.planted for case in CASES}
