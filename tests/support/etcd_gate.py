"""A gate before one etcd member: forwards what the others send it, or refuses what comes from some.

A member's connections to the others bear its number in their first lines (`X-Server-From`), and the
number of whom they are for (`X-Raft-To`); that is how a gate tells who knocks, and whose gate it is.
"""

import contextlib
import re
import socket
import threading

from tests.support.nameservers import HOST, free_port

from outlast.model.topology import Address

_FROM = re.compile(rb"\r\nX-Server-From: ([0-9a-f]+)\r\n", re.IGNORECASE)
_TO = re.compile(rb"\r\nX-Raft-To: ([0-9a-f]+)\r\n", re.IGNORECASE)
_HEAD_MAX = 16_384
EVERYBODY = "everybody"


class Gate:
    """Forwards TCP to one member, in threads of its own."""

    def __init__(self, target: Address) -> None:
        self.target = target
        self.own = ""
        self._refused: frozenset[str] = frozenset()
        self._open: set[tuple[str, socket.socket]] = set()
        self._lock = threading.Lock()
        self._socket = socket.create_server((HOST, free_port()))
        self.address = Address(host=HOST, port=self._socket.getsockname()[1])
        threading.Thread(target=self._accept, daemon=True, name="gate").start()

    def refuse(self, *sources: str) -> None:
        """Break the connections of these members, or of everybody, and refuse new ones."""
        with self._lock:
            self._refused = frozenset(sources)
            broken = [one for source, one in self._open if self._is_refused(source)]
        for one in broken:
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)

    def allow(self) -> None:
        """Let everybody pass again."""
        self.refuse()

    def close(self) -> None:
        """Break everything."""
        self.refuse(EVERYBODY)
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()

    def _is_refused(self, source: str) -> bool:
        return EVERYBODY in self._refused or source in self._refused

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._socket.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        with client, contextlib.suppress(OSError):
            head = b""
            while b"\r\n\r\n" not in head and len(head) < _HEAD_MAX:
                data = client.recv(4096)
                if not data:
                    return
                head += data
            source = (_FROM.search(head) or [b"", b""])[1].decode()
            self.own = (_TO.search(head) or [b"", self.own.encode()])[1].decode()
            with socket.create_connection((self.target.host, self.target.port), 2) as server:
                self._pass(source, client, server, head)

    def _pass(self, source: str, client: socket.socket, server: socket.socket, head: bytes) -> None:
        server.settimeout(None)
        mine = {(source, client), (source, server)}
        with self._lock:
            if self._is_refused(source):
                return
            self._open |= mine
        try:
            server.sendall(head)
            back = threading.Thread(target=_pump, args=(server, client), daemon=True)
            back.start()
            _pump(client, server)
            back.join()
        finally:
            with self._lock:
                self._open -= mine


def _pump(source: socket.socket, target: socket.socket) -> None:
    """Pass on what comes until either end closes, then close both."""
    with contextlib.suppress(OSError):
        while data := source.recv(65_536):
            target.sendall(data)
    for one in (source, target):
        with contextlib.suppress(OSError):
            one.shutdown(socket.SHUT_RDWR)
