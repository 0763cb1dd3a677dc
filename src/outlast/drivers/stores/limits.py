"""The limits that every store keeps, so that what fits one engine fits all.

They lie below etcd's defaults (128 operations a transaction, 1.5 MiB a request), the tightest engine.
"""

from outlast.model.errors import StoreError
from outlast.ports import Change

KEY_BYTES_MAX = 512
"""UTF-8 bytes of a key: an endpoint's name (63), a DNS name (253) and a path around them fit."""

VALUE_BYTES_MAX = 1024 * 1024
"""Bytes of a value. A plan with 4,000 targets takes about 0.8 MiB."""

KEYS_PER_CHANGE_MAX = 127
"""Keys in each part of a change; `--max-txn-ops` of etcd is 128, and one is for its mark or session."""

CHANGE_BYTES_MAX = 1024 * 1024 + 128 * KEY_BYTES_MAX
"""Bytes of all keys and values that one change writes; below etcd's `--max-request-bytes`."""

PENDING_MAX = 10_000
"""Requests that may wait for one store. More means that it has stalled: say so, do not pile up."""


def check(change: Change) -> None:
    """Refuse what some engine could not hold.

    Raises:
        StoreError: a key, a value or the change as a whole is too long.
        ValueError: a key stands twice among the requirements or among what is written, so that the
            change contradicts itself.
    """
    written = [key for key, _ in change.puts] + list(change.deletes)
    required = [key for key, _ in change.requires]
    for keys in (written, required):
        if len(keys) > KEYS_PER_CHANGE_MAX:
            raise _refused(f"a change of {len(keys)} keys; a store takes {KEYS_PER_CHANGE_MAX}")
        if len(set(keys)) != len(keys):
            raise ValueError(f"a key stands twice in one change: {sorted(keys)}")
        for key in keys:
            check_key(key)
    size = sum(len(key.encode()) for key in written)
    for key, value in change.puts:
        size += len(value)
        if len(value) > VALUE_BYTES_MAX:
            raise _refused(f"{key}: a value of {len(value):,} bytes; limit {VALUE_BYTES_MAX:,}")
    if size > CHANGE_BYTES_MAX:
        raise _refused(f"a change of {size:,} bytes; a store takes {CHANGE_BYTES_MAX:,}")


def check_key(key: str) -> None:
    """Refuse a key that some engine could not hold.

    Raises:
        StoreError: it is empty, too long, or no text that UTF-8 can carry.
    """
    check_prefix(key)
    if not key:
        raise _refused("an empty key")


def check_prefix(prefix: str) -> None:
    """Refuse a prefix that no key could have.

    Raises:
        StoreError: it is too long, or no text that UTF-8 can carry.
    """
    try:
        size = len(prefix.encode())
    except UnicodeEncodeError:
        raise _refused(f"the key {prefix!r} is no valid text") from None
    if size > KEY_BYTES_MAX:
        raise _refused(f"a key of {size} bytes, {prefix[:40]!r}...; a store takes {KEY_BYTES_MAX}")
    if "\0" in prefix:
        raise _refused(f"the key {prefix!r} holds a NUL, which SQLite takes for its end")


def _refused(what: str) -> StoreError:
    return StoreError(f"the store refused {what}", remedy="split it; nothing was changed")
