"""Rules between the attributes of a type, as type files say them. Each form is one function here:

    {one_of = ["volume", "energy"]}                                 exactly one of them
    {in_order = ["from", "to"]}                                     the second not before the first
    {form = "citizen_id", of = "idNumber", when = "idType", is = ["residentId"]}
    {level = "areaLevel", of = "code"}                              the region code is of that level
    {not_alone = "face", of = "methods"}                            never the only value
    {enough = "denominator", least = "minN", of = "kpiValue"}       no value when too few were counted
    {cell = "peopleCount", k_min = 5}                               no count of so few people

A rule is held against what an entity or a change says at once: an attribute that a change does not name is not
looked up.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from ._faults import Fault
from ._forms import FORMS, level_of, region_code
from ._model import MEMBER, Rule

Attrs = Mapping[str, Any]
RuleChecker = Callable[[Attrs], Fault | None]

#: the keys of each form of rule; those that name attributes come first, by their number
RULES: Mapping[str, tuple[tuple[str, ...], frozenset[str]]] = {
    "one_of": (("one_of",), frozenset({"one_of"})),
    "in_order": (("in_order",), frozenset({"in_order"})),
    "form": (("of", "when"), frozenset({"form", "of", "when", "is"})),
    "level": (("level", "of"), frozenset({"level", "of"})),
    "not_alone": (("of",), frozenset({"not_alone", "of"})),
    "enough": (("enough", "least", "of"), frozenset({"enough", "least", "of"})),
    "cell": (("cell",), frozenset({"cell", "k_min"})),
}
_ORDERED_CODE_LEVELS = {"province": {"city"}}  # a municipality such as Beijing is a province and a city


def attributes_of(rule: Rule) -> Iterator[str]:
    """Yield the attributes that a rule names."""
    keys, _ = RULES[kind_of(rule)]
    for key in keys:
        named = rule[key]
        yield from named if isinstance(named, list) else [named]


def kind_of(rule: Rule) -> str:
    """Return which form of rule this is. Raises: KeyError: none of them."""
    for kind, (_, keys) in RULES.items():
        if set(rule) == keys:
            return kind
    raise KeyError(", ".join(rule))


def of_whole(rule: Rule) -> bool:
    """Tell whether a rule speaks of whole entities only: a change of one attribute cannot break it."""
    return kind_of(rule) == "one_of"


def compiled(rule: Rule) -> RuleChecker:
    """Return the checker of a rule."""
    return _COMPILERS[kind_of(rule)](rule)


def fault_of(rule: Rule) -> Fault:
    """Return the fault of an entity that breaks a rule."""
    path, facts = _TOLD[kind_of(rule)](rule)
    return Fault(path, rule["form"] if "form" in rule else kind_of(rule), facts)


_TOLD: Mapping[str, Callable[[Rule], tuple[str, Mapping[str, object]]]] = {
    "one_of": lambda rule: (rule["one_of"][0], {"names": ", ".join(rule["one_of"])}),
    "in_order": lambda rule: (rule["in_order"][1], {"earlier": rule["in_order"][0]}),
    "form": lambda rule: (rule["of"], {}),
    "level": lambda rule: (rule["of"], {"level": rule["level"]}),
    "not_alone": lambda rule: (rule["of"], {"code": rule["not_alone"]}),
    "enough": lambda rule: (rule["of"], {"count": rule["enough"], "least": rule["least"]}),
    "cell": lambda rule: (rule["cell"], {"below": rule["k_min"] - 1}),
}


def _one_of(rule: Rule) -> RuleChecker:
    names, broken = rule["one_of"], fault_of(rule)
    return lambda attrs: broken if sum(name in attrs for name in names) != 1 else None


def _in_order(rule: Rule) -> RuleChecker:
    (first, second), broken = rule["in_order"], fault_of(rule)

    def checker(attrs: Attrs) -> Fault | None:
        # Wire times and days of one form sort as strings; a fraction of a second does not decide here.
        earlier, later = _value(attrs, first), _value(attrs, second)
        if type(earlier) is str and type(later) is str and later[:19] < earlier[:19]:
            return broken
        return None

    return checker


def _form(rule: Rule) -> RuleChecker:
    form, name, when, allowed = FORMS[rule["form"]], rule["of"], rule["when"], rule["is"]
    broken = fault_of(rule)

    def checker(attrs: Attrs) -> Fault | None:
        said = _value(attrs, name)
        return broken if type(said) is str and _value(attrs, when) in allowed and not form(said) else None

    return checker


def _level(rule: Rule) -> RuleChecker:
    name, level, broken = rule["of"], rule["level"], fault_of(rule)

    def checker(attrs: Attrs) -> Fault | None:
        code, said = _value(attrs, name), _value(attrs, level)
        if type(code) is not str or type(said) is not str or not region_code(code):
            return None
        found = level_of(code)
        return None if said == found or said in _ORDERED_CODE_LEVELS.get(found, ()) else broken

    return checker


def _not_alone(rule: Rule) -> RuleChecker:
    name, code, broken = rule["of"], rule["not_alone"], fault_of(rule)
    return lambda attrs: broken if _value(attrs, name) in (code, [code]) else None


def _enough(rule: Rule) -> RuleChecker:
    name, count, least, broken = rule["of"], rule["enough"], rule["least"], fault_of(rule)

    def checker(attrs: Attrs) -> Fault | None:
        counted, needed = _value(attrs, count), _value(attrs, least)
        if name in attrs and _is_number(counted) and _is_number(needed) and counted < needed:
            return broken
        return None

    return checker


def _cell(rule: Rule) -> RuleChecker:
    name, k_min, broken = rule["cell"], rule["k_min"], fault_of(rule)

    def checker(attrs: Attrs) -> Fault | None:
        counted = _value(attrs, name)
        return broken if _is_number(counted) and 0 < counted < k_min else None

    return checker


def _value(attrs: Attrs, name: str) -> Any:
    """Return the value of an attribute's default instance; None when there is none or it has no form."""
    said = attrs.get(name)
    if type(said) is list:
        said = next((one for one in said if type(one) is dict and "datasetId" not in one), None)
    if type(said) is not dict or type(said.get("type")) is not str:
        return None
    value = said.get(MEMBER.get(said["type"], ""))
    return value.get("@value") if type(value) is dict and "@value" in value else value


def _is_number(said: Any) -> bool:
    return type(said) is int or type(said) is float


_COMPILERS: Mapping[str, Callable[[Rule], RuleChecker]] = {
    "one_of": _one_of,
    "in_order": _in_order,
    "form": _form,
    "level": _level,
    "not_alone": _not_alone,
    "enough": _enough,
    "cell": _cell,
}
