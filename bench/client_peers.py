"""The peers of `bench.client`, each as its own documents show it, with the limits that it has."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import circuitbreaker
import nopanic
import pybreaker
import pyresilience
import stamina
import tenacity
from cashews import Cache
from hyx.bulkhead import bulkhead
from hyx.circuitbreaker import consecutive_breaker
from hyx.fallback import fallback
from hyx.retry import retry
from hyx.timeout import timeout as limit
from purgatory import AsyncCircuitBreakerFactory

Coroutine = Callable[[int], Awaitable[Any]]


def sync_peers(bare: Callable[[int], int]) -> dict[str, Callable[[int], Any]]:
    """Return the peers' guards of a plain function."""
    stack = pyresilience.resilient(
        retry=pyresilience.RetryConfig(max_attempts=3),
        circuit_breaker=pyresilience.CircuitBreakerConfig(),
        bulkhead=pyresilience.BulkheadConfig(max_concurrent=50),
        fallback=pyresilience.FallbackConfig(handler=0),
    )
    return {
        "circuitbreaker": circuitbreaker.circuit(bare),
        "pybreaker": pybreaker.CircuitBreaker()(bare),
        "nopanic stack": _nopanic(timeout=False)(bare),
        "pyresilience stack": stack(bare),
        "stamina": stamina.retry(on=OSError)(bare),
        "tenacity": tenacity.retry(stop=tenacity.stop_after_attempt(3))(bare),
    }


def async_peers(bare: Coroutine, *, timeout: bool) -> dict[str, Coroutine]:
    """Return the peers' guards of a coroutine function."""
    limits: dict[str, Any] = {"timeout": pyresilience.TimeoutConfig(seconds=1)} if timeout else {}
    stack = pyresilience.resilient(
        retry=pyresilience.RetryConfig(max_attempts=3),
        circuit_breaker=pyresilience.CircuitBreakerConfig(),
        bulkhead=pyresilience.BulkheadConfig(max_concurrent=50),
        fallback=pyresilience.FallbackConfig(handler=0),
        **limits,
    )
    return {
        "hyx stack": _hyx(bare, timeout=timeout),
        "nopanic stack": _nopanic(timeout=timeout)(bare),
        "pyresilience stack": stack(bare),
        "purgatory": _purgatory(bare),
        "stamina": stamina.retry(on=OSError)(bare),
        "tenacity": tenacity.retry(stop=tenacity.stop_after_attempt(3))(bare),
        "cashews failover": _cashews(),
    }


def _nopanic(*, timeout: bool) -> Any:
    policies = [
        nopanic.fallback(0),
        nopanic.retry(attempts=3, budget=nopanic.RetryBudget()),
        nopanic.CircuitBreaker(),
        nopanic.bulkhead(50),
    ]
    return nopanic.compose(*policies, *([nopanic.timeout(1)] if timeout else []))


def _hyx(bare: Coroutine, *, timeout: bool) -> Coroutine:
    async def constant(*_: Any, **__: Any) -> int:
        return 0

    def build(inner: Any) -> Any:
        inner = bulkhead(max_concurrency=50, max_capacity=50)(inner)
        return fallback(constant)(retry(attempts=3)(consecutive_breaker()(inner)))

    loose: Any = bare
    if not timeout:
        return build(bare)
    made: dict[asyncio.AbstractEventLoop, Any] = {}

    async def call(number: int) -> Any:
        # hyx ties its time-out to the loop that runs when the decorator is applied.
        loop = asyncio.get_running_loop()
        if loop not in made:
            made[loop] = build(limit(1)(loose))
        return await made[loop](number)

    return call


def _purgatory(bare: Coroutine) -> Coroutine:
    return AsyncCircuitBreakerFactory()("bench")(bare)


def _cashews() -> Coroutine:
    cache = Cache()
    cache.setup("mem://")

    @cache.failover(ttl="10m", key="bench")
    async def kept(number: int) -> int:
        return number

    return kept
