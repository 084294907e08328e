"""A real Redis on 127.0.0.1."""

import shutil
import tempfile
from pathlib import Path

from redis import Redis
from redis.exceptions import RedisError

from tests.parts.ports import free_port
from tests.parts.process import Part, PartFailed, Process

START_DEADLINE = 20.0


class RealRedis(Part):
    """A server that keeps its port and its data over `kill` and `start`.

    With `durable` it writes and syncs each command before it answers (`appendonly`, `appendfsync always`); else it is as
    it comes from the package: a snapshot every few minutes.
    """

    def __init__(self, *, durable: bool = True) -> None:
        self._durable = durable
        self._port = free_port()
        self._directory: Path | None = None
        self._process: Process | None = None

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self._port}/0"

    @property
    def pid(self) -> int:
        """The server's process; raises `PartFailed` when it does not run."""
        if self._process is None:
            raise PartFailed("Redis is not started")
        return self._process.pid

    def start(self) -> None:
        """Start, and return when it answers. Raises `PartFailed` with its output."""
        program = shutil.which("redis-server")
        if program is None:
            raise PartFailed("Redis needs redis-server: install the Debian package redis-server")
        directory = self._directory = self._directory or Path(tempfile.mkdtemp(prefix="igny8-redis-"))
        options = ["--bind", "127.0.0.1", "--port", str(self._port), "--dir", str(directory)]
        if self._durable:
            options += ["--appendonly", "yes", "--appendfsync", "always"]
        self._process = Process([program, *options], directory / "redis.log")
        self._process.wait_until(self._serves, START_DEADLINE)

    def stop(self) -> None:
        """End it and delete its data."""
        if self._process is not None:
            self._process.stop()
            self._process = None
        if self._directory is not None:
            shutil.rmtree(self._directory, ignore_errors=True)
            self._directory = None

    def kill(self) -> None:
        """SIGKILL; the data stay for `start`."""
        if self._process is not None:
            self._process.kill()
            self._process = None

    def _serves(self) -> bool:
        client = Redis(port=self._port, socket_timeout=2)
        try:
            return bool(client.ping())
        except RedisError:  # also while it loads its data
            return False
        finally:
            client.close()
