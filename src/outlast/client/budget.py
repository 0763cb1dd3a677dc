"""Retries as a budget, never as a bare count.

Three tries each sound modest until every layer of three does it: 27 calls where there was one, at the
worst moment. A token bucket shared by all callers of a dependency bounds the sum instead. Successes earn
`ratio` of a token each, a retry or a hedge costs one: while things work there is always credit, and in a
full outage nothing is earned, so the extra calls are at most the bucket (gRPC's retry throttling, gRFC A6,
works this way). It starts full, since a client that has just started must not be the one that gives up.

Earning costs nothing on the way of a good call: the count of successes, which is kept anyway, is turned
into tokens when a retry is asked for. Between two withdrawals deposits only add up, so the cap may be
applied at the withdrawal with the same result.
"""

CAP_TOKENS = 10.0
"""A bucket's size: how many retries a full outage costs a warm process at most."""


class Budget:
    """A token bucket. The caller gives the running count of successes.

    Attributes:
        ratio: tokens per success, above 0 and up to 1; 0.1 means one retry for ten good calls.
        cap: tokens it holds at most.
        tokens: what it holds now.
        counted: successes already turned into tokens.
    """

    __slots__ = ("cap", "counted", "ratio", "tokens")

    def __init__(self, ratio: float, cap: float = CAP_TOKENS) -> None:
        self.ratio = ratio
        self.cap = cap
        self.tokens = cap
        self.counted = 0

    def left(self, successes: int) -> float:
        """Turn new successes into tokens and return what there is."""
        earned = max(0, successes - self.counted) * self.ratio
        self.counted = successes
        self.tokens = min(self.cap, self.tokens + earned)
        return self.tokens

    def spend(self, successes: int) -> bool:
        """Take one token, if there is one."""
        if self.left(successes) < 1.0:
            return False
        self.tokens -= 1.0
        return True
