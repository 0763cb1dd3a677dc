"""The sockets that a name server listens on: UDP and TCP on each address, shared with nobody."""

import errno
import socket

from outlast.model.errors import ConfigError
from outlast.model.topology import Address

BACKLOG = 1024
UDP_BUFFER_BYTES = 4 * 1024 * 1024
"""Room for a burst while the event loop is elsewhere; the system may grant less."""

_REMEDIES = {
    errno.EADDRINUSE: "stop the server that has it (`ss -lunt` lists them), or listen elsewhere",
    errno.EACCES: "ports below 1024 need the right to bind them (CAP_NET_BIND_SERVICE)",
    errno.EADDRNOTAVAIL: "listen on an address that this machine has",
}


def bind(address: Address, kind: socket.SocketKind) -> socket.socket:
    """Open and bind one socket.

    SO_REUSEPORT is not set: with it a second server starts without complaint, and each answers a part
    of the questions. SO_REUSEADDR is set for TCP alone, where it only skips the wait for connections
    that have ended; for UDP it would mean sharing.

    Raises:
        ConfigError: the address cannot be had.
    """
    family = socket.AF_INET6 if ":" in address.host else socket.AF_INET
    sock = socket.socket(family, kind)
    try:
        sock.settimeout(0)
        if family == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        if kind == socket.SOCK_STREAM:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        else:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, UDP_BUFFER_BYTES)
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, UDP_BUFFER_BYTES)
        sock.bind((address.host, address.port))
        if kind == socket.SOCK_STREAM:
            sock.listen(BACKLOG)
    except OSError as error:
        sock.close()
        name = "UDP" if kind == socket.SOCK_DGRAM else "TCP"
        code = error.errno or 0
        raise ConfigError(
            f"the name server cannot listen on {address} ({name}): {error.strerror}",
            remedy=_REMEDIES.get(code, "listen elsewhere"),
        ) from error
    return sock
