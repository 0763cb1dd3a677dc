"""The fault catalogue: each kind has a name, a sentence, and a switch of its own.

A name given in `Spec.faults` lets that fault happen; `Size.faults` says how often faults may strike in one
run. The kinds marked with a star strike the world by themselves (the actor `fortune`), the others strike an
actor at the step it takes. Delay needs no entry: a pause of any length, at any step, of anybody, is simply
somebody else moving first.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Fault:
    """One kind of fault.

    Attributes:
        own: whether it strikes by itself (`fortune`), not at somebody's step.
        about: one sentence for people.
    """

    name: str
    own: bool
    about: str


_STRIKES = (
    ("crash", "A process dies at this step and starts again with the file it keeps its mark in."),
    (
        "crash-forgets",
        "It dies and starts on a new disk: its mark of the highest generation is gone.",
    ),
    ("lost-request", "A request never arrives; its sender learns only that no answer came."),
    ("lost-reply", "The write is carried out, the answer is lost: the writer does not know."),
    ("late-write", "The sender gives up; the write is carried out later, at any moment, or never."),
    ("duplicate", "The write is carried out and answered, and its packet arrives once more later."),
    ("throttled", "The provider answers `busy`; nothing changed."),
    ("drops-silently", "The provider acknowledges, moves the fence, and drops the addresses."),
    ("read-only", "The provider refuses all writes for now; nothing changed."),
    (
        "read-behind",
        "A read is answered from the state before the last change (eventual consistency).",
    ),
    (
        "store-stale",
        "The store answers from an older snapshot (only while a fence stands, see docs/proof.md).",
    ),
    ("store-down", "The store does not answer; whoever asked has to ask again."),
    ("store-lost-reply", "A commit is durable, but its sender is told that it was lost."),
    ("store-lost-write", "A receipt or a drift report never reaches the store."),
)

_OWN = (
    ("wipe", "A foreign hand deletes an endpoint's records and its fence."),
    ("wipe-records", "A foreign hand deletes the addresses and leaves the fence."),
    ("wipe-fence", "A foreign hand deletes the fence and leaves the addresses."),
    ("wipe-zone", "Everything in the zone is deleted, the epoch too."),
    ("alter-records", "A foreign hand puts another address in the place of ours."),
    ("alter-fence", "A foreign hand writes garbage at the fence's name."),
    ("plant-cname", "Somebody puts a CNAME there; servers then drop addresses without a word."),
    ("store-rollback", "The store's file is replaced by an older copy."),
    ("store-lost", "The store's file is gone; it begins empty."),
    ("freeze", "An operator freezes the endpoint, and thaws it at the next such stroke."),
    ("rescue", "An operator restores the last good publication by hand, through the fence."),
    ("evacuate", "An operator evacuates a region in the middle of everything."),
    ("topology-edit", "The endpoint gets one more name while enactors are at work."),
    ("clock-jump", "The clock leaps an hour back, and ahead again at the next stroke."),
    ("probes-lie", "Every probe says that every target is down."),
    ("probes-silent", "No probe says anything of one target any more: its health is unknown."),
    ("split-planner", "A second planner of the same endpoint decides on its own."),
)

CATALOGUE: tuple[Fault, ...] = (
    *(Fault(name, own=False, about=about) for name, about in _STRIKES),
    *(Fault(name, own=True, about=about) for name, about in _OWN),
)

NAMES = tuple(sorted(fault.name for fault in CATALOGUE))
OWN = tuple(name for name, _ in _OWN if name != "split-planner")
