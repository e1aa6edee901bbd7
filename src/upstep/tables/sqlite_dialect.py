"""SQLite's SQL where Ibis writes it otherwise than the other engines answer, or deeper than SQLite reads."""

from __future__ import annotations

from typing import Any

import ibis.expr.operations as ops
import sqlglot.expressions as sge
from ibis.backends.sql.compilers import SQLiteCompiler

_LOWEST, _HIGHEST = sge.Literal.number("-1e999"), sge.Literal.number("1e999")


class Compiler(SQLiteCompiler):  # type: ignore[misc]  # Ibis is not typed
    """Ibis's compiler with the portable core's meaning of greatest, least and remainder."""

    __slots__ = ()

    def visit_Greatest(self, op: ops.Greatest, *, arg: tuple[sge.Expr, ...]) -> Any:  # noqa: N802 - Ibis's name
        """The greatest of what is known: SQLite's ``max`` of several is NULL when one is."""
        return self._of_known(op, arg, function=self.f.max, unknown=_LOWEST)

    def visit_Least(self, op: ops.Least, *, arg: tuple[sge.Expr, ...]) -> Any:  # noqa: N802 - Ibis's name
        """The least of what is known."""
        return self._of_known(op, arg, function=self.f.min, unknown=_HIGHEST)

    def _of_known(
        self, op: ops.Greatest | ops.Least, arg: tuple[sge.Expr, ...], *, function: Any, unknown: sge.Expr
    ) -> Any:
        assert all(each.dtype.is_numeric() for each in op.arg), "an infinite number stands in for NULL"
        if len(arg) == 1:
            return arg[0]  # Of one argument SQLite's max is an aggregate.
        sure = [isinstance(each, ops.Literal) and each.value is not None for each in op.arg]
        pairs = zip(arg, sure, strict=True)
        found = function(*(one if is_sure else self.f.coalesce(one, unknown) for one, is_sure in pairs))
        return found if any(sure) else self.f.nullif(found, unknown)

    def visit_Modulus(self, op: ops.Modulus, *, left: sge.Expr, right: sge.Expr) -> Any:  # noqa: N802 - Ibis's name
        """The remainder of whole numbers: SQLite's ``mod`` answers in floats."""
        assert all(each.dtype.is_integer() for each in (op.left, op.right)), "only whole numbers have a remainder here"
        return self.binop(sge.Mod, left, right)


def unnested(query: sge.Query) -> sge.Query:
    """The query with its derived tables named in one WITH.

    SQLite's parser gives up at about thirty levels of ``FROM (SELECT …)``. And it copies a derived table's expressions
    to wherever a column of it is read, which over many levels makes minutes of microseconds: so what computes anything
    is materialised. What only picks columns is not, or a calendar would be copied for one day.
    """
    named: dict[str, sge.Query] = {}
    _name(query, named)
    for name, select in named.items():
        is_computed = not all(isinstance(each.unalias(), sge.Column | sge.Star) for each in select.selects)
        alias = sge.to_identifier(name, quoted=True)
        query = query.with_(alias, as_=select, materialized=is_computed or None, copy=False)
    return query


def _name(query: sge.Query, named: dict[str, sge.Query]) -> None:
    """Take the derived tables out of a query, the innermost first."""
    for node in list(query.walk(prune=lambda node: node is not query and isinstance(node, sge.Subquery | sge.CTE))):
        is_derived = isinstance(node, sge.Subquery) and isinstance(node.parent, sge.From | sge.Join)
        if not is_derived and not isinstance(node, sge.CTE):
            continue
        _name(node.this, named)
        name = node.alias
        while named.setdefault(name, node.this) != node.this:
            # Ibis writes a derived table that it needs twice out twice; only another one gets another name.
            assert is_derived, f"{name} is the name of two parts"
            name += "_"
        if is_derived:
            alias = sge.TableAlias(this=sge.to_identifier(node.alias, quoted=True))
            node.replace(sge.Table(this=sge.to_identifier(name, quoted=True), alias=alias))
    for inner in list(query.find_all(sge.With)):
        inner.pop()
