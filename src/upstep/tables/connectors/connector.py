"""The connectors that we know, and ``mapping.yaml`` for those that a company has."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from upstep.errors import ConfigError, Fault, did_you_mean
from upstep.tables.connectors.landing import Landing, find_landing, usual_landing
from upstep.tables.connectors.template import ACCOUNT_IDS, LINKED, OWN_CONTACTS, Block, landed_tables, read_template
from upstep.tables.schema import TABLES


@dataclass(frozen=True)
class Connector:
    """A connector by the name it has on the command line.

    Args:
        short: Its word in folders, schemas and the file of account ids.
        prefixes: What may stand before the names of its files.
        unusual: Tables that its template can read, and that are usually not landed.
        beside: Tables that tell what is sold, for the catalog.
    """

    name: str
    short: str
    title: str
    prefixes: tuple[str, ...] = ()
    unusual: tuple[str, ...] = ()
    beside: tuple[str, ...] = ()

    def landing(self, data: str | None, *, project: Path) -> Landing:
        """Where its tables lie; without ``data``, or in Postgres, where they usually would.

        Raises:
            SourceError: See ``find_landing``.
        """
        tables = (*landed_tables(self.name), *self.beside)
        if data is not None and not data.startswith("${"):
            return find_landing(data, short=self.short, prefixes=self.prefixes, tables=tables, project=project)
        usual = tuple(table for table in tables if table not in self.unusual)
        return usual_landing(data, short=self.short, tables=usual, project=project)


CONNECTORS = {
    connector.name: connector
    for connector in (
        Connector("stripe_connector", "stripe", "Stripe", unusual=("subscription", "plan"), beside=("product",)),
        Connector("zendesk_connector", "zendesk", "Zendesk"),
        Connector("hubspot_connector", "hubspot", "HubSpot"),
        Connector("salesforce_connector", "salesforce", "Salesforce", ("sf_",), unusual=("account_history",)),
        Connector("mixpanel_connector", "mixpanel", "Mixpanel"),
    )
}
"""Every connector by name."""


@dataclass(frozen=True)
class Chosen:
    """What connectors make: the text of ``mapping.yaml``, our tables it fills, and why others stay empty.

    Args:
        tables: Our table -> the connector that fills it.
        left: Our table and the reason, one each, for blocks that are not used.
        is_linked: Whether ids of several systems have to be brought together in ``ACCOUNT_IDS``.
    """

    text: str
    tables: Mapping[str, str]
    left: tuple[tuple[str, str], ...]
    is_linked: bool


def find_connectors(names: Sequence[str]) -> list[Connector]:
    """The connectors of these names, each once, in order.

    Raises:
        ConfigError: A name is not known.
    """
    unknown = [name for name in names if name not in CONNECTORS]
    if unknown:
        raise ConfigError(
            [Fault("--from", f"connector '{name}' is not known.", did_you_mean(name, CONNECTORS)) for name in unknown]
        )
    return [CONNECTORS[name] for name in dict.fromkeys(names)]


def choose(landings: Mapping[Connector, Landing], *, minor_units: int) -> Chosen:
    """A mapping from what was landed; the first connector that holds a table fills it, a stand-in only alone.

    Args:
        landings: The company's connectors in the order of their weight, and where their tables lie.
        minor_units: Of the company's currency, in one major unit.
    """
    templates = {connector: read_template(connector.name) for connector in landings}
    owners = _owners({connector: (templates[connector][1], landing) for connector, landing in landings.items()})
    parts: list[str] = []
    left: list[tuple[str, str]] = []
    for connector, landing in landings.items():
        head, blocks = templates[connector]
        parts.append("\n".join("  " + line for line in head.split("\n")))
        for table, block in blocks.items():
            lacks = block.lacks(landing)
            if lacks:
                why = f"{connector.title}: {_lacking(lacks)}"
                parts.append(f"  # {table} is not mapped from {why}.")
                left.append((table, why))
                continue
            flags = _flags(connector, owners)
            text = block.text(landing, short=connector.short, flags=flags, minor_units=minor_units)
            if owners[table] == connector:
                parts.append(text)
                continue
            why = f"{connector.title} holds {table} too, and one table is filled from one place"
            parts.append(f"  # {why}. To use it instead, swap the comments.\n{_commented(text)}")
            left.append((table, f"{why}: {owners[table].title}"))
    is_linked = any(LINKED in _flags(connector, owners) for connector in landings)
    text = _HEAD + (_LINKED if is_linked else "") + _BODY + "\n\n".join(parts) + "\n"
    return Chosen(text, {table: owner.name for table, owner in owners.items()}, tuple(left), is_linked)


def _owners(offers: Mapping[Connector, tuple[Mapping[str, Block], Landing]]) -> dict[str, Connector]:
    """Our table -> who fills it: the first that can, and stand-ins only where nobody else does."""
    owners: dict[str, Connector] = {}
    for is_stand_in in (False, True):
        for connector, (blocks, landing) in offers.items():
            for table, block in blocks.items():
                if block.is_stand_in is is_stand_in and not block.lacks(landing):
                    owners.setdefault(table, connector)
    return {table: owners[table] for table in TABLES if table in owners}


def _flags(connector: Connector, owners: Mapping[str, Connector]) -> frozenset[str]:
    """What holds for the lines of a connector, by who fills which table."""
    linked = (LINKED,) if owners.get("account", connector) != connector else ()
    return frozenset((*linked, OWN_CONTACTS) if owners.get("contact") == connector else linked)


def _lacking(words: Sequence[str]) -> str:
    """``the table charge is not landed``."""
    shown = [
        " or ".join(f"the column {part}" if "." in part else f"the table {part}" for part in word.split("|"))
        for word in words
    ]
    return f"{', '.join(shown)} {'is' if len(words) == 1 else 'are'} not landed"


def _commented(text: str) -> str:
    return "\n".join(f"  # {line[2:]}" if line.strip() else "  #" for line in text.split("\n"))


_HEAD = """\
# What the connectors land -> our tables. Every line is yours to change; docs/connectors.md says what stands behind it.
# may_lack: columns that a connector creates only with their first value. They are empty until then.
# From a database instead of a file: {postgres: "${DATABASE_URL}", table: stripe.customer} or {duckdb: FILE, table: …}.
"""

_LINKED = f"""\
# Each system has ids of its own. {ACCOUNT_IDS} says which account theirs are (connector, their_id, account_id);
# an id that is not in it is taken as it is, and 'upstep check' lists those that are no account.
"""

_BODY = """\
version: 1
time_zone: UTC

tables:
"""
