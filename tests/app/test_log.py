"""`outlast log`: what runs is logged, verified with a copy of the files and a key, and told by name."""

import functools
import http.server
import json
import shutil
import threading
from pathlib import Path

import pytest
from tests.support.system import AP, EU, US, System, invoke, until

from outlast.app.commands.log import reader
from outlast.model.errors import ConfigError
from outlast.trail.entry import pack
from outlast.trail.merkle import check_inclusion, leaf_hash
from outlast.trail.note import Verifier, open_checkpoint
from outlast.trail.verify import TamperedError, entries, read_checkpoint

pytestmark = pytest.mark.slow


def trail(world: System) -> Path:
    """The folder that is published."""
    return world.state_folder.trail


def key(world: System) -> str:
    """The public key, as people pass it on."""
    done = invoke("log", "key", str(world.file))
    assert done.code == 0, done.err
    return done.out.strip()


def told(world: System, text: str) -> None:
    """Wait until the published log tells something: files are written before they are counted."""
    public = Verifier.parse(key(world))
    until(
        lambda: any(text in one for one in counted(trail(world), public)), f"{text!r} in the trail"
    )


def counted(folder: Path, public: Verifier) -> list[str]:
    """The entries that the checkpoint counts."""
    try:
        size = read_checkpoint(reader(str(folder)), public).size
        found = entries(reader(str(folder)), size)
        return [pack(one).decode() for _, one in found]
    except (ConfigError, TamperedError):
        return []  # not there yet, or it was written meanwhile


def bundles(folder: Path) -> list[Path]:
    return [one for one in folder.glob("tile/entries/**/*") if one.is_file()]


def test_what_happens_is_logged_and_verified_elsewhere(running: System, tmp_path: Path) -> None:
    """A copy of the folder and the key are enough; people's names are not in it."""
    told(running, '"event":"published"')
    frozen = running.outlast("freeze", "shop", "--reason", "look at it", "--by", "somebody")
    assert frozen.code == 0, frozen.err
    told(running, "look at it")
    copy = shutil.copytree(trail(running), tmp_path / "elsewhere")
    public = tmp_path / "trail.pub"
    public.write_text(key(running))

    done = invoke("log", "verify", str(copy), "--key", str(public))
    assert done.code == 0, done.out + done.err
    assert "verified:" in done.out
    story = invoke("log", "story", "shop", str(copy), "--key", str(public))
    assert "plan" in story.out
    assert "published" in story.out
    assert "look at it" in story.out
    assert "somebody" not in story.out
    shown = invoke("log", "show", str(copy), "--key", str(public), "--last", "1", "--json")
    (last,) = json.loads(shown.out)
    assert last["by"].startswith("person-")
    plans = [
        one
        for one in json.loads(
            invoke("log", "story", "shop", str(copy), "--key", str(public), "--json").out
        )
        if one["event"] == "plan"
    ]
    assert {"plan", "ruling"} <= set(plans[0]["data"])

    running.regions.fail(US)
    assert running.outlast("thaw", "shop").code == 0
    running.wait_for(EU, AP)
    told(running, '"generation":2')
    later = invoke(
        "log",
        "verify",
        str(trail(running)),
        "--key",
        str(public),
        "--older",
        str(copy / "checkpoint"),
        "--json",
    )
    assert later.code == 0, later.out + later.err
    assert json.loads(later.out)["older"] > 0


def test_an_edited_copy_is_told(running: System, tmp_path: Path) -> None:
    """With what was changed, and exit code 1."""
    told(running, '"event":"published"')
    copy = shutil.copytree(trail(running), tmp_path / "edited")
    for bundle in bundles(copy):
        bundle.write_bytes(bundle.read_bytes().replace(b"published", b"publishes"))
    done = invoke("log", "verify", str(copy), "--key", key(running))
    assert done.code == 1
    assert "TAMPERED WITH: entry" in done.out
    assert invoke("log", "story", "shop", str(copy), "--key", key(running)).code == 1


def test_a_proof_of_one_entry_stands_alone(running: System) -> None:
    """Whoever has the key can check it, without the log."""
    told(running, '"event":"published"')
    public = key(running)
    proof = json.loads(invoke("log", "prove", "0", str(trail(running)), "--key", public).out)
    checkpoint = open_checkpoint(proof["checkpoint"], Verifier.parse(public))
    leaf = leaf_hash(proof["entry"].encode())
    assert leaf.hex() == proof["leaf"]
    path = [bytes.fromhex(one) for one in proof["path"]]
    check_inclusion(leaf, 0, checkpoint.size, path, checkpoint.root)
    beyond = invoke("log", "prove", "999999", str(trail(running)), "--key", public)
    assert beyond.code == 2
    assert "there is no entry 999999" in beyond.err


def test_a_log_is_read_from_any_file_host(running: System) -> None:
    """By its URL."""
    told(running, '"event":"published"')
    handler = functools.partial(QuietFiles, directory=str(trail(running)))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_port}/"
        done = invoke("log", "verify", url, "--key", key(running))
        server.shutdown()
    assert done.code == 0, done.out + done.err


class QuietFiles(http.server.SimpleHTTPRequestHandler):
    """Serves files and says nothing."""

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base's name
        del format, args


def test_wrong_use_is_told(still: System, tmp_path: Path) -> None:
    """No log, no key, a key that is none."""
    done = invoke("log", "verify", str(tmp_path), "--key", "x")
    assert done.code == 2
    assert "is no public key" in done.err
    done = invoke("log", "verify", str(tmp_path), "--key", key(still))
    assert done.code == 2
    assert "holds no log" in done.err
