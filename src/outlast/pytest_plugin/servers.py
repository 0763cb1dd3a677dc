"""The servers behind faults that need one: on loopback, a thread a connection, gone with the outage."""

import contextlib
import select
import socket
import ssl
import struct
import threading
from collections.abc import Callable

LINGER_RESET = struct.pack("ii", 1, 0)
"""SO_LINGER with no time: closing sends RST, as a crashed machine's successor does."""

CHUNK = 65536

Serve = Callable[[socket.socket, threading.Event], None]


class Server:
    """A listener that hands each connection to a function, in a thread of its own."""

    def __init__(self, serve: Serve) -> None:
        self._serve = serve
        self._over = threading.Event()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._listener.settimeout(0.05)
        self.address: tuple[str, int] = self._listener.getsockname()
        self._threads = [threading.Thread(target=self._accept, daemon=True)]
        self._threads[0].start()

    def close(self) -> None:
        """End it and everything that it serves."""
        self._over.set()
        for thread in self._threads:
            thread.join(5)
        self._listener.close()

    def _accept(self) -> None:
        while not self._over.is_set():
            try:
                connection, _ = self._listener.accept()
            except TimeoutError:
                continue
            thread = threading.Thread(target=self._run, args=(connection,), daemon=True)
            self._threads.append(thread)
            thread.start()

    def _run(self, connection: socket.socket) -> None:
        # A client that leaves in the middle is what rehearsals are made of.
        with connection, contextlib.suppress(OSError):
            connection.settimeout(5)
            self._serve(connection, self._over)


def reset(connection: socket.socket, _: threading.Event) -> None:
    """Read something, then reset."""
    connection.recv(CHUNK)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, LINGER_RESET)


def answering(status: str, headers: str, body: str, context: ssl.SSLContext | None) -> Serve:
    """Return a function that gives each request of HTTP/1.1 one answer."""

    def serve(connection: socket.socket, over: threading.Event) -> None:
        plain = connection if context is None else context.wrap_socket(connection, server_side=True)
        with plain:
            while not over.is_set() and _read_request(plain):
                text = f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\n{headers}\r\n{body}"
                plain.sendall(text.encode())

    return serve


def _read_request(connection: socket.socket) -> bool:
    head = b""
    while b"\r\n\r\n" not in head:
        data = connection.recv(CHUNK)
        if not data:
            return False
        head += data
    head, _, body = head.partition(b"\r\n\r\n")
    for line in head.split(b"\r\n"):
        field, _, value = line.partition(b":")
        if field.strip().lower() == b"content-length":
            missing = int(value) - len(body)
            while missing > 0:
                missing -= len(connection.recv(CHUNK))
    return True


def handshake_only(context: ssl.SSLContext) -> Serve:
    """Return a function that shows a certificate and goes."""

    def serve(connection: socket.socket, _: threading.Event) -> None:
        with contextlib.suppress(ssl.SSLError):
            context.wrap_socket(connection, server_side=True).close()

    return serve


def proxy(upstream: Callable[[], socket.socket], *, delay_s: float, bytes_per_s: float) -> Serve:
    """Return a function that passes bytes on, late or in drops.

    Args:
        upstream: connects to the real server.
        delay_s: how long answers are held back.
        bytes_per_s: speed of the answers.
    """

    def serve(connection: socket.socket, over: threading.Event) -> None:
        with upstream() as real:
            while not over.is_set():
                ready, _, _ = select.select([connection, real], [], [], 0.05)
                for one in ready:
                    data = one.recv(CHUNK)
                    if not data:
                        return
                    if one is connection:
                        real.sendall(data)
                    elif not _pour(connection, data, over, delay_s, bytes_per_s):
                        return

    return serve


def _pour(
    connection: socket.socket,
    data: bytes,
    over: threading.Event,
    delay_s: float,
    bytes_per_s: float,
) -> bool:
    if over.wait(delay_s):
        return False
    if bytes_per_s == float("inf"):
        connection.sendall(data)
        return True
    for index in range(len(data)):
        connection.sendall(data[index : index + 1])
        if over.wait(1 / bytes_per_s):
            return False
    return True


class BlackHole:
    """An address where connecting hangs: a listener whose queue is full, so that the kernel drops SYNs."""

    def __init__(self) -> None:
        self._listener = socket.socket()
        self._listener.bind(("127.0.0.1", 0))
        self._listener.listen(0)
        self.address: tuple[str, int] = self._listener.getsockname()
        self._fillers = []
        for _ in range(4):
            filler = socket.socket()
            filler.settimeout(0)
            with contextlib.suppress(BlockingIOError):
                filler.connect(self.address)
            self._fillers.append(filler)

    def close(self) -> None:
        """Give the port back."""
        for one in (*self._fillers, self._listener):
            one.close()


class Closed:
    """An address that refuses: a port that is taken and not listened on."""

    def __init__(self) -> None:
        self._socket = socket.socket()
        self._socket.bind(("127.0.0.1", 0))
        self.address: tuple[str, int] = self._socket.getsockname()

    def close(self) -> None:
        """Give the port back."""
        self._socket.close()
