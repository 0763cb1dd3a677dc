"""Make the world `aws`: `python ops/aws_world.py table` and `python ops/aws_world.py world`.

`table` reduces botocore's public table of endpoints (which service answers in which region; Apache-2.0) to
`ops/aws/table.json`: run it to take over a newer one. `world` joins that table with the dependency classes
of `ops/aws/classes.yaml` and writes `src/outlast/drill/worlds/aws.yaml`, which ships. A test says when the
second was forgotten.
"""

import json
import sys
from pathlib import Path
from typing import Any

import yaml

HERE = Path(__file__).parent
TABLE = HERE / "aws" / "table.json"
CLASSES = HERE / "aws" / "classes.yaml"
WORLD = HERE.parent / "src" / "outlast" / "drill" / "worlds" / "aws.yaml"
REGIONS_MIN = 10
"""A service in fewer regions than this is left out: its loss is local news."""

NOTICE = (
    "Regions, services and pairs are reduced from botocore's data/endpoints.json, Copyright Amazon.com, "
    "Inc. or its affiliates, licensed under the Apache License 2.0; changed by leaving all else out."
)
ZONES = {"us-east-1": 6, "us-west-2": 4, "ap-northeast-1": 4, "ap-northeast-2": 4}
ZONES_ELSEWHERE = 3
COUNTRIES = {
    "af-south-1": "ZA", "ap-east-1": "HK", "ap-east-2": "TW", "ap-northeast-1": "JP",
    "ap-northeast-2": "KR", "ap-northeast-3": "JP", "ap-south-1": "IN", "ap-south-2": "IN",
    "ap-southeast-1": "SG", "ap-southeast-2": "AU", "ap-southeast-3": "ID", "ap-southeast-4": "AU",
    "ap-southeast-5": "MY", "ap-southeast-6": "NZ", "ap-southeast-7": "TH", "ca-central-1": "CA",
    "ca-west-1": "CA", "eu-central-1": "DE", "eu-central-2": "CH", "eu-north-1": "SE",
    "eu-south-1": "IT", "eu-south-2": "ES", "eu-west-1": "IE", "eu-west-2": "GB", "eu-west-3": "FR",
    "il-central-1": "IL", "me-central-1": "AE", "me-south-1": "BH", "mx-central-1": "MX",
    "sa-east-1": "BR", "us-east-1": "US", "us-east-2": "US", "us-west-1": "US", "us-west-2": "US",
}  # fmt: skip
TTL_S = {"dynamodb": 5}
TTL_ELSEWHERE_S, NEGATIVE_TTL_S = 60, 900

Json = dict[str, Any]


def reduced(endpoints: Json, version: str) -> Json:
    """Return the part of botocore's table that the world needs: one digit for each pair."""
    partition = next(one for one in endpoints["partitions"] if one["partition"] == "aws")
    regions = {name: one["description"] for name, one in partition["regions"].items()}
    services = {
        name: "".join("01"[region in one.get("endpoints", {})] for region in regions)
        for name, one in partition["services"].items()
    }
    return {"notice": NOTICE, "botocore": version, "regions": regions, "services": services}


def write_table() -> None:
    """Take the table over from the botocore that is installed."""
    import botocore  # noqa: PLC0415 - only whoever renews the table needs it

    data = Path(botocore.__file__).parent / "data" / "endpoints.json"
    table = reduced(json.loads(data.read_text()), botocore.__version__)
    TABLE.write_text(json.dumps(table, indent=1) + "\n")


def _flow(value: Any) -> str:
    """Write a value in one line."""
    text = yaml.safe_dump(value, default_flow_style=True, width=10**6, sort_keys=False)
    return text.removesuffix("...\n").strip()


class World:
    """Puts the world together from a table and classes."""

    def __init__(self, table: Json, classes: Json) -> None:
        self.regions: dict[str, str] = table["regions"]
        self._classes: Json = classes
        self._names = list(self.regions)
        self.placed: dict[str, list[str]] = {
            name: [one for one, digit in zip(self._names, digits, strict=True) if digit == "1"]
            for name, digits in table["services"].items()
            if digits.count("1") >= REGIONS_MIN and name not in classes["leave_out"]
        }
        for name, part in classes["parts"].items():
            where = part["regions"]
            self.placed[name] = self._names if where == "all" else where
        self._anchored = False
        self._check()

    def _check(self) -> None:
        named = {one for members in self._classes["members"].values() for one in members}
        strange = sorted(named - self.placed.keys())
        if strange:
            raise SystemExit(f"{CLASSES}: members that are not in this world: {', '.join(strange)}")

    def needs(self, name: str) -> list[Json]:
        """Return what a service needs: by its classes first, then by itself."""
        part = self._classes["parts"].get(name, {})
        own = [one for one, members in self._classes["members"].items() if name in members]
        default = ["signed"] if name not in self._classes["parts"] else []
        found: dict[str, Json] = {}
        for group in [*default, *part.get("classes", []), *own]:
            for need in self._classes["classes"][group]["needs"]:
                found.setdefault(need["service"], need)
        for need in part.get("needs", []):
            found[need["service"]] = need
        return [one for other, one in found.items() if other != name]

    def lines(self) -> list[str]:
        """Return the world's file."""
        out = [
            "# The world `aws`: which service answers in which region, and what needs what.",
            "# Written by `python ops/aws_world.py world`; sources stand in ops/aws/classes.yaml, pairs in",
            "# ops/aws/table.json. People are assumed; nothing here is measured at AWS.",
            *(f"# {NOTICE[at : at + 108]}" for at in range(0, len(NOTICE), 108)),
            "outlast: 1",
            "providers:",
            "endpoints:",
            "regions:",
        ]
        for name, title in self.regions.items():
            zones = ZONES.get(name, ZONES_ELSEWHERE)
            head = {"title": title, "country": COUNTRIES[name], "vendor": "aws", "zones": zones}
            out.append(f"  {name}: {_flow(head)}")
        out.append("services:")
        for name, regions in self.placed.items():
            out += self._service(name, regions)
        for name, one in self._classes["operations"].items():
            out += self._top(name, one, {"essential": True})
        for name, one in self._classes["applications"].items():
            out += self._top(name, one, {"audience": {"people": one["people"]}})
        return out

    def _where(self, regions: list[str]) -> str:
        if regions != self._names:
            return _flow(regions)
        first, self._anchored = not self._anchored, True
        return f"&all {_flow(regions)}" if first else "*all"

    def _service(self, name: str, regions: list[str]) -> list[str]:
        part = self._classes["parts"].get(name, {})
        out = [f"  {name}:", "    vendor: aws"]
        out += [f"    {key}: {_flow(part[key])}" for key in ("title", "role") if key in part]
        out.append(f"    regions: {self._where(regions)}")
        needs = self.needs(name)
        if needs:
            out.append(f"    needs: {_flow(needs)}")
        if name not in self._classes["parts"]:
            ttl_s = TTL_S.get(name, TTL_ELSEWHERE_S)
            resolving = {"ttl_s": ttl_s, "negative_ttl_s": NEGATIVE_TTL_S}
            out.append(f"    resolving: {_flow(resolving)}")
        return out

    def _top(self, name: str, one: Json, more: Json) -> list[str]:
        out = [
            f"  {name}:",
            f"    title: {_flow(one['title'])}",
            f"    regions: {self._where(self._names)}",
        ]
        out += [f"    {key}: {_flow(value)}" for key, value in more.items()]
        return [*out, f"    needs: {_flow(one['needs'])}"]


def world() -> str:
    """Return the text of the world."""
    table = json.loads(TABLE.read_text())
    classes = yaml.safe_load(CLASSES.read_text())
    return "\n".join(World(table, classes).lines()) + "\n"


def main(what: str) -> int:
    """Write the table or the world."""
    if what == "table":
        write_table()
    elif what == "world":
        WORLD.write_text(world())
    else:
        sys.stderr.write(f"{__doc__}\n")
        return 2
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1] if len(sys.argv) > 1 else ""))
