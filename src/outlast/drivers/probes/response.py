"""The little of an HTTP/1 response that a probe needs: its final status, and where it ends.

Pure functions over the bytes received so far, so that every shape of response, dripped or torn, is one
case of "so far". What is judged is the status line alone: a probe asks whether the target serves, and a
target that says 200 does. Redirects are not followed; 3xx is a status like any other.
"""

import re

LINE_BYTES_MAX = 4_096
"""A status line longer than this is none. (Servers limit theirs to 8 KiB for whole header blocks.)"""

RESPONSE_BYTES_MAX = 65_536
"""Interim responses, and bodies read only to keep a connection, together at most."""

_STATUS_LINE = re.compile(rb"HTTP/1\.\d ([1-9]\d\d)(?: [^\r\n]*)?\r?\n")
_BEGIN = b"HTTP/1."
_HEADERS_END = re.compile(rb"\r?\n\r?\n")
_CONTENT_LENGTH = re.compile(rb"\ncontent-length:[ \t]*(\d{1,10})[ \t]*\r?(?=\n)", re.IGNORECASE)
_UNKEEPABLE = re.compile(rb"\n(?:transfer-encoding:|connection:[^\n]*\bclose\b)", re.IGNORECASE)
_SHOWN_BYTES = 24
_SWITCHING_PROTOCOLS = 101
_BODILESS = (204, 304)


class Malformed(Exception):
    """These bytes are no HTTP/1 response; the message says so to people."""


def final_status(received: bytes) -> tuple[int, int] | None:
    """Return the final status and where its status line begins, or None if more bytes are needed.

    Interim responses (100 Continue, 103 Early Hints: RFC 9110 section 15.2) come before the final
    one. 101 is final: it ends HTTP, and nobody asked for that.

    Raises:
        Malformed: no bytes that may follow make it a response.
    """
    begin = 0
    while True:
        status = _status_at(received, begin)
        if status is None:
            return None
        if status >= 200 or status == _SWITCHING_PROTOCOLS:
            return status, begin
        end = _HEADERS_END.search(received, begin)
        if end is None:
            if len(received) > RESPONSE_BYTES_MAX:
                raise Malformed("interim responses without end")
            return None
        begin = end.end()


def _status_at(received: bytes, begin: int) -> int | None:
    match = _STATUS_LINE.match(received, begin)
    if match is not None:
        return int(match[1])
    line = received[begin : begin + LINE_BYTES_MAX]
    if line[: len(_BEGIN)] != _BEGIN[: len(line)] or b"\n" in line:
        raise Malformed(f"no HTTP/1 response: {line[:_SHOWN_BYTES]!r}")
    if len(line) == LINE_BYTES_MAX:
        raise Malformed("a status line without end")
    return None


def missing_bytes(received: bytes, status: int, begin: int) -> int | None:
    """Return how many bytes are missing until another request may follow on the connection.

    At least 1 while the headers are not complete. None: the connection cannot be kept, since the
    server closes it, or its end is not told by a small Content-Length (a probe's response that is
    chunked or big is not worth the reading).
    """
    end = _HEADERS_END.search(received, begin)
    if end is None:
        return 1 if len(received) - begin <= RESPONSE_BYTES_MAX else None
    if not received.startswith(b"HTTP/1.1", begin) or _UNKEEPABLE.search(
        received, begin, end.end()
    ):
        return None
    if status in _BODILESS:
        return _rest(end.end(), received)
    length = _CONTENT_LENGTH.search(received, begin, end.end())
    if length is None or int(length[1]) > RESPONSE_BYTES_MAX:
        return None
    return _rest(end.end() + int(length[1]), received)


def _rest(end: int, received: bytes) -> int | None:
    """Return what is missing; None if there is more than was announced (a broken server)."""
    return end - len(received) if end >= len(received) else None
