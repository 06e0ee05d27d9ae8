"""Every error that may leave a room, in one tree.

    LinliError
    ├── InvalidRequest          400  the request is not readable: JSON, parameters, options
    ├── BadRequestData          400  readable, but what it says is not allowed
    │   ├── OffMap                   a place lies too far from the street network
    │   ├── UnknownKind              no pack that is switched on offers this kind
    │   └── PurposeMissing           personal data asked for without a purpose
    ├── SignInNeeded            401
    ├── NotAllowed              403
    │   └── TooManyResults           NGSI-LD: more than the cap and no paging possible
    ├── ResourceNotFound        404
    │   └── NonexistentTenant
    ├── MethodNotAllowed        405
    ├── AlreadyExists           409
    ├── Conflict                409  somebody else was first; nothing was written
    │   ├── OfferGone                the offer is answered, timed out or withdrawn
    │   └── NotNow                   the call's state does not permit this step
    ├── TooLarge                413
    ├── UnsupportedMediaType    415
    ├── OperationNotSupported   422
    ├── TooOften                429  wait as long as Retry-After says
    ├── Busy                    503  a queue is full: come back later
    ├── StoreFailed             503  the disk did not take it; nothing was acknowledged
    ├── LdContextNotAvailable   504
    ├── Unreachable             504  an outgoing connection or its answer failed
    ├── LoopDetected            508  the request was here before
    └── StartError                   never over HTTP: the process cannot start
        ├── BadSetting
        ├── BadPack
        ├── BadVocabulary
        ├── BadNetwork
        └── StoreTooNew

`status` and `code` belong to the class; the class docstring is the default message. The message goes to
the caller, so it never holds personal data; `**facts` go to the log only.
"""

from __future__ import annotations

from typing import ClassVar

ETSI = "https://uri.etsi.org/ngsi-ld/errors/"
OURS = "https://w3id.org/linli/errors/"


class LinliError(Exception):
    """Something went wrong inside; it was logged. Try again."""

    status: ClassVar[int] = 500
    code: ClassVar[str] = "InternalError"
    family: ClassVar[str] = ETSI

    def __init__(self, message: str | None = None, /, **facts: object) -> None:
        """Keep a message for the caller and facts for the log."""
        self.message = message or (type(self).__doc__ or "").strip()
        self.facts = facts
        super().__init__(self.message)

    def problem(self) -> dict[str, object]:
        """Return the RFC 9457 body: the one shape of every error of every route."""
        return {
            "type": self.family + self.code,
            "title": (type(self).__doc__ or self.code).strip(),
            "detail": self.message,
            "status": self.status,
        }


class InvalidRequest(LinliError):
    """The request cannot be read."""

    status, code = 400, "InvalidRequest"


class BadRequestData(LinliError):
    """The request was read, but its content is not allowed."""

    status, code = 400, "BadRequestData"


class OffMap(BadRequestData):
    """This place is too far from any street on the map."""

    code, family = "OffMap", OURS


class UnknownKind(BadRequestData):
    """No service of this kind is switched on here."""

    code, family = "UnknownKind", OURS


class PurposeMissing(BadRequestData):
    """Personal data needs a purpose: send the header Linli-Purpose."""

    code, family = "PurposeMissing", OURS


class SignInNeeded(LinliError):
    """Sign in first."""

    status, code, family = 401, "SignInNeeded", OURS


class NotAllowed(LinliError):
    """This is not yours to see or to do."""

    status, code, family = 403, "NotAllowed", OURS


class TooManyResults(NotAllowed):
    """Too many results: narrow the query or page through it."""

    code, family = "TooManyResults", ETSI


class ResourceNotFound(LinliError):
    """There is nothing under this id."""

    status, code = 404, "ResourceNotFound"


class NonexistentTenant(ResourceNotFound):
    """This tenant does not exist."""

    code = "NonexistentTenant"


class MethodNotAllowed(LinliError):
    """This method is not for this path; the header Allow names those that are."""

    status, code, family = 405, "MethodNotAllowed", OURS


class AlreadyExists(LinliError):
    """There is already something under this id."""

    status, code = 409, "AlreadyExists"


class Conflict(LinliError):
    """Somebody else was faster; nothing was written. Read again and retry."""

    status, code, family = 409, "Conflict", OURS


class OfferGone(Conflict):
    """This offer is no longer open."""

    code = "OfferGone"


class NotNow(Conflict):
    """The call is not in a state in which this can be done."""

    code = "NotNow"


class TooLarge(LinliError):
    """The request is too large."""

    status, code, family = 413, "TooLarge", OURS


class UnsupportedMediaType(LinliError):
    """Send JSON: Content-Type application/json or application/ld+json."""

    status, code, family = 415, "UnsupportedMediaType", OURS


class OperationNotSupported(LinliError):
    """This operation is not offered."""

    status, code = 422, "OperationNotSupported"


class TooOften(LinliError):
    """Too many requests in a short time. Wait a little and try again."""

    status, code, family = 429, "TooOften", OURS

    def __init__(self, message: str | None = None, /, *, wait_s: int = 1, **facts: object) -> None:
        """Say for how many seconds to wait."""
        super().__init__(message, **facts)
        self.wait_s = wait_s


class Busy(LinliError):
    """Too much is waiting at this moment. Try again in a second."""

    status, code, family = 503, "Busy", OURS


class StoreFailed(LinliError):
    """The database could not write; nothing was acknowledged. Look at `linli doctor`."""

    status, code, family = 503, "StoreFailed", OURS


class LdContextNotAvailable(LinliError):
    """The @context is not known here and is never fetched inside a request."""

    status, code = 504, "LdContextNotAvailable"


class Unreachable(LinliError):
    """The other side could not be reached, or gave no answer that can be read."""

    status, code, family = 504, "Unreachable", OURS


class LoopDetected(LinliError):
    """This request was here before: the brokers on its way tell each other the same again and again."""

    status, code = 508, "LoopDetected"


class StartError(LinliError):
    """The process cannot start."""

    code, family = "StartError", OURS


class BadSetting(StartError):
    """A setting is wrong."""


class BadPack(StartError):
    """A service pack is wrong and was not loaded."""


class BadVocabulary(StartError):
    """A file of the vocabulary is wrong."""


class BadNetwork(StartError):
    """The map file holds no usable street network."""


class StoreTooNew(StartError):
    """The database was written by a newer linli; update the program first."""
