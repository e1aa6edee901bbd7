"""Rows made by the program itself, handed to ``load`` as files that are read and then removed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from upstep.tables.mapping import Mapping as TableMappings
from upstep.tables.mapping import Source, TableMapping
from upstep.tables.schema import TABLES, Kind


@contextmanager
def rows_as_files(project: Path, rows: Mapping[str, Sequence[Mapping[str, Any]]]) -> Iterator[TableMappings]:
    """Rows by canonical table as the mapping of a load that adds them to what is stored. Instants may be seconds."""
    import pyarrow.parquet as pq

    folder = project / ".upstep" / "arriving"
    folder.mkdir(parents=True, exist_ok=True)
    tables = {}
    try:
        for table, some in rows.items():
            path = folder / f"{table}.parquet"
            pq.write_table(_arrow(table, some), path, compression="none")
            pattern = str(path.relative_to(project))
            tables[table] = TableMapping(table, Source("files", pattern, (pattern,)), pattern, mode="append")
        yield TableMappings(tables, project)
    finally:
        for table in rows:
            (folder / f"{table}.parquet").unlink(missing_ok=True)


def _arrow(table: str, rows: Sequence[Mapping[str, Any]]) -> Any:
    import pyarrow as pa

    types = {
        Kind.WHOLE: pa.int64(),
        Kind.NUMBER: pa.float64(),
        Kind.FLAG: pa.bool_(),
        Kind.WORDS: pa.list_(pa.string()),
    }
    columns = {}
    for column in TABLES[table].columns:
        cells = [row.get(column.name) for row in rows]
        kind = types.get(column.kind, pa.string())
        if column.kind is Kind.INSTANT and all(isinstance(cell, int) for cell in cells):
            columns[column.name] = pa.array(cells, pa.int64()).cast(pa.timestamp("s", "UTC"))
            continue
        columns[column.name] = pa.array(cells, kind)
    return pa.table(columns)
