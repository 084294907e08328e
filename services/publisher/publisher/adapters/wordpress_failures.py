"""What can be wrong between us and a WordPress site: a code, a sentence, and what to do about it.

WordPress's own error codes are from its sources (`rest-api/endpoints`, `user.php`), version 6.1.
"""

import html
import json
import re
from collections.abc import Mapping
from typing import Any

import httpx
from common import outbound
from common.retry_after import retry_after_seconds

from publisher.adapters.target import OutcomeUnknown, TargetError

REMEDIES: Mapping[str, str] = {
    "invalid_url": "Enter the site's address as the browser shows it, such as https://example.com.",
    "forbidden_address": "Enter the public address of the site, or ask the operator to permit this one.",
    "dns_failed": "Check the spelling of the address and the DNS records of the domain.",
    "connection_refused": "Check the port in the address and whether the web server is running.",
    "unreachable": "Check whether the site is online and its firewall lets our address in.",
    "tls_failed": "Renew or repair the certificate of the site, with its whole chain, for exactly this name.",
    "timeout": "Check whether the site is online and not overloaded; try again later.",
    "connection_lost": "Try again; if it stays, look into the error log of the web server and PHP.",
    "answer_too_large": "Check that the address is that of the WordPress site itself.",
    "redirect": "Enter the address that the site redirects to.",
    "not_json": "Switch off what puts text before WordPress's answers (display_errors, a cache or security "
    "plugin), and check that the address is that of the WordPress site itself.",
    "not_wordpress": "Enter the address of the WordPress installation, including its folder.",
    "rest_disabled": "Allow the REST API (/wp-json/) in the security plugin or the web server's rules.",
    "server_password": "Take the web server's own password protection off /wp-json/.",
    "blocked": "Allow our requests to /wp-json/ in the site's firewall or security plugin.",
    "authorization_stripped": "Let the web server pass the Authorization header on to PHP: for Apache "
    "'SetEnvIf Authorization \"(.*)\" HTTP_AUTHORIZATION=$1' in .htaccess. If no application password was "
    "ever made on this site, make one under Users > Profile.",
    "wrong_password": "Make a new application password under Users > Profile and enter it with that user's "
    "name; the password for logging in does not work here.",
    "application_passwords_off": "Use https (WordPress offers application passwords only there) and allow "
    "them in the security plugin.",
    "no_publish_right": "Give the user the role of an author or editor.",
    "no_upload_right": "Give the user the role of an author or editor, which may upload files.",
    "no_term_right": "Give the user the role of an editor, or make the category in WordPress first.",
    "no_right": "Give the user the role of an editor.",
    "upload_too_large": "Raise upload_max_filesize and post_max_size of PHP, and client_max_body_size of nginx.",
    "upload_refused": "Check the free space and the permissions of wp-content/uploads and the allowed types.",
    "maintenance": "Wait until the site's update is finished; if it stays, delete the file .maintenance.",
    "rate_limited": "Wait; or raise the request limit of the site's host or security plugin.",
    "server_error": "Look into the error log of the web server and PHP, then try again.",
    "gone": "It was deleted in WordPress; publish it anew.",
    "not_ours": "Look at that post in WordPress, and take it down there if it is the article after all.",
    "refused": "Read WordPress's message; it refused these values.",
}

_TRANSPORT: Mapping[type[outbound.OutboundError], tuple[str, bool]] = {
    outbound.ForbiddenUrl: ("invalid_url", False),
    outbound.ForbiddenAddress: ("forbidden_address", False),
    outbound.NameNotResolved: ("dns_failed", True),
    outbound.ConnectionRefused: ("connection_refused", True),
    outbound.HostUnreachable: ("unreachable", True),
    outbound.TlsFailed: ("tls_failed", False),
    outbound.OutboundTimeout: ("timeout", True),
    outbound.ConnectionLost: ("connection_lost", True),
    outbound.ResponseTooLarge: ("answer_too_large", False),
    outbound.RedirectRefused: ("redirect", False),
}
_OFF = {"application_passwords_disabled", "application_passwords_disabled_for_user"}
_WRONG = {"incorrect_password", "invalid_username", "invalid_email"}
_GONE = {"rest_post_invalid_id", "rest_term_invalid"}
_TOO_LARGE = {"rest_upload_no_data", "rest_upload_file_too_big", "rest_upload_limited_space"}
_TOO_LARGE |= {"rest_upload_user_quota_exceeded"}
# WordPress words such as these stand in every language of the message.
_PHP_LIMITS = ("upload_max_filesize", "post_max_size", "MAX_FILE_SIZE")
_NO_RIGHT = {"posts": "no_publish_right", "media": "no_upload_right"}
_NO_RIGHT |= {"categories": "no_term_right", "tags": "no_term_right"}


class TermExists(TargetError):
    """There is a term with this name or slug already: `term_id`."""

    def __init__(self, message: str, term_id: str) -> None:
        super().__init__("refused", message, REMEDIES["refused"])
        self.term_id = term_id


def problem(
    code: str, message: str, *, retryable: bool = False, retry_after: float | None = None
) -> TargetError:
    """A `TargetError` with the remedy of its code."""
    return TargetError(code, message, REMEDIES[code], retryable=retryable, retry_after=retry_after)


def unknown(cause: TargetError, settle_seconds: float) -> OutcomeUnknown:
    """`cause`, met after the request may have had its effect."""
    return OutcomeUnknown(
        cause.code,
        cause.message,
        cause.remedy,
        settle_seconds=settle_seconds,
        retry_after=cause.retry_after,
    )


def transport_failure(error: outbound.OutboundError) -> TargetError:
    """The failure of a request that got no complete answer."""
    code, retryable = _TRANSPORT[type(error)]
    return problem(code, str(error), retryable=retryable)


def parse_json(response: httpx.Response) -> Any:
    """The answer's JSON, or None where it is none (a JSON `null` is no answer WordPress gives)."""
    try:
        # Some sites' files begin with a byte order mark, which then begins every answer.
        return json.loads(response.content.decode("utf-8-sig"))
    except ValueError:
        return None


def not_json(response: httpx.Response) -> TargetError:
    """A success that does not carry JSON."""
    return problem("not_json", f"the site answered with {_excerpt(response)} instead of JSON")


def refusal(response: httpx.Response, path: str, *, offers_app_passwords: bool) -> TargetError:
    """What an answer with an error status to a call of `path` means.

    `offers_app_passwords`: whether the site's index offers application passwords.
    """
    body = parse_json(response)
    error = body if isinstance(body, dict) and isinstance(body.get("code"), str) else {}
    code: str = error.get("code", "")
    said = _plain(str(error.get("message", ""))) or f"status {response.status_code}"
    wait = retry_after_seconds(response.headers)
    match response.status_code:
        case 429:
            return problem(
                "rate_limited", "the site asks for fewer requests", retryable=True, retry_after=wait
            )
        case 503 if "maintenance" in response.text.lower():
            return problem("maintenance", "the site is in maintenance", retryable=True, retry_after=wait)
        case 413:
            return problem("upload_too_large", "the web server refuses uploads of this size")
        case _ if code in _TOO_LARGE or any(word in said for word in _PHP_LIMITS):
            return problem("upload_too_large", f"the site refuses uploads of this size: {said}")
        case _ if code.startswith("rest_upload_"):
            # Of two first uploads of a month at once, one fails to make the folder that the other has just made.
            retryable = response.status_code >= 500
            return problem(
                "upload_refused",
                f"WordPress did not store the file: {said}",
                retryable=retryable,
                retry_after=wait,
            )
        case status if status >= 500:
            return problem(
                "server_error", f"the site failed: {said} ({status})", retryable=True, retry_after=wait
            )
        case 401 | 403:
            return _denied(response, path, code, said, offers_app_passwords)
        case 404 | 410 if code in _GONE:
            return problem("gone", "WordPress does not have it any more")
        case 404 if not error or code == "rest_no_route":
            return problem("rest_disabled", "the site does not answer at the address of its REST API")
        case 408:
            return problem("timeout", "the site waited too long for the request", retryable=True)
        case _ if code == "term_exists":
            return TermExists(said, str(error["data"]["term_id"]))
        case _:
            return problem("refused", f"WordPress refused: {said}")


def _denied(
    response: httpx.Response, path: str, code: str, said: str, offers_app_passwords: bool
) -> TargetError:
    if not code:
        if "www-authenticate" in response.headers:
            return problem("server_password", "the web server asks for a password of its own")
        return problem("blocked", f"the site blocks us with {_excerpt(response)} ({response.status_code})")
    if code in _OFF:
        return problem("application_passwords_off", f"application passwords are off: {said}")
    if code in _WRONG:
        return problem("wrong_password", f"WordPress does not accept user name and password: {said}")
    # The index is open to everyone on a stock site, so a refusal there is someone's decision.
    if path == "/" or "disabled" in code or code in {"rest_cannot_access", "rest_login_required"}:
        return problem("rest_disabled", f"the REST API is closed: {said}")
    if response.status_code == 401:
        if not offers_app_passwords:
            return problem("application_passwords_off", "the site does not offer application passwords")
        return problem(
            "authorization_stripped",
            "WordPress sees no login: the Authorization header does not reach it, or user name or password is wrong",
        )
    return problem(_NO_RIGHT.get(path.split("/")[3], "no_right"), f"the user may not do this: {said}")


def _excerpt(response: httpx.Response) -> str:
    text = _plain(response.text[:2000])[:80]
    kind = "HTML" if response.text.lstrip().startswith("<") else "text"
    return f"{kind} ({text!r})" if text else "an empty page"


def _plain(markup: str) -> str:
    return html.unescape(re.sub(r"(?s)<(style|script).*?</\1>|<[^>]*>", " ", markup)).strip()
