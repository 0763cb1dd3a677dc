"""Any bytes are a response, no response yet, or none ever: never an error of ours."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from outlast.drivers.probes.response import (
    LINE_BYTES_MAX,
    RESPONSE_BYTES_MAX,
    Malformed,
    final_status,
    missing_bytes,
)


@pytest.mark.parametrize(
    ("received", "status"),
    [
        (b"HTTP/1.1 200 OK\r\n", 200),
        (b"HTTP/1.0 503 Service Unavailable\r\n", 503),
        (b"HTTP/1.1 204\r\n", 204),
        (b"HTTP/1.1 200 OK\n", 200),
        (b"HTTP/1.1 301 Moved\r\nLocation: /\r\n\r\n", 301),
        (b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n", 200),
        (b"HTTP/1.1 103 Hints\r\nLink: a\r\n\r\nHTTP/1.1 103 X\r\n\r\nHTTP/1.1 500 X\r\n", 500),
        (b"HTTP/1.1 101 Switching Protocols\r\n\r\nHTTP/1.1 200 OK\r\n", 101),
    ],
)
def test_the_final_status_is_found(received: bytes, status: int) -> None:
    found = final_status(received)
    assert found is not None
    assert found[0] == status


@pytest.mark.parametrize(
    "received",
    [
        b"",
        b"HTT",
        b"HTTP/1.1 200 OK",
        b"HTTP/1.1 100 Continue\r\n\r\n",
        b"HTTP/1.1 100 C\r\nA: b\r\n",
    ],
)
def test_more_bytes_are_wanted_as_long_as_they_may_help(received: bytes) -> None:
    assert final_status(received) is None


@pytest.mark.parametrize(
    "received",
    [
        b"SSH-2.0-OpenSSH_9.2\r\n",
        b"S",
        b"\r\nHTTP/1.1 200 OK\r\n",
        b"HTTP/2 200\r\n",
        b"HTTP/1.1 20 OK\r\n",
        b"HTTP/1.1 099 OK\r\n",
        b"HTTP/1.1 2000 OK\r\n",
        b"<html>hello</html>",
        b"HTTP/1.1 100 Continue\r\n\r\nnonsense\r\n",
        b"HTTP/1.1 200 " + b"x" * LINE_BYTES_MAX,
        b"HTTP/1.1 100 C\r\n" + b"a: b\r\n" * (RESPONSE_BYTES_MAX // 6),
    ],
)
def test_what_can_never_become_a_response_is_told_at_once(received: bytes) -> None:
    with pytest.raises(Malformed):
        final_status(received)


@given(st.binary(max_size=200) | st.binary(max_size=99).map(lambda rest: b"HTTP/1.1 200" + rest))
def test_no_bytes_raise_anything_but_malformed(received: bytes) -> None:
    try:
        status = final_status(received)
    except Malformed:
        return
    if status is not None:
        assert 101 <= status[0] <= 999
        missing_bytes(received, *status)


@given(st.integers(0, 3), st.sampled_from((200, 302, 503)), st.binary(max_size=50), st.data())
def test_a_torn_response_has_the_status_of_the_whole_one(
    interim: int, status: int, body: bytes, data: st.DataObject
) -> None:
    head = b"HTTP/1.1 100 Continue\r\n\r\n" * interim
    line = f"HTTP/1.1 {status} Reason\r\nContent-Length: {len(body)}\r\n\r\n".encode()
    whole = head + line + body
    begin = data.draw(st.integers(0, len(whole)))
    torn = final_status(whole[:begin])
    assert torn in (None, (status, len(head)))
    assert final_status(whole) == (status, len(head))
    assert missing_bytes(whole, status, len(head)) == 0


@pytest.mark.parametrize(
    ("received", "missing"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nok\n", 0),
        (b"HTTP/1.1 200 OK\r\nX: y\r\ncontent-LENGTH: 3 \r\n\r\nok", 1),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n", 1),
        (b"HTTP/1.1 204 No Content\r\n\r\n", 0),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nok\n\n", None),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 99999\r\n\r\n", None),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", None),
        (b"HTTP/1.1 200 OK\r\nConnection: Close\r\nContent-Length: 0\r\n\r\n", None),
        (b"HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n", None),
        (b"HTTP/1.1 200 OK\r\n\r\nbody until the end", None),
    ],
)
def test_only_a_response_whose_end_is_told_lets_a_connection_be_kept(
    received: bytes, missing: int | None
) -> None:
    assert missing_bytes(received, 204 if b" 204 " in received else 200, 0) == missing
