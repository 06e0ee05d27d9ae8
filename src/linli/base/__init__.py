"""base: ids, time, places on earth, errors, settings and texts that every room uses; it does no I/O of its own
beyond reading its own text files, and knows nothing of the other rooms."""

from ._ids import (
    Ids,
    Randomness,
    call_number,
    code_of_scope,
    scope_of_code,
    seeded,
    type_of_urn,
    within_scope,
)
from ._json import BATCH_BYTES_MAX, BODY_BYTES_MAX, DEPTH_MAX, read_json, write_json
from ._keys import snake_key, wire_key
from ._places import DEGREE_M, EARTH_M, Point, box_around, checked_point, distance_m
from ._settings import Setting, Settings, setting
from ._texts import LANGUAGES, both, say, texts
from ._time import (
    MINUTE_US,
    SECOND_US,
    Clock,
    FastClock,
    SteppedClock,
    WallClock,
    from_wire_time,
    to_wire_time,
)
from ._worktime import Deadline, Due, WorkTime, read_work_time

__all__ = [
    "BATCH_BYTES_MAX",
    "BODY_BYTES_MAX",
    "DEGREE_M",
    "DEPTH_MAX",
    "EARTH_M",
    "LANGUAGES",
    "MINUTE_US",
    "SECOND_US",
    "Clock",
    "Deadline",
    "Due",
    "FastClock",
    "Ids",
    "Point",
    "Randomness",
    "Setting",
    "Settings",
    "SteppedClock",
    "WallClock",
    "WorkTime",
    "both",
    "box_around",
    "call_number",
    "checked_point",
    "code_of_scope",
    "distance_m",
    "from_wire_time",
    "read_json",
    "read_work_time",
    "say",
    "scope_of_code",
    "seeded",
    "setting",
    "snake_key",
    "texts",
    "to_wire_time",
    "type_of_urn",
    "wire_key",
    "within_scope",
    "write_json",
]
