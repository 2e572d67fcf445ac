"""A model server as OpenAI's API describes it. It knows a few synonyms, so that meaning can differ from words."""

import json
import math
import zlib

import httpx

from shared.text.terms import content_words

SYNONYMS = {"کرایه": "هزینه", "پست": "ارسال", "مرجوع": "بازگشت", "تعطیل": "بسته"}


class FakeEmbeddings:
    """It keeps what it was asked and can be made to refuse, to be away or to know no `input_type`."""

    def __init__(self, dimensions: int = 64) -> None:
        self.dimensions = dimensions
        self.asked: list[dict[str, object]] = []
        self.status = 200
        self.away = False
        self.knows_input_type = True

    def __call__(self, request: httpx.Request) -> httpx.Response:
        if self.away:
            raise httpx.ConnectError("no model here", request=request)
        body = json.loads(request.content)
        self.asked.append(body)
        if self.status != 200:
            return httpx.Response(self.status, json={"error": {"message": "no", "type": "server_error"}})
        if "input_type" in body and not self.knows_input_type:
            return httpx.Response(400, json={"error": {"message": "Unrecognized request argument: input_type"}})
        data = [
            {"object": "embedding", "index": i, "embedding": self.vector(text)} for i, text in enumerate(body["input"])
        ]
        return httpx.Response(200, json={"object": "list", "data": data[::-1], "model": body["model"]})

    def vector(self, text: str) -> list[float]:
        """A direction per word, the same for synonyms."""
        vector = [0.01] * self.dimensions
        for word in content_words(text):
            vector[zlib.crc32(SYNONYMS.get(word, word).encode()) % self.dimensions] += 1.0
        length = math.hypot(*vector)
        return [x / length for x in vector]
