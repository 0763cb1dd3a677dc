"""Moved: what becomes of names that an endpoint leaves: the guard's rules on the place of a publication."""

from outlast.core.plan import Judged
from outlast.model.plan import Finding, Severity


def fence_moved(case: Judged) -> list[Finding]:
    """The fence stays where it is: its place is derived from the endpoint's first name.

    A fence left behind at another name would stay valid there. An enactor on a store that went back in
    time could move it, and rewrite a name that both places share under a fence that no longer counts.
    """
    head, plan = case.situation.head, case.plan
    if head is None or head.layout.provider != plan.layout.provider:
        return []
    if head.layout.fence_at == plan.layout.fence_at:
        return []
    first = head.layout.names[0]
    return [
        Finding(
            rule="fence-moved",
            severity=Severity.BLOCK,
            message=f"the fence would move from {head.layout.fence_at} to {plan.layout.fence_at}",
            remedy=f"keep {first} as the endpoint's first name; or release the endpoint and publish it anew",
        )
    ]


def left_behind(case: Judged) -> list[Finding]:
    """A name that leaves an endpoint stays published: nothing is deleted that nobody named."""
    head = case.situation.head
    gone = set(head.layout.names) - set(case.plan.layout.names) if head is not None else set()
    return [
        Finding(
            rule="left-behind",
            severity=Severity.WARN,
            message=f"{name} leaves the endpoint; its records stay as they are, without an owner",
            remedy=f"remove them by hand once nobody asks for {name}",
        )
        for name in sorted(gone)
    ]
