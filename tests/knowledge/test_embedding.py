"""Dense vectors come from any endpoint that speaks OpenAI's API, or from a disk; a question never waits long."""

import asyncio
import json
import time
from pathlib import Path

import httpx
import numpy as np
import pytest
from tokenizers import Tokenizer, models, pre_tokenizers

from shared.knowledge.embedding import BATCH, EmbeddingsAway, EndpointEmbedder, FastEmbedder
from shared.knowledge.index import Fingerprint
from tests.knowledge.fake_embeddings import FakeEmbeddings
from tests.knowledge.onnx_file import tiny_model


@pytest.fixture
def embedder(model: FakeEmbeddings) -> EndpointEmbedder:
    client = httpx.AsyncClient(transport=httpx.MockTransport(model))
    return EndpointEmbedder("http://model/v1/", "e5", api_key="sk-1", client=client)


async def test_passages(embedder: EndpointEmbedder, model: FakeEmbeddings) -> None:
    """
    Passages go in batches and their vectors come back in order, whatever order the endpoint answers in.
    """
    texts = [f"متن {i}" for i in range(BATCH + 2)]

    vectors = await embedder.passages(texts)

    assert vectors == [pytest.approx(model.vector(t)) for t in texts]
    assert [(len(a["input"]), a["input_type"], a["model"]) for a in model.asked] == [  # type: ignore[arg-type]
        (BATCH, "passage", "e5"),
        (2, "passage", "e5"),
    ]


async def test_fingerprint(embedder: EndpointEmbedder, model: FakeEmbeddings) -> None:
    """
    The vectors' length is learnt by asking, once.
    """
    assert await embedder.fingerprint() == await embedder.fingerprint() == Fingerprint("e5", 64)
    assert len(model.asked) == 1


async def test_without_input_type(embedder: EndpointEmbedder, model: FakeEmbeddings) -> None:
    """
    An endpoint that refuses `input_type` is asked again without it, and never with it after that.
    """
    model.knows_input_type = False

    await embedder.query("سلام")
    await embedder.query("سلام")

    assert ["input_type" in a for a in model.asked] == [True, False, False]


@pytest.mark.parametrize("status", [401, 429, 500])
async def test_refused(embedder: EndpointEmbedder, model: FakeEmbeddings, status: int) -> None:
    """
    Whatever an endpoint refuses with, the caller learns one thing: no vectors now.
    """
    model.status = status

    with pytest.raises(EmbeddingsAway, match=str(status)):
        await embedder.passages(["سلام"])


@pytest.mark.parametrize("body", [b"", b"[]", b'{"data": []}', b'{"data": [{"index": 0, "embedding": "x"}]}'])
async def test_nonsense(body: bytes) -> None:
    """
    An answer that holds no vectors is no vectors.
    """
    client = httpx.AsyncClient(transport=httpx.MockTransport(lambda _: httpx.Response(200, content=body)))

    with pytest.raises(EmbeddingsAway):
        await EndpointEmbedder("http://model/v1", "e5", client=client).query("سلام")


async def test_slow_question() -> None:
    """
    A question's vector that doesn't come in time is given up, also when the endpoint keeps the connection.
    """

    async def hang(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    server = await asyncio.start_server(hang, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    embedder = EndpointEmbedder(f"http://127.0.0.1:{port}/v1", "e5", query_seconds=0.1)
    started = time.monotonic()

    with pytest.raises(EmbeddingsAway):
        await embedder.query("سلام")

    assert time.monotonic() - started < 2
    await embedder.close()
    server.close()


async def test_model_on_disk(tmp_path: Path) -> None:
    """
    fastembed loads the folder it is given, offline, and makes normalised vectors of the length its config says.
    """
    words = ["[PAD]", "[UNK]", "ساعت", "کاری", "ارسال"]
    table = np.eye(len(words), 4, k=-2, dtype=np.float32) + 0.1
    (tmp_path / "model.onnx").write_bytes(tiny_model(table))
    tokenizer = Tokenizer(models.WordLevel({w: i for i, w in enumerate(words)}, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.save(str(tmp_path / "tokenizer.json"))
    (tmp_path / "config.json").write_text(json.dumps({"hidden_size": 4, "pad_token_id": 0}))
    (tmp_path / "tokenizer_config.json").write_text(json.dumps({"model_max_length": 16, "pad_token": "[PAD]"}))
    (tmp_path / "special_tokens_map.json").write_text(json.dumps({"pad_token": "[PAD]", "unk_token": "[UNK]"}))
    embedder = FastEmbedder(tmp_path, "tiny")

    hours, shipping = await embedder.passages(["ساعت کاری", "ارسال"])
    question = await embedder.query("ساعت")

    assert await embedder.fingerprint() == Fingerprint("tiny", 4)
    assert np.linalg.norm(question) == pytest.approx(1, abs=1e-3)
    assert np.dot(question, hours) > np.dot(question, shipping) + 0.2
