"""What every vector index promises, run over Qdrant Edge and over the client of a Qdrant server."""

import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from uuid import UUID, uuid4

import pytest

from shared.knowledge.index import Fingerprint, Point, Question, VectorIndex
from shared.knowledge.qdrant_edge import HeldElsewhere, QdrantEdge
from shared.knowledge.qdrant_server import QdrantServer
from shared.text.terms import passage_vector, query_vector

pytestmark = pytest.mark.filterwarnings("ignore:Payload indexes have no effect")  # true of `:memory:` alone

SPARSE = Fingerprint()
HYBRID = Fingerprint("multilingual-e5-small", 4)


@pytest.fixture(params=["edge", "server"])
async def index(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[VectorIndex]:
    made: VectorIndex = QdrantEdge(tmp_path / "vectors") if request.param == "edge" else QdrantServer(":memory:")
    yield made
    await made.close()


def passage(tenant: UUID, text: str, **more: object) -> Point:
    given = {"id": uuid4(), "asset": uuid4(), "version": 1, "brands": (), "dense": None, **more}
    return Point(tenant=tenant, terms=passage_vector(text), **given)  # type: ignore[arg-type]


async def test_finds_by_words(index: VectorIndex) -> None:
    """
    The passage that shares the question's words comes first, whatever letters the keyboard made.
    """
    tenant = uuid4()
    hours = passage(tenant, "ساعت کاری فروشگاه از ۹ تا ۲۱ است")
    returns = passage(tenant, "کالا را تا هفت روز می‌توانید پس بدهید")
    await index.ensure(SPARSE)
    await index.upsert(SPARSE, [hours, returns])

    found = await index.search(SPARSE, tenant, Question(query_vector("ساعت كاري شما چیست؟")))

    assert found.terms[0].id == hours.id
    assert found.dense == []


async def test_finds_by_meaning(index: VectorIndex) -> None:
    """
    Both kinds of vector answer on their own, so that whoever asked can weigh them.
    """
    tenant = uuid4()
    near = passage(tenant, "هزینه ارسال رایگان است", dense=[1, 0, 0, 0])
    far = passage(tenant, "ساعت کاری", dense=[0, 1, 0, 0])
    await index.ensure(HYBRID)
    await index.upsert(HYBRID, [near, far])

    found = await index.search(HYBRID, tenant, Question(query_vector("ساعت"), dense=[0.9, 0.1, 0, 0]))

    assert [h.id for h in found.terms] == [far.id]
    assert [h.id for h in found.dense] == [near.id, far.id]
    assert found.dense[0].score == pytest.approx(0.994, abs=0.01)


async def test_sparse_first(index: VectorIndex) -> None:
    """
    A passage without its dense vector is found by its words, and by both once the vector has come.
    """
    tenant = uuid4()
    early = passage(tenant, "ضمانت بازگشت وجه")
    await index.ensure(HYBRID)
    await index.upsert(HYBRID, [early])
    question = Question(query_vector("ضمانت"), dense=[0, 0, 1, 0])
    before = await index.search(HYBRID, tenant, question)

    await index.upsert(HYBRID, [Point(early.id, tenant, early.asset, 1, (), early.terms, [0, 0, 1, 0])])
    after = await index.search(HYBRID, tenant, question)

    assert [h.id for h in before.terms] == [early.id]
    assert before.dense == []
    assert [h.id for h in after.dense] == [early.id]
    assert await index.count(HYBRID, tenant) == 1


async def test_tenants_apart(index: VectorIndex) -> None:
    """
    No search, count or deletion reaches another tenant's points, though all share a collection.
    """
    ours, theirs = uuid4(), uuid4()
    asset = uuid4()
    await index.ensure(SPARSE)
    await index.upsert(SPARSE, [passage(ours, "رمز ورود", asset=asset), passage(theirs, "رمز ورود", asset=asset)])

    await index.delete(SPARSE, theirs, asset)

    assert await index.count(SPARSE, ours) == 1
    assert await index.count(SPARSE, theirs) == 0
    assert (await index.search(SPARSE, theirs, Question(query_vector("رمز")))).terms == []


async def test_idf_is_the_tenants_own(index: VectorIndex) -> None:
    """
    A term's rarity is counted over the tenant's own passages: a neighbour's uploads don't turn a ranking over.
    """
    ours, theirs = uuid4(), uuid4()
    rare = passage(ours, "گارانتی")
    common = [passage(ours, "ارسال") for _ in range(9)]
    await index.ensure(SPARSE)
    await index.upsert(SPARSE, [rare, *common])
    question = Question(query_vector("گارانتی ارسال"), limit=10)
    alone = await index.search(SPARSE, ours, question)

    await index.upsert(SPARSE, [passage(theirs, "گارانتی") for _ in range(40)])
    beside = await index.search(SPARSE, ours, question)

    assert alone.terms[0].id == beside.terms[0].id == rare.id
    assert beside.terms[0].score == pytest.approx(alone.terms[0].score, rel=1e-3)


async def test_brands(index: VectorIndex) -> None:
    """
    A document limited to brands answers for those alone; one without brands answers for all.
    """
    tenant, brand, other = uuid4(), uuid4(), uuid4()
    limited = passage(tenant, "تخفیف نوروزی", brands=(brand,))
    shared = passage(tenant, "تخفیف همیشگی")
    await index.ensure(SPARSE)
    await index.upsert(SPARSE, [limited, shared])

    async def found(*brands: UUID) -> set[UUID]:
        hits = await index.search(SPARSE, tenant, Question(query_vector("تخفیف"), brands=brands))
        return {h.id for h in hits.terms}

    assert await found(brand) == {limited.id, shared.id}
    assert await found(other) == {shared.id}
    assert await found() == {limited.id, shared.id}


async def test_deletes_a_version(index: VectorIndex) -> None:
    """
    The old version's points go while the new version's stay.
    """
    tenant, asset = uuid4(), uuid4()
    await index.ensure(SPARSE)
    await index.upsert(
        SPARSE, [passage(tenant, "قیمت قدیم", asset=asset), passage(tenant, "قیمت نو", asset=asset, version=2)]
    )

    await index.delete(SPARSE, tenant, asset, 1)

    assert await index.count(SPARSE, tenant, asset, 1) == 0
    assert await index.count(SPARSE, tenant, asset, 2) == 1


async def test_missing_collection(index: VectorIndex) -> None:
    """
    Before the first document there is nothing to find, to count or to delete, and no error.
    """
    tenant = uuid4()

    await index.delete(SPARSE, tenant)

    assert (await index.search(SPARSE, tenant, Question(query_vector("سلام دنیا")))).terms == []
    assert await index.count(SPARSE, tenant) == 0


async def test_only_stop_words(index: VectorIndex) -> None:
    """
    A question of nothing but small words finds nothing by words, and is no error.
    """
    tenant = uuid4()
    await index.ensure(SPARSE)
    await index.upsert(SPARSE, [passage(tenant, "ساعت کاری")])

    assert (await index.search(SPARSE, tenant, Question(query_vector("این چیست؟")))).terms == []


async def test_edge_survives_reopening(tmp_path: Path) -> None:
    """
    What was written before the process ended is found by the next one.
    """
    tenant = uuid4()
    first = QdrantEdge(tmp_path)
    await first.ensure(SPARSE)
    await first.upsert(SPARSE, [passage(tenant, "نشانی فروشگاه")])
    await first.close()

    second = QdrantEdge(tmp_path)

    assert await second.count(SPARSE, tenant) == 1
    await second.close()


async def test_edge_shared_in_a_process(tmp_path: Path) -> None:
    """
    Functions in one process share a shard; closing one's index leaves the other's working.
    """
    tenant = uuid4()
    writer, reader = QdrantEdge(tmp_path), QdrantEdge(tmp_path)
    await writer.ensure(SPARSE)
    await writer.upsert(SPARSE, [passage(tenant, "نشانی")])
    assert await reader.count(SPARSE, tenant) == 1

    await writer.close()

    assert await reader.count(SPARSE, tenant) == 1
    await reader.close()


async def test_edge_refuses_a_second_process(tmp_path: Path) -> None:
    """
    A folder that another process holds is refused with a sentence that says so.
    """
    holder = (
        "import asyncio, sys; from pathlib import Path; from shared.knowledge.index import Fingerprint;"
        "from shared.knowledge.qdrant_edge import QdrantEdge;"
        "asyncio.run(QdrantEdge(Path(sys.argv[1])).ensure(Fingerprint())); print('held', flush=True); sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", holder, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "held\n"
        with pytest.raises(HeldElsewhere, match="another process"):
            await QdrantEdge(tmp_path).ensure(SPARSE)
        assert other.stdin is not None
        other.stdin.close()


@pytest.mark.parametrize("fingerprint", [SPARSE, HYBRID, Fingerprint("org/model-v2", 384)])
def test_fingerprint(fingerprint: Fingerprint) -> None:
    """A name reads back as a fingerprint of the same name, and is safe as a folder's."""
    name = str(fingerprint)

    assert str(Fingerprint.parse(name)) == name
    assert "/" not in name
