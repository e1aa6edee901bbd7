"""The condition of a play: a SQL boolean expression, parsed, checked against an allow-list, compiled to Ibis.

Allowed: and, or, not, comparisons, in, between, is null, + - * /, literals, the grain's columns, ``reached(T)`` and
``meter('id').column``. Nothing else parses, so a play cannot read what it may not.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import reduce
from typing import TYPE_CHECKING, Any

import ibis
import sqlglot
from sqlglot import exp

from upstep.errors import did_you_mean

if TYPE_CHECKING:
    import ibis.expr.types as ir

MAXIMUM_LENGTH = 2000
MAXIMUM_DEPTH = 40
"""Levels of nesting that are read; parser and compilers recurse once a level."""

_WHOLE_MAX = 2**63 - 1
REACHED_SHARES = (0.5, 0.6, 0.7, 0.75, 0.8, 0.85, 0.9, 0.95, 1.0)

METER_COLUMNS: Mapping[str, str] = {
    "used": "int64",
    "used_1": "int64",
    "used_28d": "int64",
    "used_prev_28d": "int64",
}
"""What ``meter('id')`` may be asked: use in this window, in the last complete one, in 28 days and the 28 before."""


class ExpressionError(ValueError):
    """The text is not an allowed condition. The message says what stands there and what to do."""


@dataclass(frozen=True)
class Condition:
    """A parsed condition.

    Args:
        text: As written.
        tree: The parsed tree; only allowed nodes.
        columns: Column names it reads, in order of appearance.
        meters: (meter id, column) pairs that it asks other meters for.
        literals: Column name to the numbers it is compared with: its bands.
    """

    text: str
    tree: exp.Expr
    columns: tuple[str, ...]
    meters: tuple[tuple[str, str], ...]
    literals: Mapping[str, tuple[float, ...]]

    @property
    def clauses(self) -> tuple[str, ...]:
        """The parts joined by ``and`` at the top, as text."""
        return tuple(_as_written(part) for part in _conjuncts(self.tree))


Kinds = Mapping[str, str]
"""Column name to "number", "text" or "flag"."""

_COMPARISONS: dict[type[exp.Expr], Callable[[Any, Any], Any]] = {
    exp.EQ: lambda a, b: a == b,
    exp.NEQ: lambda a, b: a != b,
    exp.LT: lambda a, b: a < b,
    exp.LTE: lambda a, b: a <= b,
    exp.GT: lambda a, b: a > b,
    exp.GTE: lambda a, b: a >= b,
}
_ARITHMETIC: dict[type[exp.Expr], Callable[[Any, Any], Any]] = {
    exp.Add: lambda a, b: a + b,
    exp.Sub: lambda a, b: a - b,
    # In whole numbers a product can overflow, which would end the run of everybody.
    exp.Mul: lambda a, b: a.cast("float64") * b.cast("float64"),
    exp.Div: lambda a, b: a.cast("float64") / b.cast("float64").nullif(0.0),
}


def parse(text: str, columns: Kinds, *, meters: Mapping[str, object] | None = None) -> Condition:
    """Parse and check a condition.

    Args:
        columns: Every column that may be read, with its kind.
        meters: Meter ids that ``meter('id')`` may name; None when not known yet (then any).

    Raises:
        ExpressionError: It is not a condition, reads an unknown column, or compares unlike kinds.
    """
    if len(text) > MAXIMUM_LENGTH:
        message = f"the condition has {len(text)} characters. At most {MAXIMUM_LENGTH} are read; split the play."
        raise ExpressionError(message)
    try:
        tree = sqlglot.parse_one(text, dialect="duckdb")
    except sqlglot.errors.SqlglotError as error:
        message = f"'{text}' is not a SQL condition: {_first_line(error)}."
        raise ExpressionError(message) from None
    except RecursionError:
        raise ExpressionError(_TOO_DEEP) from None
    if any(_depth(node) > MAXIMUM_DEPTH for node in tree.walk()):
        raise ExpressionError(_TOO_DEEP)
    checker = _Checker(columns, meters)
    if checker.kind(tree) != "flag":
        message = f"'{text}' is not true or false. Compare it with something, as in used > 10."
        raise ExpressionError(message)
    return Condition(
        text=text,
        tree=tree,
        columns=tuple(dict.fromkeys(checker.columns)),
        meters=tuple(dict.fromkeys(checker.meters)),
        literals={name: tuple(sorted(set(values))) for name, values in checker.literals.items()},
    )


_TOO_DEEP = f"the condition is nested deeper than {MAXIMUM_DEPTH} levels. Drop parentheses, or split the play."


def _depth(node: exp.Expr) -> int:
    depth = 0
    while node.parent is not None:
        node, depth = node.parent, depth + 1
    return depth


def _first_line(error: Exception) -> str:
    # The parser underlines the place with terminal codes; the words before it are enough.
    return str(error).splitlines()[0].split("\x1b")[0].rstrip(" .")


class _Checker:
    """Walks a tree once: allowed nodes only, columns known, kinds that fit."""

    def __init__(self, columns: Kinds, meters: Mapping[str, object] | None) -> None:
        self.known = columns
        self.known_meters = meters
        self.columns: list[str] = []
        self.meters: list[tuple[str, str]] = []
        self.literals: dict[str, list[float]] = {}

    def kind(self, node: exp.Expr) -> str:
        """The kind of a node's value: number, text or flag."""
        for types, rule in (
            ((exp.And, exp.Or), self._logic),
            ((exp.Not,), self._logic),
            (tuple(_COMPARISONS), self._comparison),
            (tuple(_ARITHMETIC), self._arithmetic),
            ((exp.In,), self._membership),
            ((exp.Between,), self._between),
            ((exp.Is,), self._null_test),
            ((exp.Paren,), self._inner),
            ((exp.Neg,), self._negative),
            ((exp.Column, exp.Dot), self._column),
            ((exp.Literal, exp.Boolean, exp.Null), self._literal),
            ((exp.Anonymous,), self._function),
        ):
            if isinstance(node, types):
                return rule(node)
        message = (
            f"'{node.sql(dialect='duckdb')}' is not allowed in a condition. Use and, or, not, comparisons, in, between,"
            " is null, + - * /, reached(0.8) and meter('id').used_28d."
        )
        raise ExpressionError(message)

    def _logic(self, node: exp.Expr) -> str:
        parts = [node.this] if isinstance(node, exp.Not) else [node.left, node.right]  # type: ignore[attr-defined]
        for part in parts:
            if self.kind(part) != "flag":
                message = f"'{part.sql(dialect='duckdb')}' is not true or false. Compare it with something."
                raise ExpressionError(message)
        return "flag"

    def _comparison(self, node: exp.Expr) -> str:
        left, right = node.args["this"], node.args["expression"]
        self._same_kind([left, right], node)
        self._note(left, right)
        self._note(right, left)
        return "flag"

    def _arithmetic(self, node: exp.Expr) -> str:
        for part in (node.args["this"], node.args["expression"]):
            self._number(part)
        return "number"

    def _negative(self, node: exp.Expr) -> str:
        self._number(node.this)
        return "number"

    def _number(self, part: exp.Expr) -> None:
        if self.kind(part) != "number":
            message = f"'{part.sql(dialect='duckdb')}' is not a number, so it cannot be reckoned with."
            raise ExpressionError(message)

    def _membership(self, node: exp.Expr) -> str:
        if node.args.get("query") or node.args.get("unnest") or node.args.get("field"):
            message = "in (...) takes a list of values here, not a query."
            raise ExpressionError(message)
        values = node.args["expressions"]
        if not values or not all(isinstance(value, exp.Literal | exp.Neg) for value in values):
            message = f"'{node.sql(dialect='duckdb')}': in (...) takes plain values, at least one."
            raise ExpressionError(message)
        self._same_kind([node.this, *values], node)
        return "flag"

    def _between(self, node: exp.Expr) -> str:
        low, high = node.args["low"], node.args["high"]
        self._same_kind([node.this, low, high], node)
        self._note(node.this, low)
        self._note(node.this, high)
        return "flag"

    def _null_test(self, node: exp.Expr) -> str:
        if not isinstance(node.args["expression"], exp.Null):
            message = f"'{node.sql(dialect='duckdb')}': write is null or is not null; a flag is tested by its name."
            raise ExpressionError(message)
        self.kind(node.this)
        return "flag"

    def _inner(self, node: exp.Expr) -> str:
        return self.kind(node.this)

    def _literal(self, node: exp.Expr) -> str:
        if isinstance(node, exp.Null):
            # In SQL nothing equals NULL; a condition that seems to ask for it would never match.
            message = "null stands only in is null and is not null: nothing is equal to it."
            raise ExpressionError(message)
        if isinstance(node, exp.Boolean):
            return "flag"
        if node.is_string:
            return "text"
        if abs(float(node.name)) > _WHOLE_MAX:
            message = f"the number {node.name} is too large. At most {_WHOLE_MAX} can be compared."
            raise ExpressionError(message)
        return "number"

    def _column(self, node: exp.Expr) -> str:
        asked = meter_reference(node)
        if asked:
            return self._meter(*asked)
        if isinstance(node, exp.Dot) or node.args.get("table"):
            message = f"'{node.sql(dialect='duckdb')}': columns are named without a table."
            raise ExpressionError(message)
        name = node.name
        if name not in self.known:
            message = f"column '{name}' is not known here. {did_you_mean(name, self.known)}"
            raise ExpressionError(message)
        self.columns.append(name)
        return self.known[name]

    def _meter(self, meter: str, column: str) -> str:
        if self.known_meters is not None and meter not in self.known_meters:
            message = f"meter '{meter}' is not in the catalog. {did_you_mean(meter, self.known_meters)}"
            raise ExpressionError(message)
        if column not in METER_COLUMNS:
            message = f"meter('{meter}').{column} is not known. {did_you_mean(column, METER_COLUMNS)}"
            raise ExpressionError(message)
        self.meters.append((meter, column))
        return "number"

    def _function(self, node: exp.Expr) -> str:
        if node.name.lower() != "reached" or len(node.expressions) != 1:
            message = f"function '{node.name}' is not known. Known: reached(0.8), meter('id').used_28d."
            raise ExpressionError(message)
        share = reached_percent(node)
        self.literals.setdefault("utilisation", []).append(share / 100)
        for name in ("used", "limit_quantity"):
            if name not in self.known:
                message = "reached(...) speaks of a limit: it needs `each: limit`."
                raise ExpressionError(message)
            self.columns.append(name)
        return "flag"

    def _same_kind(self, parts: list[exp.Expr], node: exp.Expr) -> None:
        kinds = {self.kind(part) for part in parts}
        if len(kinds) > 1:
            found = f"'{node.sql(dialect='duckdb')}' compares {' with '.join(sorted(kinds))}."
            message = f"{found} Compare numbers with numbers, text with text in 'quotes'."
            raise ExpressionError(message)

    def _note(self, column: exp.Expr, literal: exp.Expr) -> None:
        """Remember the number that a column is compared with: it marks a band."""
        is_number = isinstance(literal, exp.Literal) and not literal.is_string
        if is_number and isinstance(column, exp.Column) and not meter_reference(column):
            self.literals.setdefault(column.name, []).append(float(literal.name))


def reached_percent(node: exp.Expr) -> int:
    """The whole percent of ``reached(0.8)``.

    Raises:
        ExpressionError: Not a share between 0 and 1 in whole percents.
    """
    (argument,) = node.expressions
    try:
        percent = round(float(argument.name) * 100, 6)
    except ValueError:
        percent = -1.0
    if not isinstance(argument, exp.Literal) or argument.is_string or percent != int(percent) or not 0 < percent <= 100:
        message = f"reached({argument.sql(dialect='duckdb')}): write a share in whole percents, as reached(0.8)."
        raise ExpressionError(message)
    return int(percent)


def meter_reference(node: exp.Expr) -> tuple[str, str] | None:
    """(meter id, column) of ``meter('id').column``, or None."""
    if isinstance(node, exp.Dot) and isinstance(node.this, exp.Anonymous) and node.this.name.lower() == "meter":
        arguments = node.this.expressions
        if len(arguments) == 1 and isinstance(arguments[0], exp.Literal) and arguments[0].is_string:
            return arguments[0].name, node.expression.name
    return None


def meter_column(meter: str, column: str) -> str:
    """The name under which another meter's figure is joined."""
    return f"meter__{meter}__{column}"


def compile_condition(tree: exp.Expr, table: ir.Table) -> ir.BooleanValue:
    """The Ibis expression of a checked tree over a table that has its columns. A NULL answer is "not matched"."""
    return _value(tree, table)


def _value(node: exp.Expr, table: ir.Table) -> Any:  # noqa: C901, PLR0911 - one return per kind of node
    if isinstance(node, exp.And | exp.Or):
        parts = [_value(part, table) for part in (node.left, node.right)]
        return reduce(lambda a, b: a & b, parts) if isinstance(node, exp.And) else reduce(lambda a, b: a | b, parts)
    if isinstance(node, exp.Not):
        return ~_value(node.this, table)
    if isinstance(node, exp.Is):
        return _operand(node.this, table).isnull()
    if isinstance(node, exp.In):
        return _value(node.this, table).isin([_literal_value(value) for value in node.args["expressions"]])
    if isinstance(node, exp.Between):
        value = _value(node.this, table)
        return (value >= _value(node.args["low"], table)) & (value <= _value(node.args["high"], table))
    if type(node) in _COMPARISONS or type(node) in _ARITHMETIC:
        rule = _COMPARISONS.get(type(node)) or _ARITHMETIC[type(node)]
        return rule(_operand(node.args["this"], table), _operand(node.args["expression"], table))
    if isinstance(node, exp.Paren):
        return _value(node.this, table)
    if isinstance(node, exp.Neg):
        return -_value(node.this, table)
    if isinstance(node, exp.Anonymous):
        return (table.limit_quantity > 0) & (table.used * 100 >= table.limit_quantity * reached_percent(node))
    asked = meter_reference(node)
    if asked:
        return table[meter_column(*asked)]
    if isinstance(node, exp.Column):
        return table[node.name]
    return ibis.literal(_literal_value(node))


def _operand(node: exp.Expr, table: ir.Table) -> Any:
    """A side of a comparison. ``not x`` is written ``x = false``: NOT binds looser, and Ibis sets no parentheses."""
    inside = node.unnest()
    if isinstance(inside, exp.Not):
        return _value(inside.this, table) == ibis.literal(value=False)
    return _value(node, table)


def _literal_value(node: exp.Expr) -> str | int | float | bool:
    if isinstance(node, exp.Boolean):
        return bool(node.this)
    if isinstance(node, exp.Neg):
        value = _literal_value(node.this)
        return -value if isinstance(value, int | float) else value
    if node.is_string:
        return str(node.this)
    return int(node.this) if str(node.this).isdigit() else float(node.this)


def _as_written(part: exp.Expr) -> str:
    text: str = part.sql(dialect="duckdb", normalize_functions=False)
    return text.removeprefix("(").removesuffix(")") if isinstance(part, exp.Paren) else text


def _conjuncts(tree: exp.Expr) -> list[exp.Expr]:
    if isinstance(tree, exp.And):
        return [*_conjuncts(tree.left), *_conjuncts(tree.right)]
    return [tree]


def conjuncts(condition: Condition) -> list[exp.Expr]:
    """The parts joined by ``and`` at the top, as trees."""
    return _conjuncts(condition.tree)
