"""The OpenAPI document: what FastAPI knows, problems as RFC 9457, and the routes that stand beside it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fastapi.openapi.utils import get_openapi
from fastapi.routing import APIRoute
from starlette.routing import Route

from upstep.web.api.examples import add_examples
from upstep.web.api.shapes import Problem
from upstep.web.problem import MEDIA_TYPE

if TYPE_CHECKING:
    from fastapi import FastAPI

_ABOUT = (
    "Send a key as `Authorization: Bearer ups_…`. Errors are problem+json. Each write takes an `Idempotency-Key`. "
    "Lists come page by page: `next` of one is `cursor` of the next. Amounts are minor units, instants are UTC."
)


def document(app: FastAPI) -> dict[str, Any]:
    """The document of an application."""
    made: dict[str, Any] = get_openapi(title=app.title, version=app.version, description=_ABOUT, routes=app.routes)
    schemas = made.setdefault("components", {}).setdefault("schemas", {})
    schemas["Problem"] = Problem.model_json_schema()
    for name in ("HTTPValidationError", "ValidationError"):
        schemas.pop(name, None)
    for route in app.routes:
        if isinstance(route, Route) and not isinstance(route, APIRoute) and route.include_in_schema:
            _add(made["paths"], route)
    for path in made["paths"].values():
        for operation in path.values():
            _tell_problems(operation)
    add_examples(made["paths"])
    return made


def _add(paths: dict[str, Any], route: Route) -> None:
    """A plain route: client libraries of others say what it is sent."""
    words = (getattr(route.endpoint, "__doc__", None) or route.name).strip().split("\n\n")
    for method in sorted((route.methods or {"GET"}) - {"HEAD", "OPTIONS"}):
        known = paths.setdefault(route.path, {})
        known.setdefault(
            method.lower(),
            {
                "tags": ["ingest"],
                "summary": words[0].split("\n")[0],
                "operationId": f"{route.name}_{method.lower()}_{len(paths)}",
                "parameters": [
                    {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
                    for name in route.param_convertors
                ],
                "responses": {"200": {"description": "Taken."}},
                "security": [{"key": []}, {"write_key": []}],
            },
        )


def _tell_problems(operation: dict[str, Any]) -> None:
    """Every error of every operation is a problem."""
    problem = {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}
    answers = operation["responses"]
    answers.setdefault("default", {"description": "A problem: what is wrong, and what to do.", "content": problem})
    for status, answer in answers.items():
        if status[0] in "45" and "application/json" in answer.get("content", {}):
            answer["content"] = problem
