"""The home keeps what it is told, for its owner only."""

import socket
import stat
from pathlib import Path

import pytest

from local.machine.state import Home, port_is_free, random_key_ring
from local.machine.trouble import CannotStart
from shared.settings import Settings


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "خانه من"


def _mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_modes(folder: Path) -> None:
    """Nobody else may look into the home, nor read what is in it."""
    folder.mkdir(mode=0o755)

    home = Home.open(folder)
    home.secret("s3")
    home.port("broker")
    home.announce({"pid": 1})

    assert _mode(folder) == 0o700
    assert {_mode(path) for path in folder.iterdir()} == {0o600}


def test_one_at_a_time(folder: Path) -> None:
    """A second start on the same home is refused, and told which process has it."""
    first = Home.open(folder)
    with pytest.raises(CannotStart, match=r"already runs on .*خانه من \(process \d+\)"):
        Home.open(folder)

    first.close()
    Home.open(folder).close()


def test_secrets_stay(folder: Path) -> None:
    """A secret is made once; a later start finds the same, another name another one."""
    first = Home.open(folder).secret("valkey")
    again = Home(folder)

    assert again.secret("valkey") == first
    assert again.secret("s3") != first
    assert len(first) >= 43


def test_key_ring() -> None:
    """The keys we make are keys as the functions read them."""
    settings = Settings(secret_keys=random_key_ring(), token_keys=random_key_ring())

    assert list(settings.encryption_keys) == ["k1"]
    assert settings.encryption_keys != settings.signing_keys


def test_ports(folder: Path) -> None:
    """A port stays the same while it is free, and moves when somebody else has taken it."""
    home = Home.open(folder)
    port = home.port("broker")
    assert home.port("broker") == port
    assert home.port("objects") != port

    with socket.create_server(("127.0.0.1", port)):
        assert not port_is_free(port)
        assert home.port("broker") != port


def test_damaged_file(folder: Path) -> None:
    """Damaged secrets are never replaced by new ones: with those the data could not be read."""
    home = Home.open(folder)
    (folder / "secrets.json").write_text('{"s3": "کلی')

    with pytest.raises(CannotStart, match=r"secrets\.json is damaged"):
        home.secret("s3")


def test_unusable_home(tmp_path: Path) -> None:
    """A home that can't be a folder is said in one sentence."""
    (tmp_path / "file").touch()

    with pytest.raises(CannotStart, match="can't be used"):
        Home.open(tmp_path / "file")
