"""What callers of the API send, as the OpenAPI document shows it. Names are those of the commands."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

Text = Annotated[str, StringConstraints(min_length=1, max_length=2000, pattern=r"^[^\x00]+$")]
Id = Annotated[str, StringConstraints(min_length=1, max_length=200, pattern=r"^[^\x00]+$")]
Count = Annotated[int, Field(ge=0, le=10**12)]


class Asked(BaseModel):
    """What a caller sends: unknown members are refused, so that a typo is not silently left out."""

    model_config = ConfigDict(extra="forbid")


class Yes(Asked):
    """Who said yes, and to which price."""

    by: Id | None = Field(None, description="The contact who said yes; default: the key.", examples=["c_17"])
    quote_id: Id | None = Field(
        None, description="The quote that was shown: the offer is accepted at no other price.", examples=["q_3f9a"]
    )


class No(Asked):
    """Who said no, and why."""

    by: Id | None = Field(None, description="The contact who said no; default: the key.", examples=["c_17"])
    why: Text | None = Field(None, description="Their words.", examples=["not this quarter"])


class Wish(Asked):
    """What is wanted; what is not named stays as it is."""

    plan_id: Id | None = Field(None, description="The plan. Default: today's.", examples=["scale"])
    interval: Literal["month", "quarter", "year"] | None = None
    quantity: dict[Id, Count] = Field(default_factory=dict, description="How many in all, by meter or add-on.")
    add: dict[Id, Count] = Field(default_factory=dict, description="How many more of an add-on.")
    when: Literal["now", "renewal"] | None = None
    currency: Annotated[str, StringConstraints(pattern="^[a-z]{3}$")] | None = None
    subscription_id: Id | None = None


class NewGoal(Asked):
    """An executive's priority."""

    account_id: Id = Field(examples=["lumenbrook-software"])
    contact_id: Id = Field(description="Whose priority it is.", examples=["lumenbrook-software-c1"])
    priority: Text = Field(description="What matters, in their words.", examples=["Halve the time to first answer"])
    source: Text = Field(description="Where it was said.", examples=["call of 2026-11-03"])
    stated_on: date = Field(description="When it was said.", examples=["2026-11-03"])
    metric: Text | None = Field(None, description="The number they will judge it by.")
    advances: Annotated[list[Id], Field(max_length=50)] = Field(
        default_factory=list, description="Products or plans that advance it."
    )
    sponsor_contact_id: Id | None = None
    review_by: date | None = None


class Reply(Asked):
    """Somebody wrote back: everything to that account stops until its owner acts."""

    account_id: Id = Field(examples=["lumenbrook-software"])
    contact_id: Id | None = Field(None, description="Who wrote, as far as known.")
    said: Text = Field(description="A short note of it for the owner.", examples=["asks to talk in January"])


class Seen(Asked):
    """A message was really visible to a person."""

    message_id: Annotated[int, Field(ge=1, le=2**53)]
    account_id: Id
    contact_id: Id
