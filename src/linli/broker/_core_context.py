"""The core @context of NGSI-LD, versions 1.3 to 1.9, as facts: which terms there are and what each stands for.

No document of others is kept: `core_document` writes one from the facts. A version holds its own terms and those of
the versions before it, except what it dropped.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from typing import Any

from ._names import DEFAULT

_ETSI = "https://uri.etsi.org/ngsi-ld/"
NEWEST = 9

#: minor version -> the terms that came with it
_CAME: Mapping[int, str] = {
    3: """
        Attribute AttributeList ContextSourceNotification ContextSourceRegistration Date DateTime EntityType
        EntityTypeInfo EntityTypeList Feature FeatureCollection GeoProperty GeometryCollection LineString
        MultiLineString MultiPoint MultiPolygon Notification Point Polygon Property Relationship
        Subscription TemporalProperty Time accept attributeCount attributeDetails attributeList
        attributeName attributeNames attributeTypes attributes bbox coordinates createdAt csf data datasetId
        description detail endAt endTimeAt endpoint entities entityCount entityId error errors expiresAt
        features format geoQ geometry geoproperty georel idPattern information instanceId isActive
        lastFailure lastNotification lastSuccess location managementInterval modifiedAt notification
        notifiedAt object objects observationInterval observationSpace observedAt operationSpace properties
        propertyNames q reason registrationName relationshipNames startAt status subscriptionId
        subscriptionName success temporalQ throttling timeAt timeInterval timeproperty timerel timesSent
        title triggerReason typeList typeName typeNames unchanged unitCode updated uri value values
        watchedAttributes
    """,
    4: "avg distinctCount max min stddev sum sumsq totalCount",
    5: "LanguageProperty attrs lang languageMap scope scopeQ tenant",
    6: """
        cacheDuration contextSourceInfo cooldown deletedAt key languageMaps localOnly management mode
        notUpdated notificationTrigger notifierInfo operations previousLanguageMap previousObject
        previousValue receiverInfo refreshRate registrationId showChanges sysAttrs timeout timesFailed
    """,
    7: "VocabularyProperty dataset previousVocab vocab vocabs",
    8: """
        ContextSourceIdentity JsonProperty ListProperty ListRelationship VocabProperty containedBy
        contextSourceAlias contextSourceExtras contextSourceTimeAt contextSourceUptime entity entityList
        entityMap join joinLevel json jsons linkedMaps objectList objectType objectsLists previousJson
        previousObjectList previousValueList valueList valueLists
    """,
    9: """
        EntityMap ExecutionResultDetails Snapshot SnapshotNotification aggrMethods aggrParams
        aggrPeriodDuration collation entityMapLifetime expandValues jsonKeys jsonldContext langString lastN
        lastUsedAt ngsildConformance ngsildproof objectLists omit orderBy ordering pick problemDetails
        resultStatus snapshotId snapshotLifetime snapshotPriority snapshotQueries snapshotQueriesDetails
        snapshotStatus snapshotTemporalQueries snapshotTemporalQueriesDetails splitEntities valueType
    """,
}
_WENT: Mapping[int, str] = {8: "VocabularyProperty", 9: "objectsLists"}

#: a term stands for ngsi-ld:<term>, save these: ngsi-ld:has<Term>, geojson:<term>, and what is written out
_HAS = """
    dataset entityMap entityMapLifetime joinLevel key languageMap languageMaps object objectList objectLists
    objectType objects objectsLists previousJson previousLanguageMap previousObject previousObjectList previousValue
    previousValueList previousVocab splitEntities value valueList valueLists valueType values vocab vocabs
"""
_GEOJSON = """
    Feature FeatureCollection GeometryCollection LineString MultiLineString MultiPoint MultiPolygon Point Polygon
    bbox coordinates features geometry properties
"""
_ELSEWHERE: Mapping[str, str] = {
    "containedBy": "ngsi-ld:isContainedBy",
    "json": "ngsi-ld:hasJSON",
    "description": "http://purl.org/dc/terms/description",
    "title": "http://purl.org/dc/terms/title",
    "langString": "http://www.w3.org/1999/02/22-rdf-syntax-ns#langString",
}

#: what a term's value is, and how several stand together
_TYPED: Mapping[str, str] = {
    "@id": "datasetId entityId instanceId object previousObject subscriptionId success tenant",
    "@json": "contextSourceExtras json previousJson problemDetails",
    "@vocab": """attributeList attributeName attributeNames attributeTypes attributes objectType previousVocab
        propertyNames relationshipNames typeList typeName typeNames valueType vocab watchedAttributes""",
    "DateTime": """contextSourceTimeAt createdAt deletedAt endAt endTimeAt expiresAt lastFailure lastNotification
        lastSuccess lastUsedAt modifiedAt notifiedAt observedAt startAt timeAt""",
}
_HELD: Mapping[str, str] = {
    "@index": "dataset entityMap",
    "@language": "languageMap previousLanguageMap",
    "@list": """avg bbox coordinates distinctCount entityList jsons languageMaps max min objectList objectLists objects
        objectsLists orderBy previousObjectList previousValueList snapshotQueries snapshotQueriesDetails
        snapshotTemporalQueries snapshotTemporalQueriesDetails stddev sum sumsq totalCount valueList valueLists values
        vocabs""",
    "@set": "features",
}
_TYPE_OF = {term: coercion for coercion, terms in _TYPED.items() for term in terms.split()}
_CONTAINER_OF = {term: container for container, terms in _HELD.items() for term in terms.split()}

#: in most older versions these two lack their prefix, and so mean terms of the default context
_UNPREFIXED = ("attributeCount", "attributeDetails")
_UNPREFIXED_IN = (3, 4, 6, 7, 8)

_URL = re.compile(r"https?://uri\.etsi\.org/ngsi-ld/v1/ngsi-ld-core-context(?:-v1\.([3-9])(?:\.\d+)?)?\.jsonld")


def core_version(url: str) -> int | None:
    """Return which version of the core @context a URL names (its minor number), or None when it names none."""
    found = _URL.fullmatch(url)
    return None if found is None else int(found[1] or NEWEST)


@cache
def core_document(version: int = NEWEST) -> Mapping[str, Any]:
    """Return the core @context document of a version, 3 to 9."""
    context: dict[str, Any] = {"@version": 1.1, "@protected": True} if version >= 8 else {}
    context |= {"ngsi-ld": _ETSI, "geojson": "https://purl.org/geojson/vocab#", "id": "@id", "type": "@type"}
    context |= {term: _definition(term, version) for term in sorted(_terms(version))}
    context["@vocab"] = DEFAULT
    return {"@context": context}


def _terms(version: int) -> set[str]:
    there: set[str] = set()
    for minor in range(3, version + 1):
        there -= set(_WENT.get(minor, "").split())
        there |= set(_CAME[minor].split())
    return there


def _definition(term: str, version: int) -> Any:
    if term in _UNPREFIXED and version in _UNPREFIXED_IN:
        return term
    iri = _iri(term)
    if term == "ngsildproof":
        return {"@id": iri, "@context": [_SEALS, "https://w3id.org/security/data-integrity/v2"]}
    definition = {"@id": iri}
    if term in _TYPE_OF:
        definition["@type"] = _TYPE_OF[term]
    if term == "objects" and version <= 5:
        definition["@type"] = "@id"
    if term in _CONTAINER_OF and not (term == "entityMap" and version < 9):
        definition["@container"] = _CONTAINER_OF[term]
    return definition if len(definition) > 1 else iri


_SEALS = {
    "entityIdSealed": "ngsi-ld:entityIdSealed",
    "entityTypeSealed": {"@id": "ngsi-ld:entityTypeSealed", "@type": "@vocab"},
}


def _iri(term: str) -> str:
    if term in _HAS.split():
        return "ngsi-ld:has" + term[0].upper() + term[1:]
    return _ELSEWHERE.get(term) or ("geojson:" if term in _GEOJSON.split() else "ngsi-ld:") + term
