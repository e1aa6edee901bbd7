"""Why a step waits, in words: one JSON list per row of the gates that hold it, or that a person must answer."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc

from upstep.plays.gates import ADOPTION_PERCENT, GATES, Answer

if TYPE_CHECKING:
    from upstep.plays.gates import Gate

Text = Any
"""An Arrow column of text, plain or chunked."""


def holds(decided: pa.Table) -> Text:
    """Per row the gates that hold it, each with why and when it lifts: a list in JSON."""
    return _reasons(decided, Answer.HOLDS, _hold)


def unknown(decided: pa.Table) -> Text:
    """Per row the gates that could not be answered, each with its question: a list in JSON."""
    return _reasons(decided, Answer.UNKNOWN, _unknown)


def assumed(decided: pa.Table) -> Text:
    """Gates whose unknown was assumed to be clear, as a list in JSON."""
    names = [name for name in decided.column_names if name.startswith("assumed_")]
    parts = [pc.if_else(decided[name], f',"{name.removeprefix("assumed_")}"', "") for name in names]
    return _json_list(parts, decided.num_rows)


def _reasons(decided: pa.Table, answer: Answer, shape: Any) -> Text:
    """A JSON list with one element per gate that gave this answer."""
    parts = []
    for gate in GATES.values():
        is_so = pc.equal(decided[f"gate_{gate.id}"], int(answer))
        if not pc.any(is_so).as_py():
            continue
        parts.append(pc.if_else(is_so, shape(gate, decided), ""))
    return _json_list(parts, decided.num_rows)


def _json_list(parts: Sequence[Any], rows: int) -> Text:
    """Elements of a JSON list, each with a comma before it, or empty.

    Arrow's joining with skipped NULLs loses rows, so it is not used.
    """
    if not parts:
        return pa.repeat(pa.scalar("[]"), rows)
    joined = pc.utf8_slice_codeunits(pc.binary_join_element_wise(*parts, "", ""), 1)
    return pc.binary_join_element_wise("[", joined, "]", "")


def _hold(gate: Gate, decided: pa.Table) -> Text:
    why, lifts = _sentence(gate.why, decided), _sentence(gate.lifts, decided)
    return pc.binary_join_element_wise(f',{{"gate":"{gate.id}","why":"', why, '","lifts":"', lifts, '"}', "")


def _unknown(gate: Gate, decided: pa.Table) -> Text:
    question = _sentence(gate.question, decided)
    return pc.binary_join_element_wise(f',{{"gate":"{gate.id}","question":"', question, '"}', "")


def _sentence(template: str, decided: pa.Table) -> Text:
    """A template over the row's columns; ``adoption_percent`` is the adoption share in whole percents."""
    parts: list[Any] = []
    for piece in re.split(r"(\{\w+\})", template):
        name = piece[1:-1]
        if not piece.startswith("{"):
            parts.append(piece)
        elif name == "adoption_percent":
            share = pc.floor(pc.multiply(pc.coalesce(decided["meter_adoption"], decided["adoption"]), 100.0))
            words = pc.cast(pc.cast(share, pa.int64()), pa.string())
            # A person may say that little is used before there is a complete period to measure it in.
            parts.append(pc.fill_null(words, f"at most {ADOPTION_PERCENT}"))
        elif name.endswith(("_until", "_on")):
            parts.append(pc.fill_null(_day(decided[name]), "removal"))
        elif name == "product_name":
            parts.append(escaped(decided[name]))
        else:
            parts.append(escaped(pc.fill_null(pc.cast(decided[name], pa.string()), "not stated")))
    if all(isinstance(part, str) for part in parts):
        return pa.repeat(pa.scalar("".join(parts)), decided.num_rows)
    return pc.binary_join_element_wise(*parts, "")


def _day(seconds: Any) -> Any:
    """The date of an instant, as 2026-11-20."""
    return pc.cast(pc.cast(pc.cast(seconds, pa.timestamp("s")), pa.date32(), safe=False), pa.string())


def escaped(text: Any) -> Any:
    """Text as it may stand between JSON quotes."""
    if isinstance(text, pa.Array | pa.ChunkedArray) and not _has_marks(text):
        return text
    for character, written in (("\\", "\\\\"), ('"', '\\"'), ("\n", "\\n"), ("\r", "\\r"), ("\t", "\\t")):
        text = pc.replace_substring(text, character, written)
    return pc.replace_substring_regex(text, "[\\x00-\\x1f]", " ")


def _has_marks(text: Text) -> bool:
    """Whether any text holds what JSON must escape; nearly none does, and looking costs a sixth of replacing."""
    found = pc.any(pc.match_substring_regex(text, '[\\\\"\\x00-\\x1f]'))
    return bool(found.as_py())
