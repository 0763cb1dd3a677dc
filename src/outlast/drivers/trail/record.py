"""The checkpoint as a TXT record: whoever asked the DNS once can tell later that the log was written anew.

It is moved by compare-and-swap as everything is, and never back: a checkpoint that counts fewer entries
than the one that stands there means that the log lost some, or that somebody else writes one under our
name. Then the record stays, for it is the proof.
"""

from outlast.model.names import DnsName, EndpointName, ProviderName
from outlast.model.plan import Absent, Condition, Held, Layout, OutcomeKind, Transaction
from outlast.model.records import RecordSet, RecordType
from outlast.ports import Provider
from outlast.trail.note import NoteError, Verifier, of_line, open_checkpoint, to_line

TTL_S = 60


class RecordRefusedError(Exception):
    """The record was left as it is. The message says why."""


class CheckpointRecord:
    """The record at one name of one provider."""

    def __init__(
        self, provider: Provider, *, name: DnsName, zone: DnsName, at: ProviderName, key: Verifier
    ) -> None:
        self._provider = provider
        self._key = key
        self._layout = Layout(
            endpoint=EndpointName("audit-trail"), provider=at, zone=zone, fence_at=name, names=()
        )

    async def move(self, note: str) -> None:
        """Put a signed checkpoint in the place of an older one.

        Raises:
            RecordRefusedError: another one stands there that it must not replace, or the server refused;
            ProviderError: the server cannot be asked.
        """
        name, line = self._layout.fence_at, to_line(note)
        stands = (await self._provider.read(self._layout)).fence
        if line in stands:
            return
        self._check_forward(stands, note)
        condition: Condition = Absent(name=name, rtype=RecordType.TXT)
        if stands:
            condition = Held(name=name, rtype=RecordType.TXT, values=stands)
        outcome = await self._provider.write(
            Transaction(
                zone=self._layout.zone,
                conditions=(condition,),
                deletions=((name, RecordType.TXT),),
                additions=(
                    RecordSet(name=name, rtype=RecordType.TXT, ttl_s=TTL_S, values=(line,)),
                ),
            )
        )
        if outcome.kind is not OutcomeKind.APPLIED:
            raise RecordRefusedError(f"{name}: {outcome}")

    async def close(self) -> None:
        """Give up the connection."""
        await self._provider.close()

    def _check_forward(self, stands: tuple[str, ...], note: str) -> None:
        now = open_checkpoint(note, self._key)
        for line in stands:
            try:
                older = open_checkpoint(of_line(line, self._key), self._key)
            except NoteError as error:
                name = self._layout.fence_at
                raise RecordRefusedError(
                    f"{name} holds a text that is not ours ({error}); delete it, or name another place"
                ) from error
            if older.size > now.size:
                raise RecordRefusedError(
                    f"{self._layout.fence_at} counts {older.size} entries, the log has {now.size}: "
                    "it lost some"
                )
