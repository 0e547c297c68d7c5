"""What goes wrong, as OpenAI's clients read it: {"error": {message, type, param, code}}.

What a caller can mend is said in full; of anything else only that it happened, and the log has the
rest: no path and no trace leaves the server.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel

from nextgpt_registry.errors import Cancelled, MediaError, NextGPTError, RequestError

_TYPES = {
    400: "invalid_request_error",
    401: "authentication_error",
    404: "invalid_request_error",
    413: "invalid_request_error",
    429: "rate_limit_error",
    503: "overloaded_error",
    504: "timeout_error",
}


class ErrorBody(BaseModel):
    """What went wrong."""

    message: str
    type: str
    param: str | None = None
    code: str | None = None


class ErrorResponse(BaseModel):
    """The body of every answer that is none."""

    error: ErrorBody


class ApiError(Exception):
    """A request ends with this status and this body."""

    def __init__(
        self,
        status: int,
        message: str,
        *,
        code: str | None = None,
        param: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.status, self.message, self.code, self.param = status, message, code, param
        self.headers = dict(headers or {})

    @property
    def error(self) -> dict[str, Any]:
        """What went wrong, without the status."""
        kind = _TYPES.get(self.status, "server_error" if self.status >= 500 else _TYPES[400])
        return ErrorBody(
            message=self.message, type=kind, param=self.param, code=self.code
        ).model_dump()

    @property
    def body(self) -> dict[str, Any]:
        """What the client is sent."""
        return {"error": self.error}


def too_busy(message: str, seconds: float, status: int = 503) -> ApiError:
    """Come back in so many seconds."""
    code = "rate_limit_exceeded" if status == 429 else "overloaded"
    headers = {"Retry-After": str(max(1, round(seconds)))}
    return ApiError(status, message, code=code, headers=headers)


def unsupported(field: str, fix: str = "leave it out") -> ApiError:
    """A field that has no meaning here."""
    message = f"{field} is not supported by this server: {fix}"
    return ApiError(400, message, code="unsupported_parameter", param=field)


def not_found(message: str, code: str = "not_found") -> ApiError:
    """There is no such thing, or not for this caller."""
    return ApiError(404, message, code=code)


def api_error(error: BaseException) -> ApiError:
    """What an error of the core, or any other, comes to."""
    match error:
        case ApiError():
            return error
        case Cancelled():
            return ApiError(503, "the answer was called off", code="cancelled")
        case RequestError() | MediaError():
            fix = f" ({error.fix})" if error.fix else ""
            return ApiError(400, f"{error.who}: {error.what}{fix}", code=_code(error))
        case NextGPTError():
            return ApiError(500, "a component of the system failed", code=_code(error))
    return ApiError(500, "the server failed; its log says more", code="internal_error")


def _code(error: NextGPTError) -> str:
    """`MediaError` -> `media_error`."""
    return error.page.removesuffix("Error").lower() + "_error"
