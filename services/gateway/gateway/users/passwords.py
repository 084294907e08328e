"""Passwords: the rules (PRODUCT §1), and argon2id in threads of its own."""

import asyncio
import os
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from importlib.resources import files

from common.api.errors import validation
from pwdlib import PasswordHash
from pwdlib.exceptions import PwdlibError
from pwdlib.hashers.argon2 import Argon2Hasher

SHORTEST, LONGEST = 8, 256

# OWASP Password Storage Cheat Sheet: 19 MiB, two passes, one lane.
_hashing = PasswordHash((Argon2Hasher(memory_cost=19_456, time_cost=2, parallelism=1),))
NICE = 5


def _stand_back() -> None:
    """Of the two that want a core, the one that answers somebody else gets three quarters of it."""
    if sys.platform == "linux":  # where a thread has a priority of its own
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), NICE)


# A flood of logins queues here instead of taking all memory and all cores: half of them stay for everybody else.
_threads = ThreadPoolExecutor(
    max_workers=max(1, (os.cpu_count() or 1) // 2), thread_name_prefix="argon2", initializer=_stand_back
)

COMMON = frozenset((files("gateway.users") / "common_passwords.txt").read_text().split())


def check_rules(password: str, email: str, field: str = "password") -> None:
    """Raises 400 for the field, naming the rules that are broken."""
    lowered = password.lower()
    broken = [
        message
        for message, fine in (
            (f"must have at least {SHORTEST} characters", len(password) >= SHORTEST),
            (f"must have at most {LONGEST} characters", len(password) <= LONGEST),
            ("needs an upper-case letter", any(c.isupper() for c in password)),
            ("needs a lower-case letter", any(c.islower() for c in password)),
            ("needs a digit", any(c.isdigit() for c in password)),
            ("is one of the most common passwords", lowered not in COMMON),
            ("must not be the e-mail address", lowered not in (email, email.partition("@")[0])),
        )
        if not fine
    ]
    if broken:
        raise validation(field, "; ".join(broken))


async def hash_password(password: str) -> str:
    return await asyncio.get_running_loop().run_in_executor(_threads, _hashing.hash, password)


async def verify_password(password: str, hashed: str | None) -> bool:
    """Takes as long where there is no such user (`hashed` None), so that answers do not tell who is registered."""
    return await asyncio.get_running_loop().run_in_executor(_threads, _verify, password, hashed)


_NOBODY = _hashing.hash("nobody has this password")


def _verify(password: str, hashed: str | None) -> bool:
    try:
        return _hashing.verify(password, hashed or _NOBODY) and hashed is not None
    except PwdlibError:
        return False
