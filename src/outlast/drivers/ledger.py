"""Ledger: what planner, enactors, probers and operators tell each other, as typed keys of a store.

The roles never call each other. Each writes here what it knows and watches for what it needs, so that it
makes no difference whether they run in one process or on several machines.

    endpoint/<name>/head          the newest plan, with its ruling
    endpoint/<name>/receipt       the last confirmed publication
    endpoint/<name>/found         the last drift, and what was read
    endpoint/<name>/blocked       the last plan that the guard refused
    grounds/<name>                fingerprint of what the newest plan rests on, see `groundings`
    plan/<name>/<generation>      every plan that was not retired
    override/<kind>/<scope>       what operators asked for
    vantage/<name>                when a vantage was last alive, and how the world looks from it
    witness/<name>/<server>       an authoritative server that differs from the primary
    vote/<vantage>/<subject>      what it believes of a subject
    role/<kind>/<name>            which roles are alive, for people
    lead/<role>                   who of several planners, or probers of one vantage, works now
    term/<role>                   since when: written by whoever takes over
    journal/<scope>/<time>-<id>   what happened, for people

Head and receipt share a prefix because an enactor must get both in one atomic answer.
"""

import asyncio
from collections.abc import Callable, Sequence

from outlast.core.messages import Announce, CommitPlan
from outlast.core.observe import VantageView
from outlast.core.retire import Delete
from outlast.drivers import entries, groundings
from outlast.drivers.entries import Alive, Blocked, EndpointRow, Found, Head, Note
from outlast.drivers.leadership import Term
from outlast.model.health import Vote
from outlast.model.names import EndpointName, Subject
from outlast.model.override import Evacuation, Freeze, Override, OverrideKind, Waiver
from outlast.model.plan import Drift, Plan, Receipt
from outlast.model.units import NO_GENERATION, Generation
from outlast.ports import Change, Clock, Store

VOTES_BATCH = 100
"""Votes written in one commit: a store takes 127 keys at once."""

DELETES_BATCH = 100
"""Keys deleted in one commit; the rest goes with the next one."""

COMMITS_AT_ONCE = 500
"""Plans that wait for the store together: it commits what waits as one group, with one sync."""

EVERYTHING = "-"
"""Stands for "no endpoint in particular" in a key; no endpoint can have this name."""


def _override_key(override: Override) -> str:
    match override:
        case Freeze(endpoint=endpoint):
            return f"override/{OverrideKind.FREEZE}/{endpoint or EVERYTHING}"
        case Evacuation(region=region):
            return f"override/{OverrideKind.EVACUATION}/{region}"
        case Waiver(endpoint=endpoint, rule=rule):
            return f"override/{OverrideKind.WAIVER}/{endpoint or EVERYTHING}/{rule}"


class Ledger:
    """The store, in the words of the domain. Raises `StoreError` as the store does."""

    def __init__(
        self,
        store: Store,
        clock: Clock,
        name: str,
        sign: Callable[[Plan], Plan] = lambda plan: plan,
    ) -> None:
        self.sign = sign
        self.term = Term()
        self._store = store
        self._clock = clock
        self._name = name
        self._serial = 0

    @property
    def store(self) -> Store:
        """The store itself."""
        return self._store

    async def wait(self, revision: int) -> int:
        """Return the store's revision as soon as it is greater than the one given."""
        return await self._store.wait(revision)

    # plans

    async def rows(self, *, newer_than: int = 0) -> tuple[list[EndpointRow], int]:
        """Return the endpoints' rows and the snapshot's revision.

        With `newer_than` only endpoints with a change are there, and only what changed is filled in.
        """
        page = await self._store.scan("endpoint/", newer_than=newer_than)
        rows: dict[str, EndpointRow] = {}
        for entry in page.entries:
            name = entry.key.split("/", 2)[1]
            row = rows.get(name) or EndpointRow(endpoint=EndpointName(name))
            rows[name] = entries.fold(row, entry)
        return list(rows.values()), page.revision

    async def row(self, endpoint: EndpointName) -> EndpointRow:
        """Return one endpoint's row, from one snapshot."""
        page = await self._store.scan(f"endpoint/{endpoint}/")
        row = EndpointRow(endpoint=endpoint)
        for entry in page.entries:
            row = entries.fold(row, entry)
        return row

    async def commit_plan(self, command: CommitPlan) -> bool:
        """Make a plan the newest, if the newest is still the one expected; else False, or `Deposed`."""
        plan = self.sign(command.plan)
        at = f"endpoint/{plan.endpoint}/head"
        entry = await self._store.get(at)
        newest = (
            entries.decode(entries.HEAD, entry).plan.generation
            if entry is not None
            else NO_GENERATION
        )
        if newest != command.expected:
            return False
        head = Head(plan=plan, ruling=command.ruling)
        change = Change(
            requires=((at, entry.revision if entry is not None else 0), *self.term.requires),
            puts=(
                (at, entries.encode(head)),
                (_plan_key(plan.endpoint, plan.generation), entries.encode(head)),
                (groundings.key_of(plan.endpoint), groundings.UNKNOWN),
                self.line("plan", plan.reason, endpoint=plan.endpoint, generation=plan.generation),
            ),
            deletes=(f"endpoint/{plan.endpoint}/blocked",),
        )
        if await self._store.commit(change) is None:
            await self.term.check()
            return False
        return True

    async def commit_plans(self, commands: Sequence[CommitPlan]) -> list[bool]:
        """Commit plans of different endpoints as `commit_plan` does, many at a time."""
        committed: list[bool] = []
        for start in range(0, len(commands), COMMITS_AT_ONCE):
            some = commands[start : start + COMMITS_AT_ONCE]
            committed += await asyncio.gather(*(self.commit_plan(one) for one in some))
        return committed

    async def plan(self, endpoint: EndpointName, generation: Generation) -> Head | None:
        """Return an archived plan with its ruling."""
        entry = await self._store.get(_plan_key(endpoint, generation))
        return entries.decode(entries.HEAD, entry) if entry is not None else None

    async def generations(self, endpoint: EndpointName) -> list[Generation]:
        """Return the numbers of the archived plans of an endpoint, oldest first."""
        page = await self._store.scan(f"plan/{endpoint}/")
        return [Generation(int(entry.key.rsplit("/", 1)[1])) for entry in page.entries]

    async def plans(self, endpoint: EndpointName) -> list[Head]:
        """Return the archived plans of an endpoint, oldest first."""
        page = await self._store.scan(f"plan/{endpoint}/")
        return [entries.decode(entries.HEAD, entry) for entry in page.entries]

    async def delete_plans(self, endpoint: EndpointName, command: Delete) -> bool:
        """Retire plans, if the newest is still the one that the decision knew."""
        at = f"endpoint/{endpoint}/head"
        entry = await self._store.get(at)
        if entry is None or entries.decode(entries.HEAD, entry).plan.generation != command.newest:
            return False
        keys = tuple(_plan_key(endpoint, one) for one in command.generations[:DELETES_BATCH])
        change = Change(requires=((at, entry.revision),), deletes=keys)
        return await self._store.commit(change) is not None

    async def block(self, command: Announce) -> None:
        """Record that the guard refused a plan."""
        blocked = Blocked(plan=command.plan, ruling=command.ruling, at_ns=command.at_ns)
        reasons = "; ".join(one.message for one in command.ruling.findings)
        endpoint = command.plan.endpoint
        note = self.line("blocked", reasons, endpoint=endpoint, generation=command.plan.generation)
        await self._store.commit(
            Change(puts=((f"endpoint/{endpoint}/blocked", entries.encode(blocked)), note))
        )

    async def unblock(self, endpoint: EndpointName) -> None:
        """Record that the newest plan says what is wanted again."""
        await self._store.commit(Change(deletes=(f"endpoint/{endpoint}/blocked",)))

    async def confirm(self, receipt: Receipt) -> None:
        """Record a confirmed publication."""
        endpoint, fence = receipt.endpoint, receipt.fence
        event = "healed" if receipt.healed else "published"
        text = f"generation {fence.generation} stands at {receipt.provider}"
        if receipt.healed:
            text += f" again after drift: {receipt.healed}"
        note = self.line(
            event, text, endpoint=endpoint, by=fence.writer, generation=fence.generation
        )
        await self._store.commit(
            Change(
                puts=((f"endpoint/{endpoint}/receipt", entries.encode(receipt)), note),
                deletes=(f"endpoint/{endpoint}/found",),
            )
        )

    async def report(self, found: Found) -> None:
        """Record what was found in the DNS instead of the newest plan."""
        drift = found.drift
        note = self.line("drift", f"{drift.kind}: {drift.message}", endpoint=drift.endpoint)
        await self._store.commit(
            Change(puts=((f"endpoint/{drift.endpoint}/found", entries.encode(found)), note))
        )

    async def settle(self, endpoint: EndpointName) -> None:
        """Record that a drift is over without a write of ours."""
        note = self.line("settled", "the DNS holds the newest plan again", endpoint=endpoint)
        found = f"endpoint/{endpoint}/found"
        await self._store.commit(Change(puts=(note,), deletes=(found,)))

    async def disagree(self, drift: Drift, server: str) -> None:
        """Record that an authoritative server still differs from what the primary holds."""
        text = f"{server} differs: {drift.kind}: {drift.message}"
        note = self.line("drift", text, endpoint=drift.endpoint)
        key = f"witness/{drift.endpoint}/{server}"
        await self._store.commit(Change(puts=((key, entries.encode(drift)), note)))

    async def agree(self, endpoint: EndpointName, server: str) -> None:
        """Record that an authoritative server holds what the primary holds again."""
        note = self.line("settled", f"{server} agrees again", endpoint=endpoint)
        await self._store.commit(Change(puts=(note,), deletes=(f"witness/{endpoint}/{server}",)))

    async def disagreements(self) -> list[tuple[str, Drift]]:
        """Return the servers that differ, each with what was found there."""
        page = await self._store.scan("witness/")
        return [
            (entry.key.rsplit("/", 1)[1], entries.decode(entries.DRIFT, entry))
            for entry in page.entries
        ]

    async def forget(self, endpoint: EndpointName) -> None:
        """Remove an endpoint that was released, but for its journal."""
        kinds = ("head", "receipt", "found", "blocked")
        archive = await self._store.scan(f"plan/{endpoint}/")
        keys = [f"endpoint/{endpoint}/{kind}" for kind in kinds]
        keys.append(groundings.key_of(endpoint))
        keys += [entry.key for entry in archive.entries]
        note = self.line("released", "taken out of the DNS, asked for by name", endpoint=endpoint)
        await self._store.commit(Change(puts=(note,), deletes=tuple(keys[:5])))
        for start in range(5, len(keys), DELETES_BATCH):
            await self._store.commit(Change(deletes=tuple(keys[start : start + DELETES_BATCH])))

    # overrides

    async def overrides(self, *, newer_than: int = 0) -> tuple[list[Override] | None, int]:
        """Return all overrides; None if none was placed or lifted after the revision given."""
        if newer_than:
            changed = await self._store.scan("override", newer_than=newer_than)
            if not changed.entries:
                return None, changed.revision
        page = await self._store.scan("override/")
        overrides = [
            entries.decode(entries.OVERRIDES[entry.key.split("/", 2)[1]], entry)
            for entry in page.entries
        ]
        return overrides, page.revision

    async def place(self, override: Override, text: str) -> None:
        """Put an override in force, in the place of an older one of the same scope."""
        scope = "" if isinstance(override, Evacuation) else override.endpoint or ""
        await self._store.commit(
            Change(
                puts=(
                    (_override_key(override), entries.encode(override)),
                    ("override-changed", self._clock.nonce().encode()),
                    self.line("override", text, endpoint=scope, by=override.by),
                )
            )
        )

    async def lift(self, override: Override, text: str, *, by: str) -> None:
        """Take an override out of force."""
        scope = "" if isinstance(override, Evacuation) else override.endpoint or ""
        # Deletions leave no entry behind, so a second key tells watchers to look again.
        await self._store.commit(
            Change(
                puts=(
                    ("override-changed", self._clock.nonce().encode()),
                    self.line("override", text, endpoint=scope, by=by),
                ),
                deletes=(_override_key(override),),
            )
        )

    # health

    async def cast(
        self, view: VantageView, votes: tuple[Vote, ...], subjects: tuple[Subject, ...]
    ) -> None:
        """Record a vantage's view and its changed votes; `subjects` names what each vote is about."""
        puts = [(f"vantage/{view.vantage}", entries.encode(view))]
        puts += [
            (f"vote/{view.vantage}/{subject}", entries.encode(vote))
            for subject, vote in zip(subjects, votes, strict=True)
        ]
        for start in range(0, len(puts), VOTES_BATCH):
            await self._store.commit(Change(puts=tuple(puts[start : start + VOTES_BATCH])))

    async def views(self, *, newer_than: int = 0) -> tuple[list[VantageView], int]:
        """Return the vantages' views of the world."""
        page = await self._store.scan("vantage/", newer_than=newer_than)
        return [entries.decode(entries.VIEW, entry) for entry in page.entries], page.revision

    async def votes(self, *, newer_than: int = 0) -> tuple[list[tuple[Subject, Vote]], int]:
        """Return the votes with what each is about."""
        page = await self._store.scan("vote/", newer_than=newer_than)
        found = [
            (Subject(entry.key.split("/", 2)[2]), entries.decode(entries.VOTE, entry))
            for entry in page.entries
        ]
        return found, page.revision

    # people

    async def alive(self, sign: Alive) -> None:
        """Record a sign of life."""
        await self._store.commit(
            Change(puts=((f"role/{sign.kind}/{sign.name}", entries.encode(sign)),))
        )

    async def gone(self, kind: str, name: str) -> None:
        """Take a sign of life back, since the role ended in order."""
        await self._store.commit(Change(deletes=(f"role/{kind}/{name}",)))

    async def roles(self) -> list[Alive]:
        """Return every role's last sign of life."""
        page = await self._store.scan("role/")
        return [entries.decode(entries.ALIVE, entry) for entry in page.entries]

    async def history(self, endpoint: EndpointName | None, *, limit: int) -> list[Note]:
        """Return the last notes about one endpoint and about everything, oldest first."""
        if endpoint is None:
            page = await self._store.scan("journal/")
            found = page.entries
        else:
            mine = await self._store.scan(f"journal/{endpoint}/")
            general = await self._store.scan(f"journal/{EVERYTHING}/")
            found = mine.entries + general.entries
        notes = sorted(
            (entries.decode(entries.NOTE, entry) for entry in found), key=lambda one: one.at_ns
        )
        return notes[-limit:]

    async def prune_journal(self, endpoint: EndpointName, *, kept: int) -> None:
        """Delete the oldest notes of an endpoint beyond the number to keep."""
        page = await self._store.scan(f"journal/{endpoint}/")
        old = tuple(entry.key for entry in page.entries[: max(0, len(page.entries) - kept)])
        old = old[:DELETES_BATCH]
        if old:
            await self._store.commit(Change(deletes=old))

    async def note(
        self,
        event: str,
        text: str,
        *,
        endpoint: str = "",
        by: str = "",
        data: dict[str, object] | None = None,
    ) -> None:
        """Write one line into the journal."""
        note = self.line(event, text, endpoint=endpoint, by=by, data=data)
        await self._store.commit(Change(puts=(note,)))

    def line(
        self,
        event: str,
        text: str,
        *,
        endpoint: str,
        by: str = "",
        generation: Generation = NO_GENERATION,
        data: dict[str, object] | None = None,
    ) -> tuple[str, bytes]:
        """Return a line of the journal, for whoever commits it together with what it tells."""
        at_ns = self._clock.now_ns()
        self._serial += 1
        note = Note(
            event=event,
            endpoint=endpoint,
            text=text,
            by=by or self._name,
            at_ns=at_ns,
            generation=generation,
            data=data,
        )
        key = f"journal/{endpoint or EVERYTHING}/{at_ns:019d}-{self._name}-{self._serial}"
        return key, entries.encode(note)


def _plan_key(endpoint: EndpointName, generation: Generation) -> str:
    return f"plan/{endpoint}/{generation:018d}"
