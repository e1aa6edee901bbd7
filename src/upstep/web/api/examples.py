"""Whole answers of the sample company, by operation, as the OpenAPI document shows them.

``tests/web/test_api_examples.py`` asks them of a service and writes them; nothing in them is made up.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

EXAMPLES = Path(__file__).with_name("examples.json")


def read_examples() -> dict[str, Any]:
    """Answers by operation, such as ``GET /v1/accounts``."""
    found: dict[str, Any] = json.loads(EXAMPLES.read_text(encoding="utf-8"))
    return found


def add_examples(paths: dict[str, Any]) -> None:
    """Put each example beside the schema of its operation's answer."""
    for operation, example in read_examples().items():
        method, _, path = operation.partition(" ")
        for status, answer in paths.get(path, {}).get(method.lower(), {}).get("responses", {}).items():
            if status.startswith("2") and "application/json" in answer.get("content", {}):
                answer["content"]["application/json"]["example"] = example
