"""From a source's cells to typed rows and the faults among them, all as SQL: one SELECT for three rows or a billion.

A fault in a row keeps the whole row aside, so nothing wrong is silently used. What is wrong in all rows of a column
is a fault of the source and stops the load.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from upstep.clock import from_seconds, iso
from upstep.errors import Fault, MappingError, SourceError, did_you_mean
from upstep.money import CURRENCIES
from upstep.tables.forgotten import Forgotten, without_forgotten
from upstep.tables.lake import quoted
from upstep.tables.mapping import ColumnMapping, TableMapping
from upstep.tables.mapping_sql import compile_expression, expression_columns
from upstep.tables.schema import TABLES, Column, Kind, Table
from upstep.tables.source import Opened

if TYPE_CHECKING:
    import duckdb

WRONG_THROUGHOUT_SHARE = 0.95
WHOLE_MOST = 10**15  # Thousands of such rows still add up within 64 bits.
_CELLS_LEAST = 3  # One bad cell in a file of one row is a bad row, not a wrong column.

ENDS_AFTER = {
    "subscription_item": (("valid_from", "valid_to"), ("period_start", "period_end")),
    "purchase": (("purchased_at", "completed_at"),),
    "entitlement_override": (("valid_from", "valid_to"),),
    "seat": (("assigned_at", "removed_at"),),
    "ticket": (("opened_at", "closed_at"),),
    "outcome": (("started_at", "measured_at"),),
    "deal": (("opened_at", "closed_at"),),
    "contact": (("created_at", "left_at"),),
}
"""Pairs of instants of which the second cannot be the earlier one."""

_ONE_OF = {"subscription_item": ("plan_id", "add_on_id"), "entitlement_override": ("meter_id", "feature_id")}

_CURRENCY_COLUMNS = ("currency", "from_currency", "to_currency")


@dataclass(frozen=True)
class KnownIds:
    """Ids that the catalog names; None: not known, so not checked."""

    meters: frozenset[str] | None = None
    products: frozenset[str] | None = None
    plans: frozenset[str] | None = None
    add_ons: frozenset[str] | None = None
    features: frozenset[str] | None = None

    def of_column(self, column: str) -> tuple[str, frozenset[str] | None]:
        """The fault's kind and the ids a column may hold."""
        return {
            "meter_id": ("unknown_meter", self.meters),
            "product_id": ("unknown_product", self.products),
            "plan_id": ("unknown_plan", self.plans),
            "pending_plan_id": ("unknown_plan", self.plans),
            "add_on_id": ("unknown_add_on", self.add_ons),
            "feature_id": ("unknown_feature", self.features),
        }.get(column, ("", None))


@dataclass(frozen=True)
class Rule:
    """One thing that may be wrong with a row: a condition over the staged columns."""

    kind: str
    column: str
    condition: str
    found: str  # SQL text
    advice: str


@dataclass(frozen=True)
class Staged:
    """A table's rows as SQL: ``raw_<column>`` as it stood, ``<column>`` typed, ``_file`` and ``_row``.

    Args:
        cells: Our column -> SQL over the source's columns.
        typed: Our column -> SQL over ``raw_<column>``.
        uncertain: Required columns whose cells are not of a fitting type by themselves.
        instant_column: Their column of UTC timestamps behind ``dated_by``; a filter on it skips parts of Parquet files.
    """

    table: Table
    cells: Mapping[str, str]
    typed: Mapping[str, str]
    where: str
    rules: tuple[Rule, ...]
    opened: Opened
    mapping: TableMapping
    uncertain: tuple[str, ...]
    instant_column: str | None

    @property
    def columns(self) -> tuple[str, ...]:
        """Our columns that the mapping fills."""
        return tuple(self.cells)

    @property
    def any_fault(self) -> str:
        """SQL: true when at least one rule is broken, else false."""
        broken = " OR ".join(f"({rule.condition})" for rule in self.rules) or "false"
        return f"coalesce(({broken}), false)"

    @property
    def select(self) -> str:
        """All rows."""
        return self._select(self.where)

    def between(self, start: int, end: int) -> str:
        """The rows dated from ``start`` until before ``end``, in seconds."""
        dated = f'"{self.table.dated_by}"'
        where = f"({self.where})"
        if self.instant_column is not None:
            cell = f'"{self.instant_column}"'
            first, after = f"to_timestamp({start})", f"to_timestamp({end})"
            if "WITH TIME ZONE" not in self.opened.columns[self.instant_column]:
                first, after = f"make_timestamp({start * 1_000_000})", f"make_timestamp({end * 1_000_000})"
            where += f" AND {cell} >= {first} AND {cell} < {after}"
        return f"SELECT * FROM ({self._select(where)}) WHERE {dated} >= {start} AND {dated} < {end}"

    def _select(self, where: str) -> str:
        cells = ", ".join(f'{text} AS "raw_{name}"' for name, text in self.cells.items())
        typed = ", ".join(f'{text} AS "{name}"' for name, text in self.typed.items())
        return f"SELECT *, {typed} FROM (SELECT _file, _row, {cells} FROM {self.opened.relation} WHERE {where})"


def stage(
    connection: duckdb.DuckDBPyConnection,
    mapping: TableMapping,
    opened: Opened,
    *,
    known: KnownIds,
    through: int,
    forgotten: Forgotten | None = None,
) -> Staged:
    """Bind a mapping to its source: what is selected, and what would be wrong with a row.

    Raises:
        SourceError: A column that is mapped, or required, is not there.
        MappingError: An expression that DuckDB refuses.
    """
    import duckdb

    table = TABLES[mapping.table]
    columns = _bound_columns(table, mapping, opened)
    cells = {name: _expression(column, opened) for name, column in columns.items()}
    where = _condition(mapping, opened) if mapping.where else "true"
    cells, where = without_forgotten(mapping.table, cells, where, forgotten or Forgotten())
    listed = ", ".join(f'{text} AS "{name}"' for name, text in cells.items())
    try:
        described = connection.execute(f"DESCRIBE SELECT {listed} FROM {opened.relation} WHERE {where}").fetchall()
    except duckdb.Error as error:
        raise MappingError(Fault(mapping.place, f"DuckDB refuses this mapping: {str(error)[:300]}")) from None
    kinds = {row[0]: row[1] for row in described}
    typed = {
        name: typed_cell(
            _column_of(table, name), f'"raw_{name}"', kind, zone=columns[name].time_zone or mapping.time_zone
        )
        for name, kind in kinds.items()
    }
    return Staged(
        table,
        cells,
        typed,
        where,
        tuple(_rules(table, tuple(columns), known=known, through=through)),
        opened,
        mapping,
        tuple(name for name, kind in kinds.items() if not _fits(_column_of(table, name), kind)),
        _plain_instant(table, columns, opened, mapping),
    )


def _fits(column: Column, source_type: str) -> bool:
    """Whether every cell of a source type is what an optional or required column wants, or nobody asks."""
    if not column.required or column.kind is Kind.TEXT:
        return True
    return (column.kind is Kind.WHOLE and source_type in _WHOLES) or (
        column.kind is Kind.INSTANT and source_type.startswith("TIMESTAMP")
    )


def _column_of(table: Table, name: str) -> Column:
    column = table.column(name)
    assert column is not None, name
    return column


def _plain_instant(
    table: Table, columns: Mapping[str, ColumnMapping], opened: Opened, mapping: TableMapping
) -> str | None:
    """Their own column behind ``dated_by``, when a filter on it means the same as one on ours."""
    column = columns.get(table.dated_by or "")
    if column is None or column.column is None or column.values or (column.time_zone or mapping.time_zone) != "UTC":
        return None
    theirs = opened.names[column.column.lower()]
    return theirs if opened.columns[theirs].startswith("TIMESTAMP") else None


def _bound_columns(table: Table, mapping: TableMapping, opened: Opened) -> Mapping[str, ColumnMapping]:
    """Column mappings whose columns are there; all that are not are told at once."""
    where = next(iter(opened.digests), mapping.place)
    if mapping.columns is None:
        columns: Mapping[str, ColumnMapping] = {
            name: ColumnMapping(name, mapping.place, column=name) for name in table.names if name in opened.names
        }
        faults = _missing_columns(table, opened, where=where)
    else:
        columns = mapping.columns
        faults = [
            Fault(column.place, f"there is no column '{name}' in {where}.", did_you_mean(name, opened.columns))
            for column in columns.values()
            for name in _reads(column)
            if name.lower() not in opened.names
        ]
    faults += [
        Fault(mapping.where_place, f"there is no column '{name}'.", did_you_mean(name, opened.columns))
        for name in (expression_columns(mapping.where) if mapping.where else ())
        if name.lower() not in opened.names
    ]
    if faults:
        raise SourceError(faults)
    return columns


def _missing_columns(table: Table, opened: Opened, *, where: str) -> list[Fault]:
    """What a source without a mapping lacks."""
    missing = [column.name for column in table.columns if column.required and column.name not in opened.names]
    if not missing:
        return []
    place = f"{where}:1" if opened.files and opened.files[0].format == "csv" else where
    advice = f"Found: {', '.join(list(opened.columns)[:20])}. Rename them, or map them in mapping.yaml."
    unknown = [name for name in opened.columns if name.lower() not in table.names]
    guess = f" {did_you_mean(missing[0], unknown)}" if unknown else ""
    return [Fault(place, f"table '{table.name}' has no column {', '.join(missing)}.", advice + guess)]


def _reads(column: ColumnMapping) -> list[str]:
    if column.column is not None:
        return [column.column]
    return expression_columns(column.sql) if column.sql is not None else []


def _expression(column: ColumnMapping, opened: Opened) -> str:
    """SQL of a mapped cell before it is typed; empty text is nothing."""
    if column.value is not None:
        return quoted(column.value)
    if column.column is not None:
        name = opened.names[column.column.lower()]
        text = f"nullif(\"{name}\", '')" if opened.columns[name] == "VARCHAR" else f'"{name}"'
    else:
        assert column.sql is not None
        text = compile_expression(
            column.sql, {name: opened.names[name.lower()] for name in expression_columns(column.sql)}
        )
    if column.values:
        cases = " ".join(f"WHEN {quoted(theirs)} THEN {quoted(ours)}" for theirs, ours in column.values.items())
        text = f"CASE ({text})::VARCHAR {cases} ELSE ({text})::VARCHAR END"
    return text


def _condition(mapping: TableMapping, opened: Opened) -> str:
    assert mapping.where is not None
    return compile_expression(
        mapping.where, {name: opened.names[name.lower()] for name in expression_columns(mapping.where)}
    )


_WHOLES = ("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT", "HUGEINT")
_ZONED = r"'\d:\d{2}.*(Z|z|[+-]\d{2}(:?\d{2})?)$'"


def typed_cell(column: Column, cell: str, source_type: str, *, zone: str) -> str:  # noqa: PLR0911 - one per kind
    """SQL of a cell as our type; NULL when it does not fit. Never raises in DuckDB."""
    is_text = source_type == "VARCHAR"
    is_whole = source_type in _WHOLES
    is_number = is_whole or source_type in ("DOUBLE", "FLOAT") or source_type.startswith("DECIMAL")
    if column.kind is Kind.TEXT:
        text = cell if is_text else f"({cell})::VARCHAR"
        return f"lower({text})" if column.name in _CURRENCY_COLUMNS else text
    if column.kind is Kind.WHOLE:
        return _whole(cell, is_text=is_text, is_whole=is_whole, is_number=is_number)
    if column.kind is Kind.NUMBER:
        number = f"try_cast({cell} AS DOUBLE)"
        return f"CASE WHEN isfinite({number}) THEN {number} END" if is_text or is_number else "NULL::DOUBLE"
    if column.kind is Kind.RATE:
        return f"CASE WHEN try_cast({cell} AS DECIMAL(38, 12)) > 0 THEN ({cell})::VARCHAR END"
    if column.kind is Kind.FLAG:
        return _flag(cell, source_type, is_text=is_text, is_number=is_number)
    if column.kind is Kind.INSTANT:
        return _instant(cell, source_type, zone=zone)
    if column.kind is Kind.DATE:
        fits = is_text or source_type == "DATE" or source_type.startswith("TIMESTAMP")
        return f"(try_cast({cell} AS DATE) - DATE '1970-01-01')::INTEGER" if fits else "NULL::INTEGER"
    if column.kind is Kind.WORDS:
        return _words(cell, source_type)
    return f"CASE WHEN json_valid({cell}) THEN {cell} END" if is_text else f"to_json({cell})::VARCHAR"


def _whole(cell: str, *, is_text: bool, is_whole: bool, is_number: bool) -> str:
    if is_whole:
        return f"try_cast({cell} AS BIGINT)"
    # A cast to BIGINT would round 2.5 to 3.
    number = f"try_cast({cell} AS DECIMAL(38, 10))" if is_text else cell
    return (
        f"CASE WHEN {number} = trunc({number}) THEN try_cast({number} AS BIGINT) END"
        if is_text or is_number
        else "NULL::BIGINT"
    )


def _flag(cell: str, source_type: str, *, is_text: bool, is_number: bool) -> str:
    if source_type == "BOOLEAN":
        return cell
    if not is_text and not is_number:
        return "NULL::BOOLEAN"
    word = f"lower(({cell})::VARCHAR)"
    yes, no = "'true', 't', 'yes', 'y', '1'", "'false', 'f', 'no', 'n', '0'"
    return f"CASE WHEN {word} IN ({yes}) THEN true WHEN {word} IN ({no}) THEN false END"


def _instant(cell: str, source_type: str, *, zone: str) -> str:
    """Whole seconds since 1970, UTC; an instant without a zone is of ``zone``."""
    local = quoted(zone)
    if source_type.startswith("TIMESTAMP WITH"):
        instant = cell
    elif source_type == "DATE" or source_type.startswith("TIMESTAMP"):
        instant = f"({cell})::TIMESTAMP" if zone == "UTC" else f"timezone({local}, ({cell})::TIMESTAMP)"
    elif source_type == "VARCHAR":
        zoned = f"try_cast({cell} AS TIMESTAMPTZ)"
        naive = f"timezone({local}, try_cast({cell} AS TIMESTAMP))"
        instant = (
            zoned if zone == "UTC" else f"CASE WHEN regexp_matches({cell}, {_ZONED}) THEN {zoned} ELSE {naive} END"
        )
    else:
        return "NULL::BIGINT"
    if source_type in ("VARCHAR", "DATE"):
        return f"CASE WHEN isfinite({instant}) THEN floor(epoch({instant}))::BIGINT END"
    return f"floor(epoch({instant}))::BIGINT"


def _words(cell: str, source_type: str) -> str:
    if source_type.endswith("[]"):
        return f"array_to_string(({cell})::VARCHAR[], chr(10))"
    text = f"({cell})::VARCHAR"
    is_json = f"starts_with(ltrim({text}), '[') AND json_valid({text})"
    parts = f"list_filter(list_transform(string_split({text}, ';'), lambda word: trim(word)), lambda word: word <> '')"
    listed = f"CASE WHEN {is_json} THEN from_json({text}, '[\"VARCHAR\"]') END"
    return f"CASE WHEN {is_json} THEN array_to_string({listed}, chr(10)) ELSE array_to_string({parts}, chr(10)) END"


def _rules(table: Table, columns: Sequence[str], *, known: KnownIds, through: int) -> Iterable[Rule]:
    """Everything that may be wrong with a row, in the order in which it is told."""
    for name in columns:
        yield from _cell_rules(table, _column_of(table, name), known=known)
    for start, end in ENDS_AFTER.get(table.name, ()):
        if start in columns and end in columns:
            found = f"concat('{end} ', raw_{end}, ' is before {start} ', raw_{start})"
            yield Rule("ends_before_start", end, f'"{end}" < "{start}"', found, "Correct one of the two in the source.")
    either = _ONE_OF.get(table.name)
    if either:
        empty = " AND ".join(f'"{name}" IS NULL' for name in either if name in columns) or "true"
        yield Rule(
            "missing_value", either[0], empty, quoted(f"neither {either[0]} nor {either[1]}"), "One of them is needed."
        )
    if table.dated_by is not None and table.dated_by in columns:
        limit = through if _column_of(table, table.dated_by).kind is Kind.INSTANT else through // 86_400
        shown = iso(from_seconds(through))
        found = (
            f"concat('{table.dated_by} ', raw_{table.dated_by}, ' is after {shown}, up to which the load is complete')"
        )
        advice = "It comes in with a later load; correct the date if it is wrong."
        yield Rule("future", table.dated_by, f'"{table.dated_by}" > {limit}', found, advice)


def _cell_rules(table: Table, column: Column, *, known: KnownIds) -> Iterable[Rule]:
    cell, raw, name = f'"{column.name}"', f'"raw_{column.name}"', column.name
    shown = f"concat('{name} ''', left(({raw})::VARCHAR, 80), '''')"
    if column.required:
        kind = "null_key" if name in table.key or name == "account_id" else "missing_value"
        yield Rule(
            kind,
            name,
            f"{raw} IS NULL",
            quoted(f"{name} is empty"),
            "Fill it in the source, or leave such rows out with 'where'.",
        )
    if column.kind is Kind.WHOLE:
        finite = f"coalesce(isfinite(try_cast(({raw})::VARCHAR AS DOUBLE)), false)"
        fraction = f"{raw} IS NOT NULL AND {cell} IS NULL AND {finite}"
        yield Rule(
            "fraction",
            name,
            fraction,
            f"concat({shown}, ' is not a whole number')",
            "Map a smaller unit, such as cents or bytes.",
        )
        bad = f"{raw} IS NOT NULL AND {cell} IS NULL AND NOT {finite}"
        yield Rule("bad_value", name, bad, f"concat({shown}, ' is not a whole number')", "Correct it in the source.")
    elif column.kind is not Kind.TEXT:
        yield Rule(
            "bad_value",
            name,
            f"{raw} IS NOT NULL AND {cell} IS NULL",
            f"concat({shown}, {quoted(_WANTED[column.kind])})",
            "Correct it in the source.",
        )
    if column.minimum is not None:
        kind = "negative" if column.minimum == 0 else "too_small"
        yield Rule(
            kind,
            name,
            f"{cell} < {column.minimum}",
            f"concat({shown}, ' is less than {column.minimum}')",
            "Correct it in the source.",
        )
    if column.kind is Kind.WHOLE:
        found = f"concat({shown}, ' is more than {WHOLE_MOST:,}')"
        yield Rule("too_large", name, f"abs({cell}) > {WHOLE_MOST}", found, "Map a larger unit, or correct it.")
    if column.allowed:
        words = ", ".join(quoted(word) for word in column.allowed)
        advice = f"Map it with 'values' to one of: {', '.join(column.allowed)}."
        yield Rule(
            "word_not_allowed", name, f"{cell} NOT IN ({words})", f"concat({shown}, ' is not a known word')", advice
        )
    kind, ids = ("unknown_currency", frozenset(CURRENCIES)) if name in _CURRENCY_COLUMNS else known.of_column(name)
    if ids is not None:
        words = ", ".join(quoted(word) for word in sorted(ids)) or "''"
        advice = (
            "Use an ISO 4217 code."
            if kind == "unknown_currency"
            else f"Add it to catalog.yaml, or map it. {did_you_mean('', ids)}"
        )
        yield Rule(kind, name, f"{cell} NOT IN ({words})", f"concat({shown}, ' is not known')", advice)


_WANTED = {
    Kind.NUMBER: " is not a number",
    Kind.RATE: " is not a positive rate",
    Kind.FLAG: " is neither true nor false",
    Kind.INSTANT: " is not a date or time",
    Kind.DATE: " is not a date",
    Kind.WORDS: " is not a list of words",
    Kind.JSON: " is not JSON",
}


def wrong_throughout(connection: duckdb.DuckDBPyConnection, staged: Staged) -> list[Fault]:
    """Required columns of which nearly no cell is what it should be: the wrong column, or the wrong file."""
    names = staged.uncertain
    if not names:
        return []
    counts = ", ".join(
        f'count("raw_{name}"), count(*) FILTER ("raw_{name}" IS NOT NULL AND "{name}" IS NULL),'
        f' min(("raw_{name}")::VARCHAR) FILTER ("{name}" IS NULL)'
        for name in names
    )
    row: Any = connection.execute(f"SELECT {counts} FROM ({staged.select})").fetchone()
    faults = []
    for place, name in enumerate(names):
        cells, bad, example = row[3 * place : 3 * place + 3]
        if cells >= _CELLS_LEAST and bad >= WRONG_THROUGHOUT_SHARE * cells:
            wanted = _column_of(staged.table, name).kind.value
            where = next(iter(staged.opened.digests), staged.mapping.place)
            told = f"{bad} of {cells} cells of {name} are no {wanted}, such as '{str(example)[:60]}'."
            faults.append(Fault(where, told, f"Check which column {name} is mapped to, and the file."))
    return faults


def faulty_rows(staged: Staged, select: str) -> str:
    """SQL: a row per rule that a row of ``select`` breaks: _file, _row, kind, column_name, found, advice, row_json."""
    listed = ", ".join(
        f"CASE WHEN {rule.condition} THEN {{'kind': {quoted(rule.kind)}, 'column_name': {quoted(rule.column)},"
        f" 'found': {rule.found}, 'advice': {quoted(rule.advice)}}} END"
        for rule in staged.rules
    )
    cells = ", ".join(f"'{name}': \"raw_{name}\"" for name in staged.columns)
    return (
        "SELECT _file, _row, fault.kind, fault.column_name, fault.found, fault.advice, row_json FROM ("
        f"SELECT _file, _row, unnest([{listed}]) AS fault, to_json({{{cells}}})::VARCHAR AS row_json"
        f" FROM ({select}) WHERE {staged.any_fault}) WHERE fault IS NOT NULL"
    )
