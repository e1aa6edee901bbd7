"""The page of connectors names each one and what it fills."""

import re
from pathlib import Path

from upstep.tables.connectors.connector import CONNECTORS
from upstep.tables.connectors.template import read_template

DOCS = Path(__file__).parents[2] / "docs"


def test_each_connector_stands_there_with_the_tables_it_fills() -> None:
    rows = dict(re.findall(r"^\| `(\w+)` \| (.+) \|$", (DOCS / "connectors.md").read_text(), re.MULTILINE))

    assert rows == {name: ", ".join(read_template(name)[1]) for name in CONNECTORS}
