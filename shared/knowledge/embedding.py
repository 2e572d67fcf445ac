"""Dense vectors: from any OpenAI-compatible endpoint, or from an ONNX model on disk through fastembed.

`multilingual-e5-small` and its kind tell questions from passages. An endpoint is told by `input_type` ("query" or
"passage"); one that refuses the word is asked again without it. Source: https://platform.openai.com/docs/api-reference/embeddings
"""

import asyncio
import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol

import httpx

from shared.errors import Retryable
from shared.knowledge.index import Fingerprint
from shared.settings import MissingSetting, Settings

if TYPE_CHECKING:
    from fastembed import TextEmbedding

BATCH = 8
"""Passages a request: on one core a small model takes about 0.2 s each, up to 2 s under load."""
PASSAGES_SECONDS = 18
QUERY_SECONDS = 0.4
"""A question that waits longer is answered by its words alone."""

Kind = Literal["query", "passage"]


class EmbeddingsAway(Retryable):
    """No vector came in time, or what came is none."""


class Embedder(Protocol):
    """Makes vectors. All of one embedder's have the same length."""

    @property
    def model(self) -> str:
        """As it stands in a fingerprint."""

    async def fingerprint(self) -> Fingerprint:
        """Asks for a vector where the length isn't known yet. Raises EmbeddingsAway."""

    async def passages(self, texts: Sequence[str]) -> list[list[float]]:
        """A vector for each text. Raises EmbeddingsAway."""

    async def query(self, text: str) -> list[float]:
        """Raises EmbeddingsAway, after QUERY_SECONDS at the latest."""

    async def close(self) -> None:
        """No call afterwards."""


def open_embedder(settings: Settings) -> Embedder | None:
    """None where XIN_EMBEDDINGS is off. Raises MissingSetting."""
    match settings.embeddings:
        case "off":
            return None
        case "endpoint":
            settings.require("embeddings_url")
            key = settings.embeddings_api_key.get_secret_value()
            return EndpointEmbedder(settings.embeddings_url, settings.embeddings_model, api_key=key)
        case "fastembed":
            if settings.fastembed_path is None:
                raise MissingSetting("XIN_FASTEMBED_PATH is not set: see config/ for what it is")
            return FastEmbedder(settings.fastembed_path, settings.embeddings_model)


class EndpointEmbedder:
    """See `Embedder`. *url* goes up to and with `/v1`."""

    def __init__(
        self,
        url: str,
        model: str,
        *,
        api_key: str = "",
        client: httpx.AsyncClient | None = None,
        query_seconds: float = QUERY_SECONDS,
    ) -> None:
        self._model = model
        self._url = f"{url.rstrip('/')}/embeddings"
        self._headers = {"authorization": f"Bearer {api_key}"} if api_key else {}
        self._client = client or httpx.AsyncClient()
        self._query_seconds = query_seconds
        self._dimensions = 0
        self._takes_input_type = True

    @property
    def model(self) -> str:
        """The name the endpoint knows it by."""
        return self._model

    async def fingerprint(self) -> Fingerprint:
        """Its length is learnt from the first vector."""
        if not self._dimensions:
            await self._embed(["سلام"], "passage", PASSAGES_SECONDS)
        return Fingerprint(self._model, self._dimensions)

    async def passages(self, texts: Sequence[str]) -> list[list[float]]:
        """In batches, one after the other."""
        vectors: list[list[float]] = []
        for start in range(0, len(texts), BATCH):
            vectors += await self._embed(texts[start : start + BATCH], "passage", PASSAGES_SECONDS)
        return vectors

    async def query(self, text: str) -> list[float]:
        """With the short time limit."""
        return (await self._embed([text], "query", self._query_seconds))[0]

    async def close(self) -> None:
        """Closes the connections."""
        await self._client.aclose()

    async def _embed(self, texts: Sequence[str], kind: Kind, seconds: float) -> list[list[float]]:
        try:
            async with asyncio.timeout(seconds):
                answer = await self._post(texts, kind)
                if answer.status_code in (400, 422) and self._takes_input_type:
                    self._takes_input_type = False
                    answer = await self._post(texts, kind)
        except (httpx.HTTPError, TimeoutError) as problem:
            raise EmbeddingsAway(f"no embeddings: {type(problem).__name__}") from problem
        if not answer.is_success:
            raise EmbeddingsAway(f"the embeddings endpoint answered {answer.status_code}")
        return self._vectors(answer.content, len(texts))

    async def _post(self, texts: Sequence[str], kind: Kind) -> httpx.Response:
        body: dict[str, Any] = {"model": self._model, "input": list(texts), "encoding_format": "float"}
        if self._takes_input_type:
            body["input_type"] = kind
        return await self._client.post(
            self._url, json=body, headers=self._headers, timeout=None
        )  # the caller's clock runs

    def _vectors(self, body: bytes, wanted: int) -> list[list[float]]:
        try:
            data = sorted(json.loads(body)["data"], key=lambda item: item["index"])
            vectors = [[float(x) for x in item["embedding"]] for item in data]
        except (ValueError, KeyError, TypeError) as problem:
            raise EmbeddingsAway("the embeddings endpoint sent something else") from problem
        self._dimensions = self._dimensions or (len(vectors[0]) if vectors else 0)
        if len(vectors) != wanted or not self._dimensions or any(len(v) != self._dimensions for v in vectors):
            raise EmbeddingsAway("the embeddings endpoint sent the wrong number of vectors")
        return vectors


class FastEmbedder:
    """See `Embedder`. *folder* holds `model.onnx`, `tokenizer.json`, `config.json` and the tokenizer's other two files.

    Nothing is fetched. A folder whose name or model has "e5" in it gets E5's "query: " and "passage: " before a text.
    """

    def __init__(self, folder: Path, model: str) -> None:
        self._folder = folder
        self._model = model
        self._loaded: TextEmbedding | None = None
        self._loading = asyncio.Lock()
        self._prefixed = "e5" in model.lower()
        self._dimensions = 0

    @property
    def model(self) -> str:
        """The name given in XIN_EMBEDDINGS_MODEL."""
        return self._model

    async def fingerprint(self) -> Fingerprint:
        """Its length stands in the model's config.json."""
        return Fingerprint(self._model, await asyncio.to_thread(self._size))

    async def passages(self, texts: Sequence[str]) -> list[list[float]]:
        """In a thread."""
        return await self._embed(texts, "passage")

    async def query(self, text: str) -> list[float]:
        """The model is on this machine: what takes longer than the limit is the loading, once."""
        try:
            async with asyncio.timeout(QUERY_SECONDS):
                return (await self._embed([text], "query"))[0]
        except TimeoutError:
            raise EmbeddingsAway("the model on disk took too long") from None

    async def close(self) -> None:
        """Lets go of the model."""
        self._loaded = None

    async def _embed(self, texts: Sequence[str], kind: Kind) -> list[list[float]]:
        async with self._loading:
            if self._loaded is None:
                self._loaded = await asyncio.shield(asyncio.to_thread(self._load))
        model = self._loaded
        marked = [f"{kind}: {text}" if self._prefixed else text for text in texts]
        return await asyncio.to_thread(lambda: [vector.tolist() for vector in model.embed(marked, batch_size=BATCH)])

    def _size(self) -> int:
        config = json.loads((self._folder / "config.json").read_text("utf-8"))
        return int(config.get("hidden_size") or config["dim"])

    def _load(self) -> "TextEmbedding":
        from fastembed import TextEmbedding
        from fastembed.common.model_description import ModelSource, PoolingType

        name = f"local/{self._model}"
        if name.lower() not in {str(known["model"]).lower() for known in TextEmbedding.list_supported_models()}:
            TextEmbedding.add_custom_model(
                model=name,
                pooling=PoolingType.MEAN,
                normalization=True,
                sources=ModelSource(hf="local/none"),  # never asked: the folder is given
                dim=self._size(),
                model_file="model.onnx",
            )
        return TextEmbedding(name, specific_model_path=str(self._folder), providers=["CPUExecutionProvider"])
