"""`callkeeper secrets`: tokens and hashes that belong together, in Secrets that the shipped pods mount."""

import base64
import json
import os
import pty
import subprocess
import sys
from hashlib import sha256
from typing import Any

import pytest
from click.testing import CliRunner
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from callkeeper.cli.main import callkeeper


def made(*options: str) -> dict[tuple[str, str], dict[str, str]]:
    done = CliRunner().invoke(callkeeper, ["secrets", "--administrator", "ada@example.com", *options])
    assert done.exit_code == 0, done.output
    value = json.loads(done.output)
    assert value["kind"] == "List"
    return {
        (one["metadata"]["namespace"], one["metadata"]["name"]): {
            key: base64.b64decode(text).decode() for key, text in one["data"].items()
        }
        for one in value["items"]
    }


def principal_of(principals: str, token: str) -> dict[str, Any]:
    digest = sha256(token.encode()).hexdigest()
    (found,) = [one for one in json.loads(principals)["principals"] if one["tokenSha256"] == digest]
    return found


def test_each_token_is_known_to_the_side_that_is_shown_it() -> None:
    found = made("--namespace", "here", "--log", "sales/phones")
    collector = found["here", "callkeeper-collector-principals"]["tokens.json"]
    recorder = found["here", "callkeeper-recorder-principals"]["tokens.json"]
    operator = principal_of(collector, found["here", "callkeeper-operator-collector-token"]["token"])
    assert operator["roles"] == ["operator"]
    sender = principal_of(collector, found["here", "callkeeper-recorder-collector-token"]["token"])
    assert (sender["roles"], sender["logs"]) == (["sender"], ["sales/phones"])
    assert principal_of(recorder, found["sales", "callkeeper-recorder-token"]["token"])["roles"] == ["settings"]
    assert principal_of(recorder, found["here", "callkeeper-ingest-token"]["token"])["roles"] == ["ingest"]
    person = found["here", "callkeeper-administrator"]
    for principals, key in ((collector, "collector-token"), (recorder, "recorder-token")):
        entry = principal_of(principals, person[key])
        assert entry["email"] == "ada@example.com"
        assert "administrator" in entry["roles"]


def test_no_two_tokens_are_alike_and_none_is_made_twice() -> None:
    tokens = [text for data in (*made().values(), *made().values()) for key, text in data.items() if "token" in key]
    tokens = [text for text in tokens if not text.startswith("{")]
    assert len(set(tokens)) == len(tokens) >= 14
    assert all(len(text) >= 43 for text in tokens), "256 bits"


def test_the_signing_key_is_one_and_stays_when_tokens_are_rotated() -> None:
    pem = made()["callkeeper", "callkeeper-collector-signing-key"]["signing.key"]
    assert load_pem_private_key(pem.encode(), None).__class__.__name__.startswith("Ed25519")
    rotated = made("--rotate")
    assert ("callkeeper", "callkeeper-collector-signing-key") not in rotated
    assert len(rotated) == len(made()) - 1


@pytest.mark.parametrize("wrong", [["--log", "teams"], ["--log", "/teams"], ["--administrator", "ada"]])
def test_wrong_usage_is_refused(wrong: list[str]) -> None:
    done = CliRunner().invoke(callkeeper, ["secrets", "--administrator", "ada@example.com", *wrong])
    assert done.exit_code == 2


def test_a_terminal_gets_no_secret() -> None:
    ours, theirs = pty.openpty()
    try:
        done = subprocess.run(
            [sys.executable, "-m", "callkeeper", "secrets", "--administrator", "ada@example.com"],
            stdout=theirs, stderr=subprocess.PIPE, text=True, check=False, timeout=60,
        )  # fmt: skip
        os.close(theirs)
        assert done.returncode == 2
        assert "terminal" in done.stderr
    finally:
        os.close(ours)
