"""The tables of providers that are written to through an API of their own: the clouds."""

from urllib.parse import urlsplit

from outlast.config.fields import Field, Flag, Listing, Part, Real, Table, Text, Whole
from outlast.config.texts import DNS_NAME, IP, LINE
from outlast.model.api import Alias, Api


def parse_url(text: str) -> str:
    """Read the address of an API; plain HTTP only on this machine, since requests carry credentials."""
    parts = urlsplit(text)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ValueError("it is no URL of an API")
    if parts.scheme == "http" and parts.hostname not in {"127.0.0.1", "::1", "localhost"}:
        raise ValueError("credentials would travel in the clear")
    return text.rstrip("/")


URL = Text(
    label="URL",
    parse=parse_url,
    remedy="write `https://...`; `http://` only for this machine",
    pattern="^https?://",
)

ALIAS = Table(
    name="alias",
    meaning="A load balancer of the cloud that stands in the place of a target's address.",
    model=Alias,
    fields=(
        Field(
            key="address",
            kind=IP,
            required=True,
            meaning="The target's address in this file; plans, probes and proofs speak of it.",
        ),
        Field(
            key="name",
            kind=DNS_NAME,
            required=True,
            meaning="The DNS name that the cloud gave the load balancer.",
        ),
        Field(
            key="zone_id",
            kind=LINE,
            required=True,
            meaning="The hosted zone of that name, as the cloud lists it for the load balancer's region.",
        ),
        Field(
            key="evaluate_health",
            kind=Flag(),
            meaning="Whether the cloud leaves it out while it finds it sick itself.",
        ),
    ),
)

API = Table(
    name="api",
    meaning="How a cloud is reached.",
    model=Api,
    fields=(
        Field(key="endpoint", kind=URL, meaning="Where its API is; none: the vendor's own."),
        Field(
            key="zone_id",
            kind=LINE,
            meaning="The zone's id there, for providers of one zone; none: looked up by name.",
        ),
        Field(key="project", kind=LINE, meaning="`gcloud`: the project that the zones belong to."),
        Field(
            key="role",
            kind=LINE,
            meaning="`route53`: the ARN of a role to assume, for zones of another account.",
        ),
        Field(
            key="external_id",
            kind=LINE,
            meaning="`route53`: what the role's owner asks for beside it.",
        ),
        Field(
            key="profile",
            kind=LINE,
            meaning="`route53`: the profile of the shared configuration.",
        ),
        Field(
            key="aliases",
            kind=Listing(item=Part(ALIAS)),
            meaning="`route53`: load balancers that stand in the place of addresses.",
        ),
        Field(
            key="health_port",
            kind=Whole(low=0, high=65535),
            meaning="`powerdns`: the TCP port that it looks at before it gives an address; 0: none.",
        ),
        Field(
            key="request_rate",
            kind=Real(low=0, high=1000, open=True),
            meaning="Requests of any kind a second that the vendor allows; kept for all parts of a process.",
            too_small="Changes and proofs wait for their turn.",
            too_large="The vendor throttles us, and whoever else uses the account.",
        ),
        Field(
            key="request_burst",
            kind=Whole(low=1, high=1000),
            meaning="How many requests may be sent at once after a pause.",
        ),
        Field(
            key="writes_max",
            kind=Whole(low=1, high=100),
            meaning="Writes to one zone that may be under way at once.",
            too_large="The vendor refuses what comes while it works on the zone.",
        ),
        Field(
            key="settle_s",
            unit="s",
            kind=Real(low=0, high=600),
            meaning="How long a write waits until all servers of the vendor have it; 0: not at all.",
            too_large="A newer plan of the same endpoint waits as long.",
        ),
    ),
)
