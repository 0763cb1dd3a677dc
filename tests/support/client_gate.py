"""A gate between a client and a server over TCP: it can lose the answers, keep the requests, or let go."""

import contextlib
import socket
import threading
import time
from enum import Enum

from tests.support.nameservers import HOST, free_port

from outlast.model.topology import Address


class Mode(Enum):
    """What a gate does with what comes."""

    PASS = "passes both ways"
    MUTE = "loses what the server says"
    HOLD = "keeps what the client says until it is let go"
    CUT = "breaks every connection and refuses new ones"


class ClientGate:
    """Forwards TCP to one server, in threads of its own."""

    def __init__(self, target: Address) -> None:
        self._target = target
        self._mode = Mode.PASS
        self._held: list[tuple[socket.socket, bytes]] = []
        self._pairs: list[tuple[socket.socket, socket.socket]] = []
        self._lock = threading.Lock()
        self._socket = socket.create_server((HOST, free_port()))
        self.address = Address(host=HOST, port=self._socket.getsockname()[1])
        self.held = threading.Event()
        self._sealed = False
        threading.Thread(target=self._accept, daemon=True, name="client-gate").start()

    def turn(self, mode: Mode) -> None:
        """Do something else from now on. What was held goes on its way, if the way is open."""
        with self._lock:
            self._mode = mode
            held, self._held = (self._held, []) if mode is not Mode.HOLD else ([], self._held)
            if mode is Mode.CUT:
                for one in (one for pair in self._pairs for one in pair):
                    with contextlib.suppress(OSError):
                        one.shutdown(socket.SHUT_RDWR)
                self._pairs.clear()
            for server, data in held:
                with contextlib.suppress(OSError):
                    server.sendall(data)
        if mode is Mode.HOLD:
            self.held.clear()

    def seal(self) -> None:
        """Keep what is held, and lose what comes after it: the client's wish to take it back, too."""
        with self._lock:
            self._sealed = True

    def close(self) -> None:
        """Break everything."""
        self.turn(Mode.CUT)
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._socket.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        with client, contextlib.suppress(OSError):
            if self._mode is Mode.CUT:
                return
            with socket.create_connection((self._target.host, self._target.port), 2) as server:
                server.settimeout(None)
                with self._lock:
                    self._pairs.append((client, server))
                back = threading.Thread(target=self._downwards, args=(client, server), daemon=True)
                back.start()
                self._upwards(client, server)
                # Its client may leave: what is held may arrive all the same.
                while any(one is server for one, _ in self._held):
                    time.sleep(0.01)
                server.shutdown(socket.SHUT_WR)
                back.join()

    def _upwards(self, client: socket.socket, server: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := client.recv(65_536):
                with self._lock:
                    if self._sealed:
                        continue
                    if self._mode is Mode.HOLD:
                        self._held.append((server, data))
                        self.held.set()
                        continue
                    server.sendall(data)

    def _downwards(self, client: socket.socket, server: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := server.recv(65_536):
                if self._mode is not Mode.MUTE:
                    client.sendall(data)
        with contextlib.suppress(OSError):
            client.shutdown(socket.SHUT_RDWR)
