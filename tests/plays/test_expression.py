"""Conditions: what is allowed, what is refused and why, and that the query answers as the SQL text would."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from itertools import product

import duckdb
import ibis
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from upstep.plays.expression import ExpressionError, compile_condition, meter_column, parse
from upstep.tables.query import compile_select

KINDS = {"used": "number", "limit_quantity": "number", "share": "number", "plan": "text", "is_paid": "flag"}
TYPES = {
    "id": "int64",
    "used": "int64",
    "limit_quantity": "int64",
    "share": "float64",
    "plan": "string",
    "is_paid": "boolean",
    "meter__sms__used_28d": "int64",
}
METERS = {"sms": object()}
ROWS = [
    (index, *row)
    for index, row in enumerate(
        product(
            (None, -3, 0, 8, 10), (None, 0, 10), (None, 0.25), (None, "pro", "it's"), (None, True, False), (None, 7)
        )
    )
]


@pytest.fixture(scope="module")
def database() -> Iterator[duckdb.DuckDBPyConnection]:
    connection = duckdb.connect(":memory:", config={"threads": 1})
    connection.execute(
        "CREATE TABLE t (id BIGINT, used BIGINT, limit_quantity BIGINT, share DOUBLE, plan VARCHAR, is_paid BOOLEAN,"
        " meter__sms__used_28d BIGINT)"
    )
    connection.executemany("INSERT INTO t VALUES (?, ?, ?, ?, ?, ?, ?)", ROWS)
    return connection


def matched(database: duckdb.DuckDBPyConnection, text: str) -> set[int]:
    """The rows that the compiled condition keeps."""
    table = ibis.table(TYPES, name="t")
    condition = compile_condition(parse(text, KINDS, meters=METERS).tree, table)
    rows = database.execute(compile_select(table.filter(condition).select("id"), "duckdb")).fetchall()
    return {row[0] for row in rows}


def in_sql(database: duckdb.DuckDBPyConnection, text: str) -> set[int]:
    """The rows that DuckDB itself keeps for the text."""
    return {row[0] for row in database.execute(f"SELECT id FROM t WHERE {text}").fetchall()}


ALLOWED = (
    "used > 8",
    "used >= 8 and limit_quantity < 20",
    "used = 8 or used <> 0",
    "not used != 8",
    "not (used > 8 or is_paid)",
    "is_paid",
    "is_paid = true",
    "is_paid = (used > 3)",
    "true",
    "used in (8, -3)",
    "used not in (8, 0)",
    "plan in ('pro', 'it''s')",
    "plan = 'it''s'",
    "plan > 'k'",
    "used between 0 and 8",
    "used not between 0 and 8",
    "8 <= used",
    "used is null",
    "used is not null",
    "(used > 8) is null",
    "(used is not null) is null",
    "(not is_paid) < is_paid",
    "-used > 2",
    "used + 1 > limit_quantity - 2 * used",
    "share >= .25",
    "share * 4 = 1e0",
    "used / 4 = 2",
    '"used" > 8',
    "used > 8 -- and nothing else",
)


@pytest.mark.parametrize("text", ALLOWED)
def test_an_allowed_condition_keeps_the_rows_that_sql_keeps(database: duckdb.DuckDBPyConnection, text: str) -> None:
    assert matched(database, text) == in_sql(database, text)


REFUSED = {
    "used >": "is not a SQL condition",
    "used > 1 and": "is not a SQL condition",
    "'abc": "is not a SQL condition",
    "": "is not a SQL condition",
    "used xor 1": "is not a SQL condition",
    "used": "is not true or false. Compare it with something",
    "used or is_paid": "'used' is not true or false",
    "not used": "'used' is not true or false",
    "used + 1": "is not true or false",
    "usd > 1": "column 'usd' is not known here. Did you mean 'used'?",
    "recurring_change_minor > 1": "is not known here",
    "t.used > 1": "columns are named without a table",
    "plan = 5": "compares number with text. Compare numbers with numbers",
    "is_paid > 0": "compares flag with number",
    "used in ('pro')": "compares number with text",
    "used between 'a' and 'b'": "compares number with text",
    "plan + 1 > 2": "'plan' is not a number",
    "-plan = 'x'": "'plan' is not a number",
    "-is_paid": "'is_paid' is not a number",
    "used = null": "null stands only in is null",
    "not null": "null stands only in is null",
    "used + null > 3": "null stands only in is null",
    "used between null and 3": "null stands only in is null",
    "used in (1, null)": "takes plain values",
    "used in ()": "at least one",
    "used in (limit_quantity)": "takes plain values",
    "used in (select 1)": "not a query",
    "is_paid is true": "a flag is tested by its name",
    "used > 99999999999999999999": "is too large",
    "used > 1e400": "is too large",
    "reached(0.805)": "write a share in whole percents, as reached(0.8)",
    "reached(1.01)": "whole percents",
    "reached(0)": "whole percents",
    "reached(-0.1)": "whole percents",
    "reached('0.8')": "whole percents",
    "reached(share)": "whole percents",
    "reached(0.8, 1)": "function 'reached' is not known",
    "meter('smss').used_28d > 1": "meter 'smss' is not in the catalog. Did you mean 'sms'?",
    "meter('sms').used_29d > 1": "meter('sms').used_29d is not known. Did you mean 'used_28d'?",
    "meter(sms).used_28d > 1": "columns are named without a table",
    "meter('sms') > 1": "function 'meter' is not known",
    "score(used) > 1": "function 'score' is not known",
}


@pytest.mark.parametrize(("text", "told"), REFUSED.items())
def test_what_is_no_condition_is_refused_with_the_reason(text: str, told: str) -> None:
    with pytest.raises(ExpressionError) as error:
        parse(text, KINDS, meters=METERS)
    assert told in str(error.value)


REACHES_OUT = (
    "used > (select max(used) from t)",
    "exists (select 1)",
    "select 1",
    "used > 1; drop table t",
    "used > 1 union select 1",
    "read_csv('/etc/passwd') is null",
    "used > (from 'secrets.parquet')",
    "getenv('HOME') = 'x'",
    "current_date > 1",
    "random() > 0.5",
    "pragma_version() is null",
    "attach 'x.db'",
    "copy t to 'x.csv'",
    "used::text = 'x'",
    "cast(used as text) = 'x'",
    "case when is_paid then true end",
    "plan like 'p%'",
    "plan || 'x' = 'px'",
    "coalesce(used, 1) > 0",
    "used % 2 = 0",
    "used > ?",
    "used > $x",
    "used > interval 1 day",
    "*",
    "[1, 2]",
    "x -> y",
    "sum(used) > 1",
    "row_number() over () > 1",
)


@pytest.mark.parametrize("text", REACHES_OUT)
def test_no_condition_reaches_a_table_a_file_or_a_function(text: str) -> None:
    with pytest.raises(ExpressionError):
        parse(text, KINDS, meters=METERS)


@pytest.mark.parametrize(
    "text", ["(" * 900 + "used > 1" + ")" * 900, "not " * 450 + "is_paid", "used " + "+ 1 " * 450 + "> 3"]
)
def test_a_condition_nested_out_of_reason_is_refused_in_words(text: str) -> None:
    with pytest.raises(ExpressionError, match="nested deeper than 40 levels"):
        parse(text, KINDS)


def test_a_condition_of_more_than_2000_characters_is_refused() -> None:
    with pytest.raises(ExpressionError, match=r"has 2001 characters\. At most 2000"):
        parse("used > 1".ljust(2001), KINDS)


def test_thirty_clauses_are_not_too_many() -> None:
    assert len(parse(" and ".join(["used > 1"] * 30), KINDS).clauses) == 30


def test_a_comparison_with_null_is_not_matched_and_its_negation_neither(database: duckdb.DuckDBPyConnection) -> None:
    unknown = in_sql(database, "used is null")
    assert not matched(database, "used > 1") & unknown
    assert not matched(database, "not used > 1") & unknown
    assert not matched(database, "used not in (1)") & unknown
    assert not matched(database, "not is_paid") & in_sql(database, "is_paid is null")


def test_false_and_unknown_is_false_so_its_negation_is_matched(database: duckdb.DuckDBPyConnection) -> None:
    both = in_sql(database, "used is null and is_paid = false")
    assert both
    assert both <= matched(database, "not (is_paid and used > 1)")


def test_dividing_by_zero_is_not_known_rather_than_endless(database: duckdb.DuckDBPyConnection) -> None:
    nothing = in_sql(database, "limit_quantity = 0")
    assert not matched(database, "used / limit_quantity > 0.1") & nothing
    assert not matched(database, "not used / limit_quantity > 0.1") & nothing


def test_no_product_overflows(database: duckdb.DuckDBPyConnection) -> None:
    text = "used * 1000000000000 * 1000000000000 > 1000000 * 1000000"
    assert matched(database, text) == in_sql(database, "used > 0")


def test_reached_compares_whole_numbers_and_never_fires_without_a_limit(database: duckdb.DuckDBPyConnection) -> None:
    assert matched(database, "reached(0.8)") == in_sql(database, "limit_quantity = 10 and used >= 8")
    assert matched(database, "reached(0.81)") == in_sql(database, "limit_quantity = 10 and used >= 9")


def test_not_reached_of_an_unlimited_meter_is_not_matched(database: duckdb.DuckDBPyConnection) -> None:
    assert not matched(database, "not reached(0.8)") & in_sql(database, "limit_quantity is null")


def test_reached_needs_a_limit() -> None:
    with pytest.raises(ExpressionError, match="it needs `each: limit`"):
        parse("reached(0.8)", {"live_products": "number"})


def test_another_meter_is_read_by_its_id(database: duckdb.DuckDBPyConnection) -> None:
    condition = parse("meter('sms').used_28d >= 7 and used > 1", KINDS, meters=METERS)
    assert condition.meters == (("sms", "used_28d"),)
    assert condition.columns == ("used",)
    assert meter_column("sms", "used_28d") == "meter__sms__used_28d"
    assert matched(database, condition.text) == in_sql(database, "meter__sms__used_28d >= 7 and used > 1")


def test_any_meter_may_be_named_while_the_catalog_is_not_known() -> None:
    assert parse("meter('later').used > 1", KINDS).meters == (("later", "used"),)


def test_clauses_are_the_parts_joined_by_and_at_the_top() -> None:
    condition = parse("used > 1 and (share < 0.5 or is_paid) and not reached(0.8)", KINDS)
    assert condition.clauses == ("used > 1", "share < 0.5 OR is_paid", "NOT reached(0.8)")


def test_the_numbers_a_column_is_compared_with_are_its_bands() -> None:
    condition = parse("used >= 10 and (20 > used or used between 5 and 7) and share < 0.5 and reached(0.8)", KINDS)
    assert condition.literals == {"used": (5.0, 7.0, 10.0, 20.0), "share": (0.5,), "utilisation": (0.8,)}


# Random conditions

COMPARISONS = st.sampled_from(["=", "<>", "<", "<=", ">", ">="])


@st.composite
def numbers(draw: st.DrawFn, depth: int = 2) -> str:
    kind = draw(st.integers(0, 5)) if depth else 0
    if kind == 5:
        return f"(-{draw(numbers(depth - 1))})"
    if kind >= 3:
        return f"({draw(numbers(depth - 1))} {draw(st.sampled_from('+-*'))} {draw(numbers(depth - 1))})"
    return draw(st.sampled_from(["used", "limit_quantity", "share", "8", "0.25", "3"]))


@st.composite
def leaves(draw: st.DrawFn) -> str:
    plain = ["is_paid", "used is not null", "plan in ('pro', 'max')", "used not in (8, 0)", "plan <> 'it'", "plan > ''"]
    compared = f"{draw(numbers())} {draw(COMPARISONS)} {draw(numbers())}"
    between = f"{draw(numbers())} between {draw(numbers())} and {draw(numbers())}"
    return draw(st.sampled_from([*plain, compared, compared, between, f"{draw(numbers())} is null"]))


@st.composite
def conditions(draw: st.DrawFn, depth: int = 3) -> str:
    kind = draw(st.integers(0, 5)) if depth else 0
    if kind == 0:
        return draw(leaves())
    first = draw(conditions(depth - 1))
    shapes = ("not ({0})", "({0}) is null", "({0} and {1})", "({0} or {1})", "(({0}) = ({1}))")
    return shapes[kind - 1].format(first, draw(conditions(depth - 1)) if kind > 2 else "")


@given(text=conditions())
@settings(max_examples=60)
def test_any_condition_answers_as_its_sql_would(database: duckdb.DuckDBPyConnection, text: str) -> None:
    assert matched(database, text) == in_sql(database, text)


@given(text=st.text(max_size=60))
@settings(max_examples=100)
def test_any_text_is_a_condition_or_is_refused(text: str) -> None:
    with contextlib.suppress(ExpressionError):
        assert parse(text, KINDS, meters=METERS).clauses
