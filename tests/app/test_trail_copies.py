"""Copies of the audit trail elsewhere: further folders, the checkpoint in the DNS, proofs to pass on."""

import json
from pathlib import Path

import pytest
from tests.support.system import System, invoke, until

pytestmark = pytest.mark.slow

TRAIL = "trail: {folders: [elsewhere], checkpoint: _trail.shop.test}\nregions:"


def public_key(world: System) -> str:
    """The public key of a world's trail, in a file."""
    path = world.folder / "trail.pub"
    path.write_text(invoke("log", "key", str(world.file)).out)
    return str(path)


def test_the_trail_is_published_to_further_folders_and_its_checkpoint_to_the_dns(
    still: System,
) -> None:
    """And whoever kept the record can tell that a log written anew is not that one."""
    still.edit("regions:", TRAIL)
    still.up_and_published()
    until(lambda: still.ask("_trail.shop.test", "TXT") != [], "a checkpoint in the DNS")
    public, copy = public_key(still), still.folder / "elsewhere"
    kept = f"dns:_trail.shop.test@127.0.0.1:{still.dns_port}"
    done = invoke("log", "verify", str(copy), "--key", public, "--older", kept)
    assert done.code == 0, done.out + done.err
    assert "it contains the older checkpoint of" in done.out

    proof = still.folder / "proof.json"
    made = invoke("log", "extends", kept, str(still.state_folder.trail), "--key", public)
    assert made.code == 0, made.err
    proof.write_text(made.out)
    good = invoke("log", "check", str(proof), "--key", public)
    assert good.code == 0, good.out + good.err
    assert "begins with that of" in good.out
    entry = invoke("log", "prove", "0", str(copy), "--key", public)
    assert (
        "entry 0 is in the log" in invoke("log", "check", "-", "--key", public, stdin=entry.out).out
    )
    wrong = json.loads(entry.out)
    wrong["entry"] = wrong["entry"].replace('"by":"', '"by":"not ')
    bad = invoke("log", "check", "-", "--key", public, stdin=json.dumps(wrong))
    assert (bad.code, bad.out.startswith("NOT PROVED")) == (1, True)


def test_wrong_use_is_told(still: System, tmp_path: Path) -> None:
    public = public_key(still)
    text = tmp_path / "text"
    text.write_text("nothing of the kind")
    done = invoke("log", "check", str(text), "--key", public)
    assert done.code == 2
    assert "this is no proof" in done.err
    still.edit("regions:", "trail: {checkpoint: _trail.elsewhere.test}\nregions:")
    done = invoke("config", "check", str(still.file))
    assert done.code == 2
    assert "no provider has a zone" in done.err
    still.edit("_trail.elsewhere.test", "www.shop.test")
    assert "something else of Outlast's" in invoke("config", "check", str(still.file)).err
