"""The table of the audit trail: where copies of it are published."""

from outlast.config.fields import Field, Listing, Table
from outlast.config.texts import DNS_NAME, LINE
from outlast.model.topology import TrailChoice

TRAIL = Table(
    name="trail",
    meaning="Where the audit trail is published beside the state folder: whoever keeps a copy can tell "
    "whether it was written anew.",
    model=TrailChoice,
    fields=(
        Field(
            key="folders",
            kind=Listing(item=LINE),
            meaning="Further folders to publish it to, such as one that another host serves; relative to "
            "this file.",
        ),
        Field(
            key="checkpoint",
            kind=DNS_NAME,
            meaning="Name of a TXT record that is to hold the newest signed checkpoint, in a zone of one of "
            "the providers, such as `_trail.example.org`. It is written at most once a minute.",
        ),
    ),
)
