"""Requests made from the published document, good ones and bad ones: every answer is one the document knows."""

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from hypothesis.errors import Unsatisfiable
from schemathesis.checks import not_a_server_error
from schemathesis.generation import GenerationMode
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)
from tests.recorder.stage import Stage, config, stage

from callkeeper.recorder.api_document import api_documents

DOCUMENT: dict[str, Any] = json.loads(next(iter(api_documents().values())))
SCHEMA = schemathesis.openapi.from_dict(DOCUMENT)
OPERATIONS = {f"{one.method.upper()} {one.path}": one for one in (found.ok() for found in SCHEMA.get_all_operations())}
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
EXAMPLES = 5
"""Good ones and bad ones of each operation: half a minute for all."""


@pytest.fixture
def running(tmp_path: Path) -> Iterator[tuple[asyncio.Runner, Stage, dict[str, str]]]:
    """A recorder with a config and a call, the loop it lives in, and the ids that are there."""
    with asyncio.Runner() as runner:
        found = runner.run(_raised(tmp_path))
        yield runner, *found
        runner.run(found[0].recorder.media.stop())


async def _raised(folder: Path) -> tuple[Stage, dict[str, str]]:
    raised = stage(folder, directory=None)
    await raised.program(config())
    person = {"name": "Ada", "email": "ada@example.com", "licences": ["CallRecording"]}
    answer = await raised.ask("administrator", "PUT", "/v1/users/ada", json=person)
    assert answer.status_code == 201, answer.text
    segment = await raised.segment()
    ids = {"segment": segment, "recording": f"{segment}-1", "conversation": "c-1", "id": "ada"}
    return raised, ids | {"revision": str(raised.recorder.programming.revision)}


@pytest.mark.parametrize("name", OPERATIONS)
def test_every_answer_is_one_that_the_document_knows(
    running: tuple[asyncio.Runner, Stage, dict[str, str]], name: str
) -> None:
    for mode in (GenerationMode.POSITIVE, GenerationMode.NEGATIVE):
        try:
            _ask(*running, name, mode)
        except Unsatisfiable:
            # Nothing can be wrong about a request in which nothing is said.
            assert mode is GenerationMode.NEGATIVE
            assert name in {"GET /livez", "GET /healthz", "GET /readyz"}


def _ask(runner: asyncio.Runner, raised: Stage, ids: dict[str, str], name: str, mode: GenerationMode) -> None:
    operation = OPERATIONS[name]
    allowed = DOCUMENT["paths"][operation.path][operation.method.lower()].get("x-roles", ["administrator"])

    # No shrinking: the answer that fails says what is the matter, and shrinking takes longer than the rest.
    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy(generation_mode=mode), known=st.booleans(), role=st.sampled_from(allowed))
    def ask(case: schemathesis.Case, known: bool, role: str) -> None:
        if known:
            case.path_parameters = {key: ids.get(key, value) for key, value in (case.path_parameters or {}).items()}
        answer = runner.run(_sent(raised, case, role))
        case.validate_response(answer, checks=CHECKS)

    ask()


async def _sent(raised: Stage, case: schemathesis.Case, role: str) -> httpx.Response:
    made = requests.Request(**case.as_transport_kwargs(base_url="http://recorder")).prepare()
    headers = {key: value for key, value in made.headers.items() if key.lower() != "authorization"}
    async with raised.client(f"{role}:ada") as client:
        return await client.request(str(made.method), str(made.url), content=made.body, headers=headers)
