"""The demo's company: the sample Postline as of now, and one account whose story is told."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from upstep.engine.project import Project
from upstep.tables.load import load
from upstep.tables.sample import PLANTED
from upstep.tables.sample.book import Book
from upstep.tables.sample.postline import fill, plant
from upstep.tables.sample.postline_cases import Case
from upstep.tables.sample.writing import write_folder
from upstep.tables.schema import TABLES

ACCOUNT = "brightwater-books"
USED, LIMIT = 7_300, 10_000
SECRET_NAME = "UPSTEP_DEMO_TOKEN"  # noqa: S105 - the name of a variable
EVENT = "E-mails Sent"

STORY = Case(
    "demo",
    "Brightwater Books",
    "Has sent 73% of its 10,000 e-mails, as it was used to: nothing is to be said yet.",
    {},
    plan="starter",
    used=USED,
    periods=(0.71, 0.91, 0.93),
    elapsed=24.2,
    months=13,
    companions=("marketing",),
    place=0,
    industry="retail",
    employees=24,
)

SETTINGS = """\
# The demo's own: everything that is said is said at once, and nothing leaves this machine.
version: 1
company: Postline
currency: usd
time_zone: Europe/Berlin
serve:
  public_url: {upstep}
  origins: ['{host}']
  token_secret: ${{{secret}}}
ingest:
  track:
    {event}: {{meter: emails, quantity: count}}
contact_policy:
  quiet_hours: none
  consent_sales: assumed
# The demo tells of limits; what else Upstep sees in these accounts is in `upstep demo`.
plays: {{'off': [limit_forecast, annual_commit, overage_habit, power_user, complement, lifecycle, feature_gate]}}
"""


@dataclass(frozen=True)
class Visitor:
    """Somebody of the account who may look at the page."""

    contact_id: str
    name: str
    may_buy: bool


@dataclass(frozen=True)
class Company:
    """The demo's project, the people of its account, and who looks at the page: a buyer, or one who may not buy."""

    project: Project
    people: tuple[Visitor, ...]

    @property
    def visitors(self) -> tuple[Visitor, Visitor]:
        """The buyer who uses the product, and a colleague."""
        buyers, others = ([each for each in self.people if each.may_buy is wanted] for wanted in (True, False))
        return buyers[-1], others[0]


def make_company(folder: Path, *, now: datetime, upstep: str, host: str) -> Company:
    """Write the company into an empty folder and load it, as of now.

    Args:
        upstep: Where the service will be.
        host: Where the demo's page will be.
    """
    book = Book("postline", seed=7, as_of=now.replace(microsecond=0))
    fill(book, accounts=0)
    plant(book, STORY)
    settings = SETTINGS.format(upstep=upstep, host=host, secret=SECRET_NAME, event=EVENT)
    write_folder(book, folder, settings=settings, planted=PLANTED["postline"].values(), plays={})
    project = Project(folder)
    load(folder, now=book.as_of, through=book.as_of, known=project.known_ids, command="upstep serve --demo")
    return Company(project, _people(book))


def _people(book: Book) -> tuple[Visitor, ...]:
    places = {name: place for place, name in enumerate(TABLES["contact"].names)}
    rows = [row for row in book.rows["contact"] if row[places["account_id"]] == ACCOUNT]
    return tuple(Visitor(*(row[places[name]] for name in ("contact_id", "name", "may_buy"))) for row in rows)
