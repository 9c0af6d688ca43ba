"""Input pictures from other hosts, of which the operator allows each by name."""

from __future__ import annotations

import asyncio
import functools
import ssl
from collections.abc import Sequence

import httpx

from router.schemas.errors import ApiError
from router.schemas.shown import shown

FETCH_TIMEOUT_S = 20.0
MAX_REDIRECTS = 3
_DEFAULT_PORTS = {"http": 80, "https": 443}


async def fetch_image(given: str, field: str, allowed_hosts: Sequence[str], max_bytes: int) -> bytes:
    """What the http(s) URL ``given`` leads to, within ``FETCH_TIMEOUT_S`` in all.

    An allowed ``host`` is allowed on its scheme's own port, ``host:port`` on that one. Redirects are followed to
    allowed hosts only. No proxy is used.

    Raises:
        ApiError: 400, it is no such URL, its host is not allowed, or fetching failed; 413, there are more than
            ``max_bytes``.
    """
    url = _checked(given, field, allowed_hosts)
    context = await asyncio.to_thread(_tls_context)
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
        raise _failed(field, given, f"it did not arrive within {FETCH_TIMEOUT_S:g} seconds") from None
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise _failed(field, given, f"{type(error).__name__} {error}".strip()) from None
    raise _failed(field, given, f"it is redirected more than {MAX_REDIRECTS} times")


def _checked(given: str, field: str, allowed_hosts: Sequence[str]) -> httpx.URL:
    try:
        url = httpx.URL(given)
    except httpx.InvalidURL as error:
        raise ApiError(400, f"{field}: {shown(given)} is no URL: {error}", field) from None
    default_port = _DEFAULT_PORTS.get(url.scheme)
    if default_port is None or not url.host:
        raise ApiError(400, f"{field}: {shown(given)}; accepted are URLs with http or https and a host", field)
    if url.userinfo:
        raise ApiError(400, f"{field}: {shown(given)} holds a user; accepted are URLs without one", field)
    host = url.netloc.decode().lower()
    bare = host.removesuffix(f":{url.port}") if url.port is not None else host
    port = default_port if url.port is None else url.port
    names = {f"{bare}:{port}"} | ({bare} if port == default_port else set())
    if names.isdisjoint(allowed.lower() for allowed in allowed_hosts):
        raise ApiError(
            400,
            f"{field}: pictures from {host[:200]} are not fetched; the operator must allow that host "
            f"(--image-host {host[:200]})",
            field,
        )
    return url


async def _body(response: httpx.Response, field: str, max_bytes: int) -> bytes:
    """The body as it came: what is packed could unpack to any size."""
    if response.status_code != httpx.codes.OK:
        raise _failed(field, str(response.url), f"its host answered {response.status_code}")
    encoding = response.headers.get("content-encoding", "identity")
    if encoding != "identity":
        raise _failed(field, str(response.url), f"it comes in the encoding {shown(encoding)}, which was not asked for")
    body = bytearray()
    async for piece in response.aiter_raw():
        body += piece
        if len(body) > max_bytes:
            message = f"{field}: {shown(str(response.url))} is too large; accepted are up to {max_bytes} bytes"
            raise ApiError(413, message, field)
    return bytes(body)


@functools.cache
def _tls_context() -> ssl.SSLContext:
    """Made once, in a thread: it reads all the authorities' certificates."""
    return httpx.create_ssl_context(trust_env=False)


def _failed(field: str, given: str, reason: str) -> ApiError:
    return ApiError(400, f"{field}: {shown(given)} could not be fetched: {reason}", field)
