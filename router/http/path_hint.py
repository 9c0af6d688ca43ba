"""The path that a client probably meant: named in an error, or the target of a redirect."""

from __future__ import annotations

import difflib
import functools
import re
from collections.abc import Mapping, Set
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Match, compile_path

MIN_LIKENESS = 0.92
"""Of a misspelt path; ``/v1/images/variations`` is not a misspelt ``/v1/images/generations``."""

MAX_HINTED_CHARS = 256
"""Longer paths get no hint: every end of the path is compared with every declared path."""

Paths = Mapping[str, Set[str]]
"""Declared paths and their methods; a path may have parameters."""


def path_hint(method: str, path: str, paths: Paths) -> str | None:
    """The path with ``method`` that differs from ``path`` in slashes, a prefix, ``/v1``, the case or a few letters."""
    if len(path) > MAX_HINTED_CHARS:
        return None
    parts = [part for part in path.split("/") if part]
    tails = ["/" + "/".join(parts[at:]) for at in range(len(parts))]
    known = [declared for declared, methods in paths.items() if method in methods]
    for tail in tails:
        for candidate in (tail, f"/v1{tail}"):
            if candidate != path and any(_expression(declared).match(candidate) for declared in known):
                return candidate
    exact = [declared for declared in known if "{" not in declared]
    similar = difflib.get_close_matches("/".join(["", *parts]).lower(), exact, n=1, cutoff=MIN_LIKENESS)
    return similar[0] if similar else None


def slash_redirect(request: Request) -> Response | None:
    """A redirect to the same path without the slash at its end; None if that does not exist either.

    ``Location`` is relative, so it also holds behind a proxy, whatever the host, scheme and prefix that clients see.
    """
    path: str = request.scope["path"]
    shorter = path.removesuffix("/")
    if shorter in ("", path) or shorter.endswith("/"):  # clients resolve ".." after empty segments differently
        return None
    scope = {**request.scope, "path": shorter}
    if all(route.matches(scope)[0] is Match.NONE for route in request.app.routes):
        return None
    query = f"?{request.url.query}" if request.url.query else ""
    return RedirectResponse("../" + quote(shorter.rpartition("/")[2], safe="") + query)


@functools.cache
def _expression(declared: str) -> re.Pattern[str]:
    return compile_path(declared)[0]
