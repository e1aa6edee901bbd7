"""A client that asks an application in this process, without a socket."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import httpx
from fastapi import FastAPI

from upstep.engine.project import Project


class Client:
    """Sends requests one after the other, each in a loop of its own."""

    def __init__(self, app: Any) -> None:
        self._app = app

    def request(self, method: str, path: str, **more: Any) -> httpx.Response:
        async def sent() -> httpx.Response:
            transport = httpx.ASGITransport(self._app, raise_app_exceptions=False)
            async with httpx.AsyncClient(transport=transport, base_url="http://upstep.test") as client:
                return await client.request(method, path, **more)

        return asyncio.run(sent())

    def get(self, path: str, **more: Any) -> httpx.Response:
        return self.request("GET", path, **more)

    def post(self, path: str, **more: Any) -> httpx.Response:
        return self.request("POST", path, **more)


@dataclass
class Clock:
    """A clock that stands until a test moves it."""

    now: datetime

    def __call__(self) -> datetime:
        return self.now


@dataclass(frozen=True)
class Asker:
    """A client of the service. ``keys``: one key per scope."""

    app: FastAPI
    client: Client
    project: Project
    keys: dict[str, str]
    clock: Clock

    def ask(
        self, method: str, path: str, *, scope: str = "read", headers: dict[str, str] | None = None, **more: Any
    ) -> httpx.Response:
        """One request with the key of a scope."""
        sent = {"authorization": f"Bearer {self.keys[scope]}", **(headers or {})}
        return self.client.request(method, path, headers=sent, **more)
