"""All routes of the API."""

from __future__ import annotations

from fastapi import APIRouter

from upstep.web.api import accounts, decisions, goals, measuring, offers, people, quotes

ROUTERS: tuple[APIRouter, ...] = tuple(
    part.router for part in (accounts, decisions, offers, quotes, goals, measuring, people)
)
