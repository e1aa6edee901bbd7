"""The SQL that a mapping may hold: scalar expressions, and SELECTs over named sources. Checked before it is run.

Both are parsed and every part is held against a list of what is allowed, so that nothing in ``mapping.yaml`` reads a
file, a setting or another table, whatever it is called.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from collections.abc import Mapping as Pairs
from typing import TYPE_CHECKING, Any

from upstep.errors import did_you_mean

if TYPE_CHECKING:
    from sqlglot import exp

    from upstep.yaml_file import Node

_NAMED_FUNCTIONS = ("product",)
"""Functions that the parser has no class for, and that are harmless."""


def _scalar_nodes() -> tuple[type[exp.Expression], ...]:
    """What an expression may hold. A list of what is allowed: anything new in SQL stays out."""
    from sqlglot import exp

    return (
        *(exp.Column, exp.Identifier, exp.Literal, exp.Boolean, exp.Null, exp.Paren, exp.Alias),
        *(exp.Add, exp.Sub, exp.Mul, exp.Div, exp.IntDiv, exp.Mod, exp.Neg, exp.DPipe, exp.Concat),
        *(exp.EQ, exp.NEQ, exp.LT, exp.LTE, exp.GT, exp.GTE, exp.Is, exp.In, exp.Between, exp.Like, exp.ILike),
        *(exp.And, exp.Or, exp.Not, exp.Case, exp.If, exp.Coalesce, exp.Nullif, exp.Greatest, exp.Least),
        *(exp.Cast, exp.TryCast, exp.DataType, exp.DataTypeParam, exp.Interval, exp.Var, exp.Tuple),
        *(exp.Lower, exp.Upper, exp.Trim, exp.Substring, exp.Length, exp.Replace, exp.Pad, exp.Left, exp.Right),
        *(exp.SplitPart, exp.RegexpReplace, exp.RegexpExtract, exp.RegexpLike, exp.RegexpFullMatch),
        *(exp.StartsWith, exp.EndsWith, exp.Contains, exp.StrPosition, exp.ConcatWs, exp.MD5),
        *(exp.Round, exp.Floor, exp.Ceil, exp.Abs, exp.Sign, exp.Date, exp.Timestamp),
        *(exp.UnixToTime, exp.StrToTime, exp.StrToDate, exp.TsOrDsToDate, exp.TimestampTrunc, exp.DateTrunc),
        *(exp.DateAdd, exp.DateSub, exp.Extract, exp.Year, exp.Month, exp.Day, exp.LastDay, exp.JSONExtractScalar),
        *(exp.JSONPath, exp.JSONPathRoot, exp.JSONPathKey, exp.JSONPathSubscript),
    )


def _select_nodes() -> tuple[type[exp.Expression], ...]:
    """What a SELECT may hold besides. A table must also be one of those that it reads."""
    from sqlglot import exp

    return (
        *(exp.Select, exp.From, exp.Join, exp.Where, exp.Group, exp.Having, exp.Qualify, exp.Order, exp.Ordered),
        *(exp.Limit, exp.Distinct, exp.Star, exp.Table, exp.TableAlias, exp.Subquery, exp.Exists, exp.With, exp.CTE),
        *(exp.Union, exp.Except, exp.Intersect, exp.Filter, exp.IgnoreNulls),
        *(exp.Count, exp.Sum, exp.Min, exp.Max, exp.Avg, exp.AnyValue, exp.ArgMax, exp.ArgMin, exp.LogicalOr),
        *(exp.LogicalAnd, exp.Window, exp.WindowSpec, exp.RowNumber, exp.Lag, exp.Lead, exp.FirstValue, exp.LastValue),
    )


def _parse(sql: str) -> exp.Expression:
    import sqlglot

    parsed: Any = sqlglot.parse_one(f"SELECT ({sql}\n)", dialect="duckdb")
    return parsed.selects[0]  # type: ignore[no-any-return]


def check_expression(sql: str, node: Node) -> None:
    """Tell an expression that is no scalar SQL over columns: sub-queries, table functions and files stay out."""
    from sqlglot import exp

    advice = "Write a scalar expression over their columns."
    statements = _statements(f"SELECT ({sql}\n)", node, what="a SQL expression", advice=advice)
    if statements is None:
        return
    select = statements[0]
    if len(statements) != 1 or not isinstance(select, exp.Select) or len(select.selects) != 1:
        node.fault(f"{node.name} is more than one expression.", advice)
        return
    if any(key != "expressions" and value for key, value in select.args.items()):
        node.fault(f"{node.name} is a query, not an expression.", "Use 'join' and 'where' of the table.")
        return
    stray = _stray(select.selects[0], _scalar_nodes())
    if stray is not None:
        told = f"{node.name} uses '{stray}', which is not allowed here."
        node.fault(told, "Allowed are columns, literals, arithmetic, comparisons, case, casts and plain functions.")


def check_select(sql: str, node: Node, *, reads: Collection[str]) -> None:
    """Tell what is not one SELECT over what it ``reads``: other tables, files and functions of tables stay out."""
    from sqlglot import exp

    advice = "Write one SELECT over the names under 'reads'."
    statements = _statements(sql, node, what="a SELECT", advice=advice)
    if statements is None:
        return
    query = statements[0]
    if len(statements) != 1 or not isinstance(query, exp.Select | exp.SetOperation):
        node.fault(f"{node.name} is not one SELECT.", advice)
        return
    stray = _stray(query, (*_scalar_nodes(), *_select_nodes()))
    if stray is not None:
        told = f"{node.name} uses '{stray}', which is not allowed here."
        node.fault(told, "Allowed are joins, conditions, groups, windows, plain functions and aggregates.")
        return
    if any(part.args.get("recursive") for part in query.find_all(exp.With)):
        node.fault(f"{node.name} is recursive.", "Write it without recursion.")
    known = {name.lower() for name in reads} | {part.alias.lower() for part in query.find_all(exp.CTE)}
    for table in query.find_all(exp.Table):
        named = ".".join(part.name for part in table.parts)
        # DuckDB would take a name with an ending for a file, wherever a WITH of that name does not reach.
        if not re.fullmatch(r"[A-Za-z_]\w*", named) or named.lower() not in known:
            node.fault(f"{node.name} reads '{named}', which is not under 'reads'.", did_you_mean(table.name, reads))


def _statements(sql: str, node: Node, *, what: str, advice: str) -> list[Any] | None:
    """The parsed statements, or None when it is no SQL, which is then told."""
    import sqlglot

    try:
        return list(sqlglot.parse(sql, dialect="duckdb"))
    except sqlglot.errors.SqlglotError as error:
        line = str(error).splitlines()[0] if str(error) else "unreadable"
        node.fault(f"{node.name} is not {what}: {line}", advice)
        return None


def _stray(query: exp.Expr, allowed: tuple[type[exp.Expression], ...]) -> str | None:
    """The first part that is not allowed, as a person would name it."""
    from sqlglot import exp

    for part in query.walk():
        is_named = isinstance(part, exp.Anonymous) and part.name.lower() in _NAMED_FUNCTIONS
        if type(part) not in allowed and not (is_named and exp.Select in allowed):
            shown = part.name if isinstance(part, exp.Anonymous) else type(part).__name__.lower()
            return shown or type(part).__name__
    return None


def expression_columns(sql: str) -> list[str]:
    """Columns that an expression reads, as ``name`` or ``join.name``."""
    from sqlglot import exp

    found = [
        f"{column.table}.{column.name}" if column.table else column.name for column in _parse(sql).find_all(exp.Column)
    ]
    return list(dict.fromkeys(found))


def compile_expression(sql: str, columns: Pairs[str, str]) -> str:
    """DuckDB's text of an expression. Casts become tries: one bad cell must not end a load.

    Args:
        sql: An expression that ``read_mapping`` has let through.
        columns: Their name (as ``name`` or ``join.name``, in any case) -> the column's name in the relation.
    """
    from sqlglot import exp

    by_name = {name.lower(): text for name, text in columns.items()}

    def quoted(part: exp.Expression) -> exp.Expression:
        if not isinstance(part, exp.Column):
            return part
        name = f"{part.table}.{part.name}" if part.table else part.name
        return exp.to_identifier(by_name[name.lower()], quoted=True)

    return _tried(_parse(sql).transform(quoted))


def compile_select(sql: str, relations: Pairs[str, str]) -> str:
    """DuckDB's text of a SELECT over relations; casts become tries, as in expressions.

    Args:
        sql: A SELECT that ``read_mapping`` has let through.
        relations: Name under ``reads`` -> SQL to select from, with ``_file`` and ``_row`` beside the columns.
    """
    import sqlglot

    reads = ", ".join(
        f'"{name}" AS (SELECT * EXCLUDE (_file, _row) FROM {relation})' for name, relation in relations.items()
    )
    return f"WITH {reads} SELECT * FROM ({_tried(sqlglot.parse_one(sql, dialect='duckdb'))})"


def _tried(query: exp.Expr) -> str:
    from sqlglot import exp

    def tried(part: exp.Expression) -> exp.Expression:
        return exp.TryCast(this=part.this, to=part.args["to"], safe=True) if type(part) is exp.Cast else part

    text = str(query.transform(tried).sql(dialect="duckdb"))
    return re.sub(r"(?<!_)\bSTRPTIME\(", "TRY_STRPTIME(", text)
