"""Offers one call to the playground's recorder, as a telephony platform would, and says what was decided."""

import json
import secrets
import urllib.request
from pathlib import Path
from typing import Any

RECORDED = {"record": "Recorded", "doNotRecord": "Not recorded", "wait": "Waits for Ada's start"}


def offer(recorder: str, authorization: str, number: str) -> str:
    """Offer a call from the number to Ada, end it, and say in a line what was decided and which entry decided."""
    name = f"try-{secrets.token_hex(3)}"
    header, _, value = Path(authorization).read_text().strip().partition(": ")
    ada = {"user": "ada", "identity": "user"}
    body = {"nativeId": name, "conversation": name, "kind": "peerToPeer", "calling": {"number": number}, "called": ada}

    def post(path: str, body: dict[str, Any]) -> dict[str, Any]:
        headers = {header: value, "Content-Type": "application/json"}
        request = urllib.request.Request(recorder + path, data=json.dumps(body).encode(), headers=headers)
        with urllib.request.urlopen(request, timeout=10) as answer:
            return dict(json.load(answer))

    segment = post("/v1/calls", body)
    post(f"/v1/calls/{segment['segment']}:end", {})
    source = segment["source"]
    where = "" if source is None else f"  ({source['object']} {source['entry']})"
    return f"{RECORDED.get(segment['outcome'], segment['outcome'])}: {segment['message']}{where}"
