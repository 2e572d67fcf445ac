"""What every function is started with."""

from pathlib import Path

import pytest

from local.machine.schema import DatabaseUrls

ROOT = Path(__file__).parents[2]


@pytest.fixture
def environment(database: DatabaseUrls, valkey: str, tmp_path: Path) -> dict[str, str]:
    """Enough for any of them to start, on real stores; nobody takes their events or keeps their files."""
    return {
        "PYTHONPATH": str(ROOT),
        "DATABASE_URL": database.app,
        "REDIS_URL": valkey,
        "K_SINK": "http://127.0.0.1:9/xin/default",
        "XIN_SECRET_KEYS": "k1:" + "A" * 43 + "=",
        "XIN_TOKEN_KEYS": "k1:" + "A" * 43 + "=",
        "XIN_VECTORS_PATH": str(tmp_path),
        "AWS_ACCESS_KEY_ID": "key",
        "AWS_SECRET_ACCESS_KEY": "secret",
        "AWS_ENDPOINT_URL_S3": "http://127.0.0.1:9",
    }
