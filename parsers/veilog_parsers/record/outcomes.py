"""How a call ended: HTTP statuses, and the outcomes that statuses and names of errors stand for.

``DOCUMENTED`` is the table of errors' names whose meaning a vendor documents. Many vendors use the same names, and
spell them in their own ways (``AccessDenied``, ``AccessDeniedException``, ``access_denied``), so names are compared
without case, punctuation and the words "error" and "exception" at their ends. A name that is not in the table is judged
by words in it, and if it has none of them, the call failed.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from veilog_parsers.event import Outcome
from veilog_parsers.record.fields import peek, pop_count
from veilog_parsers.record.raw import Fields

_STATUS: Final = re.compile("[1-5][0-9]{2}")
OUTCOME_WORDS: Final[dict[str, Outcome]] = {
    **dict.fromkeys(("success", "succeeded", "ok", "status_code_ok", "completed", "complete"), Outcome.SUCCESS),
    **dict.fromkeys(("error", "failed", "failure", "status_code_error"), Outcome.FAILURE),
}
"""Outcomes by the usual words for them, in lower case. A format whose documentation lists its own words has them."""

DOCUMENTED: Final[dict[str, dict[Outcome, str]]] = {
    "AWS, common errors (docs.aws.amazon.com/bedrock/latest/APIReference/CommonErrors.html)": {
        Outcome.DENIED: """
            AccessDeniedException ExpiredTokenException IncompleteSignature InvalidClientTokenId
            MissingAuthenticationToken NotAuthorized OptInRequired RequestExpired UnrecognizedClientException
            """,
        Outcome.THROTTLED: "ThrottlingException",
        Outcome.FAILURE: """
            InternalFailure MalformedHttpRequestException RequestAbortedException RequestEntityTooLargeException
            RequestTimeoutException ServiceUnavailable UnknownOperationException ValidationError
            """,
    },
    "AWS Bedrock (docs.aws.amazon.com/bedrock/latest/userguide/troubleshooting-api-error-codes.html)": {
        Outcome.DENIED: "ForbiddenException UnauthorizedException",
        Outcome.THROTTLED: "ServiceQuotaExceededException ThrottlingException",
        Outcome.FAILURE: """
            ConflictException InternalServerException ModelErrorException ModelNotReadyException
            ModelStreamErrorException ModelTimeoutException ResourceNotFoundException ServiceUnavailableException
            ValidationException
            """,
    },
    "AWS STS (docs.aws.amazon.com/STS/latest/APIReference: errors of AssumeRoleWithSAML, GetSessionToken)": {
        Outcome.DENIED: "ExpiredToken IDPRejectedClaim InvalidIdentityToken RegionDisabledException",
    },
    "AWS Signature Version 4 (docs.aws.amazon.com/IAM/latest/UserGuide/signature-v4-troubleshooting.html)": {
        Outcome.DENIED: "InvalidSignatureException SignatureDoesNotMatch SignatureExpired",
    },
    "AWS EC2 (docs.aws.amazon.com/ec2/latest/devguide/errors-overview.html)": {
        Outcome.DENIED: "AuthFailure PendingVerification UnauthorizedOperation",
        Outcome.THROTTLED: "RequestLimitExceeded",
    },
    "AWS S3 (docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html)": {
        Outcome.DENIED: """
            AccessDenied AccountProblem AllAccessDisabled InvalidAccessKeyId InvalidSecurity InvalidToken NotSignedUp
            RequestTimeTooSkewed TokenRefreshRequired
            """,
        Outcome.THROTTLED: "SlowDown",
    },
    "AWS SDKs, retries (docs.aws.amazon.com/sdkref/latest/guide/feature-retry-behavior.html)": {
        Outcome.THROTTLED: """
            BandwidthLimitExceeded EC2ThrottledException LimitExceededException PriorRequestNotComplete
            ProvisionedThroughputExceededException RequestThrottled RequestThrottledException Throttling
            ThrottledException TooManyRequestsException
            """,
    },
    "Azure OpenAI (learn.microsoft.com/azure/ai-services/openai/concepts/content-filter)": {
        Outcome.CONTENT_FILTERED: "content_filter ResponsibleAIPolicyViolation",
        Outcome.THROTTLED: "RateLimitReached",
    },
    "Azure Resource Manager (learn.microsoft.com/azure/azure-resource-manager/troubleshooting)": {
        Outcome.DENIED: """
            AuthenticationFailed AuthorizationFailed ExpiredAuthenticationToken InvalidAuthenticationToken
            InvalidAuthenticationTokenTenant LinkedAuthorizationFailed RequestDisallowedByPolicy
            """,
        Outcome.THROTTLED: "QuotaExceeded SubscriptionRequestsThrottled TooManyRequests",
    },
    "Azure API Management (learn.microsoft.com/azure/api-management/api-management-error-handling-policies)": {
        Outcome.DENIED: """
            CallerIpBlocked CallerIpNotAllowed HeaderValueNotAllowed JwtInvalid SubscriptionKeyInvalid
            SubscriptionKeyNotFound TokenAudienceNotAllowed TokenClaimNotFound TokenClaimValueNotAllowed TokenExpired
            TokenIssuerNotAllowed TokenNotPresent TokenSignatureInvalid TokenSignatureKeyNotFound
            """,
        Outcome.THROTTLED: "QuotaExceeded RateLimitExceeded",
    },
    "OpenAI (platform.openai.com/docs/guides/error-codes; .../guides/image-generation; .../api-reference/responses)": {
        Outcome.CONTENT_FILTERED: "content_policy_violation image_content_policy_violation moderation_blocked",
        Outcome.DENIED: """
            AuthenticationError PermissionDeniedError incorrect_api_key invalid_api_key ip_not_authorized
            mismatched_organization unsupported_country_region_territory
            """,
        Outcome.THROTTLED: "RateLimitError insufficient_quota rate_limit_exceeded slow_down",
        Outcome.FAILURE: "APIConnectionError APITimeoutError BadRequestError InternalServerError server_error",
    },
    "Anthropic (docs.claude.com/en/api/errors)": {
        Outcome.DENIED: "authentication_error permission_error",
        Outcome.THROTTLED: "rate_limit_error",
        Outcome.FAILURE: """
            api_error billing_error invalid_request_error not_found_error overloaded_error
            request_too_large timeout_error
            """,
    },
    "Google, gRPC codes (github.com/googleapis/googleapis: google/rpc/code.proto)": {
        Outcome.DENIED: "PERMISSION_DENIED UNAUTHENTICATED",
        Outcome.THROTTLED: "RESOURCE_EXHAUSTED",
    },
    "Google, reasons (github.com/googleapis/googleapis: google/api/error_reason.proto)": {
        Outcome.DENIED: """
            ACCESS_TOKEN_EXPIRED ACCESS_TOKEN_SCOPE_INSUFFICIENT ACCESS_TOKEN_TYPE_UNSUPPORTED ACCOUNT_STATE_INVALID
            API_KEY_ANDROID_APP_BLOCKED API_KEY_HTTP_REFERRER_BLOCKED API_KEY_INVALID API_KEY_IOS_APP_BLOCKED
            API_KEY_IP_ADDRESS_BLOCKED API_KEY_SERVICE_BLOCKED CONSUMER_SUSPENDED CREDENTIALS_MISSING
            LOCATION_ORG_POLICY_VIOLATED ORG_RESTRICTION_VIOLATION SECURITY_POLICY_VIOLATED SERVICE_DISABLED
            SESSION_COOKIE_INVALID USER_BLOCKED_BY_ADMIN USER_PROJECT_DENIED
            """,
        Outcome.THROTTLED: "RATE_LIMIT_EXCEEDED RESOURCE_QUOTA_EXCEEDED",
    },
    "Google, blocked prompts (ai.google.dev/api/generate-content: BlockReason)": {
        Outcome.CONTENT_FILTERED: "BLOCKLIST IMAGE_SAFETY PROHIBITED_CONTENT SAFETY",
    },
    "LiteLLM (docs.litellm.ai/docs/exception_mapping; github.com/BerriAI/litellm: litellm/exceptions.py)": {
        Outcome.CONTENT_FILTERED: """
            BlockedPiiEntityError ContentPolicyViolationError GuardrailRaisedException RejectedRequestError
            """,
        Outcome.DENIED: "AuthenticationError PermissionDeniedError",
        Outcome.THROTTLED: "BudgetExceededError RateLimitError",
        Outcome.FAILURE: "APIConnectionError ContextWindowExceededError ServiceUnavailableError Timeout",
    },
}
"""Names of errors by the outcome that they stand for, and where that is documented."""

_WORDS: Final = (
    (
        Outcome.CONTENT_FILTERED,
        ("contentfilter", "contentpolicy", "guardrailintervened", "moderationblocked", "responsibleai"),
    ),
    (Outcome.THROTTLED, ("throttl", "toomanyrequests", "ratelimit", "quota")),
    (
        Outcome.DENIED,
        (
            *("accessdenied", "unauthorized", "unauthenticated", "forbidden", "permission", "authentication"),
            *("invalidapikey", "authfail", "expiredtoken", "tokenexpired"),
        ),
    ),
)
"""Words in names that are not in the table."""
_NAME: Final = re.compile(r"[A-Za-z0-9_-]+")
_NO_LETTERS: Final = re.compile(r"[^a-z0-9]")
_ENDS: Final = re.compile(r"(?:error|exception|fault)+\Z")
_VAGUE: Final = frozenset(
    ("", "api", "apistatus", "badrequest", "failed", "failure", "none", "other", "proxy", "unknown")
)
"""Names, without "error" at the end, that say no more than that the call failed."""


def _folded(name: str) -> str:
    squeezed = _NO_LETTERS.sub("", name.lower())
    return _ENDS.sub("", squeezed)


_OUTCOMES: Final = {
    _folded(name): outcome
    for outcomes in DOCUMENTED.values()
    for outcome, names in outcomes.items()
    for name in names.split()
}


def pop_http_status(fields: Fields, *path: str) -> int | None:
    """Pop an HTTP status, 100 to 599, also from a string; any other number or word stays."""
    value = peek(fields, *path)
    if (type(value) is int and 100 <= value <= 599) or (type(value) is str and _STATUS.fullmatch(value)):
        return pop_count(fields, *path)
    return None


def outcome_of_status(status: int | None) -> Outcome | None:
    """The outcome that an HTTP status stands for; None for no status."""
    if status is None:
        return None
    if status < 400:
        return Outcome.SUCCESS
    if status in (401, 403):
        return Outcome.DENIED
    return Outcome.THROTTLED if status == 429 else Outcome.FAILURE


def outcome_of_error(name: str) -> Outcome:
    """The outcome that an error's name stands for (``ThrottlingException``, ``content_filter``, ``AccessDenied``).

    Several names of one error, or an HTTP status among them, may be given with blanks between: the first that says more
    than that the call failed counts.
    """
    found = next((found for part in _NAME.findall(name) if (found := _known(part)) is not None), None)
    return found or _by_words(_folded(name)) or Outcome.FAILURE


def _known(part: str) -> Outcome | None:
    """What one name stands for, by the table, or a status; None if it tells no more than that the call failed."""
    outcome = outcome_of_status(int(part)) if _STATUS.fullmatch(part) else _OUTCOMES.get(_folded(part))
    return None if outcome in (Outcome.FAILURE, Outcome.SUCCESS) else outcome


def _by_words(folded: str) -> Outcome | None:
    return next((outcome for outcome, words in _WORDS if any(word in folded for word in words)), None)


def outcome_of_call(status: int | None, *errors: str | None) -> Outcome | None:
    """The outcome of a call by its HTTP status and the names of its errors, which may tell more; None for neither."""
    by_status = outcome_of_status(status)
    names = " ".join(filter(None, errors))
    if by_status not in (None, Outcome.FAILURE) or not names:
        return by_status
    return outcome_of_error(names)


def most_telling(names: Iterable[str]) -> str | None:
    """The name that says most about an error: the first of those that stand for an outcome, else the first that is not
    vague (``Unknown``), else the first; None for none.
    """
    listed = list(names)
    return min(listed, key=lambda name: (outcome_of_error(name) is Outcome.FAILURE, is_vague(name)), default=None)


def is_vague(name: str) -> bool:
    """Whether an error's name says no more than that the call failed."""
    return _folded(name) in _VAGUE
