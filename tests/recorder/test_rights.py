"""Who may do what: every path and method with every role and none, against the table of expected answers."""

import pytest
from tests.recorder.stage import Stage, config

from callkeeper.policy.directory import Role
from callkeeper.recorder.app import openapi

NOBODY = "nobody"
WHO = (NOBODY, *(role.value for role in Role))

# user, supervisor, administrator, auditor, settings, ingest: y where the role is let in.
EXPECTED = {
    "GET /livez": "y yyyyyy",
    "GET /healthz": "y yyyyyy",
    "GET /v1/principal": "- yyyyyy",
    "GET /v1/play/{ticket}": "y yyyyyy",
    "POST /v1/recordings/{recording}:playTicket": "- yyy---",
    "GET /readyz": "y yyyyyy",
    "GET /metrics": "- --yyy-",
    "GET /v1/config": "- y-yyy-",
    "GET /v1/config/{revision}": "- --yyy-",
    "PUT /v1/config": "- ----y-",
    "POST /v1/config:check": "- ----y-",
    "POST /v1/calls": "- -----y",
    "POST /v1/calls:graph": "- -----y",
    "GET /v1/calls": "- yyyy-y",
    "GET /v1/calls/{segment}": "- yyyy-y",
    "POST /v1/calls/{segment}:update": "- -----y",
    "POST /v1/calls/{segment}:end": "- -----y",
    "POST /v1/calls/{segment}:start": "- y-----",
    "POST /v1/calls/{segment}:stop": "- y-----",
    "POST /v1/calls/{segment}:pause": "- y----y",
    "POST /v1/calls/{segment}:resume": "- y----y",
    "HEAD /v1/calls/{segment}/media": "- -----y",
    "PATCH /v1/calls/{segment}/media": "- -----y",
    "GET /v1/recordings/{recording}/media": "- yyy---",
    "HEAD /v1/recordings/{recording}/media": "- -----y",
    "PATCH /v1/recordings/{recording}/media": "- -----y",
    "PUT /v1/recordings/{recording}/channels": "- -----y",
    "POST /v1/recordings:search": "- yyyy--",
    "POST /v1/recordings:export": "- yyyy--",
    "GET /v1/recordings/{recording}": "- yyyy--",
    "DELETE /v1/recordings/{recording}": "- y-y---",
    "POST /v1/recordings/{recording}:erase": "- y-y---",
    "POST /v1/recordings/{recording}/notes": "- yyy---",
    "PUT /v1/recordings/{recording}/notes/{note}": "- yyy---",
    "DELETE /v1/recordings/{recording}/notes/{note}": "- yyy---",
    "PUT /v1/recordings/{recording}/tags/{tag}": "- yyy---",
    "DELETE /v1/recordings/{recording}/tags/{tag}": "- yyy---",
    "POST /v1/conversations/{conversation}/holds": "- yyy---",
    "POST /v1/conversations/{conversation}/holds/{hold}:release": "- yyy---",
    "GET /v1/retention": "- --yyy-",
    "POST /v1/retention:accept-clock": "- --y---",
    "GET /v1/users": "- -yyy--",
    "PUT /v1/users": "- --y---",
    "DELETE /v1/users": "- --y---",
    "POST /v1/users:import": "- --y---",
    "GET /v1/users/{id}": "- -yyy--",
    "PUT /v1/users/{id}": "- --y---",
    "DELETE /v1/users/{id}": "- --y---",
    "POST /v1/users/{id}:grant": "- --y---",
    "POST /v1/users/{id}:revoke": "- --y---",
    "GET /v1/audit": "- --yy--",
    "POST /v1/audit:verify": "- --yy--",
    "GET /v1/ledger": "- --yy--",
}


async def test_every_address_lets_in_who_it_should_and_nobody_else(recorder: Stage) -> None:
    await recorder.program(config("OnDemand"))
    found = {}
    for path, methods in openapi(recorder.app)["paths"].items():
        for method in methods:
            answers = []
            for who in WHO:
                segment = await recorder.segment(nativeId=f"{method}{path}{who}")
                address = path.format(
                    segment=segment,
                    recording=f"{segment}-1",
                    note="n",
                    tag="t",
                    ticket="t",
                    conversation="c-1",
                    hold="h",
                    id="ada",
                    revision=recorder.recorder.programming.revision,
                )
                body = {} if method == "get" else {"json": {}}
                query = "?from=yesterday&to=today" if path in {"/v1/audit", "/v1/ledger"} else ""
                answer = await recorder.ask(
                    None if who == NOBODY else f"{who}:ada", method.upper(), address + query, **body
                )
                if answer.status_code in {401, 403}:
                    kind = "unauthenticated" if who == NOBODY else "forbidden"
                    # An answer to HEAD has no body.
                    assert method == "head" or answer.json()["type"] == f"/problems/{kind}"
                    assert (answer.status_code == 401) is (who == NOBODY)
                    answers.append("-")
                else:
                    assert answer.status_code < 500
                    answers.append("y")
            found[f"{method.upper()} {path}"] = answers[0] + " " + "".join(answers[1:])
    assert found == EXPECTED


async def test_the_document_names_the_roles(recorder: Stage) -> None:
    for path, methods in openapi(recorder.app)["paths"].items():
        for method, operation in methods.items():
            allowed = EXPECTED[f"{method.upper()} {path}"][2:]
            named = [role.value for role, mark in zip(Role, allowed, strict=True) if mark == "y"]
            if path in {"/livez", "/healthz", "/readyz", "/v1/play/{ticket}"}:
                assert "security" not in operation
            else:
                assert operation["x-roles"] == sorted(named)


@pytest.mark.parametrize(
    ("token", "users"),
    [
        ("administrator", {"ada", "bob"}),
        ("auditor", {"ada", "bob"}),
        ("ingest", {"ada", "bob"}),
        ("user:ada", {"ada"}),
        ("user:eve", set()),
        ("supervisor:sue", {"ada"}),
        ("supervisor:nobody", set()),
    ],
)
async def test_calls_are_seen_by_their_users_and_those_above_them(recorder: Stage, token: str, users: set[str]) -> None:
    await recorder.program(config())
    for name in ("ada", "bob"):
        segment = await recorder.segment(nativeId=name, called={"user": name})
        one = await recorder.ask(token, "GET", f"/v1/calls/{segment}")
        assert one.status_code == (200 if name in users else 404)
    listed = await recorder.ask(token, "GET", "/v1/calls")
    assert {item["nativeId"] for item in listed.json()["items"]} == users


@pytest.mark.parametrize(
    "header", ["", "Bearer", "Bearer ", "Basic user:ada", "Bearer nonsense", f"Bearer {'x' * 600}"]
)
async def test_what_is_not_a_known_token_is_refused_with_a_challenge(recorder: Stage, header: str) -> None:
    answer = await recorder.ask(None, "GET", "/v1/calls", headers={"Authorization": header})
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"].startswith("Bearer")


async def test_rights_come_before_the_body(recorder: Stage) -> None:
    answer = await recorder.ask("user", "PUT", "/v1/config", content=b"{not json")
    assert answer.status_code == 403


@pytest.mark.parametrize(
    ("peer", "forwarded", "expected"),
    [
        ("192.0.2.7", "203.0.113.9", "192.0.2.7"),
        ("10.0.0.1", "203.0.113.9", "203.0.113.9"),
        ("10.0.0.1", "198.51.100.1, 203.0.113.9, 10.0.0.2", "203.0.113.9"),
        ("10.0.0.1", "203.0.113.9, nonsense", "10.0.0.1"),
        ("10.0.0.1", "2001:db8::1", "2001:db8::1"),
        ("10.0.0.1", "10.0.0.3", "10.0.0.3"),
        ("10.0.0.1", "1.1.1.1," * 1000 + "203.0.113.9", "10.0.0.1"),
    ],
)
async def test_the_address_is_the_last_hop_that_is_no_listed_proxy(
    recorder: Stage, peer: str, forwarded: str, expected: str
) -> None:
    await recorder.program(config("OnDemand"))
    segment = await recorder.segment()
    async with recorder.client("user:ada", peer=peer) as client:
        await client.post(f"/v1/calls/{segment}:start", headers={"X-Forwarded-For": forwarded})
    ((_, actor, _),) = recorder.audit.rows
    assert actor.ip_address == expected
