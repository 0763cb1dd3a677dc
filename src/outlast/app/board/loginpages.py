"""Pages for logging in and out. A wrong name and a wrong password look and take the same."""

import asyncio
import secrets
from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute, Route

from outlast.app.board.access import CSRF, Gate, Need, Refused, address_of, sent, who_of
from outlast.app.board.desk import Desk
from outlast.app.board.frame import render
from outlast.app.board.limits import IDLE_S, LENGTH_S, Limits

CHECKS_AT_ONCE = 2
"""Argon2 takes 64 MiB each time."""


class LoginPages:
    """The pages for logging in to one board."""

    def __init__(self, desk: Desk, gate: Gate) -> None:
        self._desk = desk
        self._gate = gate
        self._checks = asyncio.Semaphore(CHECKS_AT_ONCE)
        # By account and address: whoever guesses from elsewhere locks nobody out.
        self._by_name = Limits(per_s=1 / 30, burst=5)
        self._by_address = Limits(per_s=1 / 3, burst=20)

    def routes(self) -> list[BaseRoute]:
        """Return what to serve."""
        guard = self._gate.guard
        return [
            Route("/login", guard(self._log_in, Need.NOTHING, takes="POST"), methods=["POST"]),
            Route("/login", guard(self._form, Need.NOTHING)),
            Route("/logout", guard(self._log_out, Need.NOTHING, takes="POST"), methods=["POST"]),
            Route("/account", guard(self._account, Need.NOTHING)),
        ]

    async def _form(self, request: Request) -> Response:
        return self._show(request, request.query_params.get("next", "/"))

    def _show(self, request: Request, after: str, wrong: str = "") -> Response:
        """Show the form, with what ties it to this browser."""
        nonce = request.cookies.get(self._gate.nonce_cookie, "") or secrets.token_urlsafe(16)
        html = render(
            "login.html",
            self._desk.frame(request, "/login"),
            key={CSRF: request.scope["state"].get("csrf") or self._gate.form_key(request, nonce)},
            after=local(after),
            wrong=wrong,
            nobody=not self._gate.accounts.read().accounts,
            file=self._desk.session.world.file,
        )
        response = self._desk.page(request, html)
        response.status_code = 401 if wrong else 200
        self._gate.put_cookie(response, self._gate.nonce_cookie, nonce)
        return response

    async def _log_in(self, request: Request) -> Response:
        fields, gate, address = sent(request), self._gate, address_of(request)
        name = fields.get("name", "").strip().lower()[:40]
        gate.slow_down(self._by_address, address)
        gate.slow_down(self._by_name, f"{name} from {address}")
        account = gate.accounts.read().account(name)
        password = fields.get("password", "")
        async with self._checks:
            right = await asyncio.to_thread(gate.passwords.check, account, password)
        if not right or account is None:
            return self._show(
                request, fields.get("next", "/"), "The name or the password is wrong."
            )
        # Always a new one: a cookie that somebody planted before would know the session otherwise.
        gate.sessions.close(request.cookies.get(gate.entrance.cookie, ""))
        secret = gate.sessions.open(account, gate.clock.now_ns())
        response = RedirectResponse(local(fields.get("next", "/")), status_code=303)
        gate.put_cookie(response, gate.entrance.cookie, secret)
        gate.put_cookie(response, gate.nonce_cookie, "")
        return response

    async def _log_out(self, request: Request) -> Response:
        gate = self._gate
        gate.sessions.close(request.cookies.get(gate.entrance.cookie, ""))
        response = RedirectResponse("/login", status_code=303)
        gate.put_cookie(response, gate.entrance.cookie, "")
        return response

    async def _account(self, request: Request) -> Response:
        who = who_of(request)
        if who is None or who.machine:
            raise Refused(401, "you are not logged in", then="log in")
        html = render(
            "account.html",
            self._desk.frame(request, "/account"),
            person=who,
            idle_min=int(IDLE_S // 60),
            length_h=int(LENGTH_S // 3600),
        )
        return self._desk.page(request, html)


def local(path: str) -> str:
    """Return a path of this board; anything that leads elsewhere leads to the first page."""
    parts = urlsplit(path)
    clean = path.isprintable() and "\\" not in path and not parts.scheme and not parts.netloc
    return path if clean and path.startswith("/") and not path.startswith("//") else "/"
