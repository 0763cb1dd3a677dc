"""The 123 services that the provider's dashboard named at 17:03 UTC: 97 still impacted, 26 resolved.

The names are the dashboard's; those that are parts of the core stand there (`IN_CORE`). What each needs is
read from its public documentation, by class: what it launches, which functions it runs on, where it keeps
its state. Sources: the dashboard's entry for the event and a copy of its list of 17:03.
"""

import re

from outlast.drill.worlds.oct2025.wiring import EAST, hard, soft
from outlast.model.names import ServiceName
from outlast.model.service import Dependency, Service

IN_CORE = {
    "Amazon DynamoDB": "dynamodb",
    "AWS Identity and Access Management": "iam",
    "AWS Security Token Service": "sts",
    "AWS IAM Identity Center": "sign-in",
    "AWS Support Center": "support",
    "Amazon Redshift": "redshift",
    "Amazon Elastic Compute Cloud": "ec2-launch",
    "Amazon Elastic Container Service": "ecs",
    "Amazon Elastic Kubernetes Service": "eks",
    "Amazon Elastic Load Balancing": "nlb",
    "Amazon API Gateway": "api-gateway",
    "AWS Lambda": "lambda",
    "Amazon Simple Queue Service": "sqs",
    "Amazon Connect": "connect",
    "Amazon Simple Storage Service": "s3",
    "Amazon CloudWatch": "cloudwatch",
    "Amazon EventBridge": "eventbridge",
    "Amazon Relational Database Service": "rds",
    "Amazon Elastic Container Registry": "ecr",
    "Amazon Cognito": "cognito",
}
"""Names of the list that are parts of the core."""

LAUNCHING = """AWS Application Migration Service, AWS Batch, AWS Client VPN, AWS CloudHSM, AWS CodeBuild,
AWS Database Migration Service, AWS Deadline Cloud, AWS Directory Service, AWS Elastic Disaster Recovery,
AWS Elastic VMWare Service, AWS Elemental, AWS Glue, AWS HealthOmics, AWS Launch Wizard, AWS Outposts,
AWS Parallel Computing Service, AWS Storage Gateway, AWS Systems Manager for SAP, AWS Transfer Family,
Amazon AppStream 2.0, Amazon Athena, Amazon DocumentDB, Amazon EMR Serverless, Amazon ElastiCache,
Amazon Elastic MapReduce, Amazon FSx, Amazon GameLift Servers, Amazon GameLift Streams, Amazon MQ,
Amazon Managed Service for Apache Flink, Amazon Managed Streaming for Apache Kafka,
Amazon Managed Workflows for Apache Airflow, Amazon Neptune, Amazon OpenSearch Service, Amazon SageMaker,
Amazon WorkSpaces, Amazon WorkSpaces Thin Client, EC2 Image Builder, AWS DataSync"""
"""They start machines for their users."""

BALANCED = """AWS Cloud WAN, AWS Global Accelerator, AWS Site-to-Site VPN, AWS Transit Gateway,
AWS Verified Access, Traffic Mirroring, Amazon CloudFront, Amazon Elastic File System, Amazon Kendra,
Amazon Interactive Video Service, Amazon Kinesis Video Streams, Amazon Chime, AWS WickrGov,
Amazon Transcribe, Amazon Polly, Amazon Bedrock, Amazon Q Business, Amazon Location Service,
Amazon Managed Service for Prometheus, Amazon Aurora DSQL Service, AWS Secrets Manager,
AWS Payment Cryptography, AWS Private Certificate Authority, AWS HealthImaging, AWS HealthLake,
AWS IoT Core, Amazon Kinesis Data Streams, Amazon Simple Notification Service,
Amazon VPC IP Address Manager"""
"""Their front doors are network load balancers."""

FUNCTIONING = """AWS B2B Data Interchange, AWS Billing Console, AWS Config, AWS Partner Central,
AWS Resource Groups, AWS Security Incident Response, AWS Step Functions, Amazon EventBridge Scheduler,
Amazon CloudWatch Application Insights, Amazon DataZone, Amazon GuardDuty, Amazon Kinesis Firehose,
Amazon Pinpoint, Amazon Security Lake, Amazon Simple Workflow Service"""
"""They run on functions and their event sources."""

STORING = """AWS AppSync, AWS CloudFormation, AWS CloudTrail, AWS Elastic Beanstalk,
AWS End User Messaging, AWS Firewall Manager, AWS IoT Analytics, AWS IoT Events, AWS IoT FleetWise,
AWS IoT SiteWise, AWS NAT Gateway, AWS Network Firewall, AWS Organizations, AWS Support API,
AWS Systems Manager, AWS VPCE PrivateLink, Amazon AppFlow, Amazon Simple Email Service,
Amazon VPC Lattice, Amazon WorkMail"""
"""They keep their state in the table store; the dashboard had them as resolved."""

RESOLVED = {
    "AWS IAM Identity Center",
    "AWS Identity and Access Management",
    "AWS Support Center",
    "Amazon API Gateway",
    "Amazon DynamoDB",
    "Amazon Simple Queue Service",
}
"""Resolved at 17:03 among those of the core."""


def listed() -> tuple[Service, ...]:
    """Return those of the list that are not in the core."""
    return (
        *(_made(title, *hard("dynamodb", "new-instances")) for title in titles(LAUNCHING)),
        *(
            _made(title, *hard("dynamodb", "nlb"), *soft("new-instances"))
            for title in titles(BALANCED)
        ),
        *(
            _made(title, *hard("dynamodb", "lambda"), *soft("lambda-backlog"))
            for title in titles(FUNCTIONING)
        ),
        *(_made(title, *hard("dynamodb")) for title in titles(STORING)),
    )


def titles(text: str) -> tuple[str, ...]:
    """Return the names of a class."""
    return tuple(" ".join(one.split()) for one in text.split(","))


def name_of(title: str) -> str:
    """Return the word by which a listed service goes here."""
    if title in IN_CORE:
        return IN_CORE[title]
    return "aws-" + re.sub(
        r"[^a-z0-9]+", "-", title.lower().removeprefix("aws ").removeprefix("amazon ")
    )


def all_titles() -> tuple[str, ...]:
    """Return the whole list."""
    return (
        *IN_CORE,
        *(one for text in (LAUNCHING, BALANCED, FUNCTIONING, STORING) for one in titles(text)),
    )


def resolved_titles() -> frozenset[str]:
    """Return those that the dashboard had as resolved at 17:03."""
    return frozenset({*RESOLVED, *titles(STORING)})


def _made(title: str, *needs: Dependency) -> Service:
    return Service(
        name=ServiceName(name_of(title)), title=title, regions=(EAST,), needs=needs, vendor="aws"
    )
