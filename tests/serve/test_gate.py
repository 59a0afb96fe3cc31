"""Who may ask: tokens, hosts, origins, rates."""

from __future__ import annotations

import json
import stat
from pathlib import Path
from typing import Any

import pytest

from strandloom.errors import InputError, UsageError
from strandloom.serve.gate import RateLimit
from strandloom.serve.problems import Problem
from strandloom.serve.server import Plan, bound, check_plan
from strandloom.serve.settings import ServeSettings
from strandloom.serve.tokens import TokenFile

ROUTES = ("/", "/v1/models", "/v1/models/oral", "/v1/models/oral/card", "/metrics", "/openapi.json", "/nothing")
POSTS = ("predict", "explain", "variants")


def test_a_stranger_gets_nothing(service: Any, tmp_path: Path) -> None:
    tokens = TokenFile(tmp_path / "tokens.json")
    token = tokens.add("Ada")
    with service("oral", tokens=tokens) as client:
        for header in (
            {},
            {"authorization": "Bearer wrong"},
            {"authorization": f"Basic {token}"},
            {"authorization": token},
        ):
            for route in ROUTES:
                assert client.get(route, headers=header).status_code == 401, (route, header)
            for what in POSTS:
                answer = client.post(f"/v1/models/oral/{what}", json=["ACGT"], headers=header)
                assert answer.status_code == 401
                assert answer.headers["www-authenticate"] == "Bearer"
        assert client.get("/healthz").status_code == client.get("/readyz").status_code == 200
        own = {"authorization": f"Bearer {token}"}
        assert client.get("/v1/models", headers=own).status_code == 200
        assert client.post("/v1/models/oral/predict", json=["ACGT"], headers=own).status_code == 200
        tokens.revoke("Ada")
        assert client.get("/v1/models", headers=own).status_code == 401


def test_other_hosts_and_pages_are_refused(service: Any) -> None:
    with service("oral") as client:
        assert client.get("/v1/models", headers={"host": "evil.example"}).status_code == 403
        assert client.get("/v1/models", headers={"host": "["}).status_code == 403
        assert client.request("BREW", "/v1/models").status_code == 405
        assert 'method="BREW"' not in client.get("/metrics").text
        assert client.get("/v1/models").headers["x-frame-options"] == "DENY"
        assert client.get("/v1/models", headers={"origin": "http://evil.example"}).status_code == 403
        assert client.get("/v1/models", headers={"origin": "http://127.0.0.1:8000"}).status_code == 200
        assert client.get("/v1/models", headers={"host": "localhost:8000"}).status_code == 200


def test_too_many_requests(service: Any) -> None:
    with service("oral", limits={"requests_per_minute": 3}) as client:
        found = [client.get("/v1/models") for _ in range(5)]
    assert [x.status_code for x in found] == [200, 200, 200, 429, 429]
    assert int(found[-1].headers["retry-after"]) >= 1


def test_the_rate_recovers() -> None:
    now = 0.0
    rate = RateLimit(60, clock=lambda: now)
    for _ in range(60):
        rate.ask("a")
    with pytest.raises(Problem):
        rate.ask("a")
    rate.ask("b")
    now = 2.5
    rate.ask("a")
    rate.ask("a")
    with pytest.raises(Problem):
        rate.ask("a")


def test_tokens_are_kept_as_hashes(tmp_path: Path) -> None:
    tokens = TokenFile(tmp_path / "tokens.json")
    token = tokens.add("Ada", role="editor")
    text = tokens.path.read_text()
    assert token not in text
    assert stat.S_IMODE(tokens.path.stat().st_mode) == 0o600
    caller = TokenFile(tokens.path).caller(token)
    assert caller is not None
    assert (caller.name, caller.role) == ("Ada", "editor")
    assert caller.token in tokens.path.read_text()
    assert tokens.caller(token + "x") is None
    assert tokens.caller("") is None


def test_mistakes_with_tokens(tmp_path: Path) -> None:
    tokens = TokenFile(tmp_path / "tokens.json")
    tokens.add("Ada")
    with pytest.raises(UsageError, match="already"):
        tokens.add("Ada")
    with pytest.raises(UsageError, match="no name"):
        tokens.add("<script>")
    with pytest.raises(UsageError, match="no token"):
        tokens.revoke("Bob")
    for text in ("[]", '{"format": 9}', '{"format": 1, "tokens": [{"name": "x"}]}'):
        (tmp_path / "bad.json").write_text(text)
        with pytest.raises(InputError, match="no file of tokens"):
            TokenFile(tmp_path / "bad.json").tokens()


def test_other_addresses_need_tokens(tmp_path: Path) -> None:
    everywhere = ServeSettings(host="0.0.0.0")
    with pytest.raises(UsageError, match="tokens are needed"):
        check_plan(Plan((), everywhere))
    with pytest.raises(UsageError, match="no token"):
        check_plan(Plan((), everywhere, tokens=tmp_path / "none.json"))
    tokens = TokenFile(tmp_path / "tokens.json")
    tokens.add("Ada")
    check_plan(Plan((), everywhere, tokens=tokens.path))
    check_plan(Plan((), ServeSettings()))


def test_a_port_in_use() -> None:
    with bound(ServeSettings(port=0)) as first:
        first.listen()
        with pytest.raises(UsageError, match="in use"):
            bound(ServeSettings(port=first.getsockname()[1]))


def test_problems_are_json(service: Any) -> None:
    with service("oral", limits={"requests_per_minute": 1}) as client:
        client.get("/v1/models")
        answer = client.get("/v1/models")
    assert json.loads(answer.content)["error"]["code"] == "too_many_requests"
    assert answer.headers["content-type"] == "application/json"
