"""Images: whichever registry an image comes from is needed to start what runs it."""

import re

from outlast.drivers.discover.found import Found, SeenNeed, SeenService, evidence, word
from outlast.model.facts import Role
from outlast.model.service import DependencyKind

DEFAULT_REGISTRY = "docker.io"
"""Where an image comes from that names no host."""

_HOST = re.compile(r"(?P<host>[a-z0-9.-]+(?::[0-9]+)?)/")


def registry_of(image: str) -> str:
    """Return the host that an image is pulled from.

    A first part is a host only if it has a dot or a port, or is `localhost`; else it is a user.
    """
    found = _HOST.match(image)
    if found and ("." in found["host"] or ":" in found["host"] or found["host"] == "localhost"):
        return found["host"].partition(":")[0]
    return DEFAULT_REGISTRY


def need_image(found: Found, service: str, image: object, where: str) -> None:
    """Note that a service needs the registry of its image to start."""
    if not isinstance(image, str) or not image or "$" in image:
        return
    registry = word(registry_of(image))
    seen = evidence(f"{where}: image {image}")
    found.service(SeenService(name=registry, evidence=seen, role=Role.REGISTRY))
    found.need(
        SeenNeed(service=service, needs=registry, kind=DependencyKind.STARTUP, evidence=seen)
    )
