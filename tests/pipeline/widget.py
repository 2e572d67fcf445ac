"""A visitor of the tenant's site, speaking the widget's API."""

import json
import threading
import time
import uuid
from dataclasses import dataclass, field
from typing import Any

import httpx

from tests.pipeline.waiting import until


@dataclass
class Visitor:
    """One session: its client, the conversation, and the first place of its stream."""

    client: httpx.Client
    conversation: str
    token: str

    @classmethod
    def arrive(cls, web: dict[str, str], origin: str, *, language: str = "fa", resume: str | None = None) -> "Visitor":
        """Opens a session on *web* (`widget_id`, `api_url`), waiting where the address has opened too many."""
        client = httpx.Client(base_url=web["api_url"], headers={"Origin": origin}, timeout=20)
        page = {"url": f"{origin}/demo", "lang": language}
        opening = {"widget_id": web["widget_id"], "page": page, "resume": resume}
        while (answer := client.post("/sessions", json=opening)).status_code == 429:
            time.sleep(float(answer.headers["Retry-After"]))
        assert answer.status_code == 200, answer.text
        token = answer.json()["session_token"]
        client.headers["Authorization"] = f"Bearer {token}"
        return cls(client, answer.json()["conversation_id"], token)

    @property
    def path(self) -> str:
        return f"/conversations/{self.conversation}"

    def write(self, text: str) -> dict[str, Any]:
        """What was stored: {id, seq, duplicate}."""
        posted = {"client_msg_id": uuid.uuid4().hex, "type": "text", "text": text}
        answer = self.client.post(f"{self.path}/messages", json=posted)
        assert answer.status_code == 202, answer.text
        return dict(answer.json())

    def messages(self, role: str = "") -> list[dict[str, Any]]:
        """What was said so far, by *role* or by all."""
        answer = self.client.get(f"{self.path}/messages", params={"limit": 100})
        assert answer.status_code == 200, answer.text
        return [message for message in answer.json()["items"] if role in ("", message["role"])]

    def ask(self, question: str) -> dict[str, Any]:
        """Writes, and waits for the bot's message behind it."""
        seq = self.write(question)["seq"]

        def answered() -> dict[str, Any] | None:
            return next((message for message in self.messages("bot") if message["seq"] > seq), None)

        found = until(answered, f"an answer to {question}")
        assert found
        return found

    def follow(self, after: int = 0) -> "Stream":
        """The conversation's events from now on."""
        return Stream(self.client, f"{self.path}/events", {"after": str(after)}).open()


@dataclass
class Stream:
    """Server-sent events, read by a thread of its own. https://html.spec.whatwg.org/multipage/server-sent-events.html"""

    client: httpx.Client
    path: str
    parameters: dict[str, str] = field(default_factory=dict)
    events: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    """(kind, data) as they came."""
    media_type: str = ""
    _response: httpx.Response | None = None

    def open(self) -> "Stream":
        """Returns when the stream's head has come."""
        request = self.client.build_request("GET", self.path, params=self.parameters, timeout=60)
        self._response = self.client.send(request, stream=True)
        assert self._response.status_code == 200, self._response.read()
        self.media_type = self._response.headers["content-type"]
        threading.Thread(target=self._read, daemon=True).start()
        return self

    def close(self) -> None:
        """Ends it from this side."""
        assert self._response
        self._response.close()

    def of(self, kind: str) -> list[dict[str, Any]]:
        """The data of the events of that kind."""
        return [data for seen, data in list(self.events) if seen == kind]

    def _read(self) -> None:
        assert self._response
        kind = ""
        try:
            for line in self._response.iter_lines():
                name, _, value = line.partition(": ")
                if name == "event":
                    kind = value
                elif name == "data":
                    self.events.append((kind, json.loads(value)))
        except (httpx.HTTPError, httpx.StreamError):  # closed, by us or with the product
            return
