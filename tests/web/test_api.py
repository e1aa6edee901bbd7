"""The API under /v1: what it answers, page by page, and that its document says so."""

from __future__ import annotations

import json
from typing import Any

import pytest
from fastapi.routing import iter_route_contexts
from jsonschema import Draft202012Validator
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT202012

from tests.cli.schemas import faults
from tests.web.asking import Asker
from upstep.engine.contacting.publishing import publish
from upstep.engine.deciding.decide import Run, decide
from upstep.engine.planning.book import list_accounts
from upstep.web.problem import MEDIA_TYPE

ACCOUNT = "lumenbrook-software"
BODIES = {
    "/v1/goals": {"account_id": "a", "contact_id": "c", "priority": "p", "source": "s", "stated_on": "2026-11-01"},
    "/v1/replies": {"account_id": "a", "said": "x"},
    "/v1/exposures": {"message_id": 1, "account_id": "a", "contact_id": "c"},
}


@pytest.fixture(scope="session")
def run(reader: Asker) -> Run:
    """A run of some accounts, published."""
    accounts = sorted(row["account_id"] for row in list_accounts(reader.project, now=reader.clock(), limit=200))
    chosen = sorted({ACCOUNT, *accounts[:17]})
    made = decide(reader.project, accounts=chosen)
    publish(reader.project, reader.app.state.upstep.state, made, now=reader.clock(), accounts=chosen)
    return made


@pytest.fixture(scope="session")
def spec(reader: Asker) -> dict[str, Any]:
    return dict(reader.client.get("/v1/openapi.json").json())


def unlike(spec: dict[str, Any], path: str, answer: Any, *, method: str = "get") -> list[str]:
    """What of an answer is not as the document says."""
    told = spec["paths"][path][method]["responses"][str(answer.status_code)]["content"]
    kind = answer.headers["content-type"].partition(";")[0]
    resource: Resource[Any] = Resource(spec, DRAFT202012)
    registry: Registry[Any] = Registry().with_resource("urn:spec", resource)
    schema = json.loads(json.dumps(told[kind]["schema"]).replace('"#/', '"urn:spec#/'))
    validator = Draft202012Validator(schema, registry=registry)
    return [f"{error.json_path}: {error.message[:200]}" for error in validator.iter_errors(answer.json())]


READS = [
    ("/v1/accounts", "/v1/accounts?limit=3"),
    ("/v1/accounts/{account_id}", f"/v1/accounts/{ACCOUNT}"),
    ("/v1/accounts/{account_id}/decisions", f"/v1/accounts/{ACCOUNT}/decisions"),
    ("/v1/accounts/{account_id}/experiments", f"/v1/accounts/{ACCOUNT}/experiments"),
    ("/v1/decisions", "/v1/decisions?limit=5"),
    ("/v1/offers", "/v1/offers"),
    ("/v1/goals", "/v1/goals"),
    ("/v1/experiments", "/v1/experiments"),
    ("/v1/exposures", "/v1/exposures"),
]


@pytest.mark.usefixtures("run")
@pytest.mark.parametrize(("path", "asked"), READS, ids=[path for path, _ in READS])
def test_what_is_read_is_as_the_document_says(reader: Asker, spec: dict[str, Any], path: str, asked: str) -> None:
    answer = reader.ask("GET", asked)

    assert answer.status_code == 200
    assert unlike(spec, path, answer) == []


@pytest.mark.slow
def test_an_explanation_is_what_the_command_prints(reader: Asker, spec: dict[str, Any]) -> None:
    answer = reader.ask("GET", f"/v1/accounts/{ACCOUNT}/explain")

    assert (answer.status_code, faults(answer.json(), "explain")) == (200, [])
    assert unlike(spec, "/v1/accounts/{account_id}/explain", answer) == []


@pytest.mark.slow
def test_a_report_is_what_the_command_prints(reader: Asker, spec: dict[str, Any]) -> None:
    answer = reader.ask("GET", "/v1/reports/2026-10")

    assert (answer.status_code, faults(answer.json(), "report")) == (200, [])
    assert reader.ask("GET", "/v1/reports/2026-13").status_code == 422
    # Before there was a customer nobody paid, and that is what the command prints too.
    before = reader.ask("GET", "/v1/reports/1999-01")
    assert (before.status_code, faults(before.json(), "report")) == (200, [])
    assert unlike(spec, "/v1/reports/{month}", answer) == []


def test_names_are_those_that_the_commands_print(reader: Asker, run: Run) -> None:
    decided = reader.ask("GET", f"/v1/accounts/{ACCOUNT}/decisions").json()

    assert decided["run_id"] == run.run_id
    assert [faults(one, "decision") for one in decided["decisions"]] == [[]] * len(decided["decisions"])
    assert faults({"goals": reader.ask("GET", "/v1/goals").json()["goals"]}, "goals-list") == []


def ours(reader: Asker, prefix: str = "/v1/") -> list[tuple[str, str]]:
    """Method and path of every route that FastAPI knows."""
    routes = [one for one in iter_route_contexts(reader.app.routes) if getattr(one, "path_format", None)]
    found = [(method, one.path_format) for one in routes for method in one.methods or () if one.include_in_schema]
    return [one for one in found if one[1].startswith(prefix) and one[1] != "/v1/openapi.json"]


def test_the_document_lists_every_route_with_its_key_and_its_problems(reader: Asker, spec: dict[str, Any]) -> None:
    assert len(ours(reader)) > 20
    for method, path in ours(reader, "/"):
        told = spec["paths"][path][method.lower()]
        assert told["summary"], path
        problems = [one for status, one in told["responses"].items() if status[0] in "45" and "content" in one]
        assert all(MEDIA_TYPE in one["content"] for one in problems), path
    for method, path in ours(reader):
        told = spec["paths"][path][method.lower()]
        assert told["security"], path
        assert {"401", "403", "422", "default"} <= set(told["responses"]), path
        assert told["description"], path


def test_the_document_is_valid_and_names_no_schema_that_it_lacks(spec: dict[str, Any]) -> None:
    text = json.dumps(spec)
    named = {part.split('"')[0] for part in text.split('"#/components/schemas/')[1:]}

    assert spec["openapi"].startswith("3.1")
    assert named <= set(spec["components"]["schemas"])
    assert spec["components"]["schemas"]["Problem"]["example"]["status"] == 403


def test_writes_take_an_idempotency_key(reader: Asker, spec: dict[str, Any]) -> None:
    for method, path in ours(reader):
        if method != "GET":
            told = spec["paths"][path][method.lower()]
            assert "Idempotency-Key" in {one["name"] for one in told.get("parameters", [])}, path


def test_no_route_of_the_api_answers_without_a_key_of_its_scope(reader: Asker) -> None:
    for method, template in ours(reader):
        path = template.replace("{month}", "2026-10").replace("{", "").replace("}", "")
        path += "?because=x" if method == "DELETE" else ""
        wrong = "act" if method == "GET" else "read"
        body = {} if method in ("GET", "DELETE") else {"json": BODIES.get(template, {})}
        asked = [reader.client.request(method, path, **body), reader.ask(method, path, scope=wrong, **body)]
        asked.append(reader.ask(method, path, scope="ingest", **body))
        assert [one.status_code for one in asked] == [401, 403, 403], f"{method} {path}"


def test_accounts_come_page_by_page_each_once(reader: Asker) -> None:
    seen: list[str] = []
    cursor = None
    for _ in range(30):
        more = f"&cursor={cursor}" if cursor else ""
        told = reader.ask("GET", f"/v1/accounts?limit=7{more}").json()
        assert len(told["accounts"]) <= 7
        seen += [one["account_id"] for one in told["accounts"]]
        cursor = told["next"]
        if cursor is None:
            break

    assert seen == sorted(set(seen))
    assert len(seen) == len(reader.ask("GET", "/v1/accounts?limit=200").json()["accounts"]) >= 60


def test_decisions_come_page_by_page_also_filtered(reader: Asker, run: Run) -> None:
    def walked(query: str) -> list[str]:
        found: list[str] = []
        cursor = ""
        for _ in range(200):
            told = reader.ask("GET", f"/v1/decisions?{query}{cursor}").json()
            found += [one["decision_id"] for one in told["decisions"]]
            if told["next"] is None:
                return found
            cursor = f"&cursor={told['next']}"
        raise AssertionError("the pages never end")

    rows = run.decisions.to_pylist()
    assert sorted(walked("limit=90")) == sorted(row["decision_id"] for row in rows)
    eligible = sorted(row["decision_id"] for row in rows if row["outcome"] == "eligible" and row["lane"] == "care")
    assert sorted(walked("limit=3&outcome=eligible&lane=care")) == eligible


@pytest.mark.parametrize("path", ["/v1/accounts", "/v1/decisions", "/v1/offers", "/v1/goals", "/v1/exposures"])
@pytest.mark.parametrize("query", ["limit=0", "limit=201", "limit=x", "cursor=%F0", "cursor=WzFd", "cursor=e30"])
def test_a_limit_or_cursor_that_is_none_is_told(reader: Asker, path: str, query: str) -> None:
    answer = reader.ask("GET", f"{path}?{query}")

    assert (answer.status_code, answer.headers["content-type"]) == (422, MEDIA_TYPE)


@pytest.mark.parametrize(
    "path",
    ["/v1/accounts/no", "/v1/accounts/no/explain", "/v1/accounts/no/experiments", "/v1/offers/x", "/v1/quotes/x"],
)
def test_what_is_not_known_is_told(reader: Asker, path: str) -> None:
    answer = reader.ask("GET", path)

    assert (answer.status_code, answer.json()["type"]) == (404, "urn:upstep:not-known")


def test_a_nul_character_is_refused_wherever_it_stands(reader: Asker) -> None:
    assert reader.ask("GET", "/v1/accounts/a%00b").status_code == 400
    assert reader.ask("GET", "/v1/offers?account_id=a%00b").status_code == 400
    sent = {"account_id": "a\0b", "said": "x"}
    assert reader.ask("POST", "/v1/replies", scope="act", json=sent).status_code == 422
