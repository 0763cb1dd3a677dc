"""The outages that taught the rules, each with a public source."""

from outlast.audit.rule import Incident

AWS = Incident(
    title="AWS us-east-1",
    day="20 October 2025",
    source="https://aws.amazon.com/message/101925/",
)
AWS_TALK = Incident(
    title="AWS us-east-1, the engineers' talk",
    day="20 October 2025",
    source="https://www.youtube.com/watch?v=YZUNNzLDWb8",
)
LAUNCHDARKLY = Incident(
    title="LaunchDarkly",
    day="20 October 2025",
    source="https://launchdarkly.com/blog/what-happened-what-we-learned-and-how-were-improving/",
)
INCIDENT_IO = Incident(
    title="incident.io",
    day="20 October 2025",
    source="https://incident.io/blog/service-disruption-october-20th-2025",
)
GITLAB = Incident(
    title="GitLab.com",
    day="20 October 2025",
    source="https://gitlab.com/gitlab-com/gl-infra/production/-/issues/20739",
)
AUTHRESS = Incident(
    title="Authress, which stayed up",
    day="20 October 2025",
    source="https://authress.io/knowledge-base/articles/2025/11/01/how-we-prevent-aws-downtime-impacts",
)
FACEBOOK = Incident(
    title="Facebook",
    day="4 October 2021",
    source="https://engineering.fb.com/2021/10/05/networking-traffic/outage-details/",
)
FRONT_DOOR = Incident(
    title="Azure Front Door",
    day="29 October 2025",
    source="https://azure.status.microsoft/status/history/?trackingId=YKYN-BWZ",
)
CLOUDFLARE = Incident(
    title="Cloudflare",
    day="18 November 2025",
    source="https://blog.cloudflare.com/18-november-2025-outage/",
)
ONES_2025 = Incident(
    title="Cloudflare 1.1.1.1",
    day="14 July 2025",
    source="https://thedailytechfeed.com/cloudflares-1-1-1-1-dns-service-outage-unraveling-the-july-2025-incident",
)
ONES_2023 = Incident(
    title="Cloudflare 1.1.1.1",
    day="4 October 2023",
    source="https://blog.cloudflare.com/1-1-1-1-lookup-failures-on-october-4th-2023/",
)
SLACK_DNSSEC = Incident(
    title="Slack, DNSSEC",
    day="30 September 2021",
    source="https://slack.engineering/what-happened-during-slacks-dnssec-rollout/",
)
SLACK_GATEWAYS = Incident(
    title="Slack",
    day="4 January 2021",
    source="https://slack.engineering/slacks-outage-on-january-4th-2021/",
)
GOOGLE = Incident(
    title="Google Cloud",
    day="12 June 2025",
    source="https://status.cloud.google.com/incidents/ow5i3PPK96RduMcb1SsW",
)
ROBLOX = Incident(
    title="Roblox",
    day="28 to 31 October 2021",
    source="https://blog.roblox.com/2022/01/roblox-return-to-service-10-28-10-31-2021/",
)
AZURE_DNS = Incident(
    title="Azure DNS",
    day="1 April 2021",
    source="https://puck.nether.net/pipermail/outages/2021-April/013557.html",
)
AKAMAI = Incident(
    title="Akamai Edge DNS",
    day="22 July 2021",
    source="https://lowyat.net/2021/246554/akamai-update-bug-caused-a-small-blackout-in-parts-of-the-internet",
)
DYN = Incident(
    title="Dyn",
    day="21 October 2016",
    source="https://en.wikipedia.org/wiki/DDoS_attacks_on_Dyn",
)
SALESFORCE = Incident(
    title="Salesforce",
    day="11 May 2021",
    source="https://www.theregister.com/2021/05/19/salesforce_root_cause/",
)
DATADOG = Incident(
    title="Datadog",
    day="8 March 2023",
    source="https://www.datadoghq.com/blog/2023-03-08-multiregion-infrastructure-connectivity-issue/",
)
ROGERS = Incident(
    title="Rogers, AS812",
    day="8 July 2022",
    source="https://www.kentik.com/blog/a-deeper-dive-into-the-rogers-outage/",
)
DOT_IO = Incident(
    title="the top-level domain .io",
    day="20 September 2017",
    source="https://hackernoon.com/stop-using-io-domain-names-for-production-traffic-b6aa17eeac20",
)
LETS_ENCRYPT = Incident(
    title="Let's Encrypt",
    day="19 May 2017",
    source="https://community.letsencrypt.org/t/may-19-2017-ocsp-and-issuance-outage-postmortem/34922",
)
ZOHO = Incident(
    title="Zoho, switched off by its registrar",
    day="24 September 2018",
    source="https://www.theregister.com/2018/09/24/zoho_domain_snafu/",
)
VANISHED = Incident(
    title="ExternalDNS users, records that vanish on a time-out",
    day="an open-source project's tracker",
    source="https://github.com/kubernetes-sigs/external-dns/issues/2858",
)
FLAPPING = Incident(
    title="PowerDNS users, one failed check is enough",
    day="an open-source project's tracker",
    source="https://github.com/PowerDNS/pdns/issues/7469",
)
SINGLE_VIEW = Incident(
    title="gdnsd users, a single point of view",
    day="an open-source project's tracker",
    source="https://github.com/gdnsd/gdnsd/issues/206",
)
THRESHOLD = Incident(
    title="gdnsd users, all addresses below the threshold",
    day="an open-source project's tracker",
    source="https://github.com/gdnsd/gdnsd/issues/153",
)
FORCE = Incident(
    title="octoDNS users, safety limits that only force gets past",
    day="an open-source project's tracker",
    source="https://github.com/octodns/octodns/issues/785",
)
UNPROBED = Incident(
    title="ExternalDNS users, dead nodes stay published",
    day="an open-source project's tracker",
    source="https://github.com/kubernetes-sigs/external-dns/issues/1670",
)
