"""Passwords, kept as argon2id. A hash takes 19 MiB and a core for some 20 ms, so few run at once, and in threads.

Parameters: https://cheatsheetseries.owasp.org/cheatsheets/Password_Storage_Cheat_Sheet.html#argon2id
"""

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

from shared.errors import Retryable

if TYPE_CHECKING:
    from argon2 import PasswordHasher

T = TypeVar("T")

MEMORY_KIB = 19_456
PASSES = 2
AT_ONCE = 2
WAITING = 64


class Busy(Retryable):
    """So many passwords wait to be checked that another would wait too long."""


class Passwords:
    """Hashes and verifies. One per function: it counts how many run at once."""

    def __init__(self, *, at_once: int = AT_ONCE) -> None:
        self._turn = asyncio.Semaphore(at_once)
        self._waiting = 0
        self._hasher: PasswordHasher | None = None
        self._nobodys = ""

    async def hash(self, password: str) -> str:
        """What is stored. Raises Busy."""
        return await self._run(lambda hasher: hasher.hash(password))

    async def verify(self, password: str, stored: str | None) -> bool:
        """Whether it is the one. Without *stored*, where there is no account, it takes as long. Raises Busy."""
        from argon2.exceptions import InvalidHashError, VerificationError

        def check(hasher: "PasswordHasher") -> bool:
            try:
                hasher.verify(stored or self._nobodys, password)
            except (VerificationError, InvalidHashError):
                return False
            return stored is not None

        return await self._run(check)

    async def _run(self, work: Callable[["PasswordHasher"], T]) -> T:
        if self._waiting >= WAITING:
            raise Busy("too many people sign in at once", retry_after_seconds=2)
        self._waiting += 1
        try:
            async with self._turn:
                return await asyncio.to_thread(lambda: work(self._ready()))
        finally:
            self._waiting -= 1

    def _ready(self) -> "PasswordHasher":
        """Made before the first check of any kind, so that the first unknown account doesn't take longer."""
        if self._hasher is None:
            from argon2 import PasswordHasher

            hasher = PasswordHasher(time_cost=PASSES, memory_cost=MEMORY_KIB, parallelism=1)
            self._nobodys = hasher.hash("the password of nobody")
            self._hasher = hasher
        return self._hasher
