"""The exported declarations are a topology that the reader of topologies takes."""

from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner

from outlast.app.commands.client import client, find
from outlast.client import Application, LastGood, OtherRegion, Value
from outlast.client.export import topology_of
from outlast.config import load
from outlast.model.errors import ConfigError

ROOT = Path(__file__).parents[2]


def _shop() -> Application:
    shop = Application("shop")
    orders = shop.dependency(
        "orders db",
        essential=True,
        hosts=("a.example", "b.example"),
        regions=("us-east", "us-west"),
        fallbacks=(OtherRegion(),),
    )
    prices = shop.dependency("prices", essential=False, fallbacks=(LastGood(600), Value(0)))
    shop.serves("place order", essential=True, needs=(orders,), wants=(prices,))(lambda: None)
    return shop


def test_edges_say_what_the_fallbacks_are_worth() -> None:
    """No local fallback is hard, a last good result is cached for its age."""
    services = topology_of(_shop())["services"]
    assert services["shop"]["needs"] == [
        {"service": "orders-db", "kind": "hard"},
        {"service": "prices", "kind": "cached", "cached_s": 600},
    ]
    assert services["shop-place-order"]["essential"] is True


def test_the_file_reads_back(tmp_path: Path) -> None:
    """`outlast.config` takes the export as it is, with every edge."""
    whole = yaml.safe_load((ROOT / "examples" / "three-regions.yaml").read_text())
    part = topology_of(_shop())
    whole["regions"].update(part["regions"])
    whole["services"] = {**whole.get("services", {}), **part["services"]}
    file = tmp_path / "shop.yaml"
    file.write_text(yaml.safe_dump(whole))
    loaded = load(file)
    names = {str(one.name): one for one in loaded.topology.services}
    assert len(names["shop"].needs) == 2
    assert [str(one) for one in names["orders-db"].regions] == ["us-east", "us-west"]


def test_the_command_writes_what_the_function_gives(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`outlast client export module:name` imports and prints."""
    (tmp_path / "tiny_shop_x.py").write_text(
        "from outlast.client import Application\napp = Application('tiny')\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    result = CliRunner().invoke(client, ["export", "tiny_shop_x:app"])
    assert yaml.safe_load(result.output)["services"]["tiny"]["title"] == "tiny"


def test_what_is_no_application_is_said() -> None:
    """A wrong place is a configuration error that names it."""
    with pytest.raises(ConfigError, match="json:dumps"):
        find("json:dumps")
