"""A real browser without a window, spoken to by its DevTools protocol (https://chromedevtools.github.io/devtools-protocol)."""

import shutil
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

import aiohttp

from tests.parts.install import missing
from tests.parts.ports import eventually
from tests.parts.process import Part, PartFailed, Process

START_DEADLINE = 60.0


class RealBrowser(Part):
    """Chromium with a profile of its own."""

    def __init__(self) -> None:
        self._profile: Path | None = None
        self._process: Process | None = None
        self._port = 0

    def start(self) -> None:
        """Raises `PartFailed` with what the program said."""
        if absent := missing("browser"):
            raise PartFailed(f"a browser needs {', '.join(absent)}: python -m tests.parts.install browser")
        self._profile = Path(tempfile.mkdtemp(prefix="igny8-browser-"))
        listening = self._profile / "DevToolsActivePort"
        command = [
            "chromium",
            "--headless=new",
            "--no-sandbox",  # root has none
            "--disable-gpu",
            "--disable-dev-shm-usage",
            "--no-first-run",
            "--disable-background-networking",
            "--disable-component-update",
            "--remote-debugging-port=0",
            f"--user-data-dir={self._profile}",
            "about:blank",
        ]
        self._process = Process(command, self._profile / "log")
        self._process.wait_until(lambda: listening.exists() and bool(listening.read_text()), START_DEADLINE)
        self._port = int(listening.read_text().split()[0])

    def stop(self) -> None:
        """End every process of it, and forget the profile."""
        if self._process is not None:
            self._process.kill()
        if self._profile is not None:
            shutil.rmtree(self._profile, ignore_errors=True)
        self._process = self._profile = None

    @asynccontextmanager
    async def page(self) -> AsyncIterator["Page"]:
        """An empty page."""
        address = f"http://127.0.0.1:{self._port}/json/new?about:blank"
        async with aiohttp.ClientSession() as session:
            async with session.put(address) as answer:
                made = await answer.json(content_type=None)
            async with session.ws_connect(made["webSocketDebuggerUrl"], max_msg_size=0) as socket:
                page = Page(socket)
                for domain in ("Log", "Runtime", "Network", "Page"):
                    await page.ask(f"{domain}.enable")
                yield page


@dataclass
class Page:
    """What is shown, what was asked for on its behalf, and what the browser complained of."""

    _socket: aiohttp.ClientWebSocketResponse
    requested: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)
    _numbers: "count[int]" = field(default_factory=lambda: count(1))

    async def ask(self, method: str, **parameters: Any) -> Any:
        """The answer to a command; what happens meanwhile is noted."""
        number = next(self._numbers)
        await self._socket.send_json({"id": number, "method": method, "params": parameters})
        while True:
            said = await self._socket.receive_json()
            if said.get("id") == number:
                if "error" in said:
                    raise PartFailed(f"{method}: {said['error']}")
                return said["result"]
            self._note(said["method"], said["params"])

    async def open(self, address: str) -> None:
        await self.ask("Page.navigate", url=address)

    async def shows(self, selector: str, least: int) -> None:
        """Wait until so many elements match."""

        async def found() -> bool:
            expression = f"document.querySelectorAll({selector!r}).length"
            shown = await self.ask("Runtime.evaluate", expression=expression)
            return int(shown["result"]["value"]) >= least

        await eventually(found, what=f"{least} of {selector}")

    def _note(self, event: str, said: Any) -> None:
        if event == "Network.requestWillBeSent":
            self.requested.append(said["request"]["url"])
        elif event == "Log.entryAdded" and said["entry"]["level"] == "error":
            self.complaints.append(f"{said['entry']['source']}: {said['entry']['text']}")
        elif event == "Runtime.exceptionThrown":
            self.complaints.append(str(said["exceptionDetails"]))
