"""Forms that a string may be held to: telephone and region codes, identity numbers, opening hours, scopes.

A form is named in a type file (`form = "phone"`) and takes a string; it tells whether the string is well formed.
`990…` is a province that does not exist and `000…` a telephone that nobody has: samples and tests use them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import cache

Form = Callable[[str], bool]

#: the cuts of a 12-digit code: province, prefecture, county, township, village
_CUTS = (2, 4, 6, 9, 12)
_PROVINCES = frozenset(
    [
        "11",
        "12",
        "13",
        "14",
        "15",
        "21",
        "22",
        "23",
        "31",
        "32",
        "33",
        "34",
        "35",
        "36",
        "37",
        "41",
        "42",
        "43",
        "44",
        "45",
        "46",
        "50",
        "51",
        "52",
        "53",
        "54",
        "61",
        "62",
        "63",
        "64",
        "65",
        "71",
        "81",
        "82",
        "99",
    ]
)
_REGION = re.compile(r"(\d{12})(?:-g\d{2,3})?|(\d{12})\d{5}", re.ASCII)
_TWENTY = re.compile(r"\d{20}", re.ASCII)
_SHORT = re.compile(r"\d{3,6}", re.ASCII)
_MADE_UP = re.compile(r"000\d{8}", re.ASCII)
_DIALLED = re.compile(r"(\+?[0-9][0-9 ()\-]{2,24}?)(?:(?:转|ext\.? ?|x)\d{1,6}|(-\d{1,5}))?", re.ASCII)
_SCOPE_LEVEL = re.compile(r"[^\W\d_]\w*")
_GRID = re.compile(r"g\d{2,3}", re.ASCII)
_TOWNSHIP_MAX = 599
_HOURS_LETTERS_MAX = 500


def phone(said: str) -> bool:
    """Tell whether a number could be dialled: of China without, of elsewhere with + and the country code.

    Only the length is held against the numbering plan. A plan grows faster than any list of it, and a number that
    is refused is a person who cannot be called back.
    """
    if _SHORT.fullmatch(said) or _MADE_UP.fullmatch(said):
        return True
    match = _DIALLED.fullmatch(said)
    if match is None:
        return False
    number, tail = match.groups()
    return _possible(number + (tail or "")) or _possible(number)


def _possible(number: str) -> bool:
    import phonenumbers  # 60 ms: only nodes that see telephone numbers pay for it

    try:
        return phonenumbers.is_possible_number(phonenumbers.parse(number, "CN"))
    except phonenumbers.NumberParseException:
        return False


def region_code(said: str) -> bool:
    """Tell whether this is a region code: 12 digits, 12 with a grid (-g03), or 17 with the urban-rural digits."""
    match = _REGION.fullmatch(said)
    if match is None:
        return False
    code = match.group(1) or match.group(2)
    township = int(code[6:9])
    orphan = int(code[9:]) and not township  # a village without its township
    return code[:2] in _PROVINCES and township <= _TOWNSHIP_MAX and not orphan


def level_of(code: str) -> str:
    """Return the level of a region code: province, city, district, street, community or grid."""
    if "-g" in code:
        return "grid"
    last = max((at for at in range(len(_CUTS)) if int(code[(0, *_CUTS)[at] : _CUTS[at]])), default=0)
    return ("province", "city", "district", "street", "community")[last]


def uscc(said: str) -> bool:
    """Tell whether this is a unified social credit code (GB 32100) with its right check digit."""
    from stdnum.cn import uscc as credit_code

    return said.isascii() and said == credit_code.compact(said) and credit_code.is_valid(said)


def citizen_id(said: str) -> bool:
    """Tell whether this is a citizen's identity number (GB 11643): province, date of birth, check digit.

    The county is not looked up: a list of counties that lags behind would turn people away.
    """
    from stdnum.cn import ric
    from stdnum.exceptions import ValidationError

    if not re.fullmatch(r"\d{17}[\dX]", said, re.ASCII) or said[:2] not in _PROVINCES:
        return False
    try:
        ric.get_birth_date(said)
    except ValidationError:
        return False
    return ric.calc_check_digit(said) == said[-1]


def gb28181(said: str) -> bool:
    """Tell whether this is an id of GB/T 28181: 20 digits that begin with a province."""
    return bool(_TWENTY.fullmatch(said)) and said[:2] in _PROVINCES


def scope(said: str) -> bool:
    """Tell whether this is a scope; below /cn each level carries the code of the one above on."""
    levels = said.removeprefix("/").split("/")
    if not said.startswith("/") or not all(map(_SCOPE_LEVEL.fullmatch, levels)):
        return False
    if levels[0] != "cn":
        return True
    above = ""
    for at, level in enumerate(levels[1:]):
        if at == len(_CUTS):
            return _GRID.fullmatch(level) is not None and len(levels) == len(_CUTS) + 2
        code = level[1:]
        if level[0] != "r" or len(code) != _CUTS[at] or not code.isdigit() or not code.startswith(above):
            return False
        above = code
    return not above or above[:2] in _PROVINCES


def opening_hours(said: str) -> bool:
    """Tell whether these are opening hours as OpenStreetMap writes them."""
    rules = [rule for one in said.split(";") if (rule := one.strip())]
    return len(rules) > 0 and len(said) <= _HOURS_LETTERS_MAX and all(map(_hours().fullmatch, rules))


@cache
def _hours() -> re.Pattern[str]:
    """Return the pattern of one rule: which days of the year, which weekdays, which hours, open or not."""
    clock = r"(?:[01]?\d|2[0-6]):[0-5]\d|\((?:sunrise|sunset|dawn|dusk)[+-]\d{1,2}:[0-5]\d\)|sunrise|sunset|dawn|dusk"
    hours = _series(rf"(?:{clock})(?:-(?:{clock})\+?|\+)")
    weekday = r"(?:Mo|Tu|We|Th|Fr|Sa|Su|PH|SH)"
    weekdays = _series(rf"{weekday}(?:-{weekday})?(?:\[-?[1-5](?:[,-][1-5])*\])?")
    month = r"(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)"
    day = rf"(?:\d{{4}} )?{month}(?: \d{{1,2}})?"
    dates = _series(rf"{day}(?:-(?:{day}|\d{{1,2}}))?") + "|" + _series(r"week \d{1,2}(?:-\d{1,2})?")
    when = rf"(?:(?:(?:{dates})(?::? ?))?(?:{weekdays} ?)?(?:{hours})?)"
    return re.compile(rf'(?=.)(?:24/7|{when}) ?(?:off|closed|open|unknown)? ?(?:"[^"]{{0,200}}")?')


def _series(one: str) -> str:
    return rf"(?:{one})(?:, ?(?:{one}))*"


FORMS: Mapping[str, Form] = {
    "citizen_id": citizen_id,
    "gb28181": gb28181,
    "opening_hours": opening_hours,
    "phone": phone,
    "region_code": region_code,
    "scope": scope,
    "uscc": uscc,
}
