"""Schemathesis sends what the API's document allows and what it forbids: no answer is the service's own failure."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode

from tests.web.asking import Asker
from upstep.web.problem import MEDIA_TYPE

ACCOUNT = "lumenbrook-software"
EXAMPLES = 8
RULE = settings(
    max_examples=EXAMPLES,
    deadline=None,
    database=None,
    derandomize=True,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)


def operations(service: Asker) -> Iterator[Any]:
    """What the document says may be asked, but for the reports, which take seconds each."""
    spec = service.client.get("/v1/openapi.json").json()
    for found in schemathesis.openapi.from_dict(spec).get_all_operations():
        operation = found.ok()
        if operation.path.startswith(("/v1/", "/embed/", "/u/", "/o/")) and "/reports/" not in operation.path:
            yield operation


def sent(service: Asker, case: Any) -> Any:
    """The answer to a case, sent with the key that may do everything."""
    asked = requests.Request(**case.as_transport_kwargs(base_url="http://upstep.test")).prepare()
    headers = {name: value for name, value in asked.headers.items() if name.lower() not in ("authorization", "cookie")}
    headers["Authorization"] = f"Bearer {service.keys['admin']}"
    return service.client.request(str(asked.method), str(asked.url), content=asked.body, headers=headers)


def broken(service: Asker, operation: Any, mode: GenerationMode) -> list[str]:
    """What the service failed at of one operation; every refusal is a problem."""
    found: list[str] = []
    known = {"account_id": ACCOUNT} if operation.path.endswith("/quotes") else None

    @RULE
    @given(operation.as_strategy(generation_mode=mode, path_parameters=known))
    def ask(case: Any) -> None:
        answer = sent(service, case)
        if answer.status_code >= 500:
            found.append(f"{operation.label}: {answer.status_code} {answer.text[:300]} {case.as_curl_command()[:500]}")
        elif answer.status_code >= 400:
            assert answer.headers["content-type"] == MEDIA_TYPE, answer.text
            assert json.loads(answer.text)["status"] == answer.status_code

    try:
        ask()
    except Unsatisfiable:  # there is nothing wrong that could be sent
        return []
    return found


@pytest.fixture
def signing(service: Asker, monkeypatch: pytest.MonkeyPatch) -> Asker:
    """The service with a secret for the widget's tokens: without one it says so, with 503."""
    with (service.project.folder / "upstep.yaml").open("a", encoding="utf-8") as file:
        file.write("\nserve: {token_secret: '${UPSTEP_TEST_TOKEN_SECRET}'}\n")
    monkeypatch.setenv("UPSTEP_TEST_TOKEN_SECRET", "a" * 40)
    del service.project.settings
    return service


@pytest.mark.slow
@pytest.mark.parametrize("mode", list(GenerationMode), ids=lambda mode: mode.value)
def test_nothing_that_may_be_sent_breaks_the_service(signing: Asker, mode: GenerationMode) -> None:
    asked = list(operations(signing))

    assert [one for operation in asked for one in broken(signing, operation, mode)] == []
    assert len(asked) > 20
