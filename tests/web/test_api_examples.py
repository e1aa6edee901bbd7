"""Every answer that succeeds has an example in the API's document, and each is what a company's service answered.

After a change that is meant: ``UPSTEP_WRITE_SNAPSHOTS=1 pytest -m '' tests/web/test_api_examples.py``, and read the
difference.
"""

from __future__ import annotations

import json
import os
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT202012

from tests.web.api_story import SETTINGS, TOKEN_SECRET, every_answer, outline, shortened, written
from tests.web.asking import Asker
from upstep.web.api.examples import EXAMPLES, read_examples

STRIPES = "POST /hooks/stripe"
"""A company with Stripe's billing answers this one; tests/web/test_hooks.py asks it."""


@pytest.fixture(scope="module")
def spec(reader: Asker) -> dict[str, Any]:
    return dict(reader.client.get("/v1/openapi.json").json())


def bodies(spec: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """What each operation answers in JSON when it succeeds."""
    return {
        f"{method.upper()} {path}": answer["content"]["application/json"]
        for path, operations in spec["paths"].items()
        for method, operation in operations.items()
        for status, answer in operation["responses"].items()
        if status[0] == "2" and "application/json" in answer.get("content", {})
    }


def test_every_answer_in_json_has_an_example_that_its_schema_allows(spec: dict[str, Any]) -> None:
    told = bodies(spec)
    resource: Resource[Any] = Resource(spec, DRAFT202012)
    registry: Registry[Any] = Registry().with_resource("urn:spec", resource)
    faults = []
    for operation, body in told.items():
        schema = json.loads(json.dumps(body.get("schema", {})).replace('"#/', '"urn:spec#/'))
        validator = Draft202012Validator(schema, registry=registry)
        faults += [
            f"{operation}: {error.json_path} {error.message[:100]}" for error in validator.iter_errors(body["example"])
        ]

    assert faults == []
    assert len(told) > 25
    assert set(read_examples()) == set(told)


@pytest.mark.slow
def test_each_example_is_what_a_company_is_answered(service: Asker, monkeypatch: pytest.MonkeyPatch) -> None:
    with (service.project.folder / "upstep.yaml").open("a", encoding="utf-8") as file:
        file.write(SETTINGS)
    monkeypatch.setenv("UPSTEP_TEST_TOKEN_SECRET", TOKEN_SECRET)
    del service.project.settings
    answered = dict(every_answer(service))
    failed = {operation: answer.text for operation, answer in answered.items() if answer.status_code >= 300}
    assert failed == {}

    fresh = {operation: shortened(answer.json()) for operation, answer in answered.items()}
    if os.environ.get("UPSTEP_WRITE_SNAPSHOTS"):
        EXAMPLES.write_text(written({STRIPES: {"event_id": "evt_1", "is_new": True}} | fresh), encoding="utf-8")
    known = read_examples()
    changed = [operation for operation, answer in fresh.items() if outline(answer) != outline(known.get(operation))]
    assert changed == [], "if that is meant, write them anew as the head of this file says"
    assert set(known) == {*fresh, STRIPES}
