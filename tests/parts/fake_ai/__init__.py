"""A fake AI provider in a process of its own, which fails when told to and counts its calls."""

import sys
import tempfile
from pathlib import Path
from typing import Literal

import httpx
from pydantic import BaseModel

from tests.parts.ports import answers, free_port
from tests.parts.process import Part, PartFailed, Process

ROOT = Path(__file__).parents[3]
KEY = "sk-fake-ai-for-tests"
START_DEADLINE = 30.0

Kind = Literal[
    "429",
    "500",
    "503",
    "hang",
    "cut_stream",
    "truncated_json",
    "wrong_schema",
    "empty",
    "slow",
    "garbage",
    "refusal",
]


class Fault(BaseModel):
    """How the next `times` matching calls go wrong; `times` None: all until `reset`.

    `path` None matches every path; `contains` narrows it to requests whose body has that text.
    `retry_after` (seconds) is sent as a header with 429 and 503; `seconds` is how late `slow` answers.
    """

    kind: Kind
    path: str | None = None
    times: int | None = 1
    contains: str | None = None
    retry_after: float | None = None
    seconds: float = 1.0


class Call(BaseModel):
    """A request the fake has received.

    `path` is without the host (`/v1/chat/completions`), `status` None while it is unanswered,
    `at` seconds since the epoch. `prompt_sha` is the SHA-256 of the prompt, messages or inputs as JSON; `prompt` is the
    beginning of that.
    """

    path: str
    model: str | None
    schema_name: str | None
    idempotency_key: str | None
    prompt_sha: str
    prompt: str = ""
    streamed: bool
    fault: Kind | None
    status: int | None
    at: float


class FakeAI(Part):
    """Speaks the OpenAI protocol at `url` and Runware's at `runware_url`; both want the bearer `key`."""

    def __init__(self, *, port: int | None = None, key: str = KEY) -> None:
        self.key = key
        self._port = port or free_port()
        self._process: Process | None = None
        self._log: Path | None = None

    @property
    def url(self) -> str:
        return f"{self._root}/v1"

    @property
    def runware_url(self) -> str:
        return f"{self._root}/runware/v1"

    @property
    def pid(self) -> int:
        """Raises `PartFailed` when it does not run."""
        if self._process is None:
            raise PartFailed("the fake AI is not started")
        return self._process.pid

    def start(self) -> None:
        """Start, on the same port after `stop` or `kill`; calls and faults begin empty."""
        if self._process is not None:
            return
        with tempfile.NamedTemporaryFile(prefix="igny8-fake-ai-", suffix=".log", delete=False) as log:
            self._log = Path(log.name)
        command = [sys.executable, "-m", "tests.parts.fake_ai", "--port", str(self._port), "--key", self.key]
        self._process = Process(command, self._log, cwd=ROOT)
        try:
            self._process.wait_until(lambda: answers(self._port), START_DEADLINE)
        except PartFailed:
            self._ended()
            raise

    def stop(self) -> None:
        if self._process is not None:
            self._process.stop(grace=3)
        self._ended()

    def kill(self) -> None:
        """SIGKILL, in the middle of whatever it answers."""
        if self._process is not None:
            self._process.kill()
        self._ended()

    def calls(self, path: str | None = None) -> list[Call]:
        """The calls so far in the order of arrival, those of one path when given."""
        found = [Call.model_validate(call) for call in httpx.get(f"{self._root}/_calls").json()]
        return [call for call in found if path is None or call.path == path]

    def fail(
        self,
        kind: Kind,
        *,
        path: str | None = None,
        times: int | None = 1,
        contains: str | None = None,
        retry_after: float | None = None,
        seconds: float = 1.0,
    ) -> None:
        """Add a fault behind those still pending; see `Fault`."""
        fault = Fault(
            kind=kind, path=path, times=times, contains=contains, retry_after=retry_after, seconds=seconds
        )
        answer = httpx.post(f"{self._root}/_control", json={"faults": [fault.model_dump()]})
        answer.raise_for_status()

    def reset(self) -> None:
        """Forget calls and faults, and let hanging calls go."""
        httpx.post(f"{self._root}/_reset").raise_for_status()

    @property
    def _root(self) -> str:
        return f"http://127.0.0.1:{self._port}"

    def _ended(self) -> None:
        self._process = None
        if self._log is not None:
            self._log.unlink(missing_ok=True)
            self._log = None
