"""Fetches input pictures from the hosts that the operator allows.

The library for that takes a tenth of a second to import, so a router imports it with the first picture, in a thread.
"""

from __future__ import annotations

import asyncio
import functools
import ssl
from collections.abc import Sequence
from http import HTTPStatus
from typing import TYPE_CHECKING

from router.schemas.errors import ApiError
from router.schemas.shown import shown
from router.threads import Lane

if TYPE_CHECKING:
    import httpx

FETCH_TIMEOUT_S = 20.0
_TRUST = Lane("trusted certificates", max_waiting=256, timeout_s=None)
MAX_REDIRECTS = 3
_DEFAULT_PORTS = {"http": 80, "https": 443}


async def fetch_image(given: str, field: str, allowed_hosts: Sequence[str], max_bytes: int) -> bytes:
    """Fetch the http(s) URL ``given``, within ``FETCH_TIMEOUT_S`` in total.

    In ``allowed_hosts``, ``host`` allows the scheme's default port and ``host:port`` that port. Redirects are followed
    to allowed hosts only. Proxies are not used.

    Raises:
        ApiError: 400, the URL is invalid, its host is not allowed, or fetching failed; 413, the picture is larger than
            ``max_bytes``.
    """
    context = await _TRUST.run(_tls_context)
    import httpx

    url = _checked(given, field, allowed_hosts)
    plain = {"Accept-Encoding": "identity"}
    try:
        async with (
            asyncio.timeout(FETCH_TIMEOUT_S),
            httpx.AsyncClient(verify=context, trust_env=False, timeout=None, headers=plain) as client,
        ):
            for _ in range(MAX_REDIRECTS + 1):
                async with client.stream("GET", url) as response:
                    if not response.has_redirect_location:
                        return await _body(response, field, max_bytes)
                    target = str(url.join(response.headers["location"]))
                url = _checked(target, field, allowed_hosts)
    except TimeoutError:
        raise _failed(field, given, f"timed out after {FETCH_TIMEOUT_S:g} s") from None
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise _failed(field, given, f"{type(error).__name__} {error}".strip()) from None
    raise _failed(field, given, f"more than {MAX_REDIRECTS} redirects")


def _checked(given: str, field: str, allowed_hosts: Sequence[str]) -> httpx.URL:
    import httpx

    try:
        url = httpx.URL(given)
    except httpx.InvalidURL as error:
        raise ApiError(400, f"{field}: expected a URL, got {shown(given)} ({error})", field) from None
    default_port = _DEFAULT_PORTS.get(url.scheme)
    if default_port is None or not url.host:
        raise ApiError(400, f"{field}: expected an http or https URL with a host, got {shown(given)}", field)
    if url.userinfo:
        raise ApiError(400, f"{field}: expected a URL without a user name, got {shown(given)}", field)
    host = url.netloc.decode().lower()
    bare = host.removesuffix(f":{url.port}") if url.port is not None else host
    port = default_port if url.port is None else url.port
    names = {f"{bare}:{port}"} | ({bare} if port == default_port else set())
    if names.isdisjoint(allowed.lower() for allowed in allowed_hosts):
        raise ApiError(
            400,
            f"{field}: expected a URL of an allowed host, got the host {host[:200]}; the operator can allow it with "
            f"--image-host {host[:200]}",
            field,
        )
    return url


async def _body(response: httpx.Response, field: str, max_bytes: int) -> bytes:
    """Read the body; a compressed one is refused, since it could unpack to any size."""
    if response.status_code != HTTPStatus.OK:
        raise _failed(field, str(response.url), f"the host answered {response.status_code}")
    encoding = response.headers.get("content-encoding", "identity")
    if encoding != "identity":
        raise _failed(field, str(response.url), f"expected no Content-Encoding, got {shown(encoding)}")
    body = bytearray()
    async for chunk in response.aiter_raw():
        body += chunk
        if len(body) > max_bytes:
            message = f"{field}: expected at most {max_bytes} bytes, got more from {shown(str(response.url))}"
            raise ApiError(413, message, field)
    return bytes(body)


@functools.cache
def _tls_context() -> ssl.SSLContext:
    """Cached, and called in a thread, since it loads all certificate authorities from disk."""
    import httpx

    return httpx.create_ssl_context(trust_env=False)


def _failed(field: str, given: str, reason: str) -> ApiError:
    return ApiError(400, f"{field}: fetching {shown(given)} failed: {reason}", field)
