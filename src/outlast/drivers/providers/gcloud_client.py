"""The edge to Google Cloud DNS: plain HTTPS and JSON, one connection a request, in threads.

The vendor's own package knows no routing policies, and its transport tries again by itself. One request is
one attempt here: no connection means that nothing was sent; anything after that, without an answer, is
not known. Only readings are tried again, by whoever reads.
"""

import asyncio
import http.client
import json
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode, urlsplit

from outlast.model.errors import ConfigError, Denied, Unreachable

ENDPOINT = "https://dns.googleapis.com"
BASE = "/dns/v1"
SCOPE = "https://www.googleapis.com/auth/ndev.clouddns.readwrite"
THREADS = 8


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer, an error document included."""

    status: int
    content: Mapping[str, Any]

    @property
    def message(self) -> str:
        """What an error document says."""
        return str(self.content.get("error", {}).get("message", ""))

    @property
    def reason(self) -> str:
        """The word for what is wrong, such as `conditionNotMet`."""
        errors = self.content.get("error", {}).get("errors", ())
        return str(errors[0].get("reason", "")) if errors else ""


class GcloudClient:
    """Requests with an access token."""

    def __init__(self, endpoint: str, timeout_s: float, token: Callable[[], str]) -> None:
        self._parts = urlsplit(endpoint or ENDPOINT)
        self._timeout_s = timeout_s
        self._token = token
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="gcloud")

    async def get(self, path: str, query: Mapping[str, str]) -> Answer:
        """Ask for something.

        Raises:
            Unreachable: no answer.
            Denied: there is no token.
        """
        text = f"{path}?{urlencode(query)}" if query else path
        answer = await self._in_thread("GET", text, None)
        if answer is None:
            raise Unreachable("Google Cloud DNS: no answer")
        return answer

    async def post(self, path: str, body: Mapping[str, Any]) -> Answer | None:
        """Send something, once; None: it was sent, and there is no answer.

        Raises:
            Unreachable: nothing was sent.
        """
        try:
            return await self._in_thread("POST", path, json.dumps(body).encode())
        except Denied as fault:
            raise Unreachable(fault.what) from None

    async def _in_thread(self, method: str, path: str, body: bytes | None) -> Answer | None:
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._threads, self._exchange, method, path, body)

    def _exchange(self, method: str, path: str, body: bytes | None) -> Answer | None:
        try:
            token = self._token()
        except ConfigError as fault:
            raise Denied(fault.what, remedy=fault.remedy) from None
        headers = {"Authorization": f"Bearer {token}", "Accept": "application/json"}
        if body is not None:
            headers["Content-Type"] = "application/json"
        connection = self._connect()
        try:
            connection.request(method, f"{self._parts.path}{BASE}{path}", body, headers)
            response = connection.getresponse()
            return Answer(response.status, _content(response.read()))
        except (OSError, http.client.HTTPException):
            return None
        finally:
            connection.close()

    def _connect(self) -> http.client.HTTPConnection:
        kind = http.client.HTTPSConnection
        made: http.client.HTTPConnection
        if self._parts.scheme == "https":
            made = kind(self._parts.hostname or "", self._parts.port, timeout=self._timeout_s)
        else:
            made = http.client.HTTPConnection(
                self._parts.hostname or "", self._parts.port, timeout=self._timeout_s
            )
        try:
            made.connect()
        except OSError as error:
            raise Unreachable(f"{self._parts.netloc} cannot be reached: {error}") from None
        return made

    def close(self) -> None:
        """Give up; requests under way run on in their threads until their time is over."""
        self._threads.shutdown(wait=False, cancel_futures=True)


def _content(text: bytes) -> Mapping[str, Any]:
    try:
        found = json.loads(text)
    except ValueError:
        found = None
    return found if isinstance(found, dict) else {}


def default_token() -> Callable[[], str]:
    """Return what gives tokens of the application default credentials, renewed before they end.

    Raises (when called):
        Denied: there are none, or google-auth is not installed.
    """
    known: list[Any] = []

    def token() -> str:
        try:
            import google.auth  # noqa: PLC0415 - an extra of its own
            import google.auth.transport.requests  # noqa: PLC0415
        except ImportError as error:
            raise Denied(
                f"providers of kind gcloud need google-auth: {error}",
                remedy="pip install 'outlast[cloud]', or name a `token:`",
            ) from None
        try:
            if not known:
                known.append(google.auth.default(scopes=[SCOPE])[0])
            if not known[0].valid:
                known[0].refresh(google.auth.transport.requests.Request())
        except google.auth.exceptions.GoogleAuthError as error:
            raise Denied(
                f"no credentials for Google Cloud: {error}",
                remedy="run where a service account gives them, or name a `token:`",
            ) from None
        return str(known[0].token)

    return token
