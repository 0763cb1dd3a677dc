"""The table of the store: in a file on this machine, or in an etcd for several machines."""

from outlast.config.fields import Field, Flag, Listing, Table
from outlast.config.texts import LINE, SECRET, SERVER
from outlast.model.topology import StoreChoice

STORE = Table(
    name="store",
    meaning="Where plans, votes and the journal are kept. For progress only: the DNS is safe without it.",
    model=StoreChoice,
    sensitive=True,
    fields=(
        Field(
            key="etcd",
            kind=Listing(item=SERVER, lone=True),
            meaning="The members of an etcd, for roles on several machines, such as `10.0.0.1:2379`; "
            "none: a file on this machine. `--store` says otherwise.",
        ),
        Field(
            key="prefix",
            kind=LINE,
            default="outlast/",
            meaning="What our keys begin with. Two topologies in one etcd need two.",
        ),
        Field(key="tls", kind=Flag(), meaning="Whether to speak TLS to etcd."),
        Field(
            key="ca",
            kind=LINE,
            meaning="File with the authority that vouches for etcd (PEM), relative to this file; none: "
            "the system's.",
        ),
        Field(
            key="certificate",
            kind=LINE,
            meaning="File with our certificate (PEM), where etcd asks for one.",
        ),
        Field(key="key", kind=SECRET, meaning="Where that certificate's key lies (PEM)."),
        Field(key="user", kind=LINE, meaning="Our name at etcd, where its authentication is on."),
        Field(key="password", kind=SECRET, meaning="Where our password lies."),
    ),
)
