"""What etcd says when something is wrong, turned into errors for people.

Every fault says whether the request may have been carried out all the same. That is so whenever the
answer is missing, and for some answers too: `etcdserver: request timed out` comes from a member that
proposed a write and did not live to see it committed, which may well happen later.
"""

import grpc

from outlast.drivers.stores.faults import UNTOUCHED
from outlast.model.errors import StoreError

_REFUSED = {
    grpc.StatusCode.RESOURCE_EXHAUSTED,
    grpc.StatusCode.INVALID_ARGUMENT,
    grpc.StatusCode.PERMISSION_DENIED,
    grpc.StatusCode.UNAUTHENTICATED,
    grpc.StatusCode.FAILED_PRECONDITION,
    grpc.StatusCode.OUT_OF_RANGE,
    grpc.StatusCode.UNIMPLEMENTED,
    grpc.StatusCode.NOT_FOUND,
    grpc.StatusCode.DATA_LOSS,
}
"""With these a request was surely not carried out. Whatever is not among them leaves it open."""

_REMEDIES = (
    (
        "database space exceeded",
        "etcd has reached its quota and takes no more writes",
        "run `etcdctl compact`, `defrag` on every member and `alarm disarm`; see docs/cluster.md",
    ),
    (
        "too many requests",
        "etcd is overloaded",
        "look at its disks and what else writes to it; it goes on by itself",
    ),
    (
        "user name is empty",
        "etcd wants to know who asks",
        "name a user in the topology's `store`, or give this client a certificate",
    ),
    (
        "invalid user ID or password",
        "etcd knows no such user, or not this password",
        "look at `user` and `password` in the topology's `store`",
    ),
    (
        "authentication is not enabled",
        "a user is configured, but etcd asks nobody who they are",
        "run `etcdctl auth enable`, or take `user` and `password` out of the topology's `store`",
    ),
    (
        "permission denied",
        "etcd does not let this user do it",
        "grant its role readwrite: `etcdctl role grant-permission ROLE readwrite --prefix=true PREFIX`",
    ),
)


class Trouble(Exception):
    """A request without its answer.

    Attributes:
        code, detail: what gRPC and etcd say.
        open: whether it may have been carried out, or may be even later.
    """

    def __init__(self, where: str, code: grpc.StatusCode, detail: str) -> None:
        super().__init__(f"{where}: {code.name}: {detail}")
        self.where = where
        self.code = code
        self.detail = detail

    @property
    def open(self) -> bool:
        """Whether the request may have been carried out, or may be even later."""
        return self.code not in _REFUSED

    @property
    def compacted(self) -> bool:
        """Whether the history that was asked for is gone."""
        return self.code is grpc.StatusCode.OUT_OF_RANGE and "compacted" in self.detail

    @property
    def token_ended(self) -> bool:
        """Whether a new token would help; the request was not carried out."""
        return "invalid auth token" in self.detail or "auth store is old" in self.detail


def store_error(trouble: Trouble) -> StoreError:
    """Return the error for what went wrong at last."""
    for words, reason, remedy in _REMEDIES:
        if words in trouble.detail:
            what = f"etcd at {trouble.where}: {reason} ({trouble.detail})"
            return StoreError(what, remedy=f"{remedy}. {UNTOUCHED}")
    if not trouble.open:
        what = f"etcd at {trouble.where} refused: {trouble.code.name}: {trouble.detail}"
        return StoreError(what, remedy=f"look at what etcd says. {UNTOUCHED}")
    return StoreError(
        f"etcd at {trouble.where} cannot be reached: {trouble.code.name}: {trouble.detail}",
        remedy="look whether a majority of its members runs and can be reached from here; it goes on by "
        f"itself. {UNTOUCHED}",
    )
