"""The refresh token as a cookie, for web consoles: no script can read it, and no other site can have it sent."""

from urllib.parse import urlsplit

from common.api.errors import ApiError
from fastapi import Request
from fastapi.responses import Response

NAME = "igny8_refresh"
PATH = "/api/v1/auth/"
SECONDS = 7 * 86_400
"""As long as the token in it lives (sessions.LIFETIME)."""


def set_refresh(response: Response, token: str) -> None:
    response.set_cookie(
        NAME, token, max_age=SECONDS, path=PATH, secure=True, httponly=True, samesite="strict"
    )


def clear_refresh(response: Response) -> None:
    response.delete_cookie(NAME, path=PATH, secure=True, httponly=True, samesite="strict")


def read_refresh(request: Request, console_url: str) -> str | None:
    """The cookie's token. Raises 403 where the page that sent it is neither the console's nor our own."""
    token = request.cookies.get(NAME)
    if token is None:
        return None
    try:
        origin = urlsplit(request.headers.get("origin", ""))
    except ValueError:  # an address that is none
        origin = urlsplit("")
    console = urlsplit(console_url)
    ours = origin.netloc == request.headers.get("host")
    if not origin.netloc or not (ours or origin[:2] == console[:2]):
        raise ApiError(
            "FORBIDDEN", "The refresh cookie is for pages of the console only; send its Origin.", status=403
        )
    return token
