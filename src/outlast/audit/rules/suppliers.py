"""DIV, the suppliers: who signs in, certifies, keeps secrets, images and names, if there is only one.

"The only one" means that no spare road leads around it: a service falls, or cannot be started or changed,
with this one alone. Whoever needs one of two (`group`) is not found here.
"""

from collections.abc import Iterator

from outlast.audit.case import Case, of_service
from outlast.audit.finding import Hit, Severity, count, listed
from outlast.audit.graph import Mode
from outlast.audit.incidents import (
    AWS,
    GITLAB,
    GOOGLE,
    INCIDENT_IO,
    LETS_ENCRYPT,
    ONES_2023,
    ONES_2025,
    ROBLOX,
)
from outlast.audit.rule import Check, Rule
from outlast.model.facts import Role

NOUNS = {
    Role.RESOLVER: "resolver",
    Role.CERTIFICATES: "certificate authority",
    Role.IDENTITY: "identity provider",
    Role.SECRETS: "secret store",
    Role.REGISTRY: "registry of images or packages",
}


def _only(role: Role) -> Check:
    """Return the check for one role."""

    def check(case: Case) -> Iterator[Hit]:
        for supplier in case.with_role(role):
            thing = of_service(supplier)
            falling = [one for one in case.fallen(thing, Mode.RECOVERY) if one is not supplier]
            if falling:
                names = listed([one.name for one in falling])
                yield Hit(
                    path=("services", supplier.name),
                    message=f"`{supplier.name}` is the only {NOUNS[role]} behind "
                    f"{count(len(falling), 'essential service')}: {names}",
                    at_key=True,
                    roads=case.roads(falling, thing, Mode.RECOVERY),
                    lost=(thing,),
                )

    return check


_resolver = _only(Role.RESOLVER)
_certificates = _only(Role.CERTIFICATES)
_identity = _only(Role.IDENTITY)
_secrets = _only(Role.SECRETS)
_registry = _only(Role.REGISTRY)

RULES = (
    Rule(
        code="DIV020",
        severity=Severity.WARNING,
        title="one resolver path behind something essential",
        happens="Names stop resolving while the servers that know them answer well.",
        taught="A well-known resolver withdrew its own prefixes for an hour; two years before it "
        "answered from a root zone whose signatures had expired.",
        incidents=(ONES_2025, ONES_2023),
        remedy="Configure a second resolver of another operator, and state both as one `group`.",
        ignore="Answers are kept and served stale by the application itself.",
        check=_resolver,
    ),
    Rule(
        code="DIV021",
        severity=Severity.NOTE,
        title="one certificate authority behind something essential",
        happens="Nothing can be issued or renewed: new regions have no certificate, and old ones run "
        "out one after the other.",
        taught="Issuance and revocation answers of one authority failed for most of a day after a "
        "deployment.",
        incidents=(LETS_ENCRYPT,),
        remedy="Set up a second authority (ACME clients can fall back), allow it in CAA, and state both "
        "as one `group`.",
        ignore="Certificates are renewed weeks ahead, and no recovery needs a new one.",
        check=_certificates,
    ),
    Rule(
        code="DIV022",
        severity=Severity.WARNING,
        title="one identity provider behind something essential",
        happens="Nobody signs in: neither customers, nor machines, nor those who come to repair.",
        taught="Sign-in failed in other regions too, since root users and federation went through "
        "one; for another company SAML log-ins were degraded for two hours.",
        incidents=(AWS, INCIDENT_IO),
        remedy="Make tokens outlive an outage, sign in at a regional endpoint, keep break-glass users.",
        ignore="Sessions outlast the recovery budget and machines need no new ones.",
        check=_identity,
    ),
    Rule(
        code="DIV023",
        severity=Severity.WARNING,
        title="one secret store behind something essential",
        happens="What restarts gets no credentials and stays down, though all it needs is up.",
        taught="Service discovery went, and with it the scheduler and the secrets: 73 hours.",
        incidents=(ROBLOX, GOOGLE),
        remedy="Keep secrets where they are used for longer than an outage, and replicate the store.",
        ignore="Secrets are mounted at the start and nothing starts during recovery.",
        check=_secrets,
    ),
    Rule(
        code="DIV024",
        severity=Severity.WARNING,
        title="one registry of images or packages behind something essential",
        happens="What has to be started again cannot be: the image is not there.",
        taught="A registry hosted in the failed region stopped builds of one company and answered 502 "
        "for uncached images of another.",
        incidents=(INCIDENT_IO, GITLAB),
        remedy="Mirror what recovery needs, and pull from the mirror every day, so that it is known to "
        "work.",
        ignore="Nodes hold all images and are never replaced during an outage.",
        check=_registry,
    ),
)
