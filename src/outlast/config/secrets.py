"""Secrets: read from where the topology says they lie, at the moment they are used.

A secret is never part of an error, a log line or a `repr`: this module hands it out as a bare text, and
its errors name the place only.
"""

import os
import stat
import warnings
from pathlib import Path

from outlast.model.errors import ConfigError
from outlast.model.topology import SecretKind, SecretRef

SECRET_BYTES_MAX = 65_536
"""A TSIG key has below a hundred bytes; what is bigger is another file."""


class SecretError(ConfigError):
    """A secret is not where the topology says, or is none."""


class ExposedSecretWarning(UserWarning):
    """Other users of this machine can read the file of a secret."""


def read_secret(ref: SecretRef, base_dir: str | os.PathLike[str]) -> str:
    """Return a secret, without blanks and line breaks around it.

    Args:
        base_dir: the folder that relative paths count from: that of the topology file.

    Raises:
        SecretError: it is missing, unreadable or empty. The message never holds what was read.
    """
    if ref.kind is SecretKind.ENV:
        return _of_environment(ref)
    path = Path(base_dir) / ref.where
    try:
        with path.open("rb") as file:
            mode = os.fstat(file.fileno()).st_mode
            data = file.read(SECRET_BYTES_MAX + 1)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "the path is not valid"
        remedy = (
            "create it, readable for the user of Outlast; relative paths count from the topology"
        )
        raise SecretError(f"secret {ref}: {path} cannot be read: {reason}", remedy=remedy) from None
    if len(data) > SECRET_BYTES_MAX:
        what = f"secret {ref}: {path} has more than {SECRET_BYTES_MAX} bytes"
        raise SecretError(what, remedy="it is another file: name the one with the secret alone")
    if mode & (stat.S_IROTH | stat.S_IWOTH):
        message = (
            f"secret {ref}: every user of this machine can read or change {path}: chmod 600 {path}"
        )
        warnings.warn(message, ExposedSecretWarning, stacklevel=2)
    try:
        text = data.decode("utf-8").strip()
    except UnicodeDecodeError:
        what = f"secret {ref}: {path} is not a text in UTF-8"
        # Not chained: the error would carry the bytes.
        raise SecretError(what, remedy="store the key's base64 text, not its bytes") from None
    if not text:
        raise SecretError(f"secret {ref}: {path} is empty", remedy="put the secret into it")
    return text


def _of_environment(ref: SecretRef) -> str:
    text = os.environ.get(ref.where)
    if text is None:
        what = f"secret {ref}: there is no environment variable {ref.where}"
        raise SecretError(what, remedy=f"set {ref.where} for the process that runs Outlast")
    if not text.strip():
        what = f"secret {ref}: the environment variable {ref.where} is empty"
        raise SecretError(what, remedy="put the secret into it")
    return text.strip()
