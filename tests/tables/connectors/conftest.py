"""Made-up landed tables, and a project that reads them through the mapping that ships."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pytest

from tests.tables.project import NOW, Project
from upstep.tables.connectors.connector import CONNECTORS, Chosen, choose, find_connectors
from upstep.tables.load import LoadReport


class Landed:
    """A project whose mapping was written for what lies in ``landed/``."""

    def __init__(self, folder: Path) -> None:
        self.project = Project(folder)

    def land(self, **tables: str) -> None:
        """Write landed tables: one row a line, cells between spaces, ``-`` for an empty one."""
        for name, rows in tables.items():
            lines = [",".join("" if cell == "-" else cell for cell in row.split()) for row in rows.strip().splitlines()]
            self.project.write(f"landed/{name}.csv", "\n".join(lines) + "\n")

    def choose(self, *names: str) -> Chosen:
        """Write the mapping for these connectors."""
        where = str(self.project.folder / "landed")
        landings = {one: one.landing(where, project=self.project.folder) for one in find_connectors(names)}
        chosen = choose(landings, minor_units=100)
        self.project.write("mapping.yaml", chosen.text)
        if chosen.is_linked and not (self.project.folder / "data/account_ids.csv").exists():
            self.project.write("data/account_ids.csv", "connector,their_id,account_id\n")
        return chosen

    def into_database(self, schema: str) -> None:
        """Put the landed tables into a DuckDB file, typed, and write the mapping for that."""
        file = self.project.folder / "warehouse.duckdb"
        with duckdb.connect(str(file)) as connection:
            connection.execute(
                f"CREATE SCHEMA {schema}; CREATE SCHEMA another; CREATE TABLE another.customer (id INTEGER)"
            )
            for path in sorted((self.project.folder / "landed").iterdir()):
                connection.execute(f"CREATE TABLE {schema}.{path.stem} AS SELECT * FROM read_csv('{path}')")
        connector = CONNECTORS[f"{schema}_connector"]
        landing = connector.landing(str(file), project=self.project.folder)
        self.project.write("mapping.yaml", choose({connector: landing}, minor_units=100).text)

    def load(self, *names: str) -> LoadReport:
        self.choose(*names)
        return self.project.load(known=None)

    def rows(self, query: str) -> list[tuple[object, ...]]:
        return self.project.rows(query, as_of=NOW)


@pytest.fixture
def landed(tmp_path: Path) -> Landed:
    return Landed(tmp_path)
