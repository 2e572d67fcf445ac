"""What was set where, and which place wins."""

from pathlib import Path

import pytest

from local.machine.environment import Environment
from local.machine.trouble import CannotStart


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "config").mkdir()
    (tmp_path / "config/.env.local").write_text("XIN_MODEL=کوچک\nREDIS_URL=redis://file/0\nDATABASE_URL=\n")
    (tmp_path / "فایل من.env").write_text("XIN_MODEL=میانه\nOPENAI_API_KEY='کلید # با فاصله'\n")
    return tmp_path


def test_precedence(root: Path) -> None:
    """The process wins over the named file, which wins over config/.env.local."""
    named = {"XIN_ENV_FILE": str(root / "فایل من.env")}

    assert Environment.load({}, root).get("XIN_MODEL") == "کوچک"
    assert Environment.load(named, root).get("XIN_MODEL") == "میانه"
    assert Environment.load({**named, "XIN_MODEL": "بزرگ"}, root).get("XIN_MODEL") == "بزرگ"
    assert Environment.load(named, root).get("OPENAI_API_KEY") == "کلید # با فاصله"


def test_empty(root: Path) -> None:
    """An empty variable counts as not set, and the process may empty what a file sets."""
    assert Environment.load({}, root).get("DATABASE_URL") is None
    assert Environment.load({"REDIS_URL": ""}, root).get("REDIS_URL") is None


def test_missing_file(root: Path) -> None:
    """A named file that isn't there is a mistake to be told, not to be passed over."""
    with pytest.raises(CannotStart, match="no such file"):
        Environment.load({"XIN_ENV_FILE": str(root / "نیست.env")}, root)


@pytest.mark.parametrize("port", ["۸۰۸۰", "http", "0", "65536", "-1"])
def test_port(port: str, root: Path) -> None:
    """A port that is none is said by name."""
    with pytest.raises(CannotStart, match="PORT is"):
        Environment.load({"PORT": port}, root).port("PORT", 8080)
