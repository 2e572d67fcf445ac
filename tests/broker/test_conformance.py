"""CloudEvents' own examples of HTTP messages, from its conformance features, where XIN_DATA says that they are."""

import json
import os
import re
from pathlib import Path

import pytest

from tests.broker.conftest import Broker
from tests.broker.subscriber import Subscriber

FEATURE = Path(os.environ.get("XIN_DATA", "/nowhere")) / "conformance" / "features-http-protocol-binding.feature"
BLOCK = re.compile(r'"""\n(.*?)\n\s*"""', re.DOTALL)


def _rows() -> list[tuple[str, str, str, dict[str, str]]]:
    """Name, request, expected JSON and expected attributes of every example row."""
    rows = []
    for scenario in FEATURE.read_text("utf-8").split("Scenario Outline:")[1:]:
        request, expected = BLOCK.findall(scenario)
        table, examples = scenario.split("Examples:")
        attributes = dict(re.findall(r"\|\s*(\w+) \| (.*?)\s*\|", table))
        for content_type in re.findall(r"\| (application/.*?)\s*\|", examples):
            filled = {name: value.replace("<contentType>", content_type) for name, value in attributes.items()}
            rows.append((content_type, request.replace("<contentType>", content_type), expected, filled))
    return rows


@pytest.mark.skipif(not FEATURE.is_file(), reason="XIN_DATA names no conformance data")
@pytest.mark.parametrize(("name", "request_text", "expected", "attributes"), _rows() if FEATURE.is_file() else [])
async def test_row(
    broker: Broker, subscriber: Subscriber, name: str, request_text: str, expected: str, attributes: dict[str, str]
) -> None:
    """Each example is accepted and arrives with the attributes and the data that the feature lists."""
    head, _, body = request_text.partition("\n\n")
    headers = dict(re.findall(r"^\s*([\w-]+): (.*)$", head, re.MULTILINE))
    for unwanted in ("Host", "Content-Length"):
        headers.pop(unwanted)
    seen = len(subscriber.seen("/everything", attributes["id"]))

    answer = await broker.post(headers, body.encode())

    assert answer.status_code == 202
    got = (await subscriber.got("/everything", attributes["id"], times=seen + 1))[-1]
    content_type = attributes.pop("datacontenttype")
    assert got.headers["content-type"] == content_type, name
    assert {key: got.attribute(key) for key in attributes} == attributes
    assert json.loads(got.body) == json.loads(expected)
