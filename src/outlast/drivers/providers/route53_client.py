"""The edge to Route 53: boto3, which is synchronous, in threads of its own.

Two clients of one session. Reads may be tried again by boto3. Writes may not: a batch that was sent and
not answered may have been applied, and boto3 would send it once more without telling. So its retries
are off for them (`total_max_attempts: 1`), and what became of a write is said as precisely as it is known:

* an error document of Route 53: nothing changed (a batch is all or nothing), for the reason it names;
* no connection: nothing was sent;
* anything else, an answer lost, a time-out, a fault on their side (5xx): not known.

For zones of another account a role is assumed (STS `AssumeRole`); its credentials are renewed by themselves.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

from outlast.drivers.providers.cloud import THROTTLED, Accepted
from outlast.drivers.providers.swap import Batch, Native
from outlast.model.api import Api
from outlast.model.errors import ConfigError, Denied, ProviderError, Unreachable
from outlast.model.plan import Outcome, OutcomeKind

REGION = "us-east-1"
"""Route 53 is one service for the whole world; requests to it are signed for this region."""

THREADS = 8
READ_ATTEMPTS = 3
PAGE_SIZE = 300
"""Record sets in one answer of `ListResourceRecordSets`, which is its limit."""

SESSION_NAME = "outlast"

Start = Mapping[str, str]
"""Where a page begins."""

_FOLLOWING = {
    "StartRecordName": "NextRecordName",
    "StartRecordType": "NextRecordType",
    "StartRecordIdentifier": "NextRecordIdentifier",
}

_THROTTLED = {"Throttling", "ThrottlingException", "RequestLimitExceeded", "TooManyRequests"}
_NOT_NOW = {*_THROTTLED, "PriorRequestNotComplete"}
_NOT_ALLOWED = {
    "AccessDenied",
    "AccessDeniedException",
    "InvalidClientTokenId",
    "SignatureDoesNotMatch",
    "ExpiredToken",
    "UnrecognizedClientException",
    "MissingAuthenticationToken",
    "OptInRequired",
}
_CONDITION_FAILED = ("but it was not found", "do not match the current values", "already exists")
"""How `InvalidChangeBatch` says that a deletion did not match or a creation found something there."""


def is_condition(message: str) -> bool:
    """Whether the words of an `InvalidChangeBatch` speak of nothing but conditions of ours."""
    parts = [one for one in message.split("Tried to ") if one.strip(" [],")]
    return bool(parts) and all(any(word in part for word in _CONDITION_FAILED) for part in parts)


class Route53Client:
    """Requests to Route 53 and STS, each in a thread."""

    def __init__(self, api: Api, timeout_s: float) -> None:
        self._api = api
        self._timeout_s = timeout_s
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="route53")
        self._clients: tuple[Any, Any] | None = None

    async def list_zones(self, name: str) -> list[tuple[str, str]]:
        """Return name and id of the zones that begin at a name, in the API's order."""
        answer = await self._read("list_hosted_zones_by_name", DNSName=name, MaxItems="10")
        return [(one["Name"], one["Id"].split("/")[-1]) for one in answer["HostedZones"]]

    async def list_records(self, zone_id: str, start: Start) -> tuple[list[Native], Start | None]:
        """Return one page of record sets, and where the next one begins; None: that was all."""
        answer = await self._read(
            "list_resource_record_sets", HostedZoneId=zone_id, MaxItems=str(PAGE_SIZE), **start
        )
        following = {
            ours: answer[theirs] for ours, theirs in _FOLLOWING.items() if answer.get(theirs)
        }
        return answer["ResourceRecordSets"], following if answer["IsTruncated"] else None

    async def is_in_sync(self, change_id: str) -> bool:
        """Whether a change has reached every server of Route 53."""
        answer = await self._read("get_change", Id=change_id)
        return bool(answer["ChangeInfo"]["Status"] == "INSYNC")

    async def change(self, zone_id: str, batch: Batch) -> Accepted | Outcome:
        """Send one batch, once."""
        changes = [{"Action": "DELETE", "ResourceRecordSet": one} for one in batch.deletions]
        changes += [{"Action": "CREATE", "ResourceRecordSet": one} for one in batch.creations]
        send = partial(
            self._call,
            1,
            "change_resource_record_sets",
            {"HostedZoneId": zone_id, "ChangeBatch": {"Changes": changes}},
        )
        answer = await self._in_thread(lambda: _outcome_of(send))
        if isinstance(answer, Outcome):
            return answer
        info = answer["ChangeInfo"]
        return Accepted(info["Id"].split("/")[-1], info["Status"] == "INSYNC")

    async def protect(self, zone_id: str, keys: Sequence[tuple[str, str]], comment: str) -> None:
        """Protect names and types from every change until the protection is lifted.

        Raises:
            Unreachable, Denied, ProviderError: as for reads; the request is sent once.
        """
        configs = [{"RecordName": n, "RecordType": t, "Comment": comment} for n, t in keys]
        await self._seal("create_resource_record_set_protections", zone_id, configs)

    async def unprotect(self, zone_id: str, keys: Sequence[tuple[str, str]]) -> None:
        """Lift protections; raises as `protect`."""
        configs = [{"RecordName": n, "RecordType": t} for n, t in keys]
        await self._seal("delete_resource_record_set_protections", zone_id, configs)

    async def list_protections(self, zone_id: str) -> list[tuple[str, str]]:
        """Return the protected names and types of a zone."""
        found: list[tuple[str, str]] = []
        more: dict[str, str] = {}
        while True:
            answer = await self._read(
                "list_resource_record_set_protections", HostedZoneId=zone_id, **more
            )
            found += [
                (one["RecordName"], one["RecordType"])
                for one in answer["ResourceRecordSetProtections"]
            ]
            if "NextToken" not in answer:
                return found
            more = {"NextToken": answer["NextToken"]}

    async def _seal(self, operation: str, zone_id: str, configs: list[dict[str, str]]) -> None:
        arguments = {"HostedZoneId": zone_id, "Protections": configs}
        await self._in_thread(lambda: _raising(partial(self._call, 1, operation, arguments)))

    async def _read(self, operation: str, **arguments: Any) -> Any:
        return await self._in_thread(lambda: _raising(partial(self._call, 0, operation, arguments)))

    async def _in_thread(self, work: Callable[[], Any]) -> Any:
        return await asyncio.get_running_loop().run_in_executor(self._threads, work)

    def _call(self, which: int, operation: str, arguments: Mapping[str, Any]) -> Any:
        if self._clients is None:
            self._clients = make_clients(self._api, self._timeout_s)
        return getattr(self._clients[which], operation)(**arguments)

    def close(self) -> None:
        """Give up; requests under way run on in their threads until their time is over."""
        self._threads.shutdown(wait=False, cancel_futures=True)
        for one in self._clients or ():
            one.close()


def make_clients(api: Api, timeout_s: float) -> tuple[Any, Any]:
    """Return two clients: for reads, and for writes, which are never sent again.

    Raises:
        ConfigError: boto3 is not installed, or there is no such profile.
    """
    try:
        import boto3  # noqa: PLC0415 - an extra of its own, and slow to import
        from botocore.config import Config  # noqa: PLC0415
        from botocore.exceptions import ProfileNotFound  # noqa: PLC0415
    except ImportError as error:
        raise ConfigError(
            f"providers of kind route53 need boto3: {error}",
            remedy="pip install 'outlast[cloud]'",
        ) from None
    try:
        session = boto3.session.Session(profile_name=api.profile or None, region_name=REGION)
    except ProfileNotFound as error:
        raise ConfigError(str(error), remedy="see `api.profile`, and ~/.aws/config") from None
    if api.role:
        _assume(session, api)

    def client(attempts: int) -> Any:
        return session.client(
            "route53",
            endpoint_url=api.endpoint or None,
            config=Config(
                connect_timeout=timeout_s,
                read_timeout=timeout_s,
                retries={"mode": "standard", "total_max_attempts": attempts},
                max_pool_connections=THREADS,
            ),
        )

    return client(READ_ATTEMPTS), client(1)


def _assume(session: Any, api: Api) -> None:
    """Let a session speak as a role, with credentials that renew themselves before they end."""
    from botocore.credentials import (  # noqa: PLC0415
        AssumeRoleCredentialFetcher,
        DeferredRefreshableCredentials,
    )

    inner = session._session  # noqa: SLF001 - boto3 has no public way to give a session its credentials

    def create(service: str, **options: Any) -> Any:
        # Botocore hands the region and the source's credentials over.
        return inner.create_client(
            service, **{"endpoint_url": api.endpoint or None, "region_name": REGION, **options}
        )

    more = {"RoleSessionName": SESSION_NAME}
    if api.external_id:
        more["ExternalId"] = api.external_id
    fetcher = AssumeRoleCredentialFetcher(
        client_creator=create,
        source_credentials=inner.get_credentials(),
        role_arn=api.role,
        extra_args=more,
    )
    inner._credentials = DeferredRefreshableCredentials(  # noqa: SLF001
        method="assume-role", refresh_using=fetcher.fetch_credentials
    )


def _outcome_of(send: Callable[[], Any]) -> Any:
    """Send a write and return its answer, or what became of it."""
    from botocore import exceptions as faults  # noqa: PLC0415

    try:
        return send()
    except faults.ClientError as error:
        return _refusal(error.response)
    except (faults.ConnectTimeoutError, faults.EndpointConnectionError) as error:
        return Outcome(kind=OutcomeKind.BUSY, detail=f"nothing was sent: {error}")
    except (faults.NoCredentialsError, faults.PartialCredentialsError) as error:
        detail = f"{error}; set AWS_PROFILE, or run where a role gives credentials"
        return Outcome(kind=OutcomeKind.REJECTED, detail=detail)
    except faults.ParamValidationError as error:
        return Outcome(kind=OutcomeKind.REJECTED, detail=str(error))
    except ConfigError as error:
        return Outcome(kind=OutcomeKind.REJECTED, detail=str(error))
    except (faults.HTTPClientError, faults.BotoCoreError) as error:
        return Outcome(kind=OutcomeKind.UNKNOWN, detail=f"no answer: {error}")


def _refusal(response: Mapping[str, Any]) -> Outcome:
    """Return what an error document says of a write."""
    code = response.get("Error", {}).get("Code", "")
    message = response.get("Error", {}).get("Message", "") or _messages(response)
    status = response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    detail = f"{code}: {message}"
    if code == "InvalidChangeBatch" and is_condition(message):
        return Outcome(kind=OutcomeKind.REFUSED, detail=detail)
    if code in _NOT_NOW:
        word = f"{THROTTLED} " if code in _THROTTLED else ""
        return Outcome(kind=OutcomeKind.BUSY, detail=f"{word}{detail}")
    if status >= 500:
        return Outcome(kind=OutcomeKind.UNKNOWN, detail=detail)
    return Outcome(kind=OutcomeKind.REJECTED, detail=detail)


def _messages(response: Mapping[str, Any]) -> str:
    """The messages of an `InvalidChangeBatch`, which botocore puts beside the error."""
    found = response.get("messages") or response.get("Messages") or ()
    return "; ".join(found) if not isinstance(found, str) else found


def _raising(ask: Callable[[], Any]) -> Any:
    """Ask, and turn what goes wrong into our errors."""
    from botocore import exceptions as faults  # noqa: PLC0415

    try:
        return ask()
    except faults.ClientError as error:
        raise _fault_of(error.response) from None
    except (faults.NoCredentialsError, faults.PartialCredentialsError) as error:
        raise Denied(
            f"Route 53: {error}", remedy="set AWS_PROFILE, or run where a role gives credentials"
        ) from None
    except (faults.HTTPClientError, faults.BotoCoreError) as error:
        raise Unreachable(f"Route 53: {error}") from None


def _fault_of(response: Mapping[str, Any]) -> ProviderError:
    code = response.get("Error", {}).get("Code", "")
    what = f"Route 53: {code}: {response.get('Error', {}).get('Message', '')}"
    if code in _NOT_ALLOWED:
        return Denied(what, remedy="which rights the key needs stands in docs/providers.md")
    if code in {"NoSuchHostedZone", "InvalidInput"}:
        return ProviderError(
            what, remedy="compare `zones` and `api.zone_id` with the account's zones"
        )
    return Unreachable(what) if code in _NOT_NOW else ProviderError(what)
