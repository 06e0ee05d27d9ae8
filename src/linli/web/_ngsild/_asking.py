"""What a query asks for, read from URL parameters or from the body of a POST: both become the same wish."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import lru_cache
from typing import Any, NamedTuple

from linli.base import write_json
from linli.base.errors import BadRequestData, InvalidRequest
from linli.broker import (
    LEVEL_MAX,
    MEMBERS,
    Caps,
    Geo,
    Join,
    Node,
    Order,
    Paging,
    Projection,
    Query,
    Terms,
    checked_id,
    checked_name,
    read_geo,
    read_languages,
    read_members,
    read_order,
    read_pattern,
    read_q,
    read_scope_q,
    read_selectors,
    read_types,
)

from ._desk import NONE
from ._http import Asked, Parameters, number_of, truth_of

SYSTEM = frozenset({"id", "type", "scope", "createdAt", "modifiedAt"})
FORMS = frozenset({"format", "options"})
SHOWING = frozenset({"attrs", "pick", "omit", "lang", "datasetId", "geometryProperty"}) | FORMS
JOINING = frozenset({"join", "joinLevel", "containedBy"})
GEO = frozenset({"georel", "geometry", "coordinates", "geoproperty"})
PAGING = frozenset({"limit", "offset", "count"})
FILTERING = frozenset({"id", "idPattern", "type", "q", "expandValues", "scopeQ", "csf", "local"}) | GEO
ORDERING = frozenset({"orderBy", "orderFrom", "collation"})

_FORMS = frozenset({"normalized", "concise", "simplified", "keyValues"})
_IDS_MAX = 1000
_LIMIT_DEFAULT, _OFFSET_MAX = 20, 10_000_000

Said = Mapping[str, str]


class Wish(NamedTuple):
    """Which entities, how they are shown, in which order, and with what they are linked to."""

    query: Query
    projection: Projection
    order: Order | None = None
    join: Join | None = None


def wish_of(said: Said, terms: Terms, asked: Asked, caps: Caps) -> Wish:
    """Return what URL parameters ask for. Raises: BadRequestData, InvalidRequest."""
    geo = geo_of(said, terms)
    if geo is None:
        return _wish(tuple(said.items()), terms, caps, geo_json=asked.geo_json, placed=False)
    rest = said.rest if isinstance(said, Parameters) else None
    who = (terms, caps, asked.geo_json)
    if rest is not None and rest.worked_out is not None and rest.worked_out[:3] == who:
        wish: Wish = rest.worked_out[3]
    else:
        anywhere = tuple([pair for pair in said.items() if pair[0] not in GEO])
        wish = _wish(anywhere, terms, caps, geo_json=asked.geo_json, placed=True)
        if rest is not None:
            rest.worked_out = (*who, wish)
    return Wish(wish.query.placed(geo), wish.projection, wish.order, wish.join)


@lru_cache(maxsize=512)
def _wish(said: tuple[tuple[str, str], ...], terms: Terms, caps: Caps, *, geo_json: bool, placed: bool) -> Wish:
    """Return the wish without its place, which is nearly all that differs from one request to the next."""
    named = dict(said)
    return Wish(
        _anywhere(named, terms, caps, placed=placed),
        _projection(named, terms, geo_json=geo_json),
        order_of(named, terms),
        join_of(named),
    )


def query_of(said: Said, terms: Terms, caps: Caps, any_of: tuple[Query, ...] = ()) -> Query:
    """Return which entities are wanted; `any_of`: selectors of which one must fit.

    Raises: BadRequestData: wrong, or so wide that it would mean everything.
    """
    geo = geo_of(said, terms)
    return _anywhere(said, terms, caps, any_of, placed=geo is not None).placed(geo)


def geo_of(said: Said, terms: Terms) -> Geo | None:
    """Return the place that is asked for, or None when none is. Raises: BadRequestData."""
    if GEO.isdisjoint(said):
        return None
    if not ("georel" in said and "geometry" in said and "coordinates" in said):
        raise BadRequestData("georel, geometry, coordinates: all three are needed.")
    return read_geo(said["georel"], said["geometry"], said["coordinates"], _place(said), terms)


def _anywhere(said: Said, terms: Terms, caps: Caps, any_of: tuple[Query, ...] = (), *, placed: bool) -> Query:
    """Return a query without its place; `placed`: it has one. Raises: as `query_of`."""
    if "csf" in said:
        read_q(
            said["csf"], terms, caps=caps
        )  # it chooses among context sources; this node asks none, but says what is wrong
    query = Query(
        types=types_of(said, terms, caps),
        ids=_ids(said, "id"),
        any_of=any_of,
        pattern=read_pattern(said["idPattern"], "idPattern", caps.pattern_letters) if "idPattern" in said else None,
        q=read_q(said["q"], terms, expanding=_names(said, "expandValues", terms), caps=caps) if "q" in said else None,
        scopes=read_scope_q(said["scopeQ"], caps=caps) if "scopeQ" in said else None,
    )
    if said.get("type") == "*" and said.get("local", "true").lower() == "false":
        raise BadRequestData("local: type=* asks this node only, so local cannot be false.")
    attrs = set(said.get("attrs", "").split(",")) - {""} - SYSTEM
    if not (query.types or any_of or placed or attrs or query.asks_attributes() or truth_of(said, "local")):
        raise BadRequestData("The query is too wide: say type, attrs, q, georel, or local=true.")
    return query


def types_of(said: Said, terms: Terms, caps: Caps | None = None) -> Node | None:
    """Return the type selection of a request, or None when it names none."""
    return read_types(said["type"], terms, caps=caps or Caps()) if "type" in said else None


def projection_of(said: Said, terms: Terms, asked: Asked) -> Projection:
    """Return how entities are shown. Raises: BadRequestData, InvalidRequest."""
    return _projection(said, terms, geo_json=asked.geo_json)


def _projection(said: Said, terms: Terms, *, geo_json: bool) -> Projection:
    form, sys_attrs = _form(said)
    if "geometryProperty" in said and not geo_json:
        raise BadRequestData("geometryProperty: needs Accept: application/geo+json.")
    attrs = _names(said, "attrs", terms)
    if attrs & {"id", "type", "scope"}:
        raise BadRequestData("attrs: names attributes; members like id and type are named by pick.")
    shown = Projection(
        simplified=form in ("simplified", "keyValues"),
        concise=form == "concise",
        sys_attrs=sys_attrs,
        attrs=attrs,
        languages=read_languages(said["lang"]) if "lang" in said else None,
        datasets=frozenset(_listed(said, "datasetId")),
        place=_inner(said.get("geometryProperty", "location"), terms) if geo_json else None,
    )
    for where in ("pick", "omit"):
        if where in said:
            members = read_members(said[where], where, terms.name)
            shown = replace(
                shown,
                pick=shown.pick | members.pick,
                omit=shown.omit | members.omit,
                linked=_both(shown.linked, members.linked),
            )
    return shown


def _both(
    one: tuple[tuple[str, Projection], ...], other: tuple[tuple[str, Projection], ...]
) -> tuple[tuple[str, Projection], ...]:
    """Return what pick and omit say of linked entities, laid together."""
    laid = dict(one)
    for name, below in other:
        there = laid.get(name, Projection())
        linked = _both(there.linked, below.linked)
        laid[name] = replace(there, pick=there.pick | below.pick, omit=there.omit | below.omit, linked=linked)
    return tuple(laid.items())


def _form(said: Said) -> tuple[str, bool]:
    """Return the form of the answer, and whether the store's own times are shown; `format` goes before `options`."""
    options = [one for one in said.get("options", "").split(",") if one]
    form = said.get("format") or next((one for one in reversed(options) if one in _FORMS), "normalized")
    unknown = ({form} | set(options)) - _FORMS - {"sysAttrs"}
    if unknown or form == "sysAttrs":
        raise InvalidRequest(f"options, format: there is no {min(unknown, default=form)[:100]} here.")
    return form, "sysAttrs" in options


def order_of(said: Said, terms: Terms) -> Order | None:
    """Return in which order entities are wanted; None = in that of their creation. Raises: BadRequestData."""
    if "orderBy" not in said:
        if {"orderFrom", "collation"} & said.keys():
            raise BadRequestData("orderFrom, collation: stand beside orderBy.")
        return None
    return read_order(said["orderBy"].split(","), terms, origin=said.get("orderFrom"), collation=said.get("collation"))


def join_of(said: Said) -> Join | None:
    """Return how linked entities are wanted; None = not at all. Raises: BadRequestData."""
    how = said.get("join", "@none")
    if how not in ("inline", "flat", "@none"):
        raise BadRequestData("join: must be inline or flat.")
    level = said.get("joinLevel", "1")
    if not level.isascii() or not level.isdecimal() or not 0 < int(level[:4]) <= LEVEL_MAX:
        raise BadRequestData(f"joinLevel: must be a whole number from 1 to {LEVEL_MAX}.")
    if how == "@none":
        return None
    return Join(how == "inline", int(level), frozenset(_ids(said, "containedBy")))


def paging_of(said: Said, caps: Caps, *, descending: bool | None = None) -> Paging:
    """Return which page of the answer is wanted. Raises: BadRequestData, InvalidRequest."""
    limit = number_of(said, "limit", _LIMIT_DEFAULT, caps.page_entities)
    paging = Paging(limit, number_of(said, "offset", 0, _OFFSET_MAX), truth_of(said, "count"), descending)
    if limit == 0 and not paging.count:
        raise BadRequestData("limit: 0 is allowed together with count=true only.")
    return paging


def _ids(said: Said, name: str) -> tuple[str, ...]:
    return tuple(checked_id(one, name) for one in _listed(said, name))


def _listed(said: Said, name: str) -> list[str]:
    """Return what stands between commas. Raises: BadRequestData: nothing there, or too much."""
    if name not in said:
        return []
    listed = said[name].split(",")
    if not all(listed) or len(listed) > _IDS_MAX:
        raise BadRequestData(f"{name}: must be 1 to {_IDS_MAX} values with commas between them.")
    return listed


def _names(said: Said, name: str, terms: Terms) -> frozenset[str]:
    """Return the attributes that a parameter lists, by their names in documents."""
    return frozenset(_inner(one, terms) for one in _listed(said, name)) if name in said else NONE


def _inner(said: str, terms: Terms) -> str:
    return said if said in MEMBERS else terms.name(checked_name(said))


def _place(said: Said) -> str:
    return said.get("geoproperty", "location")


#: members of a POSTed query, and how each becomes a parameter: as text, or as a list with commas
_TEXTS = frozenset({"q", "scopeQ", "csf", "lang", "join"})
_LISTS = frozenset({"attrs", "pick", "omit", "datasetId", "containedBy", "expandValues"})


def wish_of_body(body: Any, said: Said, terms: Terms, asked: Asked, caps: Caps) -> Wish:
    """Return what the body of a POSTed query asks for, together with the URL's parameters.

    Raises: BadRequestData, InvalidRequest.
    """
    if not isinstance(body, dict) or body.get("type") != "Query":
        raise BadRequestData("type: must be Query.")
    laid = dict(said)
    order: Order | None = None
    for name, value in body.items():
        if name in ("type", "@context", "entities"):
            continue
        if name in _TEXTS:
            laid[name] = _text(name, value)
        elif name in _LISTS:
            laid[name] = ",".join(_texts(name, value))
        elif name == "joinLevel":
            laid[name] = _level(value)
        elif name == "geoQ":
            laid.update(_geo_of(value))
        elif name == "ordering":
            order = _order_of(value, terms)
        else:
            raise BadRequestData(f"{name[:100]}: cannot stand in a query here.")
    any_of = read_selectors(body["entities"], terms, caps=caps) if "entities" in body else ()
    return Wish(query_of(laid, terms, caps, any_of), projection_of(laid, terms, asked), order, join_of(laid))


def _text(name: str, value: Any) -> str:
    if not isinstance(value, str) or not value:
        raise BadRequestData(f"{name}: must be text.")
    return value


def _texts(name: str, value: Any) -> list[str]:
    values = [value] if isinstance(value, str) else value
    if not isinstance(values, list) or not values or not all(isinstance(one, str) and one for one in values):
        raise BadRequestData(f"{name}: must be a list of texts, and not an empty one.")
    return values


def _level(value: Any) -> str:
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise BadRequestData("joinLevel: must be a whole number above 0.")
    return str(value)


def _geo_of(value: Any) -> dict[str, str]:
    if not isinstance(value, dict) or value.keys() - GEO:
        raise BadRequestData(f"geoQ: must be an object with {', '.join(sorted(GEO))}.")
    plain = {name: _text(f"geoQ.{name}", one) for name, one in value.items() if name != "coordinates"}
    coordinates = value.get("coordinates")
    return {**plain, "coordinates": coordinates if isinstance(coordinates, str) else write_json(coordinates).decode()}


def _order_of(value: Any, terms: Terms) -> Order:
    if not isinstance(value, dict) or value.keys() - {"orderBy", "collation", "coordinates", "geometry"}:
        raise BadRequestData("ordering: must be an object with orderBy, and collation, coordinates, geometry at will.")
    coordinates = value.get("coordinates")
    if coordinates is not None and not isinstance(coordinates, list):
        raise BadRequestData("ordering.coordinates: must be a list.")
    return read_order(
        _texts("ordering.orderBy", value.get("orderBy")),
        terms,
        origin=coordinates,
        geometry=_text("ordering.geometry", value["geometry"]) if "geometry" in value else None,
        collation=_text("ordering.collation", value["collation"]) if "collation" in value else None,
    )
