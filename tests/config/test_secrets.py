"""Secrets: read from where they lie, never repeated."""

import traceback
from pathlib import Path

import pytest

from outlast.config.secrets import (
    SECRET_BYTES_MAX,
    ExposedSecretWarning,
    SecretError,
    read_secret,
)
from outlast.model.topology import SecretKind, SecretRef

VALUE = "c2VjcmV0LW9mLW1pbmU="


def file_ref(where: str) -> SecretRef:
    return SecretRef(kind=SecretKind.FILE, where=where)


def test_a_file_beside_the_topology_is_read_without_its_line_break(tmp_path: Path) -> None:
    """Relative paths count from the topology's folder, absolute ones from the root."""
    path = tmp_path / "key"
    path.write_text(VALUE + "\r\n", encoding="utf-8")
    path.chmod(0o600)
    assert read_secret(file_ref("key"), tmp_path) == VALUE
    assert read_secret(file_ref(str(path)), "/nowhere") == VALUE


def test_an_environment_variable_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """`env:NAME` reads the process's environment at the moment of use."""
    monkeypatch.setenv("OUTLAST_TEST_KEY", f" {VALUE}\n")
    assert read_secret(SecretRef(kind=SecretKind.ENV, where="OUTLAST_TEST_KEY"), "/") == VALUE


@pytest.mark.parametrize("value", [None, "", " \n"])
def test_a_missing_or_empty_variable_is_named(
    monkeypatch: pytest.MonkeyPatch, value: str | None
) -> None:
    """The message says which variable, and whether it is missing or empty."""
    monkeypatch.delenv("OUTLAST_TEST_KEY", raising=False)
    if value is not None:
        monkeypatch.setenv("OUTLAST_TEST_KEY", value)
    with pytest.raises(SecretError, match=r"env:OUTLAST_TEST_KEY.*") as caught:
        read_secret(SecretRef(kind=SecretKind.ENV, where="OUTLAST_TEST_KEY"), "/")
    assert ("empty" in caught.value.what) == (value is not None)
    assert caught.value.exit_code == 2


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "cannot be read: No such file"),
        (b"", "is empty"),
        (b"\n \n", "is empty"),
        (b"hush\xff", "is not a text in UTF-8"),
        (b"hush" * SECRET_BYTES_MAX, "has more than"),
    ],
)
def test_a_file_that_holds_no_secret_is_named(
    tmp_path: Path, content: bytes | None, said: str
) -> None:
    """The error names file and reason, and not even its traceback holds what was read."""
    if content is not None:
        (tmp_path / "key").write_bytes(content)
        (tmp_path / "key").chmod(0o600)
    with pytest.raises(SecretError) as caught:
        read_secret(file_ref("key"), tmp_path)
    assert said in caught.value.what
    assert str(tmp_path / "key") in caught.value.what
    assert "hush" not in "".join(traceback.format_exception(caught.value))


def test_a_folder_and_an_impossible_path_are_errors_too(tmp_path: Path) -> None:
    """Nothing but `SecretError` comes out."""
    for where in (".", "a\0b"):
        with pytest.raises(SecretError):
            read_secret(file_ref(where), tmp_path)


@pytest.mark.parametrize("mode", [0o604, 0o602])
def test_a_file_that_everybody_reads_or_writes_is_warned_of(tmp_path: Path, mode: int) -> None:
    """It still works: refusing would turn a wrong mode into an outage."""
    path = tmp_path / "key"
    path.write_text(VALUE, encoding="utf-8")
    path.chmod(mode)
    with pytest.warns(ExposedSecretWarning, match="chmod 600") as caught:
        assert read_secret(file_ref("key"), tmp_path) == VALUE
    assert VALUE not in str(caught[0].message)
