"""The HTTP API against its own description, as somebody else's reader of it takes it: schemathesis.

Bounded and seeded: the same calls every time. What it finds is a fault of the API or of the description.
"""

from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, given, seed, settings
from schemathesis import BaseSchema, GenerationMode
from schemathesis.checks import ignored_auth
from starlette.routing import Route
from tests.support.boarding import Boarding, make_boarding

from outlast.app.board import openapi
from outlast.app.board.actions import KINDS
from outlast.glass.access import Role

EXAMPLES = 3
POSITIVE, NEGATIVE = GenerationMode.POSITIVE, GenerationMode.NEGATIVE


def calls_described() -> list[tuple[str, str, GenerationMode]]:
    """Every call; and where something can be sent that is not allowed, that too."""
    found = []
    for path, methods in openapi.description()["paths"].items():
        for method, one in methods.items():
            found.append((path, method.upper(), POSITIVE))
            sent = [it["schema"].get("type") for it in one.get("parameters", ())]
            if one.get("requestBody") or set(sent) - {"string"}:
                found.append((path, method.upper(), NEGATIVE))
    return found


@pytest.fixture(scope="module")
def board(tmp_path_factory: pytest.TempPathFactory) -> Boarding:
    """One board for all calls; nobody is slowed down."""
    made = make_boarding(tmp_path_factory.mktemp("api"))
    made.add("otto", Role.OPERATOR)
    return made


@pytest.fixture(scope="module")
def token(board: Boarding) -> str:
    """An operator's."""
    return board.token("deploy", "otto")


@pytest.fixture(scope="module")
def schema(board: Boarding) -> BaseSchema:
    """The description, as it is served."""
    path = "/api/v1/openapi.json"
    return schemathesis.openapi.from_asgi(path, board.app, headers={"host": "127.0.0.1"})


@pytest.mark.parametrize(("path", "method", "mode"), calls_described())
def test_every_call_keeps_to_the_description(
    board: Boarding, token: str, schema: BaseSchema, path: str, method: str, mode: GenerationMode
) -> None:
    """Codes, types and schemas of answers are those described; what is not allowed is refused."""
    operation = schema[path][method]

    @seed(20251020)
    @settings(
        max_examples=EXAMPLES, deadline=None, database=None, suppress_health_check=list(HealthCheck)
    )
    @given(case=operation.as_strategy(generation_mode=mode))
    def calls(case: schemathesis.Case[Any]) -> None:
        board.clock.ahead_s += 1
        case.call_and_validate(
            base_url="http://127.0.0.1:9153/api/v1",
            headers={"authorization": f"Bearer {token}"},
            # It would send the token again with what it means to send without; `test_access` looks.
            excluded_checks=[ignored_auth],
        )

    calls()


def test_the_description_names_every_path_and_no_other(board: Boarding) -> None:
    """What is not described is not found; what is described is there."""
    served = {
        str(one.path)
        for one in board.app.routes
        if isinstance(one, Route) and one.path.startswith("/api/v1/")
    }
    described = {f"/api/v1{path}" for path in openapi.description()["paths"]}
    kinds = {one.name for one in KINDS}
    acted = {one for one in described if any(f"/actions/{name}" in one for name in kinds)}
    assert len(acted) == 2 * len(kinds)
    general = {"/api/v1/actions/{kind}", "/api/v1/actions/{kind}/preview"}
    beside = {"/api/v1/openapi.json", "/api/v1/{rest:path}"}
    assert served - general - beside == described - acted
