"""A DNS question of our own: one packet to one server, past every cache in between.

For two uses: a second opinion where the resolver says nothing (an authority has no negative cache, so a
healed name is seen at once), and the control plane's brown-out flag in a TXT record. UDP only, and enough
of RFC 1035 to read A, AAAA and TXT; an answer that does not fit a packet counts as a failure.
"""

import secrets
import socket
import struct
from collections.abc import Callable

TYPES = {"A": 1, "AAAA": 28, "TXT": 16}

SIZE_MAX = 4096

PROBLEM = {2: socket.EAI_AGAIN, 3: socket.EAI_NONAME, 5: socket.EAI_AGAIN}


def query(name: str, kind: str, server: tuple[str, int], *, timeout_s: float = 1.0) -> list[bytes]:
    """Ask a server and return the data of the records of that type in its answer section.

    Raises:
        socket.gaierror: NXDOMAIN, SERVFAIL and the like; with the numbers of `getaddrinfo`.
        TimeoutError: no answer in time.
        OSError: the server cannot be reached, or its answer cannot be read.
    """
    number = secrets.randbits(16)
    question = _name(name) + struct.pack("!HH", TYPES[kind], 1)
    packet = struct.pack("!HHHHHH", number, 0x0100, 1, 0, 0, 0) + question
    family = socket.AF_INET6 if ":" in server[0] else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as sock:
        sock.settimeout(timeout_s)
        sock.connect(server)  # answers of others are dropped by the kernel
        sock.send(packet)
        while True:
            answer = sock.recv(SIZE_MAX)
            if len(answer) >= 12 and answer[:2] == packet[:2] and answer[12:].startswith(question):
                break
    try:
        return _records(answer, 12 + len(question), TYPES[kind])
    except (IndexError, struct.error) as error:
        raise OSError(f"the answer of {server[0]} cannot be read") from error


def direct_lookup(
    *servers: str, port: int = 53, timeout_s: float = 1.0
) -> Callable[[str, int], list[str]]:
    """Return a look-up that asks servers (addresses) one after another."""

    def lookup(name: str, family: int) -> list[str]:
        kind = "AAAA" if family == socket.AF_INET6 else "A"
        fault: OSError = socket.gaierror(socket.EAI_AGAIN, f"{name}: no server to ask")
        for server in servers:
            try:
                found = query(name, kind, (server, port), timeout_s=timeout_s)
            except OSError as error:
                fault = error
                continue
            size = 16 if kind == "AAAA" else 4
            return [socket.inet_ntop(family, data) for data in found if len(data) == size]
        raise fault

    return lookup


def text_of(data: bytes) -> str:
    """Join the strings of one TXT record."""
    parts: list[bytes] = []
    while data:
        parts.append(data[1 : 1 + data[0]])
        data = data[1 + data[0] :]
    return b"".join(parts).decode(errors="replace")


def _name(name: str) -> bytes:
    labels = name.rstrip(".").encode("idna" if not name.isascii() else "ascii").split(b".")
    if any(not 0 < len(label) < 64 for label in labels):
        raise socket.gaierror(socket.EAI_NONAME, f"{name}: no DNS name")
    return b"".join(bytes([len(label)]) + label for label in labels) + b"\0"


def _records(packet: bytes, at: int, kind: int) -> list[bytes]:
    flags, _, count = struct.unpack("!HHH", packet[2:8])
    if flags & 0xF:
        raise socket.gaierror(PROBLEM.get(flags & 0xF, socket.EAI_FAIL), "the server says no")
    if flags & 0x0200:
        raise OSError("the answer was cut short")
    found: list[bytes] = []
    for _ in range(count):
        while packet[at] and packet[at] < 0xC0:
            at += 1 + packet[at]
        at += 2 if packet[at] else 1
        this, _, _, size = struct.unpack("!HHIH", packet[at : at + 10])
        if this == kind:
            found.append(packet[at + 10 : at + 10 + size])
        at += 10 + size
    return found
