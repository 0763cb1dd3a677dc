"""A worker sends again what was not acknowledged, under its old numbers; a detector takes each one once."""

from pathlib import Path

import msgspec
from tests.reports.desks import GRID
from tests.reports.test_keeping import RULES, batch

from outlast.detect.counts import counts_of
from outlast.detect.intake import Intake
from outlast.drivers.reports.journal import Journal, cut_record, rows_record, segments
from outlast.drivers.reports.stream import Inbox, Outbox, message_of


def test_a_message_counts_once_however_often_and_late_it_comes() -> None:
    """JetStream forgets ids after two minutes; a worker that was away for longer sends them all the same."""
    inbox = Inbox()
    sent = [("w1", 1, 3), ("w2", 1, 2), ("w1", 2, 4), ("w1", 1, 3), ("w2", 1, 2)]
    found = []
    for worker, serial, number in sent:
        counts = counts_of(batch(*range(2, 2 + number)), GRID)
        taken = inbox.take(msgspec.msgpack.encode(message_of(worker, serial, counts)))
        found.append(taken.total if taken is not None else 0)
    assert found == [3, 2, 4, 0, 0]


def test_a_worker_that_was_killed_sends_what_was_not_acknowledged(tmp_path: Path) -> None:
    """What was acknowledged is not sent again, and what no message held yet goes into the next."""
    journal = Journal(tmp_path / "journal", GRID)
    for serial, reporters in ((1, range(2, 5)), (2, range(5, 10)), (3, range(10, 17))):
        journal.append([rows_record(batch(*reporters), GRID), cut_record(serial)])
    journal.append([rows_record(batch(20, 21), GRID)])
    journal.close()
    (tmp_path / "sent").write_text("1")
    outbox = Outbox("w", GRID, folder=tmp_path)
    outbox.recover(segments(tmp_path / "journal"), Intake(RULES))
    assert outbox.due()
    outbox.kept(outbox.records())
    assert [(one.id, one.counts().total) for one in outbox.unsent] == [
        ("w-2", 5),
        ("w-3", 7),
        ("w-4", 2),
    ]
