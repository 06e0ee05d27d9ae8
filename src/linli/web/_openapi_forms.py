"""What the OpenAPI document says beside the routes: parameters, bodies, answers and problems, in words and schemas."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

Json = dict[str, Any]
Operation = tuple[str, tuple[str, ...]]

_TEXT: Json = {"type": "string"}
_NAME: Json = {"type": "string", "minLength": 1}
_TRUTH: Json = {"type": "boolean"}
_URI: Json = {"type": "string", "format": "uri", "pattern": "^[a-zA-Z][a-zA-Z0-9+.-]*:[!-~]+$", "maxLength": 200}
_TIME: Json = {"type": "string", "format": "date-time", "pattern": "Z$"}


def _whole(least: int, most: int) -> Json:
    return {"type": "integer", "minimum": least, "maximum": most}


def _one_of(*words: str) -> Json:
    return {"type": "string", "enum": list(words)}


#: what a path's id is, by the segment before it
NAMES: Mapping[str, str] = {
    "attributes": "attribute",
    "attrs": "attributeName",
    "csourceRegistrations": "registrationId",
    "csourceSubscriptions": "subscriptionId",
    "entities": "entityId",
    "entityMaps": "entityMapId",
    "jsonldContexts": "contextId",
    "subscriptions": "subscriptionId",
    "types": "type",
}

HEADERS: Mapping[str, tuple[Json, str]] = {
    "Link": (_TEXT, "URL of the @context by which names are meant, with rel http://www.w3.org/ns/json-ld#context."),
    "NGSILD-EntityMap": (_TEXT, "Id of an entity map, by which the question is answered."),
    "NGSILD-Tenant": (_TEXT, "Whose entities; without it those of the default tenant."),
}

#: headers of answers
TOLD: Mapping[str, tuple[Json, str]] = {
    "Content-Range": (_TEXT, "Up to where in time the answer is complete."),
    "Link": (_TEXT, "The @context by which names are meant, and the next and the previous page."),
    "Location": (_TEXT, "Where that stands which was made."),
    "NGSILD-EntityMap": (_TEXT, "Where the entity map stands by which it was answered."),
    "NGSILD-Results-Count": (_whole(0, 1 << 53), "How many there are in all, when count=true asked so."),
    "NGSILD-Tenant": (_TEXT, "The tenant that was named."),
    "Preference-Applied": (_TEXT, "Which version the answer has the form of."),
}

PARAMETERS: Mapping[str, tuple[Json, str]] = {
    "aggrMethods": (_TEXT, "Aggregates, with commas: totalCount, distinctCount, sum, avg, min, max, stddev, sumsq."),
    "aggrPeriodDuration": (_TEXT, "Length of the periods that are aggregated, like PT1H; PT0S is the whole time."),
    "attrs": (_TEXT, "Attributes, with commas: only entities that have one, and only these of them."),
    "collation": (_TEXT, "By which language texts are ordered; und by default."),
    "containedBy": (_TEXT, "Ids of entities that are not to be entered again when links are followed."),
    "coordinates": (_TEXT, "Coordinates of the geometry, as GeoJSON has them."),
    "count": (_TRUTH, "Say in NGSILD-Results-Count how many there are."),
    "csf": (_TEXT, "Query on the sources of context."),
    "datasetId": (_TEXT, "Instances, by datasetId, with commas; @none is the default instance."),
    "deleteAll": (_TRUTH, "Every instance, not the default one alone."),
    "details": (_TRUTH, "With what is known of each."),
    "drop": (_TEXT, "Attributes to delete, with commas; the entities stay."),
    "endTimeAt": (_TIME, "End of the time with timerel=between."),
    "entityMap": (_TRUTH, "Keep the list of what was found."),
    "entityMapLifetime": (_TEXT, "How long the list is kept, like PT10M."),
    "expandValues": (_TEXT, "Attributes, with commas, whose values in q are names of the @context."),
    "format": (_TEXT, "normalized, concise or simplified; temporalValues or aggregatedValues for history."),
    "geometry": (_TEXT, "Geometry of the geo query, like Point or Polygon."),
    "geometryProperty": (_TEXT, "Which attribute is the geometry of a GeoJSON answer."),
    "geoproperty": (_TEXT, "Which attribute the geo query is about; location by default."),
    "georel": (_TEXT, "near;maxDistance==metres, within, contains, intersects, equals, disjoint or overlaps."),
    "id": (_TEXT, "Ids, with commas."),
    "idPattern": (_TEXT, "Regular expression for ids."),
    "join": (_one_of("flat", "inline", "@none"), "Bring the entities along that relationships name."),
    "joinLevel": (_whole(1, 100), "How many relationships deep."),
    "keep": (_TEXT, "Attributes to keep, with commas; all others are deleted and the entities stay."),
    "kind": (_one_of("Cached", "Hosted", "ImplicitlyCreated"), "Which kind of @context."),
    "lang": (_TEXT, "Languages of LanguageProperties, like zh,en;q=0.5."),
    "lastN": (_whole(1, 100_000), "Only the newest instances of each attribute."),
    "limit": (_whole(0, 1000), "How many at most; 0 together with count=true only."),
    "local": (_TRUTH, "Only what stands here."),
    "observedAt": (_TIME, "Time to put in the place of observedAt where the body has none."),
    "offset": (_whole(0, 10_000_000), "How many are passed over."),
    "omit": (_TEXT, "Members to leave out, with commas."),
    "options": (_TEXT, "Options, with commas: keyValues, concise, sysAttrs, noOverwrite, update, replace ..."),
    "orderBy": (_TEXT, "Attributes to order by, with commas, like name;desc or location;dist-asc."),
    "orderFrom": (_TEXT, "Coordinates from which distances are taken."),
    "pick": (_TEXT, "Members to answer with, with commas."),
    "q": (_TEXT, 'Query on attributes, like temperature>20;name=="North".'),
    "reload": (_TRUTH, "Fetch it anew instead."),
    "scopeQ": (_TEXT, "Query on scopes, like /cn/#."),
    "timeAt": (_TIME, "Time with timerel."),
    "timeproperty": (_one_of("createdAt", "deletedAt", "modifiedAt", "observedAt"), "By which time of an instance."),
    "timerel": (_one_of("after", "before", "between"), "How the instances lie to timeAt."),
    "type": (_TEXT, "Types, with commas for or, semicolons for and."),
}

SCHEMAS: Json = {
    "Attribute": {
        "type": "object",
        "properties": {
            "type": _one_of(
                "GeoProperty",
                "JsonProperty",
                "LanguageProperty",
                "ListProperty",
                "ListRelationship",
                "Property",
                "Relationship",
                "VocabProperty",
            ),
            "datasetId": _URI,
            "languageMap": {"type": "object"},
            "object": {"anyOf": [_URI, {"type": "array", "items": _URI}]},
            "observedAt": _TIME,
            "unitCode": _TEXT,
            "value": {},
        },
    },
    "Attributes": {
        "type": "object",
        "properties": {"@context": {"$ref": "#/components/schemas/Context"}, "type": _NAME},
        "additionalProperties": {
            "anyOf": [
                {"$ref": "#/components/schemas/Attribute"},
                {"type": "array", "items": {"$ref": "#/components/schemas/Attribute"}},
                {"type": ["string", "number", "boolean"]},
            ]
        },
    },
    "BatchOutcome": {
        "type": "object",
        "required": ["errors", "success"],
        "properties": {
            "success": {"type": "array", "items": _TEXT},
            "errors": {
                "type": "array",
                "items": {
                    "type": "object",
                    "required": ["entityId", "error"],
                    "properties": {"entityId": {}, "error": {"$ref": "#/components/schemas/Problem"}},
                },
            },
        },
    },
    "Context": {"description": "An @context: a URL, an object of terms, or a list of these."},
    "Document": {
        "type": "object",
        "required": ["@context"],
        "properties": {"@context": {"$ref": "#/components/schemas/Context"}},
    },
    "Entity": {
        "type": "object",
        "required": ["id", "type"],
        "properties": {
            "@context": {"$ref": "#/components/schemas/Context"},
            "id": _URI,
            "type": {"anyOf": [_NAME, {"type": "array", "items": _NAME, "minItems": 1}]},
            "scope": {"anyOf": [_TEXT, {"type": "array", "items": _TEXT}]},
        },
        "additionalProperties": {
            "anyOf": [
                {"$ref": "#/components/schemas/Attribute"},
                {"type": "array", "items": {"$ref": "#/components/schemas/Attribute"}},
                {"type": ["string", "number", "boolean", "object", "array"]},
            ]
        },
    },
    "Evolution": {
        "type": "object",
        "required": ["id", "type"],
        "properties": {
            "@context": {"$ref": "#/components/schemas/Context"},
            "id": _URI,
            "type": {"anyOf": [_NAME, {"type": "array", "items": _NAME, "minItems": 1}]},
        },
        "additionalProperties": {
            "anyOf": [
                {"type": "array", "items": {"$ref": "#/components/schemas/Attribute"}},
                {"$ref": "#/components/schemas/Attribute"},
            ]
        },
    },
    "Id": _URI,
    "Left": {
        "type": "object",
        "required": ["notUpdated", "updated"],
        "properties": {
            "updated": {"type": "array", "items": _TEXT},
            "notUpdated": {
                "type": "array",
                "items": {
                    "type": "object",
                    "required": ["attributeName", "reason"],
                    "properties": {"attributeName": _TEXT, "reason": _TEXT},
                },
            },
        },
    },
    "Object": {"type": "object"},
    "Problem": {
        "type": "object",
        "required": ["detail", "status", "title", "type"],
        "properties": {"detail": _TEXT, "status": _whole(400, 599), "title": _TEXT, "type": _URI},
    },
    "Query": {
        "type": "object",
        "required": ["type"],
        "properties": {
            "@context": {"$ref": "#/components/schemas/Context"},
            "type": {"const": "Query"},
            "entities": {
                "type": "array",
                "items": {"type": "object", "properties": {"id": _URI, "idPattern": _TEXT, "type": _NAME}},
            },
            "attrs": {"type": "array", "items": _NAME},
            "q": _TEXT,
            "scopeQ": _TEXT,
            "geoQ": {"type": "object"},
            "temporalQ": {"type": "object"},
        },
    },
    "Registration": {
        "type": "object",
        "required": ["endpoint", "information", "type"],
        "properties": {
            "@context": {"$ref": "#/components/schemas/Context"},
            "id": _URI,
            "type": {"const": "ContextSourceRegistration"},
            "endpoint": _URI,
            "information": {"type": "array", "items": {"type": "object"}, "minItems": 1},
        },
    },
    "Subscription": {
        "type": "object",
        "required": ["notification", "type"],
        "properties": {
            "@context": {"$ref": "#/components/schemas/Context"},
            "id": _URI,
            "type": {"const": "Subscription"},
            "entities": {
                "type": "array",
                "items": {"type": "object", "properties": {"id": _URI, "idPattern": _TEXT, "type": _NAME}},
            },
            "watchedAttributes": {"type": "array", "items": _NAME},
            "q": _TEXT,
            "notification": {
                "type": "object",
                "required": ["endpoint"],
                "properties": {"endpoint": {"type": "object", "required": ["uri"], "properties": {"uri": _URI}}},
            },
        },
    },
    "Value": {"description": "Any JSON value."},
}

_ENTITY = ("entities", "{}")
_EVOLUTION = ("temporal", "entities", "{}")

#: what a body is, by operation
BODIES: Mapping[Operation, str] = {
    ("POST", ("entities",)): "Entity",
    ("PUT", _ENTITY): "Entity",
    ("PATCH", _ENTITY): "Attributes",
    ("POST", (*_ENTITY, "attrs")): "Attributes",
    ("PATCH", (*_ENTITY, "attrs")): "Attributes",
    ("PATCH", (*_ENTITY, "attrs", "{}")): "Attribute",
    ("PUT", (*_ENTITY, "attrs", "{}")): "Attribute",
    ("PUT", (*_ENTITY, "attrs", "{}", "value")): "Value",
    ("POST", ("entityOperations", "create")): "list of Entity",
    ("POST", ("entityOperations", "upsert")): "list of Entity",
    ("POST", ("entityOperations", "update")): "list of Entity",
    ("POST", ("entityOperations", "merge")): "list of Entity",
    ("POST", ("entityOperations", "delete")): "list of Id",
    ("POST", ("entityOperations", "query")): "Query",
    ("POST", ("subscriptions",)): "Subscription",
    ("PATCH", ("subscriptions", "{}")): "Object",
    ("POST", ("csourceSubscriptions",)): "Subscription",
    ("PATCH", ("csourceSubscriptions", "{}")): "Object",
    ("POST", ("csourceRegistrations",)): "Registration",
    ("PATCH", ("csourceRegistrations", "{}")): "Object",
    ("POST", ("jsonldContexts",)): "Document",
    ("PATCH", ("entityMaps", "{}")): "Object",
    ("POST", ("entityMaps",)): "Query",
    ("POST", ("temporal", "entityMaps")): "Query",
    ("POST", ("temporal", "entities")): "Evolution",
    ("POST", (*_EVOLUTION, "attrs")): "Attributes",
    ("PATCH", (*_EVOLUTION, "attrs", "{}", "{}")): "Attributes",
    ("POST", ("temporal", "entityOperations", "query")): "Query",
}

#: what comes back when it went well, by operation: status -> what the body is; "" is none
ANSWERS: Mapping[Operation, Mapping[int, str]] = {
    ("POST", ("entities",)): {201: ""},
    ("GET", ("entities",)): {200: "list of Entity", 201: "list of Entity"},
    ("DELETE", ("entities",)): {204: "", 207: "BatchOutcome"},
    ("GET", _ENTITY): {200: "Entity"},
    ("POST", (*_ENTITY, "attrs")): {204: "", 207: "Left"},
    ("PATCH", (*_ENTITY, "attrs")): {204: "", 207: "Left"},
    ("GET", (*_ENTITY, "attrs", "{}")): {200: "Any"},
    ("GET", (*_ENTITY, "attrs", "{}", "value")): {200: "Value"},
    ("POST", ("entityOperations", "create")): {201: "list of Id", 207: "BatchOutcome"},
    ("POST", ("entityOperations", "upsert")): {201: "list of Id", 204: "", 207: "BatchOutcome"},
    ("POST", ("entityOperations", "update")): {204: "", 207: "BatchOutcome"},
    ("POST", ("entityOperations", "merge")): {204: "", 207: "BatchOutcome"},
    ("POST", ("entityOperations", "delete")): {204: "", 207: "BatchOutcome"},
    ("POST", ("entityOperations", "query")): {200: "list of Entity", 201: "list of Entity"},
    ("POST", ("subscriptions",)): {201: ""},
    ("GET", ("subscriptions",)): {200: "list of Object"},
    ("GET", ("subscriptions", "{}")): {200: "Object"},
    ("POST", ("csourceSubscriptions",)): {201: ""},
    ("GET", ("csourceSubscriptions",)): {200: "list of Object"},
    ("GET", ("csourceSubscriptions", "{}")): {200: "Object"},
    ("POST", ("csourceRegistrations",)): {201: ""},
    ("GET", ("csourceRegistrations",)): {200: "list of Object"},
    ("GET", ("csourceRegistrations", "{}")): {200: "Object"},
    ("POST", ("jsonldContexts",)): {201: ""},
    ("GET", ("jsonldContexts",)): {200: "list of Any"},
    ("GET", ("jsonldContexts", "{}")): {200: "Object"},
    ("POST", ("temporal", "entities")): {201: "", 204: ""},
    ("GET", ("temporal", "entities")): {200: "list of Object", 201: "list of Object", 206: "list of Object"},
    ("GET", _EVOLUTION): {200: "Object", 206: "Object"},
    ("POST", (*_EVOLUTION, "attrs")): {204: ""},
    ("POST", ("temporal", "entityOperations", "query")): {
        200: "list of Object",
        201: "list of Object",
        206: "list of Object",
    },
    ("GET", ("entityMaps", "{}")): {200: "Object"},
    ("GET", ("entityMaps",)): {201: "Object"},
    ("POST", ("entityMaps",)): {201: "Object"},
    ("GET", ("temporal", "entityMaps")): {201: "Object"},
    ("POST", ("temporal", "entityMaps")): {201: "Object"},
    ("GET", ("info", "sourceIdentity")): {200: "Object"},
    ("GET", ("types",)): {200: "Any"},
    ("GET", ("types", "{}")): {200: "Object"},
    ("GET", ("attributes",)): {200: "Any"},
    ("GET", ("attributes", "{}")): {200: "Object"},
}

PROBLEMS: Mapping[int, str] = {
    400: "The request cannot be read, or what it says is not allowed; the detail names the member or parameter.",
    403: "Not yours to see or to do, or too many results.",
    404: "There is nothing under this id, or no such tenant.",
    406: "None of the media types in Accept is offered.",
    409: "There is already something under this id, or somebody else was faster.",
    411: "Content-Length is missing.",
    413: "The request is larger than what is taken.",
    415: "The body is of a media type that is not taken.",
    422: "This optional part of the standard is not offered.",
    503: "A queue is full or the disk refuses; nothing was written. Come back later.",
    504: "An @context is not available.",
    508: "The request was here before: brokers send it round in a circle.",
}
