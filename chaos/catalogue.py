"""The catalogue of faults.

Each kind has a weight, a length, and the *things it holds* while it lasts: two faults never hold the same
thing at once, but faults on different things overlap freely. One rule is kept on purpose: a store that goes
back in time and a foreign hand at the zone stay apart by `APART_S`. Each alone must do no harm. Both at once
destroy every memory of the newest number but the enactors' own marks; that limit is documented, the
simulator explores it, and here it would only blur the verdict. The same holds for a rescue whose
publication is wiped before anybody has read it: only the rescuer knew its number.
"""

from dataclasses import dataclass

from chaos.world import ENACTORS, SIDES

APART_S = 3.0
GAP_S = 0.25
"""Between two faults on one thing, so that each has something to break."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """One kind of fault.

    Attributes:
        name, about: for the report.
        weight: how often it is drawn, relative to the others.
        targets: whom it may hit.
        holds: the things it holds; `{}` stands for the target.
        shortest_s, longest_s: how long it lasts; drawn with a tail towards the longest.
        apart_s: how long the things stay held afterwards.
        needs: what the machine must offer: `disk`, `cable`, `netem`; the store that it is a fault
            of: `file`, `etcd`; or several providers: `dual`; empty: nothing.
        awaits: things that are held as well while it is done, though nobody looks at them when it is drawn.
    """

    name: str
    about: str
    weight: float
    targets: tuple[str, ...]
    holds: tuple[str, ...]
    shortest_s: float = 0.0
    longest_s: float = 0.0
    apart_s: float = GAP_S
    needs: str = ""
    awaits: tuple[str, ...] = ()

    def things(self, target: str) -> tuple[str, ...]:
        """Return what a fault of this kind holds when it hits this target."""
        return tuple(thing.format(target) for thing in self.holds)


_ZONE = ("zone",)
_NET = ("net {}",)
_ROLE = ("process {}", "net {}")
_NAMES = ("shop", "api", "books")
_UNWRITABLE = ("etcd-majority", "etcd-full")
"""While nothing can be written down, nobody can remember a rescue's number: kept apart from wipes as well."""

CATALOGUE: tuple[Kind, ...] = (
    Kind(
        name="stop-before-write",
        about="SIGSTOP with an UPDATE on its way, which is delivered late, before or after SIGCONT",
        weight=14,
        targets=ENACTORS,
        holds=_ROLE,
        shortest_s=0.3,
        longest_s=4.0,
    ),
    Kind(
        name="stop-after-write",
        about="SIGSTOP as soon as an UPDATE went through, before its answer is read",
        weight=9,
        targets=ENACTORS,
        holds=_ROLE,
        shortest_s=0.3,
        longest_s=4.0,
    ),
    Kind(
        name="stop-after-read",
        about="SIGSTOP as soon as the fence was read, before anything is chosen",
        weight=12,
        targets=ENACTORS,
        holds=_ROLE,
        shortest_s=0.3,
        longest_s=4.0,
    ),
    Kind(
        name="stutter",
        about="SIGSTOP and SIGCONT twenty times at random moments within milliseconds",
        weight=8,
        targets=ENACTORS,
        holds=_ROLE,
        shortest_s=0.2,
        longest_s=1.0,
    ),
    Kind(
        name="kill-enactor",
        about="kill -9 of an enactor, and its restart",
        weight=5,
        targets=ENACTORS,
        holds=_ROLE,
        shortest_s=0.1,
        longest_s=1.5,
    ),
    Kind(
        name="kill-in-write",
        about="kill -9 of an enactor with an UPDATE on its way, which is delivered late",
        weight=5,
        targets=ENACTORS,
        holds=_ROLE,
        shortest_s=0.2,
        longest_s=2.0,
    ),
    Kind(
        name="kill-planner",
        about="kill -9 of the planner, and its restart",
        weight=3,
        targets=("planner",),
        holds=("process planner",),
        shortest_s=0.1,
        longest_s=1.0,
        apart_s=1.5,
    ),
    Kind(
        name="kill-prober",
        about="kill -9 of the prober, and its restart",
        weight=2,
        targets=("prober",),
        holds=("process prober",),
        shortest_s=0.1,
        longest_s=1.0,
        apart_s=1.5,
    ),
    Kind(
        name="stop-planner",
        about="SIGSTOP of the planner for longer than plans live",
        weight=2,
        targets=("planner",),
        holds=("process planner",),
        shortest_s=0.3,
        longest_s=3.0,
    ),
    Kind(
        name="stop-prober",
        about="SIGSTOP of the prober until its evidence is old",
        weight=2,
        targets=("prober",),
        holds=("process prober",),
        shortest_s=0.3,
        longest_s=3.5,
    ),
    Kind(
        name="late-update",
        about="an UPDATE is delivered after its sender gave up",
        weight=8,
        targets=ENACTORS,
        holds=_NET,
        shortest_s=0.9,
        longest_s=5.0,
    ),
    Kind(
        name="lost-reply",
        about="an UPDATE is carried out and its answer lost",
        weight=8,
        targets=ENACTORS,
        holds=_NET,
        shortest_s=0.1,
        longest_s=0.1,
    ),
    Kind(
        name="delay",
        about="messages take 50 to 600 ms each way, in any order",
        weight=5,
        targets=ENACTORS,
        holds=_NET,
        shortest_s=0.5,
        longest_s=3.0,
    ),
    Kind(
        name="loss",
        about="10 to 60 % of the messages are lost, each way",
        weight=5,
        targets=ENACTORS,
        holds=_NET,
        shortest_s=0.5,
        longest_s=3.0,
    ),
    Kind(
        name="one-way",
        about="nothing passes in one direction",
        weight=5,
        targets=ENACTORS,
        holds=_NET,
        shortest_s=0.5,
        longest_s=3.0,
    ),
    Kind(
        name="partition",
        about="nothing passes, connections break, new ones are refused",
        weight=4,
        targets=ENACTORS,
        holds=_NET,
        shortest_s=0.5,
        longest_s=3.0,
    ),
    Kind(
        name="cable",
        about="packets are lost below TCP: the cable is pulled, or one direction is a black hole",
        weight=6,
        targets=ENACTORS,
        holds=_NET,
        shortest_s=0.3,
        longest_s=2.5,
        needs="cable",
    ),
    Kind(
        name="netem",
        about="packets are delayed and lost below TCP",
        weight=4,
        targets=ENACTORS,
        holds=_NET,
        shortest_s=0.5,
        longest_s=2.5,
        needs="netem",
    ),
    *(
        Kind(
            name=name,
            about=about,
            weight=5,
            targets=SIDES,
            holds=("provider",),
            shortest_s=0.3,
            longest_s=4.0,
            apart_s=0.6,
            needs="dual",
        )
        for name, about in (
            ("provider-unreachable", "no enactor reaches one of two providers"),
            ("provider-slow", "every message to or from one of two takes 50 ms to a second longer"),
        )
    ),
    Kind(
        name="kill-server",
        about="kill -9 of the name server, and its restart",
        weight=2.5,
        targets=("server",),
        holds=("server", *_ZONE),
        shortest_s=0.1,
        longest_s=1.0,
        apart_s=1.0,
    ),
    Kind(
        name="stop-server",
        about="SIGSTOP of the name server",
        weight=3,
        targets=("server",),
        holds=("server", *_ZONE),
        shortest_s=0.2,
        longest_s=1.5,
        apart_s=0.5,
    ),
    Kind(
        name="store-deleted",
        about="the store's files are taken away under everybody",
        weight=1.5,
        targets=("store",),
        holds=("store", "process planner", "server", *_ZONE, "operator"),
        apart_s=APART_S,
        needs="file",
    ),
    Kind(
        name="store-old",
        about="the store is replaced by an older copy of itself; on etcd: a snapshot is restored",
        weight=1.5,
        targets=("store",),
        holds=("store", "process planner", "server", *_ZONE, "operator"),
        apart_s=APART_S,
    ),
    Kind(
        name="disk-full",
        about="the disk under store and last-known-good files is full",
        weight=1.5,
        targets=("store",),
        holds=("store", *_ZONE),
        shortest_s=0.5,
        longest_s=2.0,
        apart_s=APART_S,
        needs="disk",
    ),
    *(
        Kind(
            name=name,
            about=about,
            weight=2,
            targets=("store",),
            holds=("store", "operator", *(_ZONE if name in _UNWRITABLE else ())),
            shortest_s=0.5,
            longest_s=3.0,
            apart_s=APART_S if name in _UNWRITABLE else 1.0,
            needs="etcd",
        )
        for name, about in (
            ("etcd-leader", "kill -9 of the member that leads, and its restart"),
            ("etcd-partition", "a member is cut off from the others; its clients still reach it"),
            ("etcd-majority", "SIGSTOP of two members of three"),
            ("etcd-full", "etcd is full (`NOSPACE`), until it is compacted and defragmented"),
        )
    ),
    *(
        Kind(name=name, about=about, weight=weight, targets=_NAMES, holds=_ZONE, apart_s=0.4)
        for name, weight, about in (
            ("wipe-name", 2, "a foreign hand deletes addresses and fence of an endpoint"),
            ("wipe-addresses", 2, "a foreign hand deletes its addresses alone"),
            (
                "wipe-all",
                1.5,
                "a foreign hand deletes everything of Outlast's in the zone, the epoch too",
            ),
            ("wipe-epoch", 1, "a foreign hand deletes the zone's epoch"),
            ("delete-fence", 2, "a foreign hand deletes the fence alone"),
            ("alter-fence", 1.5, "a foreign hand alters a digit of the fence"),
            ("garble-fence", 1.5, "a foreign hand puts something else in the fence's place"),
            ("double-fence", 1.5, "a foreign hand adds a second fence"),
            ("lower-fence", 1.5, "a foreign hand puts a fence of generation 1 there"),
            ("plant-cname", 1.5, "a foreign hand puts a CNAME in the place of the addresses"),
            ("add-address", 1.5, "a foreign hand adds an address"),
        )
    ),
    Kind(
        name="plant-cname-at-fence",
        about="a foreign hand puts a CNAME in the place of the fence, and takes it away again",
        weight=1,
        targets=_NAMES,
        holds=_ZONE,
        shortest_s=0.3,
        longest_s=1.0,
        apart_s=0.6,
    ),
    Kind(
        name="two-wipes",
        about="a foreign hand wipes an endpoint twice, with a moment between, while an enactor is stopped",
        weight=3,
        targets=_NAMES,
        holds=(*_ZONE, "process enactor-2", "net enactor-2"),
        shortest_s=0.5,
        longest_s=2.5,
        apart_s=0.4,
    ),
    *(
        Kind(
            name=name,
            about=about,
            weight=weight,
            targets=targets,
            holds=("operator", "topology"),
            shortest_s=0.2,
            longest_s=1.5,
            apart_s=0.5,
            awaits=_ZONE if name == "rescue" else (),
        )
        for name, weight, targets, about in (
            ("freeze", 1.5, _NAMES, "an operator freezes an endpoint and thaws it"),
            ("evacuate", 1.5, ("us", "ap"), "an operator evacuates a region and restores it"),
            ("rollback", 1.5, _NAMES, "an operator rolls an endpoint back"),
            ("rescue", 2, _NAMES, "an operator rescues an endpoint while automation runs"),
        )
    ),
    Kind(
        name="edit-topology",
        about="a valid edit of the topology: TTL, or a region more or less",
        weight=2,
        targets=("topology",),
        holds=("topology",),
        apart_s=1.2,
    ),
    Kind(
        name="break-topology",
        about="an invalid edit of the topology",
        weight=2,
        targets=("topology",),
        holds=("topology",),
        shortest_s=1.2,
        longest_s=2.0,
    ),
    Kind(
        name="blackout",
        about="every probe of every region fails at once",
        weight=2,
        targets=("regions",),
        holds=("regions",),
        shortest_s=0.5,
        longest_s=2.5,
        apart_s=1.0,
    ),
)
