"""The checker's eye: a process of its own that asks the authoritative server every few milliseconds.

It shares nothing with the system but the machine: own questions, own parser (dnspython), own clock
readings. One sample asks for the fence, then for all records, then for the fence again; a sample between
whose fences nothing moved shows records that stood together. Same answers in a row become one `Run`.

    python -m chaos.observer TASK.json OUT.jsonl          until SIGTERM
"""

import signal
import socket
import sys
import time
from dataclasses import dataclass, replace
from pathlib import Path
from types import FrameType

import dns.exception
import dns.flags
import dns.message
import dns.rcode
import dns.rdatatype
import msgspec

from chaos.history import Answer, Run
from outlast.model.names import DnsName
from outlast.model.records import RecordSet, RecordType, sort_record_sets, weights_name

PATIENCE_S = 0.25
"""How long one question waits. A stopped server answers late or never; late answers are thrown away."""

PARSED_MAX = 20_000
"""Answers remembered before all are forgotten."""

Question = tuple[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Watched:
    """One subject: an endpoint with its fence, or the neighbours with none."""

    subject: str
    fence_at: str
    questions: tuple[Question, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """What is watched, where, and how often each subject is sampled."""

    host: str
    port: int
    pause_s: float
    subjects: tuple[Watched, ...]


def endpoint_questions(names: tuple[str, ...]) -> tuple[Question, ...]:
    """Everything that may stand at an endpoint's names."""
    return tuple(
        question
        for name in names
        for question in ((name, "A"), (name, "AAAA"), (weights_name(DnsName(name)), "TXT"))
    )


class NoAnswer(Exception):
    """The server did not say what stands there; the text says why."""


class Asker:
    """One UDP socket. Answers are remembered by their octets, since most are the same as before."""

    def __init__(self, server: tuple[str, int]) -> None:
        self._packed: dict[Question, bytes] = {}
        self._parsed: dict[bytes, tuple[RecordSet, ...] | str] = {}
        self._number = 0
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.connect(server)

    def ask(self, questions: tuple[Question, ...]) -> list[tuple[RecordSet, ...]]:
        """Ask all at once; return the records that stand at each.

        Raises:
            NoAnswer: one was not answered, not authoritatively, or with an error.
        """
        waiting: dict[bytes, Question] = {}
        for question in questions:
            self._number = (self._number + 1) & 0xFFFF
            head = self._number.to_bytes(2, "big")
            waiting[head] = question
            self._send(head + self._pack(question)[2:])
        answers: dict[Question, tuple[RecordSet, ...]] = {}
        until = time.monotonic() + PATIENCE_S
        while waiting:
            data = self._receive(until)
            asked = waiting.pop(data[:2], None)
            if asked is not None:
                answers[asked] = self._parse(data, asked)
        return [answers[one] for one in questions]

    def close(self) -> None:
        """Close the socket."""
        self._socket.close()

    def _pack(self, question: Question) -> bytes:
        if question not in self._packed:
            message = dns.message.make_query(*question, use_edns=0, payload=4096, flags=0)
            self._packed[question] = message.to_wire()
        return self._packed[question]

    def _send(self, message: bytes) -> None:
        try:
            self._socket.send(message)
        except OSError as error:
            raise NoAnswer("refused by the host") from error

    def _receive(self, until: float) -> bytes:
        left = until - time.monotonic()
        if left <= 0:
            raise NoAnswer("no answer")
        self._socket.settimeout(left)
        try:
            return self._socket.recv(65535)
        except TimeoutError:
            raise NoAnswer("no answer") from None
        except OSError as error:
            time.sleep(0.005)
            raise NoAnswer("refused by the host") from error

    def _parse(self, data: bytes, question: Question) -> tuple[RecordSet, ...]:
        found = self._parsed.get(data[2:])
        if found is None:
            found = read(data, question)
            if len(self._parsed) > PARSED_MAX:
                self._parsed.clear()
            self._parsed[data[2:]] = found
        if isinstance(found, str):
            raise NoAnswer(found)
        return found


def read(data: bytes, question: Question) -> tuple[RecordSet, ...] | str:
    """Return the record sets at the name asked for, or why that cannot be said."""
    try:
        message = dns.message.from_wire(data)
    except dns.exception.DNSException as error:
        return f"garbage: {error}"
    if message.rcode() not in (dns.rcode.NOERROR, dns.rcode.NXDOMAIN):
        return dns.rcode.to_text(message.rcode())
    if not message.flags & dns.flags.AA:
        return "not authoritative"
    if message.flags & dns.flags.TC:
        return "cut off"
    found = []
    for rrset in message.answer:
        if rrset.name.to_text(omit_final_dot=True).lower() != question[0].lower():
            continue
        rtype = dns.rdatatype.to_text(rrset.rdtype)
        values = [one.to_text().strip('"') for one in rrset]
        name = DnsName(question[0])
        found.append(RecordSet.of(name, RecordType(rtype), rrset.ttl, values))
    return sort_record_sets(found)


def sample(asker: Asker, watched: Watched) -> Answer:
    """Ask for everything about one subject."""
    try:
        if not watched.fence_at:
            sets = asker.ask(watched.questions)
            return Answer(records=sort_record_sets([one for two in sets for one in two]))
        fence = asker.ask(((watched.fence_at, "TXT"),))[0]
        sets = asker.ask(watched.questions)
        after = asker.ask(((watched.fence_at, "TXT"),))[0]
    except NoAnswer as reason:
        return Answer(fault=str(reason))
    known = {(one.name, one.rtype): one for two in sets for one in two}
    return Answer(
        fence=_values(fence),
        fence_after=_values(after),
        records=sort_record_sets(list(known.values())),
    )


def _values(sets: tuple[RecordSet, ...]) -> tuple[str, ...]:
    """What stands at a fence's name; a CNAME there is shown as such, for it is no fence."""
    return tuple(
        value if one.rtype is RecordType.TXT else f"CNAME {value}"
        for one in sets
        for value in one.values
    )


class Log:
    """Writes runs down as they end, and the last ones at the end."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("wb")
        self._open: dict[str, Run] = {}

    def take(self, subject: str, began_ns: int, ended_ns: int, answer: Answer) -> None:
        """Take one sample in."""
        run = self._open.get(subject)
        if run is not None and run.answer == answer:
            self._open[subject] = replace(
                run, last_ns=began_ns, last_end_ns=ended_ns, count=run.count + 1
            )
            return
        if run is not None:
            self._write(run)
        self._open[subject] = Run(
            subject=subject,
            first_ns=began_ns,
            first_end_ns=ended_ns,
            last_ns=began_ns,
            last_end_ns=ended_ns,
            count=1,
            answer=answer,
        )

    def _write(self, run: Run) -> None:
        self._file.write(msgspec.json.encode(run) + b"\n")
        self._file.flush()

    def close(self) -> None:
        """Write what is open."""
        for run in self._open.values():
            self._write(run)
        self._file.close()


def watch(task: Task, log: Log, stopped: list[bool]) -> None:
    """Sample every subject in turn until stopped."""
    asker = Asker((task.host, task.port))
    while not stopped:
        for watched in task.subjects:
            began_ns = time.monotonic_ns()
            answer = sample(asker, watched)
            log.take(watched.subject, began_ns, time.monotonic_ns(), answer)
        time.sleep(task.pause_s)


def read_log(path: Path) -> tuple[Run, ...]:
    """Return the runs of a log in the order of their beginning; a torn last line is left out."""
    decoder = msgspec.json.Decoder(Run)
    whole = path.read_bytes().rpartition(b"\n")[0]
    runs = [decoder.decode(line) for line in whole.splitlines()]
    return tuple(sorted(runs, key=lambda one: one.first_ns))


def main() -> None:
    """Watch as the task file says, until told to stop."""
    task = msgspec.json.decode(Path(sys.argv[1]).read_bytes(), type=Task)
    log = Log(Path(sys.argv[2]))
    stopped: list[bool] = []

    def stop(number: int, frame: FrameType | None) -> None:
        del number, frame
        stopped.append(True)

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    try:
        watch(task, log, stopped)
    finally:
        log.close()


if __name__ == "__main__":
    main()
