"""Every query compiles for every dialect and keeps the rules of the portable core; their SQL stands beside this test.

After a change that is meant: ``UPSTEP_WRITE_SNAPSHOTS=1 make backends``, and read the difference before you commit it.
"""

from __future__ import annotations

import os
import re
from functools import cache
from hashlib import blake2b
from pathlib import Path

import pytest
import sqlglot
from sqlglot import exp

from tests.backends.stages import compiled
from upstep.tables.query import DIALECTS

SNAPSHOTS = Path(__file__).parent / "snapshots"
ALLOWED = {
    *("And", "Or", "Case", "If", "Cast", "Coalesce", "Nullif", "Greatest", "Least", "Contains"),
    *("Sum", "Max", "Min", "Count", "LogicalOr", "RowNumber", "Lag", "Lead", "FirstValue"),
    *("Floor", "Ceil", "Sqrt"),
}
"""What every engine has and answers alike. Rounding, dates, lists and structs are not among them."""

TYPES = {"string", "boolean", "int32", "int64", "float64"}


@cache
def queries(dialect: str) -> dict[str, str]:
    """Stage name to SQL, of both programs, for the catalog of the tests."""
    whole = compiled()
    return {**whole.whole_profiles.sql(dialect), **whole.whole_ranking.sql(dialect)}


@cache
def trees() -> list[tuple[str, exp.Expression]]:
    return [(name, sqlglot.parse_one(sql, dialect="duckdb")) for name, sql in queries("duckdb").items()]


def test_no_stage_has_an_instant_or_a_date_in_its_columns() -> None:
    whole = compiled()
    stages = {**whole.whole_profiles.stages, **whole.whole_ranking.stages}
    wrong = {
        f"{name}.{column}": str(kind)
        for name, select in stages.items()
        for column, kind in select.schema().items()
        if str(kind).removeprefix("!") not in TYPES
    }
    assert wrong == {}


@pytest.mark.slow
def test_a_query_divides_only_by_constants_and_by_what_cannot_be_zero() -> None:
    for name, tree in trees():
        for division in tree.find_all(exp.Div, exp.Mod):
            divisor = division.expression
            assert _is_safe(divisor), f"{name}: divide by nullif(…, 0), not by {divisor.sql()}"


def _is_safe(node: exp.Expression) -> bool:
    divisor = _bare(node)
    return isinstance(divisor, exp.Nullif) or _is_constant(divisor) or _is_step(divisor) or _is_guarded(divisor)


def _bare(node: exp.Expression) -> exp.Expression:
    while isinstance(node, exp.Paren | exp.Cast):
        node = node.this
    return node


def _is_constant(node: exp.Expression) -> bool:
    return not any(isinstance(part, exp.Column) for part in node.walk()) and not re.fullmatch(r"[0.]+", node.sql())


def _is_guarded(node: exp.Expression) -> bool:
    """The greater of x and a constant, or a CASE whose every value is NULL, safe, or tested to be above zero."""
    if isinstance(node, exp.Greatest):
        return any(_is_constant(_bare(part)) for part in (node.this, *node.expressions))
    if not isinstance(node, exp.Case):
        return False
    values = [branch.args["true"] for branch in node.args["ifs"] if not _is_tested(branch)]
    return all(
        isinstance(_bare(value), exp.Null) or _is_safe(value) for value in (*values, node.args.get("default")) if value
    )


def _is_tested(branch: exp.If) -> bool:
    """WHEN x > 0 THEN x."""
    return bool(branch.this == exp.GT(this=branch.args["true"], expression=exp.Literal.number(0)))


def _is_step(node: exp.Expression) -> bool:
    """The months of a window: at least 1 by the CASE that makes it."""
    return isinstance(node, exp.Column) and node.name == "step"


def test_a_query_calls_only_what_every_engine_has() -> None:
    called: dict[str, set[str]] = {}
    for name, tree in trees():
        for function in tree.find_all(exp.Func):
            kind = function.name if isinstance(function, exp.Anonymous) else type(function).__name__
            if kind not in ALLOWED:
                called.setdefault(kind, set()).add(name)
    assert called == {}, "not in the portable core; see the rules in docs and ALLOWED above"


def test_no_text_in_a_query_holds_what_an_engine_cannot_read() -> None:
    assert [name for name, sql in queries("duckdb").items() if "\x00" in sql] == []


# Building for a dialect takes seconds: the default run compiles for DuckDB and for Spark, `make backends` for all.
@pytest.mark.parametrize(
    "dialect",
    [
        "duckdb",
        "spark",
        *(pytest.param(name, marks=pytest.mark.slow) for name in DIALECTS if name not in ("duckdb", "spark")),
    ],
)
def test_the_queries_compile_to_their_snapshot(dialect: str) -> None:
    path = SNAPSHOTS / f"{dialect}.sql"
    if os.environ.get("UPSTEP_WRITE_SNAPSHOTS"):
        path.write_text(_written(dialect))
    digests = dict(re.findall(r"^-- (\w+) ([0-9a-f]{16})$", path.read_text(), re.MULTILINE)) if path.exists() else {}
    now = {name: _digest(sql) for name, sql in queries(dialect).items()}
    changed = sorted(name for name in now.keys() | digests.keys() if now.get(name) != digests.get(name))
    assert not changed, (
        f"{path.name} differs in {', '.join(changed)}. If that is meant, run UPSTEP_WRITE_SNAPSHOTS=1 make backends"
        " and read the difference."
    )


def _digest(sql: str) -> str:
    return blake2b(sql.encode(), digest_size=8).hexdigest()


def _written(dialect: str) -> str:
    """Every stage under its name and digest, laid out to be read."""
    parts = [f"-- Written by tests/backends/test_portable.py: the queries of tests/company.yaml for {dialect}."]
    for stage, sql in queries(dialect).items():
        tree = sqlglot.parse_one(sql, dialect=dialect)
        parts.append(f"-- {stage} {_digest(sql)}\n{tree.sql(dialect=dialect, pretty=True, indent=1, pad=1)};")
    return "\n\n".join(parts) + "\n"
