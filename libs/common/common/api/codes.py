"""Every error code with its meaning and its remedy. `python -m common.api.codes [--check]` writes `docs/errors.md`.

`--check` exits with code 1 where that file is not what the registry says.
"""

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[4]
PAGE = REPOSITORY / "docs" / "errors.md"


@dataclass(frozen=True, slots=True)
class ErrorCode:
    """`status` is that of the answer; None where the code stands on one item of a task, and the task's answer is a 200."""

    code: str
    status: int | None
    meaning: str
    remedy: str


CODES: tuple[ErrorCode, ...] = (
    ErrorCode(
        "VALIDATION_ERROR",
        400,
        "The path, query, body or file does not fit; `errors` says which field and why.",
        "Correct the fields named in `errors` by the API description and send it again.",
    ),
    ErrorCode(
        "UNKNOWN_IMAGE_MODEL",
        400,
        "The rate card has no price for that image model.",
        "Choose a model that `GET billing/rate-card/` lists.",
    ),
    ErrorCode(
        "TOKEN_INVALID",
        400,
        "The mailed link is unknown, forged, used or has ended; which of them is not said.",
        "Ask for a new one.",
    ),
    ErrorCode(
        "API_KEY_NEEDED",
        400,
        "A stored key is sent only to the address it was given for, and the address is to change.",
        "Send the `api_key` along with the new `base_url`.",
    ),
    ErrorCode(
        "UNAUTHORIZED",
        401,
        "No access token, or one that is malformed, forged or expired, or its user is no member any more.",
        "Get a new token by `auth/refresh/` or `auth/login/`.",
    ),
    ErrorCode(
        "INVALID_CREDENTIALS",
        401,
        "E-mail or password is wrong; which of them is not said.",
        "Check both, or reset the password.",
    ),
    ErrorCode(
        "PLAN_REQUIRED",
        402,
        "The trial or the subscription has ended: reading goes on, changing does not.",
        "Choose a plan.",
    ),
    ErrorCode(
        "INSUFFICIENT_CREDITS",
        402,
        "The account has fewer credits available than the work would reserve; nothing was done.",
        "Ask for less at once, wait for what runs to be settled, or buy credits.",
    ),
    ErrorCode(
        "FORBIDDEN",
        403,
        "The caller may see it, but its role does not allow the change.",
        "Ask an owner or admin of the account.",
    ),
    ErrorCode(
        "MODULE_DISABLED",
        403,
        "The account has switched off the module that the path belongs to; `details` names it.",
        "An owner or admin switches it on by `PATCH account/modules/`.",
    ),
    ErrorCode(
        "PLAN_LIMIT_REACHED",
        403,
        "The account's plan allows no more of them; `details` says of what, with `used` and `limit`.",
        "Archive what is no longer needed, or choose a larger plan. AI requests, words and images count anew each month.",
    ),
    ErrorCode("ACCOUNT_SUSPENDED", 403, "The account is suspended: it may only read.", "Write to support."),
    ErrorCode(
        "NOT_FOUND",
        404,
        "It does not exist, or not for this caller; the two are not told apart.",
        "Check the id, the account you are signed in to, and the sites you were granted.",
    ),
    ErrorCode(
        "METHOD_NOT_ALLOWED",
        405,
        "The path exists, but not with this method.",
        "See the API description; the `Allow` header names the methods there are.",
    ),
    ErrorCode("SLUG_TAKEN", 409, "Another one has this slug.", "Choose another, or leave it out."),
    ErrorCode(
        "EMAIL_TAKEN", 409, "An account with this e-mail exists.", "Sign in, or reset the password."
    ),
    ErrorCode(
        "OWNER_NEEDED",
        409,
        "An account has one owner at every moment.",
        "Make another user the owner first.",
    ),
    ErrorCode(
        "SEES_ALL_SITES",
        409,
        "Owners and admins see all sites: there is nothing to grant.",
        "Grant sites to editors and viewers.",
    ),
    ErrorCode(
        "ALREADY_MEMBER", 409, "The e-mail belongs to a user of the account.", "Change that user's role."
    ),
    ErrorCode(
        "ALREADY_INVITED",
        409,
        "The e-mail is invited already.",
        "Have that invitation sent again, or revoke it.",
    ),
    ErrorCode(
        "INVITATION_CLOSED",
        409,
        "The invitation has been accepted, revoked, sent anew or has ended.",
        "Invite again.",
    ),
    ErrorCode(
        "PROMPT_TYPE_TAKEN",
        409,
        "The account has a prompt of this type.",
        "Change that one, or archive it first.",
    ),
    ErrorCode(
        "DEFAULT_PROFILE_NEEDED",
        409,
        "One author profile is the default.",
        "Make another profile the default instead.",
    ),
    ErrorCode("MODEL_EXISTS", 409, "The catalogue has a model of this name.", "Change that one."),
    ErrorCode(
        "TOO_MANY_API_KEYS",
        409,
        "An account has at most 50 API keys that are not revoked.",
        "Revoke one that nobody uses; `last_used_at` tells.",
    ),
    ErrorCode(
        "TOO_MANY_ACTIVE_SECTORS",
        409,
        "A site has at most 5 active sectors.",
        "Archive a sector or make it inactive first.",
    ),
    ErrorCode(
        "KEYWORD_EXISTS", 409, "The sector has this keyword already.", "Use the one that is there."
    ),
    ErrorCode(
        "INVALID_TRANSITION",
        409,
        "Its status does not allow that step.",
        "Read it again: somebody may have been faster. The message names the status it has.",
    ),
    ErrorCode(
        "EXPORT_NOT_READY",
        409,
        "The export is not complete, could not be made or has expired.",
        "Wait for its task, or ask for another one by `POST account/export/`.",
    ),
    ErrorCode(
        "REQUEST_IN_PROGRESS",
        409,
        "The first request with this `Idempotency-Key` still runs.",
        "Wait a moment and send the same request again: it gets the first one's answer.",
    ),
    ErrorCode(
        "PRECONDITION_FAILED",
        412,
        "It is not at the version that `If-Match` names; nothing was changed.",
        "Read it again, decide whether the change still fits, and send it with the new `ETag`.",
    ),
    ErrorCode(
        "BODY_TOO_LARGE",
        413,
        "The body is larger than 1 MB, or a file larger than its route takes: keywords 100 MB, the catalogue 10 MB;"
        " or what it would record does not fit into a message of 256 kB.",
        "Split it.",
    ),
    ErrorCode(
        "UNSUPPORTED_MEDIA_TYPE",
        415,
        "The body is in a format that the route does not read.",
        "Send JSON with `Content-Type: application/json`; files as `multipart/form-data`.",
    ),
    ErrorCode(
        "IDEMPOTENCY_KEY_REUSED",
        422,
        "This `Idempotency-Key` came with another request within 24 hours.",
        "Use a new key for a new request.",
    ),
    ErrorCode(
        "RATE_LIMITED",
        429,
        "More requests of a class than are allowed in a minute, or too many attempts to sign in or mails to an address.",
        "Wait as many seconds as `Retry-After` says; `RateLimit` tells beforehand what is left.",
    ),
    ErrorCode(
        "INTERNAL_ERROR",
        500,
        "A fault of ours.",
        "Send it again with the same `Idempotency-Key`; if it stays, quote the request id to support.",
    ),
    ErrorCode(
        "BAD_GATEWAY",
        502,
        "A service, or a site we publish to, could not be reached or broke off.",
        "Send it again with the same `Idempotency-Key`.",
    ),
    ErrorCode(
        "SERVICE_UNAVAILABLE",
        503,
        "A service is away, too busy, or without its database.",
        "Send it again after `Retry-After` seconds with the same `Idempotency-Key`.",
    ),
    ErrorCode(
        "REPLICA_BEHIND",
        503,
        "The service has not heard of your account's last change yet.",
        "Send it again in a second.",
    ),
    ErrorCode(
        "PRICES_UNKNOWN",
        503,
        "The service has not heard of the rate card yet, so it cannot reserve credits.",
        "Send it again in a second.",
    ),
    ErrorCode(
        "GATEWAY_TIMEOUT",
        504,
        "A service did not answer in time; whether it did the work is unknown.",
        "Send it again with the same `Idempotency-Key`: what was done is not done twice.",
    ),
    ErrorCode(
        "AI_PROVIDER_UNREACHABLE", None, "The AI provider could not be reached.", "Try again later."
    ),
    ErrorCode(
        "API_KEY_MISSING",
        None,
        "A provider was to be tried out and has no key that can be read.",
        "Store its `api_key`.",
    ),
    ErrorCode(
        "AI_PROVIDER_REJECTED",
        None,
        "The AI provider refused the request; the message quotes its reason.",
        "Check the key and model of the AI settings, and the prompt.",
    ),
    ErrorCode("AI_PROVIDER_OVERLOADED", None, "The AI provider has too much to do.", "Try again later."),
    ErrorCode("AI_TIMEOUT", None, "The AI provider did not answer in time.", "Try again with less at once."),
    ErrorCode(
        "AI_ANSWER_INVALID",
        None,
        "The AI provider's answer could not be used, also after it was asked to repair it.",
        "Try again; if it stays, choose another model or a shorter prompt.",
    ),
    ErrorCode(
        "AI_OPERATION_FAILED",
        None,
        "The item could not be worked on for a reason of ours.",
        "Try again; if it stays, quote the task's id to support.",
    ),
    ErrorCode("CANCELLED", None, "The operation or its run was cancelled.", "Start it again."),
    ErrorCode(
        "REJECTED", None, "The article was sent back in review, so the run does not publish it.", "Edit and approve it."
    ),
    ErrorCode(
        "ARCHIVED", None, "It was archived while the run worked on it.", "Bring it back and start a new run."
    ),
    ErrorCode(
        "CANNOT_BE_WORKED_ON",
        None,
        "Its status does not allow that step of the run any more.",
        "Look at it: somebody has changed it since the run began.",
    ),
    ErrorCode(
        "PUBLISH_FAILED",
        None,
        "Publishing failed; the message and the remedy say why.",
        "Follow the remedy, then `publisher/publications/{id}/retry/`.",
    ),
)  # fmt: skip

INTERNAL: Mapping[str, str] = {
    "OPERATION_UNKNOWN": "A message came before the one that it answers, and waits for it.",
    "RATE_CARD_PUBLISHED": "A start found the first rate card published with other prices, and left it.",
    "RATE_CARD_OUTDATED": "A start found a newer rate card than the first one, and left it.",
}
"""Codes of refusals that no request meets."""


def page() -> str:
    """The documentation page."""
    lines = [
        "# Error codes",
        "",
        "Every refusal and failure is `{success: false, error, error_code, errors?, details?, request_id, timestamp}`.",
        "`error` says what is wrong in a sentence, `error_code` is one of these. Made by `python -m common.api.codes`.",
        "",
        "| status | code | meaning | what to do |",
        "|---|---|---|---|",
    ]
    lines += [
        f"| {each.status} | `{each.code}` | {each.meaning} | {each.remedy} |" for each in CODES if each.status
    ]
    lines += [
        "",
        "## On the items of a task",
        "",
        "A task that was accepted answers 202; what became of each item stands in `errors` of its progress, and on the item.",
        "What a WordPress site refused has codes in small letters, each with its own remedy in the answer.",
        "",
        "| code | meaning | what to do |",
        "|---|---|---|",
    ]
    lines += [f"| `{each.code}` | {each.meaning} | {each.remedy} |" for each in CODES if not each.status]
    lines += [
        "",
        "## In no answer",
        "",
        "Refusals that the services meet among themselves; no request does.",
        "",
        "| code | meaning |",
        "|---|---|",
    ]
    lines += [f"| `{code}` | {meaning} |" for code, meaning in INTERNAL.items()]
    return "\n".join(lines) + "\n"


def main(arguments: list[str]) -> str | None:
    """Do it; what is wrong, or None."""
    if "--check" not in arguments:
        PAGE.write_text(page())
    elif not PAGE.exists() or PAGE.read_text() != page():
        return "docs/errors.md is not what common/api/codes.py says; run make errors"
    return None


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
