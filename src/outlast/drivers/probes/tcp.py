"""TCP probes: does anybody accept connections there?"""

from outlast.drivers.probes.judgement import Judgement, bad
from outlast.drivers.probes.wire import Wire
from outlast.ports import Assignment


async def check(assignment: Assignment, *, deadline: float) -> Judgement:
    """Connect, and reset the connection at once.

    Raises:
        OSError: something that the target did.
        OwnFault: we could not look.
    """
    wire = Wire(assignment.host, deadline=deadline)
    try:
        await wire.connect(assignment.host, assignment.check.port)
        if wire.is_self_connected():
            return bad("connection refused")
        return Judgement(good=True, detail="connected")
    finally:
        wire.abort()
