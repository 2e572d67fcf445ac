"""Passwords are kept as slow hashes; checking one tells nothing by its time, and never blocks the others."""

import asyncio
import statistics
import time

import pytest

from shared.security.passwords import WAITING, Busy, Passwords

PASSWORD = "گذرواژهٔ بلند من"


async def test_right_and_wrong() -> None:
    """Only the password that was hashed is the right one; two hashes of it differ."""
    passwords = Passwords()
    stored, again = await passwords.hash(PASSWORD), await passwords.hash(PASSWORD)

    assert stored.startswith("$argon2id$")
    assert stored != again
    assert await passwords.verify(PASSWORD, stored)
    assert not await passwords.verify(PASSWORD + " ", stored)


async def test_nobody() -> None:
    """Without an account no password is right, not even the one behind the hash that stands in for it."""
    passwords = Passwords()

    assert not await passwords.verify("the password of nobody", None)
    assert not await passwords.verify(PASSWORD, "no hash at all")


async def test_time_tells_nothing() -> None:
    """An unknown account takes as long as a wrong password, from the first check on."""
    stored = await Passwords().hash(PASSWORD)
    ratios = []
    for _ in range(7):
        passwords = Passwords()
        times = []
        for account in (None, stored):
            started = time.perf_counter()
            await passwords.verify("حدس", account)
            times.append(time.perf_counter() - started)
        passwords = Passwords()
        started = time.perf_counter()
        await passwords.verify("حدس", stored)
        ratios.append(times[0] / (time.perf_counter() - started))

    assert 0.5 < statistics.median(ratios) < 2


async def test_loop_goes_on() -> None:
    """While passwords are checked everything else goes on."""
    passwords = Passwords()
    stored = await passwords.hash(PASSWORD)
    checking = asyncio.gather(*(passwords.verify(PASSWORD, stored) for _ in range(6)))
    turns = 0
    while not checking.done():
        await asyncio.sleep(0)
        turns += 1

    assert all(await checking)
    assert turns > 10


async def test_bounded() -> None:
    """A crowd is told to come again instead of filling the memory: 19 MiB a check."""
    passwords = Passwords(at_once=1)
    stored = await passwords.hash(PASSWORD)
    crowd = [asyncio.create_task(passwords.verify("حدس", stored)) for _ in range(WAITING + 5)]
    results = await asyncio.gather(*crowd, return_exceptions=True)

    assert sum(isinstance(result, Busy) for result in results) == 5
    with pytest.raises(Busy):
        raise next(result for result in results if isinstance(result, Busy))
