"""Who may ask: checks of Host, Origin and token for every request, headers of every answer.

A page from elsewhere can make a browser send requests to this machine, and a name that an
attacker owns can be made to point to it. So the Host must be one of our own, and an Origin, which
browsers send with everything but plain navigation, too. On the local network a token is needed as
well; the link has it, and a cookie keeps it.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from http.cookies import CookieError, SimpleCookie
from typing import TYPE_CHECKING
from urllib.parse import parse_qs

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import JSONResponse, RedirectResponse

if TYPE_CHECKING:
    from starlette.responses import Response
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

COOKIE = "abcgen-studio"
SAFE_METHODS = {"GET", "HEAD"}
POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' data:",
        "connect-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
    )
)
HEADERS = {
    "content-security-policy": POLICY,
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), microphone=(), geolocation=()",
}


@dataclass(frozen=True, slots=True)
class Access:
    """Who may ask.

    Attributes:
        hosts: Names and ports by which the server may be called, such as ``127.0.0.1:8765``.
        token: What must be known; empty for nothing.
    """

    hosts: frozenset[str]
    token: str = ""

    def knows(self, token: str) -> bool:
        """Return whether this is the token."""
        return secrets.compare_digest(token.encode(), self.token.encode())


class Guard:
    """Lets through what ``Access`` allows, and adds the headers to every answer."""

    def __init__(self, app: ASGIApp, access: Access) -> None:
        self._app, self._access = app, access

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        if scope["type"] != "http":
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers[name] = value
                headers.setdefault("cache-control", "no-store")
            await send(message)

        refusal = self._refusal(scope)
        await (refusal or self._app)(scope, receive, send_with_headers)

    def _refusal(self, scope: Scope) -> Response | None:
        """Return the answer to a request that may not go on; None if it may."""
        headers = Headers(scope=scope)
        host, origin = headers.get("host", "").lower(), headers.get("origin")
        if host not in self._access.hosts:
            return _refused(403, "unknown host")
        if origin is not None and origin.lower() != f"http://{host}":
            return _refused(403, "a page from elsewhere may not ask")
        # Links from elsewhere may open the page, and nothing else.
        is_navigation = scope["path"] == "/" and headers.get("sec-fetch-mode") == "navigate"
        site = headers.get("sec-fetch-site", "none")
        if site not in {"same-origin", "none"} and not (
            is_navigation and scope["method"] in SAFE_METHODS
        ):
            return _refused(403, "a page from elsewhere may not ask")
        return self._without_token(scope, headers) if self._access.token else None

    def _without_token(self, scope: Scope, headers: Headers) -> Response | None:
        """Return the answer to a request with no token, or with that of the link."""
        named, _, value = headers.get("authorization", "").partition(" ")
        if named.lower() == "bearer" and self._access.knows(value):
            return None
        if self._access.knows(_cookie(headers.get("cookie", ""))):
            return None
        asked = parse_qs(scope["query_string"].decode("latin-1"), max_num_fields=10)
        given = asked.get("token", [""])[0]
        if scope["path"] == "/" and scope["method"] in SAFE_METHODS and self._access.knows(given):
            # The token leaves the address, and with it the browser's history.
            answer = RedirectResponse("/", 303)
            answer.set_cookie(COOKIE, self._access.token, httponly=True, samesite="lax")
            return answer
        return _refused(401, "open the link that abcgen studio printed, which has the token")


def _cookie(header: str) -> str:
    try:
        morsel = SimpleCookie(header).get(COOKIE)
    except CookieError:
        return ""
    return morsel.value if morsel else ""


def _refused(status: int, reason: str) -> JSONResponse:
    return JSONResponse({"error": reason, "hint": ""}, status)
