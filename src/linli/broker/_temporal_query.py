"""What a temporal query asks: over which time, how many of the last instances, in which form, summed up how (4.11, 4.5.19).

Times are microseconds in UTC. The lower end of an interval is inside, the upper end outside. A period of an aggregation
may have months and years: its ends are counted by the calendar from the start of the first period, so that P1M from
31 January ends on the last day of February and the next one on 31 March.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Literal, cast

import numpy as np
import numpy.typing as npt

from linli.base import from_wire_time
from linli.base.errors import BadRequestData

TimeProperty = Literal["observedAt", "createdAt", "modifiedAt", "deletedAt"]
Form = Literal["normalized", "values", "aggregated"]
Relation = Literal["before", "after", "between"]
Times = npt.NDArray[np.int64]

TIME_PROPERTIES = ("observedAt", "createdAt", "modifiedAt", "deletedAt")
METHODS = ("totalCount", "distinctCount", "sum", "avg", "min", "max", "stddev", "sumsq")
LAST_N_MAX = 1_000_000
PERIODS_MAX = 100_000

_SECOND_US = 1_000_000
_DAY_US = 86_400 * _SECOND_US
_MONTHS_MAX = 12 * 10_000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_PERIOD = re.compile(
    r"P(?=\d|T\d)(?:(\d{1,4})Y)?(?:(\d{1,5})M)?(?:(\d{1,6})W)?(?:(\d{1,7})D)?"
    r"(?:T(?=\d)(?:(\d{1,8})H)?(?:(\d{1,9})M)?(?:(\d{1,10}(?:\.\d{1,6})?)S)?)?"
)


@dataclass(frozen=True, slots=True)
class Period:
    """How long one period of an aggregation is; nothing at all means the whole interval."""

    months: int = 0
    us: int = 0

    @property
    def is_whole(self) -> bool:
        """Whether there is one period only."""
        return not (self.months or self.us)

    def edges(self, origin_us: int, last_us: int) -> Times:
        """Return where periods with months begin, and at the end where the one that holds `last_us` ends.

        Shapes: (n + 1,) for n periods. Units: microseconds. Raises: BadRequestData: more than PERIODS_MAX.
        """
        edges = [origin_us]
        while edges[-1] <= last_us:
            at = len(edges)
            if at > PERIODS_MAX:
                raise BadRequestData("aggrPeriodDuration: gives too many periods; say a longer one.")
            edges.append(_months_later(origin_us, self.months * at) + self.us * at)
        return np.array(edges, np.int64)


WHOLE = Period()


@dataclass(frozen=True, slots=True)
class Span:
    """A temporal query. `by_name`: the time property was said, so what has no such time is not wanted.

    `since_us` is inside, `until_us` outside; None is open.
    """

    time: TimeProperty = "observedAt"
    by_name: bool = False
    relation: Relation | None = None
    since_us: int | None = None
    until_us: int | None = None
    last_n: int | None = None
    form: Form = "normalized"
    methods: tuple[str, ...] = ()
    period: Period = WHOLE

    @property
    def picks_by_time(self) -> bool:
        """Whether only instances with a time of this kind are wanted."""
        return self.by_name or self.relation is not None

    def holds(self, at_us: int | None) -> bool:
        """Tell whether an instance of that time (None: it has none) is wanted."""
        if at_us is None:
            return not self.picks_by_time
        return (self.since_us is None or at_us >= self.since_us) and (self.until_us is None or at_us < self.until_us)


def read_span(said: Mapping[str, Any], form: Form | None = None) -> Span:
    """Read a temporal query from parameters or from the members of temporalQ; `form` None = not said.

    Raises: BadRequestData: with the name of what is wrong.
    """
    relation, since_us, until_us = _relation(said)
    time = said.get("timeproperty", "observedAt")
    if time not in TIME_PROPERTIES:
        raise BadRequestData(f"timeproperty: must be one of {', '.join(TIME_PROPERTIES)}.")
    methods = _methods(said.get("aggrMethods"))
    if form is None:
        form = "aggregated" if methods else "normalized"
    if form == "aggregated" and not methods:
        raise BadRequestData("aggrMethods: is needed for aggregated values.")
    return Span(
        cast("TimeProperty", time),
        by_name="timeproperty" in said,
        relation=relation,
        since_us=since_us,
        until_us=until_us,
        last_n=_last_n(said.get("lastN")),
        form=form,
        methods=methods,
        period=read_period(said["aggrPeriodDuration"]) if "aggrPeriodDuration" in said else WHOLE,
    )


def read_period(said: Any) -> Period:
    """Read an ISO 8601 duration, like PT1H or P1M; PT0S is the whole interval. Raises: BadRequestData."""
    found = _PERIOD.fullmatch(said) if isinstance(said, str) else None
    if found is None:
        raise BadRequestData("aggrPeriodDuration: must be a duration like PT1H, P1D or P1M; PT0S means all at once.")
    years, months, weeks, days, hours, minutes = (int(found.group(at) or 0) for at in range(1, 7))
    seconds_us = round(float(found.group(7) or 0) * _SECOND_US)
    months += 12 * years
    if months > _MONTHS_MAX:
        raise BadRequestData("aggrPeriodDuration: is longer than all time.")
    return Period(months, (7 * weeks + days) * _DAY_US + (60 * hours + minutes) * 60 * _SECOND_US + seconds_us)


def _relation(said: Mapping[str, Any]) -> tuple[Relation | None, int | None, int | None]:
    """Return the relation and the interval that it makes."""
    relation = said.get("timerel")
    at_us, end_us = _time(said, "timeAt"), _time(said, "endTimeAt")
    if relation is None:
        if at_us is not None or end_us is not None:
            raise BadRequestData("timerel: is needed beside timeAt.")
        return None, None, None
    if relation not in ("before", "after", "between"):
        raise BadRequestData("timerel: must be before, after or between.")
    if at_us is None:
        raise BadRequestData("timeAt: is needed beside timerel.")
    if relation == "before":
        return "before", None, at_us
    if relation == "after":
        return "after", at_us, None
    if end_us is None:
        raise BadRequestData("endTimeAt: is needed for timerel=between.")
    if end_us < at_us:
        raise BadRequestData("endTimeAt: lies before timeAt.")
    return "between", at_us, end_us


def _time(said: Mapping[str, Any], name: str) -> int | None:
    text = said.get(name)
    if text is None:
        return None
    try:
        return from_wire_time(text if isinstance(text, str) else "")
    except BadRequestData as error:
        raise BadRequestData(f"{name}: {error.message}") from error


def _last_n(said: Any) -> int | None:
    if said is None:
        return None
    if isinstance(said, str):
        said = int(said) if said.isascii() and said.isdecimal() and len(said) < 10 else 0
    if isinstance(said, bool) or not isinstance(said, int) or not 0 < said <= LAST_N_MAX:
        raise BadRequestData(f"lastN: must be a whole number from 1 to {LAST_N_MAX}.")
    return said


def _methods(said: Any) -> tuple[str, ...]:
    if said is None:
        return ()
    names: Sequence[Any] = said.split(",") if isinstance(said, str) else said
    if not isinstance(names, list) or not names or not all(name in METHODS for name in names):
        raise BadRequestData(f"aggrMethods: must be one or more of {', '.join(METHODS)}.")
    return tuple(dict.fromkeys(names))


def _months_later(origin_us: int, months: int) -> int:
    """Return a moment so many months later: the same day of the month, or its last one."""
    origin = _EPOCH + timedelta(microseconds=origin_us)
    year, month = divmod(origin.year * 12 + origin.month - 1 + months, 12)
    if year > 9998:
        raise BadRequestData("aggrPeriodDuration: is longer than all time.")
    first_of_next = datetime(year + month // 11, (month + 1) % 12 + 1, 1, tzinfo=UTC)
    last_day = (first_of_next - timedelta(days=1)).day
    later = origin.replace(year=year, month=month + 1, day=min(origin.day, last_day))
    return (later - _EPOCH) // timedelta(microseconds=1)
