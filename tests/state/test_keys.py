"""Keys of the HTTP API: shown once, kept as a digest, ended, rotated."""

from __future__ import annotations

import hmac
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from upstep.errors import ConfigError
from upstep.state import keys
from upstep.state.session import open_state, reading, writing
from upstep.state.tables import api_key, audit

NOW = datetime(2026, 11, 1, 12, tzinfo=UTC)


@pytest.fixture
def engine(tmp_path: Path) -> sa.Engine:
    return open_state(tmp_path / "state.db")


def made(engine: sa.Engine, *scopes: str, expires_at: datetime | None = None) -> tuple[str, str]:
    with writing(engine) as connection:
        return keys.make_key(connection, "shop", scopes or ("read",), by="ann", now=NOW, expires_at=expires_at)


def test_a_key_is_known_by_its_secret_and_the_state_holds_only_its_digest(engine: sa.Engine) -> None:
    key_id, secret = made(engine, "read", "act")

    key = keys.check_key(engine, secret, NOW)

    assert key is not None
    assert (key.key_id, key.scopes) == (key_id, {"read", "act"})
    with reading(engine) as connection:
        stored = [*connection.execute(sa.select(api_key)), *connection.execute(sa.select(audit))]
    assert secret not in repr(stored)
    assert secret.rpartition("_")[2] not in repr(stored)


def test_two_keys_share_nothing_and_each_holds_256_random_bits(engine: sa.Engine) -> None:
    (_, one), (_, two) = made(engine), made(engine)

    assert one != two
    assert len(one.split("_", 2)[2]) == 43


@pytest.mark.parametrize("wrong", ["", "ups_", "nothing", "ups_abc_def", "ups_" + "a" * 13 + "_" + "A" * 43])
def test_what_is_no_key_opens_nothing(engine: sa.Engine, wrong: str) -> None:
    made(engine)

    assert keys.check_key(engine, wrong, NOW) is None


def test_the_id_of_a_key_with_another_secret_opens_nothing(engine: sa.Engine) -> None:
    key_id, secret = made(engine)

    assert keys.check_key(engine, f"ups_{key_id}_{'A' * 43}", NOW) is None
    assert keys.check_key(engine, secret[:-1] + ("A" if secret[-1] != "A" else "B"), NOW) is None


def test_keys_are_compared_in_constant_time_also_where_none_is_known(
    engine: sa.Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, secret = made(engine)
    compared: list[tuple[object, object]] = []
    real = hmac.compare_digest

    def spying(one: str, other: str) -> bool:
        compared.append((one, other))
        return real(one, other)

    monkeypatch.setattr(hmac, "compare_digest", spying)

    keys.check_key(engine, secret, NOW)
    keys.check_key(engine, "ups_" + "a" * 13 + "_" + "A" * 43, NOW)

    assert len(compared) == 2


def test_a_key_ends_when_its_time_is_over_or_it_is_revoked(engine: sa.Engine) -> None:
    _, short = made(engine, expires_at=NOW + timedelta(days=1))
    key_id, long = made(engine)
    with writing(engine) as connection:
        first = keys.revoke_key(connection, key_id, by="ann", now=NOW)
        again = keys.revoke_key(connection, key_id, by="ann", now=NOW)

    assert (first, again) == (True, False)
    assert keys.check_key(engine, long, NOW) is None
    assert keys.check_key(engine, short, NOW) is not None
    assert keys.check_key(engine, short, NOW + timedelta(days=1)) is None


def test_both_keys_work_while_one_takes_the_place_of_the_other(engine: sa.Engine) -> None:
    key_id, old = made(engine, "ingest")
    with writing(engine) as connection:
        _, new = keys.rotate_key(connection, key_id, by="ann", now=NOW, overlap=timedelta(hours=24))

    soon, later = NOW + timedelta(hours=23), NOW + timedelta(hours=24)
    assert [keys.check_key(engine, one, soon) is not None for one in (old, new)] == [True, True]
    assert [keys.check_key(engine, one, later) is not None for one in (old, new)] == [False, True]
    fresh = keys.check_key(engine, new, later)
    assert fresh is not None
    assert fresh.scopes == {"ingest"}


def test_that_a_key_was_used_is_noted_at_most_once_a_minute(engine: sa.Engine) -> None:
    _, secret = made(engine)

    def used_at() -> datetime | None:
        return keys.list_keys(engine)[0].last_used_at

    for seconds, expected in ((0, 0), (59, 0), (60, 60)):
        keys.check_key(engine, secret, NOW + timedelta(seconds=seconds))
        assert used_at() == NOW + timedelta(seconds=expected)


def test_that_a_page_sent_a_key_is_kept_and_goes_with_the_key(engine: sa.Engine) -> None:
    key_id, secret = made(engine, "ingest")
    keys.note_page(engine, key_id, "https://shop.example:8443", NOW)

    key = keys.check_key(engine, secret, NOW)

    assert key is not None
    assert (key.is_leaked, key.page_seen_at, key.page_origin) == (True, NOW, "https://shop.example:8443")
    with writing(engine) as connection:
        new_id, _ = keys.rotate_key(connection, key_id, by="ann", now=NOW, overlap=timedelta())
    assert {one.key_id: one.is_leaked for one in keys.list_keys(engine)} == {key_id: True, new_id: False}


@pytest.mark.parametrize("origin", ["https://x\x1b[31m", "<script>", "https://shop.example/\u202e", "a" * 999, ""])
def test_an_origin_that_is_none_is_not_repeated(engine: sa.Engine, origin: str) -> None:
    key_id, _ = made(engine, "ingest")
    keys.note_page(engine, key_id, origin, NOW)

    assert keys.list_keys(engine)[0].page_origin == "an origin that is none"


def test_admin_may_everything_and_another_scope_only_itself(engine: sa.Engine) -> None:
    found = [keys.check_key(engine, made(engine, scope)[1], NOW) for scope in ("admin", "read")]

    admin, reader = found
    assert admin is not None
    assert reader is not None
    assert [admin.may(scope) for scope in keys.SCOPES] == [True] * 5
    assert [scope for scope in keys.SCOPES if reader.may(scope)] == ["read"]


def test_an_unknown_scope_or_key_is_told(engine: sa.Engine) -> None:
    with pytest.raises(ConfigError, match=r"'reed' is not known\. Did you mean 'read'"):
        made(engine, "reed")
    key_id, _ = made(engine)
    with pytest.raises(ConfigError, match="Did you mean"), writing(engine) as connection:
        keys.revoke_key(connection, key_id[:-1], by="ann", now=NOW)


def test_each_deed_leaves_a_line_in_the_audit(engine: sa.Engine) -> None:
    key_id, _ = made(engine)
    with writing(engine) as connection:
        keys.rotate_key(connection, key_id, by="ann", now=NOW, overlap=timedelta())
        keys.revoke_key(connection, keys.list_keys(engine)[0].key_id, by="ann", now=NOW)

    with reading(engine) as connection:
        what = list(connection.execute(sa.select(audit.c.what).order_by(audit.c.audit_id)).scalars())
    assert what[:3] == ["key made", "key made", "key rotated"]
