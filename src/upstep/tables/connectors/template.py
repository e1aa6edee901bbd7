"""The shipped mappings, cut to what was landed: blocks of ``mapping.yaml`` with the lines that hold here.

A template is a mapping with three words more. ``landed: NAME`` is where a landed table lies. ``- link: COLUMN`` joins
the file that says which account another system's id is, and ``ACCOUNT(column)`` is the account's id with it. Comments
``#: if WORDS``, ``#: else`` and ``#: end`` hold lines for what was landed. A word is a table, ``table.column`` or a
flag; ``not:`` turns it round, ``|`` stands between words of which one is enough. ``#: needs WORDS`` stands behind a
block's name; ``stand_in`` among them: it gives way to another connector's block.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from upstep.tables.connectors.landing import Landing

LINKED, OWN_CONTACTS = "linked", "own_contacts"
"""Flags: another connector holds the accounts; this one holds the contacts."""

ACCOUNT_IDS = "data/account_ids.csv"
"""Which account of ours an id of another system is: connector, their_id, account_id."""

_FOLDER = Path(__file__).parent
_BLOCK = re.compile(r"  (\w+):  #: needs (.+)")
_LINK = re.compile(r"(\s*)- (?:link: (?P<on>[\w.]+)|\{link: (?P<also>[\w.]+), as: (?P<name>\w+)\})$")


@dataclass(frozen=True)
class Block:
    """One of our tables in a template: its lines with the comments before them, and what it needs."""

    table: str
    lines: tuple[str, ...]
    needs: tuple[str, ...]
    is_stand_in: bool

    def lacks(self, landing: Landing) -> tuple[str, ...]:
        """What it needs and is not landed."""
        return tuple(word for word in self.needs if not _holds(word, landing.has))

    def text(self, landing: Landing, *, short: str, flags: frozenset[str], minor_units: int) -> str:
        """The lines that hold here, as they stand in mapping.yaml.

        Args:
            landing: Where the landed tables lie.
            short: The connector's word in the file of account ids.
            flags: Those that are true.
            minor_units: Of the company's currency, in one major unit.
        """

        def is_true(word: str) -> bool:
            return word in flags if word in (LINKED, OWN_CONTACTS) else landing.has(word)

        lines = _filled(_kept(self.lines, is_true), landing, short=short, is_linked=LINKED in flags)
        return "\n".join(_without_empty_joins(lines)).replace("MINOR_UNITS", str(minor_units))


def read_template(connector: str) -> tuple[str, Mapping[str, Block]]:
    """A connector's first comment, and its blocks by our table's name."""
    text = (_FOLDER / f"{connector}.yaml").read_text(encoding="utf-8")
    head, _, rest = text.partition("tables:\n")
    blocks: dict[str, Block] = {}
    for part in re.split(r"\n(?=  \w+:  #: needs )", "\n" + rest.rstrip("\n")):
        lines = part.strip("\n").split("\n")
        named = _BLOCK.fullmatch(lines[0])
        if named:
            table, needs = named.group(1), named.group(2).split()
            needed = tuple(word for word in needs if word != "stand_in")
            blocks[table] = Block(table, (f"  {table}:", *lines[1:]), needed, "stand_in" in needs)
    return head.strip("\n"), blocks


def landed_tables(connector: str) -> tuple[str, ...]:
    """Every table that a template asks for, in its order."""
    text = (_FOLDER / f"{connector}.yaml").read_text(encoding="utf-8")
    return tuple(dict.fromkeys(re.findall(r"\blanded: (\w+)", text)))


def _holds(word: str, is_true: Callable[[str], bool]) -> bool:
    if word.startswith("not:"):
        return not is_true(word.removeprefix("not:"))
    return any(is_true(part) for part in word.split("|"))


def _kept(lines: tuple[str, ...], is_true: Callable[[str], bool]) -> list[str]:
    """The lines whose conditions all hold."""
    kept: list[str] = []
    holds: list[bool] = []
    for line in lines:
        word, _, condition = line.strip().removeprefix("#: ").partition(" ")
        if not line.strip().startswith("#: "):
            kept += [line] if all(holds) else []
        elif word == "if":
            holds.append(all(_holds(part, is_true) for part in condition.split()))
        elif word == "else":
            holds[-1] = not holds[-1]
        else:
            holds.pop()
    return kept


def _filled(lines: list[str], landing: Landing, *, short: str, is_linked: bool) -> list[str]:
    """Lines with the places of landed tables and the accounts' ids in them."""
    filled = []
    for line in lines:
        link = _LINK.fullmatch(line)
        if link and not is_linked:
            continue
        if link:
            column, name = link["on"] or link["also"], link["name"] or "link"
            select = f"select their_id, account_id from ids where connector = '{short}'"
            source = f'{{reads: {{ids: {ACCOUNT_IDS}}}, select: "{select}"}}'
            filled.append(f"{link[1]}- {{from: {source}, on: {{{column}: their_id}}, as: {name}}}")
            continue
        if line.lstrip().startswith("#"):
            filled.append(line)
            continue
        account = r'{sql: "coalesce(link.account_id, cast(\1 as varchar))"}' if is_linked else r"\1"
        named = re.sub(r"ACCOUNT\(([\w.]+)\)", account, line)
        filled.append(re.sub(r"\blanded: (\w+)", lambda found: _placed(found, landing), named))
    return filled


def _placed(found: re.Match[str], landing: Landing) -> str:
    """Where a landed table lies: as keys of one line, or, where 'landed' stands on a line of its own, as lines."""
    written = landing.written(found.group(1))
    line = found.string
    if line.strip() == found.group(0):
        return written.replace(", table: ", "\n" + " " * (len(line) - len(line.lstrip())) + "table: ")
    return written


def _without_empty_joins(lines: list[str]) -> list[str]:
    """``join:`` goes where nothing is left to join."""
    kept = []
    for number, line in enumerate(lines):
        following = lines[number + 1] if number + 1 < len(lines) else ""
        if line.strip() == "join:" and not following.strip().startswith(("-", "#")):
            continue
        kept.append(line)
    return kept
