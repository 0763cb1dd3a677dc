"""The rules: what must hold between the fields of a topology. One function a rule, in four files.

`endpoints` looks at one endpoint alone, `names` at the DNS names of all, `references` at what points to
what, `world` at providers, vantages, services and settings. Nothing here knows of files or lines.
"""

from collections.abc import Iterator

from outlast.config.finding import Finding
from outlast.config.rules import endpoints, mirrors, names, references, trees, world
from outlast.config.rules.case import Case


def judge(case: Case) -> Iterator[Finding]:
    """Yield everything that is wrong between the fields of a topology."""
    yield from references.unknown(case)
    yield from names.judge(case)
    yield from endpoints.judge(case)
    yield from mirrors.judge(case)
    yield from trees.judge(case)
    yield from world.judge(case)
