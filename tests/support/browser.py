"""A real browser for tests: Chromium without a window, spoken to over its DevTools protocol.

Its requests are counted by the browser itself, so a test that none leaves does not depend on a list of
what might ask.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
from tests.support.waiting import eventually

PROGRAM = "chromium"
START_S = 60.0


@dataclass(slots=True)
class Page:
    """One page.

    Attributes:
        requests: addresses that the page asked for, its own included.
        complaints: what it wrote to the console, and exceptions.
    """

    socket: aiohttp.ClientWebSocketResponse
    requests: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)
    _serial: int = 0
    _events: list[str] = field(default_factory=list)

    async def ask(self, method: str, **params: object) -> dict[str, Any]:
        """Send a command and return its result; events that come meanwhile are noted."""
        self._serial += 1
        await self.socket.send_json({"id": self._serial, "method": method, "params": params})
        while True:
            message = await self._read()
            if message.get("id") == self._serial:
                assert "error" not in message, message
                result: dict[str, Any] = message["result"]
                return result

    async def open(self, path: Path, *, width: int, height: int = 900, script: bool = True) -> None:
        """Open a file in a window of a size."""
        for domain in ("Page", "Network", "Runtime", "Log"):
            await self.ask(f"{domain}.enable")
        await self.ask(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=width < 600,
        )
        await self.ask("Emulation.setScriptExecutionDisabled", value=not script)
        self._events.clear()
        await self.ask("Page.navigate", url=path.as_uri())
        async with asyncio.timeout(START_S):
            while "Page.loadEventFired" not in self._events:
                await self._read()

    async def value(self, expression: str) -> Any:
        """Return the value of an expression in the page."""
        found = await self.ask("Runtime.evaluate", expression=expression, returnByValue=True)
        assert "exceptionDetails" not in found, found
        return found["result"].get("value")

    async def _read(self) -> dict[str, Any]:
        async with asyncio.timeout(START_S):
            message: dict[str, Any] = await self.socket.receive_json()
        match message.get("method"):
            case "Network.requestWillBeSent":
                self.requests.append(message["params"]["request"]["url"])
            case "Log.entryAdded":
                self.complaints.append(message["params"]["entry"]["text"])
            case "Runtime.exceptionThrown":
                self.complaints.append(str(message["params"]["exceptionDetails"]))
        self._events.append(str(message.get("method", "")))
        return message


@asynccontextmanager
async def opened_browser(folder: Path) -> AsyncIterator[Page]:
    """Start a browser with a profile in `folder`, and end it."""
    process = await asyncio.create_subprocess_exec(
        PROGRAM,
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-dev-shm-usage",
        "--remote-debugging-port=0",
        f"--user-data-dir={folder}",
        "about:blank",
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        told = folder / "DevToolsActivePort"
        await eventually(lambda: told.exists() and "\n" in told.read_text(), deadline_s=START_S)
        port = told.read_text().splitlines()[0]
        async with aiohttp.ClientSession() as session:
            listed = await (await session.get(f"http://127.0.0.1:{port}/json/list")).json()
            address = next(one for one in listed if one["type"] == "page")
            async with session.ws_connect(
                address["webSocketDebuggerUrl"], max_msg_size=0
            ) as socket:
                yield Page(socket)
    finally:
        process.terminate()
        await asyncio.wait_for(process.wait(), START_S)
