"""botocore and boto3: requests are sent through connections that ask our resolver.

    client = boto3.client("dynamodb", config=Config(retries={"total_max_attempts": 1}))
    attach(client, application.resolver)

The event `before-send` may answer a request itself; it is the hook that botocore offers for this and that
test doubles live on. Signing has been done by then and covers the name, which stays in URL and headers.
Switch botocore's own retries off as above: with them on, one call of DynamoDB's default mode makes ten
attempts and takes 25 s before it says that a name is gone.
"""

from typing import Any, Protocol

from botocore.awsrequest import AWSPreparedRequest, AWSResponse
from botocore.compat import HTTPHeaders
from botocore.exceptions import ConnectTimeoutError, EndpointConnectionError, ReadTimeoutError
from botocore.httpsession import get_cert_path
from urllib3 import Timeout
from urllib3.exceptions import ConnectTimeoutError as PoolConnectTimeout
from urllib3.exceptions import HTTPError, NewConnectionError
from urllib3.exceptions import ReadTimeoutError as PoolReadTimeout

from outlast.client.adapters.urllib3 import pool_manager
from outlast.client.deadline import socket_s
from outlast.client.resolver import Resolver


class Client(Protocol):
    """What we need of a botocore client."""

    meta: Any


def attach(client: Client, resolver: Resolver, *, verify: bool | str = True) -> None:
    """Send all of a client's requests through our resolver.

    Args:
        client: any boto3 client.
        resolver: the application's.
        verify: as botocore's: True, False, or a file of certificates.
    """
    where = verify if isinstance(verify, str) else get_cert_path(verify)
    pools = pool_manager(
        resolver,
        cert_reqs="CERT_REQUIRED" if where else "CERT_NONE",
        ca_certs=where,
    )
    config = client.meta.config

    def send(request: AWSPreparedRequest, **_: Any) -> AWSResponse:
        timeout = Timeout(
            connect=socket_s(config.connect_timeout), read=socket_s(config.read_timeout)
        )
        try:
            response = pools.urlopen(
                request.method,
                request.url,
                body=request.body,
                headers=dict(request.headers),
                retries=False,
                redirect=False,
                preload_content=False,
                decode_content=False,
                timeout=timeout,
            )
        except (NewConnectionError, OSError) as error:
            raise EndpointConnectionError(endpoint_url=request.url, error=error) from error
        except PoolConnectTimeout as error:
            raise ConnectTimeoutError(endpoint_url=request.url, error=error) from error
        except PoolReadTimeout as error:
            raise ReadTimeoutError(endpoint_url=request.url, error=error) from error
        except HTTPError as error:
            raise EndpointConnectionError(endpoint_url=request.url, error=error) from error
        headers = HTTPHeaders.from_pairs(response.headers.items())
        made = AWSResponse(request.url, response.status, headers, response)
        if not request.stream_output:
            made.content  # noqa: B018  # read here, so that the connection returns to its pool
        return made

    service = client.meta.service_model.service_id.hyphenize()
    client.meta.events.register(f"before-send.{service}", send)
