"""What can go wrong between the operator and its cluster, as one tree.

OperatorError
├── CannotStart          wrong options, no access to a cluster, a permission that is missing from the start
└── ApiError             the API server did not do what was asked
    ├── ApiUnavailable   no answer in time, or one that says later (429, 5xx): try again
    ├── ApiGone          the versions asked for are not kept any more (410): list again
    ├── ApiConflict      somebody else wrote in between (409): read again
    ├── ApiNotFound      there is no such object (404)
    └── ApiDenied        not with these rights (401, 403): somebody has to act
"""


class OperatorError(Exception):
    """Base of all."""


class CannotStart(OperatorError):  # noqa: N818 - says what is the matter
    """The operator cannot run like this; the message says what to change."""


class ApiError(OperatorError):
    """The API server refused or failed.

    Attributes:
        status: the HTTP status, or 0 without an answer.
    """

    def __init__(self, message: str, status: int = 0) -> None:
        super().__init__(message)
        self.status = status


class ApiUnavailable(ApiError):  # noqa: N818 - a state of the API server
    """No answer, or none now."""


class ApiGone(ApiError):  # noqa: N818 - the API server's own word
    """What was asked for is older than what is kept."""


class ApiConflict(ApiError):  # noqa: N818 - the API server's own word
    """Somebody else wrote in between, or an object of this name is there."""


class ApiNotFound(ApiError):  # noqa: N818 - the API server's own word
    """No such object, or no such kind."""


class ApiDenied(ApiError):  # noqa: N818 - says what happened
    """These credentials, or these rights, do not do."""
