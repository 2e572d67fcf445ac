"""Every route of the API, and a body that it takes, for tests that walk them all."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import httpx

from functions.console_api.roles import LEAST, PREFIX

STREAM = ("GET", f"{PREFIX}/events")

BODIES: dict[tuple[str, str], dict[str, Any]] = {
    ("POST", "/tenants"): {"name": "تازه", "owner": {"email": "new@example.com", "password": "گذرواژهٔ بلند"}},
    ("PATCH", "/tenants/{id}"): {"name": "تازه"},
    ("PATCH", "/me"): {"name": "من"},
    ("POST", "/users"): {"email": "new@example.com", "password": "گذرواژهٔ بلند", "role": "viewer"},
    ("PATCH", "/users/{id}"): {"name": "تازه"},
    ("POST", "/brands"): {"name": "تازه"},
    ("PATCH", "/brands/{id}"): {"name": "تازه"},
    ("POST", "/channels"): {"brand_id": "{brands}", "kind": "web", "name": "تازه"},
    ("PATCH", "/channels/{id}"): {"name": "تازه"},
    ("POST", "/personas"): {"brand_id": "{brands}", "body": {"name": "نو"}},
    ("PATCH", "/personas/{id}"): {"body": {"name": "نو"}},
    ("POST", "/policies"): {"brand_id": "{brands}"},
    ("PATCH", "/policies/{id}"): {"body": {"quiet_ms": 100}},
    ("POST", "/automations"): {
        "name": "گزارش",
        "schedule": "0 9 * * *",
        "action": {"do": "note", "text": "سلام"},
    },
    ("PATCH", "/automations/{id}"): {"name": "تازه"},
    ("PATCH", "/knowledge/{id}"): {"title": "تازه"},
    ("POST", "/knowledge/search"): {"query": "ساعت کاری"},
    ("POST", "/conversations/{id}/messages"): {"text": "سلام"},
    ("POST", "/conversations/{id}/resolve"): {"seen": 99},
}
UPLOADS = {("POST", "/knowledge"), ("PUT", "/knowledge/{id}")}


@dataclass(frozen=True)
class Route:
    """One of them. `template` is without the prefix."""

    method: str
    template: str

    @property
    def collection(self) -> str:
        """What its ids are ids of."""
        return self.template.split("/")[1]

    async def call(self, client: httpx.AsyncClient, ids: dict[str, str], **headers: str) -> httpx.Response:
        """Sends it with the ids, each by its collection, where the route and its body want one."""
        path = self.template.replace("{id}", ids.get(self.collection, "none"))
        body = BODIES.get((self.method, self.template))
        if (self.method, self.template) in UPLOADS:
            files = {"file": ("a.txt", b"hello", "text/plain")}
            return await client.request(self.method, path, files=files, headers=headers)
        if self.template == "/auth/token":
            return await client.post(path, data={"username": "nobody", "password": "x"}, headers=headers)
        if body and body.get("brand_id"):
            body = {**body, "brand_id": ids["brands"]}
        return await client.request(self.method, path, json=body, headers=headers)


def all_routes() -> Iterator[Route]:
    """Those of the table, but for the endless stream."""
    for method, path in LEAST:
        if (method, path) != STREAM:
            yield Route(method, path.removeprefix(PREFIX))
