"""Access: what stands before every page and every call: who that is, whether they may, and the headers.

On loopback whoever reaches the board may read it; to act takes an account. At any other address the board is
served with TLS alone, and nothing of it is shown to nobody.

A form is accepted with the token of the session that it was shown to, and never from another site: the
cookie is `SameSite=Strict`, the browser's `Sec-Fetch-Site` must not speak against it, and the policy lets
forms go nowhere else. Calls with a bearer token carry no cookie, so nobody can be made to send one. On
loopback the Host header must name loopback as well, or a page on the web could read the board through a name
of its own that leads here (DNS rebinding).
"""

import hmac
import math
import secrets
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from hashlib import sha256
from ipaddress import ip_address
from urllib.parse import parse_qsl, quote

import msgspec
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from outlast.app.board.frame import Frame, render
from outlast.app.board.limits import Limits, Sessions
from outlast.drivers.accounts import AccountFile, Known, Passwords
from outlast.glass.access import Who, cannot_act, cannot_read
from outlast.model.errors import ConfigError, OutlastError, ProviderError, StoreError
from outlast.ports import Clock

BODY_MAX = 262_144
FIELDS_MAX = 100
HEADERS = {
    "content-security-policy": "default-src 'self'; img-src 'self' data:; object-src 'none'; "
    "base-uri 'none'; form-action 'self'; frame-ancestors 'none'",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=()",
    "cache-control": "no-store",
}
SECURE_HEADERS = {"strict-transport-security": "max-age=31536000"}
CSRF = "csrf"
"""The hidden field of every form."""

Page = Callable[[Request], Awaitable[Response]]


class Need(Enum):
    """What a page asks of whoever wants it."""

    NOTHING = "nothing"
    READ = "read"
    ACT = "act"


@dataclass(frozen=True, slots=True, kw_only=True)
class Entrance:
    """Where the board is reached.

    Attributes:
        is_open: on loopback: everybody who reaches it may read.
        secure: with TLS.
        port: cookies of one host are shared by all its ports, so it stands in their names.
    """

    is_open: bool = True
    secure: bool = False
    port: int = 0

    @property
    def cookie(self) -> str:
        """The name of the session's cookie."""
        return f"{'__Host-' if self.secure else ''}outlast-{self.port}"


@dataclass(eq=False)
class Refused(Exception):
    """A page or call that is not answered: what happened, why, and what to do next."""

    status: int
    what: str
    why: str = ""
    then: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)


def is_loopback(host: str) -> bool:
    """Return whether an address is loopback's."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def who_of(request: Request) -> Who | None:
    """Return who asks."""
    found = request.scope["state"].get("whole")
    return found if isinstance(found, Who) else None


def sent(request: Request) -> Mapping[str, str]:
    """Return the fields of the form that was sent; the token is checked already."""
    found: Mapping[str, str] = request.scope["state"].get("sent", {})
    return found


class Gate:
    """Lets requests in. One for each board."""

    def __init__(
        self, accounts: AccountFile, passwords: Passwords, clock: Clock, entrance: Entrance
    ) -> None:
        self.accounts = accounts
        self.passwords = passwords
        self.clock = clock
        self.entrance = entrance
        self.sessions = Sessions()
        self._calls = Limits(per_s=20, burst=100)
        self._key = secrets.token_bytes(32)

    def guard(
        self, page: Page, need: Need = Need.READ, *, takes: str = "GET", machine: bool = False
    ) -> ASGIApp:
        """Return a page that only those get who may.

        Args:
            takes: the method: GET, with it HEAD, or POST.
            machine: whether it is asked by programs: errors are JSON, and only a token may act.
        """
        return _Guarded(self, page, need, takes, machine=machine)

    async def admit(self, request: Request, need: Need, takes: str, *, machine: bool) -> None:
        """Let a request in, and note in its state who asks.

        Raises:
            Refused: it is not let in.
        """
        methods = {"GET", "HEAD"} if takes == "GET" else {takes}
        if request.method not in methods:
            allow = {"allow": ", ".join(sorted(methods))}
            raise Refused(405, f"{request.method} is not answered here", headers=allow)
        self._check_host(request)
        self._recognise(request)
        self._check_pace(request, machine=machine)
        self._check_need(request, need, machine=machine)
        if takes == "POST" and not machine:
            await self._take_form(request)

    @property
    def headers(self) -> Mapping[str, str]:
        """What every answer carries."""
        return HEADERS | SECURE_HEADERS if self.entrance.secure else HEADERS

    # what is checked, in this order

    def _check_host(self, request: Request) -> None:
        host = request.headers.get("host", "")
        name = host.rpartition(":")[0] if not host.endswith("]") and ":" in host else host
        if self.entrance.is_open and not is_loopback(name.strip("[]")):
            raise Refused(400, "this board is on loopback", "the Host header names another host")

    def _recognise(self, request: Request) -> None:
        state, now_ns = request.scope["state"], self.clock.now_ns()
        kind, _, token = request.headers.get("authorization", "").partition(" ")
        if kind:
            who = self._known().bearer(token.strip(), now_ns) if kind.lower() == "bearer" else None
            if who is None:
                raise Refused(
                    401,
                    "the token is not known",
                    "it was revoked, is over, or never was one",
                    "outlast token new",
                    {"www-authenticate": "Bearer"},
                )
            state["whole"] = who
            return
        cookie = request.cookies.get(self.entrance.cookie, "")
        if not cookie:
            return
        used = request.headers.get("sec-fetch-dest", "document") != "empty"
        found = self.sessions.find(cookie, self._known(), now_ns, used=used)
        if found is not None:
            who, csrf = found
            state["whole"], state["csrf"] = who, csrf
            state["name"] = who.name
            state["who"] = None if cannot_act(who) else str(who.role)
            state["form"] = {CSRF: csrf}

    def _known(self) -> Known:
        try:
            return self.accounts.read()
        except ConfigError as error:
            raise Refused(503, "nobody can be recognised", error.what, error.remedy) from error

    def _check_pace(self, request: Request, *, machine: bool) -> None:
        if not machine:
            return
        who = who_of(request)
        self.slow_down(self._calls, who.name if who is not None else f"from {address_of(request)}")

    def slow_down(self, limits: Limits, key: str) -> None:
        """Refuse whoever asks too often."""
        wait_s = limits.wait_s(key, self.clock.now_ns())
        if wait_s:
            again = {"retry-after": str(math.ceil(wait_s))}
            then = f"try again in {math.ceil(wait_s)} s"
            raise Refused(429, "too many requests", "there is a limit for each", then, again)

    def _check_need(self, request: Request, need: Need, *, machine: bool) -> None:
        who = who_of(request)
        refused = ""
        if need is Need.READ:
            refused = cannot_read(who, is_open=self.entrance.is_open)
        elif need is Need.ACT:
            refused = cannot_act(who)
        if refused and who is None:
            how = "send a token: `Authorization: Bearer ...`" if machine else "log in"
            raise Refused(401, refused, then=how, headers={"www-authenticate": "Bearer"})
        if refused:
            raise Refused(403, refused, then="ask an operator, or somebody who hands out accounts")
        if machine and need is Need.ACT and who is not None and not who.machine:
            # A session's cookie goes along by itself; a token never does.
            raise Refused(
                403, "only a token may act here", then="act on the board, or send a token"
            )

    async def _take_form(self, request: Request) -> None:
        state = request.scope["state"]
        wanted = state.get("csrf") or self.form_key(request)
        if request.headers.get("sec-fetch-site", "none") not in {"same-origin", "none"}:
            raise Refused(403, "this form came from another site", then="use the board's own page")
        fields = await _read_form(request)
        given = fields.get(CSRF, "")
        if not wanted or not hmac.compare_digest(given.encode(), wanted.encode()):
            raise Refused(
                403,
                "this form is not of your session",
                "it was shown before you logged in, or another site made it",
                "go back, load the page again, and send it once more; nothing was done",
            )
        state["sent"] = {key: value for key, value in fields.items() if key != CSRF}

    # forms of those who are not logged in yet

    @property
    def nonce_cookie(self) -> str:
        """The cookie that the form for logging in belongs to."""
        return f"{self.entrance.cookie}-form"

    def form_key(self, request: Request, nonce: str = "") -> str:
        """Return what the form for logging in carries; empty: there is no cookie for it."""
        nonce = nonce or request.cookies.get(self.nonce_cookie, "")
        return hmac.new(self._key, nonce.encode(), sha256).hexdigest() if nonce else ""

    def put_cookie(self, response: Response, name: str, value: str) -> None:
        """Set a cookie that no script can read and no other site can send; empty: remove it."""
        response.set_cookie(
            name,
            value,
            max_age=None if value else 0,
            path="/",
            secure=self.entrance.secure,
            httponly=True,
            samesite="strict",
        )

    # refusals

    def refusal(self, request: Request, refused: Refused, *, machine: bool) -> Response:
        """Return how a refusal is answered."""
        if machine:
            response = problem(refused)
        elif refused.status == 401 and request.method in {"GET", "HEAD"}:
            path = request.url.path + (f"?{request.url.query}" if request.url.query else "")
            response = RedirectResponse(f"/login?next={quote(path, safe='')}", status_code=303)
        else:
            state = request.scope["state"]
            frame = Frame(
                at_ns=self.clock.now_ns(), who=state.get("who"), name=state.get("name", "")
            )
            html = render("refused.html", frame, refused=refused)
            response = HTMLResponse(html, status_code=refused.status)
        response.headers.update(refused.headers)
        return response


class _Guarded:
    """A page behind a gate. A class, since Starlette takes functions for something else."""

    def __init__(self, gate: Gate, page: Page, need: Need, takes: str, *, machine: bool) -> None:
        self._gate = gate
        self._page = page
        self._need = need
        self._takes = takes
        self._machine = machine

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        request = Request(scope, receive)
        scope["state"] = dict(scope.get("state", {}))
        gate, machine = self._gate, self._machine
        try:
            await gate.admit(request, self._need, self._takes, machine=machine)
            response = await self._page(request)
        except Refused as refused:
            response = gate.refusal(request, refused, machine=machine)
        except OutlastError as error:
            response = gate.refusal(request, refusal_of(error), machine=machine)
        for name, value in gate.headers.items():
            response.headers.setdefault(name, value)
        await response(scope, receive, send)


def problem(refused: Refused) -> Response:
    """Answer a program in the shape of RFC 9457, with `next`: what to do about it."""
    body = {
        "type": "about:blank",
        "title": refused.what,
        "status": refused.status,
        "detail": refused.why,
        "next": refused.then,
    }
    raw = msgspec.json.encode({key: value for key, value in body.items() if value != ""})
    return Response(raw, refused.status, media_type="application/problem+json")


def refusal_of(error: OutlastError) -> Refused:
    """Return how an error is answered: by whose fault it is."""
    status = 503 if isinstance(error, StoreError | ProviderError) else 409
    what, _, why = error.what.partition(": ")
    return Refused(status, what, why, error.remedy)


def address_of(request: Request) -> str:
    """Return where a request comes from."""
    return request.client.host if request.client is not None else "nowhere"


async def read_body(request: Request) -> bytes:
    """Return the body, if it is not too long."""
    raw = bytearray()
    async for chunk in request.stream():
        raw += chunk
        if len(raw) > BODY_MAX:
            raise Refused(413, "this is too much", f"{BODY_MAX} bytes are read")
    return bytes(raw)


async def _read_form(request: Request) -> dict[str, str]:
    """Return the fields of a form; of several of one name all, one a line."""
    try:
        pairs = parse_qsl(
            (await read_body(request)).decode(),
            keep_blank_values=True,
            max_num_fields=FIELDS_MAX,
        )
    except ValueError as error:
        raise Refused(400, "this is no form", str(error)) from error
    fields: dict[str, str] = {}
    for key, value in pairs:
        fields[key] = f"{fields[key]}\n{value}" if key in fields else value
    return fields
