"""Every line of the providers' error tables, as an answer on the wire and as what it means to us."""

from dataclasses import astuple

import pytest

from shared.providers import instagram, telegram, whatsapp
from shared.providers.outgoing import Ambiguous, ChannelRefused, Later, Refused
from tests.providers.fake_api import Reply
from tests.providers.ways_out import essence, outcome

# What the provider says, and what it means: exception, scope or contact_unreachable, wait_seconds
TELEGRAM_ANSWERS = [
    (429, "Too Many Requests: retry after 35", {"retry_after": 35}, (Later, "channel", 35)),
    (429, "Too Many Requests", {}, (Later, "channel", None)),
    (401, "Unauthorized", {}, (ChannelRefused,)),
    (404, "Not Found", {}, (ChannelRefused,)),
    (409, "Conflict: terminated by other getUpdates request", {}, (ChannelRefused,)),
    (413, "Request Entity Too Large", {}, (Refused, False)),
    (400, "Bad Request: chat not found", {}, (Refused, True)),
    (400, "Bad Request: PEER_ID_INVALID", {}, (Refused, True)),
    (400, "Bad Request: group chat was upgraded to a supergroup chat", {"migrate_to_chat_id": -1}, (Refused, False)),
    (400, "Bad Request: message is too long", {}, (Refused, False)),
    (400, "Bad Request: message text is empty", {}, (Refused, False)),
    (403, "Forbidden: bot was blocked by the user", {}, (Refused, True)),
    (403, "Forbidden: user is deactivated", {}, (Refused, True)),
    (403, "Forbidden: bot can't initiate conversation with a user", {}, (Refused, True)),
    (500, "Internal Server Error", {}, (Later, "part", None)),
    (502, "Bad Gateway", {}, (Later, "part", None)),
    (504, "Gateway Timeout", {}, (Ambiguous,)),
    (302, "Found", {}, (Later, "channel", None)),
    (418, "I'm a teapot", {}, (Refused, False)),
    (404, "no such group or user", {}, (Refused, True)),
    (403, "Forbidden: permission_denied", {}, (Refused, True)),
    (400, "Bad Request: Token not found", {}, (ChannelRefused,)),
    (500, "bot limit exceed", {}, (Later, "channel", None)),
    (400, "local_rate_limited", {}, (Later, "channel", None)),
]


@pytest.mark.parametrize(("status", "description", "parameters", "meaning"), TELEGRAM_ANSWERS)
async def test_telegram_errors(api, client, status, description, parameters, meaning):
    """
    Each answer of a Bot API means one thing to us, and the operator reads what the provider said.
    """
    body = {"ok": False, "error_code": status, "description": description, "parameters": parameters}
    api.script = [Reply(status, body)]

    problem = await outcome("telegram", api, client)

    assert essence(problem) == meaning
    assert problem.reason == f"{status}: {description}"


def test_telegram_table_is_tested():
    """
    Every line of the table decides at least one of the answers above.
    """
    used = set()
    for status, description, _, _ in TELEGRAM_ANSWERS:
        fits = [r for r in telegram.ERRORS if status in r.statuses and r.says in description.lower()]
        used.update(astuple(rule) for rule in fits[:1])
    assert used == {astuple(rule) for rule in telegram.ERRORS}


async def test_error_code_over_status(api, client):
    """
    A Bot API that refuses under 200 is believed by its error_code.
    """
    api.script = [Reply(200, {"ok": False, "error_code": 403, "description": "Forbidden: bot was blocked by the user"})]

    assert essence(await outcome("bale", api, client)) == (Refused, True)


@pytest.mark.parametrize(
    ("kind", "code", "subcode", "meaning"),
    [
        ("whatsapp", 190, 463, (ChannelRefused,)),
        ("whatsapp", 0, None, (ChannelRefused,)),
        ("whatsapp", 10, None, (ChannelRefused,)),
        ("whatsapp", 299, None, (ChannelRefused,)),
        ("whatsapp", 131005, None, (ChannelRefused,)),
        ("whatsapp", 368, None, (ChannelRefused,)),
        ("whatsapp", 131042, None, (ChannelRefused,)),
        ("whatsapp", 133010, None, (ChannelRefused,)),
        ("whatsapp", 1, None, (Later, "part", None)),
        ("whatsapp", 131000, None, (Later, "part", None)),
        ("whatsapp", 131057, None, (Later, "part", None)),
        ("whatsapp", 4, None, (Later, "channel", None)),
        ("whatsapp", 130429, None, (Later, "channel", None)),
        ("whatsapp", 131056, None, (Later, "pair", None)),
        ("whatsapp", 131048, None, (Later, "channel", 3600)),
        ("whatsapp", 131047, None, (Refused, False)),
        ("whatsapp", 131026, None, (Refused, True)),
        ("whatsapp", 130497, None, (Refused, True)),
        ("whatsapp", 131050, None, (Refused, False)),
        ("whatsapp", 100, None, (Refused, False)),
        ("whatsapp", 132018, None, (Refused, False)),
        ("whatsapp", 131053, None, (Refused, False)),
        ("whatsapp", 137000, None, (Refused, False)),
        ("instagram", 10, 2534022, (Refused, False)),
        ("instagram", 551, None, (Refused, True)),
        ("instagram", 100, 2534014, (Refused, True)),
        ("instagram", 100, 2534029, (Refused, True)),
        ("instagram", 10, 1893063, (Later, "channel", 3600)),
        ("instagram", 190, 467, (ChannelRefused,)),
        ("instagram", 200, 2534041, (ChannelRefused,)),
        ("instagram", 10, None, (ChannelRefused,)),
        ("instagram", 230, None, (ChannelRefused,)),
        ("instagram", 613, 2534040, (Later, "channel", None)),
        ("instagram", 4, None, (Later, "channel", None)),
        ("instagram", 1, 1357046, (Ambiguous,)),
        ("instagram", 1, None, (Later, "part", None)),
        ("instagram", 2, None, (Later, "part", None)),
        ("instagram", 100, None, (Refused, False)),
    ],
)
async def test_graph_errors(api, client, kind, code, subcode, meaning):
    """
    Meta's code and subcode decide, not the status under which they came.
    """
    error = {"message": "(#x) refused", "code": code} | ({"error_subcode": subcode} if subcode else {})
    for status in (400, 500):
        api.script = [Reply(status, {"error": error})]

        problem = await outcome(kind, api, client)

        assert essence(problem) == meaning
        assert problem.reason.startswith(str(code))


def test_graph_tables_are_tested():
    """
    Every line of both tables stands in the test above.
    """
    rows = next(m for m in test_graph_errors.pytestmark if m.name == "parametrize").args[1]
    for kind, table in (("whatsapp", whatsapp.ERRORS), ("instagram", instagram.ERRORS)):
        tested = [(code, subcode) for row_kind, code, subcode, _ in rows if row_kind == kind]
        for rule in table:
            fits = [code for code, subcode in tested if code in rule.codes and rule.subcode in (None, subcode)]
            assert fits, rule


@pytest.mark.parametrize("kind", ["whatsapp", "instagram"])
@pytest.mark.parametrize(
    ("reply", "meaning"),
    [
        (Reply(429, {}, (("Retry-After", "17"),)), (Later, "channel", 17)),
        (Reply(429, b"slow down"), (Later, "channel", None)),
        (Reply(401, {}), (ChannelRefused,)),
        (Reply(503, b"<html>"), (Later, "part", None)),
        (Reply(504, b"<html>"), (Ambiguous,)),
        (Reply(301, b"", (("Location", "/elsewhere"),)), (Later, "channel", None)),
        (Reply(400, {"error": {"code": 987654, "is_transient": True}}), (Later, "part", None)),
        (Reply(400, {"error": "odd"}), (Refused, False)),
        (Reply(400, {"error": {"code": 987654}}), (Refused, False)),
        (Reply(500, {"error": {"code": 987654}}), (Later, "part", None)),
    ],
)
async def test_graph_without_a_known_code(api, client, kind, reply, meaning):
    """
    Where no code tells, the provider's own hint does, then the status.
    """
    api.script = [reply]

    assert essence(await outcome(kind, api, client)) == meaning
