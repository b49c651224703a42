"""The errors of REST methods."""


class RestError(Exception):
    """An error code, its text and its HTTP status; RestException's default status is 400 (docs/bitrix24.md C.3)."""

    def __init__(self, code: str, text: str, status: int = 400) -> None:
        super().__init__(code)
        self.code = code
        self.text = text
        self.status = status

    def to_json(self) -> dict[str, str]:
        """Return the body of the response."""
        return {"error": self.code, "error_description": self.text}


def access_denied(detail: str = "") -> RestError:
    """Return an AccessException: its text is "Access denied!" plus the detail."""
    return RestError("ACCESS_DENIED", f"Access denied! {detail}".strip(), 403)


def method_not_found() -> RestError:
    """Return the error for a method this portal does not have."""
    return RestError("ERROR_METHOD_NOT_FOUND", "Method not found!", 404)
