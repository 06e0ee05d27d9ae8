"""Reads type files and code lists, and refuses a vocabulary in which one fact could be said in two ways."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, get_args

from linli.base.errors import BadVocabulary

from ._forms import FORMS
from ._model import Attribute, AttributeKind, Basis, CodeList, EntityType, Rule
from ._never import FORBIDDEN_NAME
from ._rules import attributes_of, kind_of

OWN = "https://w3id.org/linli#"
ETSI = "https://uri.etsi.org/ngsi-ld/"

#: Names of NGSI-LD's core context that an attribute may bear, and the one meaning each of them has there.
SHARED_CORE: Mapping[str, str] = {
    "location": ETSI + "location",
    "observationSpace": ETSI + "observationSpace",
    "operationSpace": ETSI + "operationSpace",
    "status": ETSI + "status",
    "mode": ETSI + "mode",
    "title": "http://purl.org/dc/terms/title",
    "description": "http://purl.org/dc/terms/description",
}
_CORE_TERMS = """
    Attribute AttributeList ContextSourceIdentity ContextSourceNotification ContextSourceRegistration Date
    DateTime EntityMap EntityType EntityTypeInfo EntityTypeList ExecutionResultDetails Feature FeatureCollection
    GeoProperty GeometryCollection JsonProperty LanguageProperty LineString ListProperty ListRelationship
    MultiLineString MultiPoint MultiPolygon Notification Point Polygon Property Relationship Snapshot
    SnapshotNotification Subscription TemporalProperty Time VocabProperty VocabularyProperty accept aggrMethods
    aggrParams aggrPeriodDuration attributeCount attributeDetails attributeList attributeName attributeNames
    attributeTypes attributes attrs avg bbox cacheDuration collation containedBy contextSourceAlias
    contextSourceExtras contextSourceInfo contextSourceTimeAt contextSourceUptime cooldown coordinates createdAt
    csf data dataset datasetId deletedAt detail distinctCount endAt endTimeAt endpoint entities entity
    entityCount entityId entityList entityMap entityMapLifetime error errors expandValues expiresAt features
    format geoQ geojson geometry geoproperty georel id idPattern information instanceId isActive join joinLevel
    json jsonKeys jsonldContext jsons key lang langString languageMap languageMaps lastFailure lastN
    lastNotification lastSuccess lastUsedAt linkedMaps localOnly management managementInterval max min
    modifiedAt ngsildConformance ngsildproof notUpdated notification notificationTrigger notifiedAt notifierInfo
    object objectList objectLists objectType objects objectsLists observationInterval observedAt omit operations
    orderBy ordering pick previousJson previousLanguageMap previousObject previousObjectList previousValue
    previousValueList previousVocab problemDetails properties propertyNames q reason receiverInfo refreshRate
    registrationId registrationName relationshipNames resultStatus scope scopeQ showChanges snapshotId
    snapshotLifetime snapshotPriority snapshotQueries snapshotQueriesDetails snapshotStatus
    snapshotTemporalQueries snapshotTemporalQueriesDetails splitEntities startAt stddev subscriptionId
    subscriptionName success sum sumsq sysAttrs temporalQ tenant throttling timeAt timeInterval timeout
    timeproperty timerel timesFailed timesSent totalCount triggerReason type typeList typeName typeNames
    unchanged unitCode updated uri value valueList valueLists valueType values vocab vocabs watchedAttributes
"""
#: Names that the core context, of whatever version, gives a meaning: no type or attribute may be called so.
RESERVED = frozenset(_CORE_TERMS.split())

VALUES = frozenset(
    ["string", "text", "integer", "number", "boolean", "date", "datetime", "duration", "uri", "code", "object"]
)
_SHAPES = frozenset(["Point", "MultiPoint", "LineString", "MultiLineString", "Polygon", "MultiPolygon"])
_NAME = re.compile(r"^[a-z][A-Za-z0-9]{0,63}$")
_TYPE = re.compile(r"^[A-Z][A-Za-z0-9]{0,63}$")
_KEY = re.compile(r"^[A-Za-z0-9][A-Za-z0-9_]{0,63}$")
_REUSE = re.compile(r"^dataModel\.[A-Za-z]+/[A-Za-z_]+@\d+\.\d+\.\d+$")
_CLASSES = ("none", "personal", "sensitive")
_PRIVACY = ("pii", "purpose", "keep_days", "keep_from", "mask")
_TYPE_KEYS = frozenset(
    [
        "type",
        "iri",
        "version",
        "status",
        "title",
        "text",
        "reuse",
        "id",
        "append_only",
        "aggregate",
        "subject",
        "default",
        "rule",
        "attribute",
    ]
)
_ATTRIBUTE_KEYS = frozenset(
    [
        "name",
        "iri",
        "kind",
        "value",
        "target",
        "shapes",
        "many",
        "required",
        "unit",
        "min",
        "max",
        "choices",
        "form",
        "sample",
        "indexed",
        "title",
        "sdm_iri",
    ]
) | set(_PRIVACY)


def code_list(name: str, tree: Mapping[str, Any]) -> CodeList:
    """Return a code list from its file. Raises: BadVocabulary: a title or a key is wrong."""
    place = f"lists/{name}.toml"
    _only(place, tree, {"title", "open", "codes", "basis"})
    codes = tree.get("codes")
    if not isinstance(codes, dict) or not codes:
        raise BadVocabulary(f"{place}: codes: at least one code is needed.")
    for key, words in codes.items():
        if not _KEY.match(key):
            raise BadVocabulary(f"{place}: codes.{key}: a code is ASCII letters, digits and _.")
        _words(f"{place}: codes.{key}", words)
    title, basis = _words(f"{place}: title", tree.get("title")), _basis(place, tree, codes)
    return CodeList(name, title, dict(codes), bool(tree.get("open", False)), basis)


def _basis(place: str, tree: Mapping[str, Any], codes: Mapping[str, Any]) -> dict[str, str]:
    """Return the legal basis of each code, where the list is one of purposes; then every code has one."""
    basis = dict(tree.get("basis", {}))
    if basis and set(basis) != set(codes):
        raise BadVocabulary(f"{place}: basis: each code has one, and nothing else.")
    return {code: _one_of(f"{place}: basis.{code}", said, set(get_args(Basis))) for code, said in basis.items()}


def common_attributes(tree: Mapping[str, Any], lists: Mapping[str, CodeList]) -> dict[str, Attribute]:
    """Return the attributes that every type has, from common.toml. Raises: BadVocabulary."""
    return _attributes("common.toml", tree, lists, {})


def entity_type(
    file: str,
    tree: Mapping[str, Any],
    common: Mapping[str, Attribute],
    raw_common: Mapping[str, Mapping[str, Any]],
    lists: Mapping[str, CodeList],
) -> EntityType:
    """Return a type from its file, with the `common` attributes first; `raw_common`: these as common.toml has them.

    Raises: BadVocabulary: the file says too little, too much, or something that is never kept.
    """
    _only(file, tree, _TYPE_KEYS)
    name = tree.get("type", "")
    if name in RESERVED:
        raise BadVocabulary(f"{file}: type: NGSI-LD keeps this name for itself; choose another.")
    if not _TYPE.match(name) or file != f"types/{name}.toml":
        raise BadVocabulary(f"{file}: type: a type is written like ServiceCall and stands in types/<type>.toml.")
    own = _attributes(file, tree, lists, raw_common)
    for one in own.values():
        _not_looser(f"{file}: attribute {one.name}", one, common.get(one.name))
    attributes = {**common, **own}
    return EntityType(
        name=name,
        iri=_text(file, tree, "iri"),
        version=_text(file, tree, "version"),
        status=_one_of(f"{file}: status", tree.get("status"), {"draft", "stable", "deprecated"}),
        title=_words(f"{file}: title", tree.get("title")),
        text=_words(f"{file}: text", tree.get("text")),
        id_form=_text(file, tree, "id"),
        attributes=attributes,
        own=tuple(own),
        rules=_rules(file, tree, attributes),
        aggregate=bool(tree.get("aggregate", False)),
        append_only=bool(tree.get("append_only", False)),
        reuse=_reuse(file, tree),
        subject=_subject(file, tree, attributes),
        pii=str(tree.get("default", {}).get("pii", "none")),
    )


def _attributes(
    file: str,
    tree: Mapping[str, Any],
    lists: Mapping[str, CodeList],
    common: Mapping[str, Mapping[str, Any]],
) -> dict[str, Attribute]:
    """Return the attributes of one file; what it does not say of a `common` one stays as it is there."""
    default = tree.get("default", {})
    attributes: dict[str, Attribute] = {}
    for raw in tree.get("attribute", ()):
        name = raw.get("name", "?")
        place = f"{file}: attribute {name}"
        if name in attributes:
            raise BadVocabulary(f"{place}: stands twice.")
        attributes[name] = _attribute(place, {**common.get(name, {}), **raw}, default, lists)
    return attributes


def _rules(file: str, tree: Mapping[str, Any], attributes: Mapping[str, Attribute]) -> tuple[Rule, ...]:
    rules = tuple(tree.get("rule", ()))
    for rule in rules:
        try:
            named = [name for name in attributes_of(rule) if name not in attributes]
        except KeyError as error:
            raise BadVocabulary(f"{file}: rule: there is no rule of the keys {error.args[0]}.") from error
        if named:
            raise BadVocabulary(f"{file}: rule: the type has no attribute {named[0]}.")
    if tree.get("aggregate") and not {"enough", "cell"} & set(map(kind_of, rules)):
        raise BadVocabulary(f"{file}: rule: a type that counts people says how many are too few to be told.")
    return rules


def _subject(file: str, tree: Mapping[str, Any], attributes: Mapping[str, Attribute]) -> tuple[str, ...]:
    subject = tuple(tree.get("subject", ()))
    for name in subject:
        if name not in attributes or attributes[name].kind != "Relationship":
            raise BadVocabulary(f"{file}: subject: the type has no relationship {name}.")
    return subject


def _reuse(file: str, tree: Mapping[str, Any]) -> str:
    reuse = tree.get("reuse", "")
    if reuse and not _REUSE.match(reuse):
        raise BadVocabulary(f"{file}: reuse: written like dataModel.Parking/ParkingSpot@0.1.0.")
    return str(reuse)


def agree(types: Mapping[str, EntityType]) -> None:
    """Hold all types together: one name has one IRI, one kind, one value and one unit; one IRI has one name.

    Raises: BadVocabulary: two types say the same name and mean different things.
    """
    first: dict[str, tuple[str, Attribute]] = {}
    by_iri: dict[str, str] = {}
    for entity in types.values():
        if by_iri.setdefault(entity.iri, entity.name) != entity.name:
            raise BadVocabulary(f"types/{entity.name}.toml: iri: already the IRI of {by_iri[entity.iri]}.")
        for one in entity.attributes.values():
            where, other = first.setdefault(one.name, (entity.name, one))
            for what in ("iri", "kind", "value", "unit", "many"):
                if getattr(one, what) != getattr(other, what):
                    raise BadVocabulary(
                        f"types/{entity.name}.toml: attribute {one.name}: its {what} differs from that of {where}."
                    )
            if by_iri.setdefault(one.iri, one.name) != one.name:
                raise BadVocabulary(
                    f"types/{entity.name}.toml: attribute {one.name}: its iri is already that of {by_iri[one.iri]}."
                )


def _attribute(
    place: str, raw: Mapping[str, Any], default: Mapping[str, Any], lists: Mapping[str, CodeList]
) -> Attribute:
    _only(place, raw, _ATTRIBUTE_KEYS)
    name = _attribute_name(place, raw)
    kind = _one_of(f"{place}: kind", raw.get("kind"), set(get_args(AttributeKind)))
    codes = _choices(place, raw, kind, lists)
    value = _value(place, raw, kind)
    shapes = tuple(raw.get("shapes", ()))
    if not _SHAPES.issuperset(shapes):
        raise BadVocabulary(f"{place}: shapes: one of {_listed(_SHAPES)}.")
    return Attribute(
        name=name,
        iri=_iri(place, name, raw),
        kind=kind,  # type: ignore[arg-type]
        title=_words(f"{place}: title", raw.get("title")),
        value=value,
        target=tuple(raw.get("target", ())),
        shapes=shapes,
        many=bool(raw.get("many", False)),
        required=bool(raw.get("required", False)),
        unit=_unit(place, raw, kind, lists),
        min=raw.get("min"),
        max=raw.get("max"),
        choices=tuple(codes.codes) if codes else (),
        list_name=codes.name if codes else None,
        list_open=codes.open if codes else False,
        form=_form(place, raw, value, codes),
        sample=raw.get("sample"),
        indexed=bool(raw.get("indexed", False)),
        sdm_iri=str(raw.get("sdm_iri", "")),
        **_privacy(place, {**default, **raw}, lists),
    )


def _unit(place: str, raw: Mapping[str, Any], kind: str, lists: Mapping[str, CodeList]) -> str | None:
    unit = raw.get("unit")
    if unit is None:
        return None
    if unit not in lists["unit"].codes:
        raise BadVocabulary(f"{place}: unit: {unit} is not in lists/unit.toml.")
    if kind not in ("Property", "ListProperty"):
        raise BadVocabulary(f"{place}: unit: only a Property or a ListProperty has one.")
    return str(unit)


def _form(place: str, raw: Mapping[str, Any], value: str, codes: CodeList | None) -> str | None:
    form = raw.get("form")
    if form is None:
        return None
    if value != "string" or codes:
        raise BadVocabulary(f"{place}: form: only a string has one.")
    return _one_of(f"{place}: form", form, set(FORMS))


def _not_looser(place: str, one: Attribute, common: Attribute | None) -> None:
    if common and _CLASSES.index(one.pii) < _CLASSES.index(common.pii):
        raise BadVocabulary(f"{place}: pii: {one.pii} is looser than {common.pii} of the common attribute.")


def _attribute_name(place: str, raw: Mapping[str, Any]) -> str:
    name = str(raw.get("name", ""))
    if not _NAME.match(name) and not ("sdm_iri" in raw and _KEY.match(name)):  # Smart Data Models also say LAeq
        raise BadVocabulary(f"{place}: name: an attribute is written like receivedAt.")
    if name in RESERVED:
        raise BadVocabulary(f"{place}: name: NGSI-LD keeps this name for itself; choose another.")
    if FORBIDDEN_NAME.search(name):
        raise BadVocabulary(f"{place}: name: this is never kept (faces, fingerprints, religion, card numbers).")
    return name


def _iri(place: str, name: str, raw: Mapping[str, Any]) -> str:
    core = SHARED_CORE.get(name)
    iri = str(raw.get("iri", core or OWN + name))
    if core and iri != core:
        raise BadVocabulary(f"{place}: iri: NGSI-LD's core context gives this name the IRI {core}.")
    return iri


def _choices(place: str, raw: Mapping[str, Any], kind: str, lists: Mapping[str, CodeList]) -> CodeList | None:
    name = raw.get("choices")
    if name is None:
        if kind == "VocabProperty":
            raise BadVocabulary(f"{place}: choices: a VocabProperty names its code list.")
        return None
    if name not in lists:
        raise BadVocabulary(f"{place}: choices: there is no lists/{name}.toml.")
    return lists[name]


def _value(place: str, raw: Mapping[str, Any], kind: str) -> str:
    if kind in ("Property", "ListProperty"):
        return _one_of(f"{place}: value", raw.get("value"), VALUES)
    if "value" in raw:
        raise BadVocabulary(f"{place}: value: only a Property or a ListProperty says its value.")
    return {"Relationship": "uri", "VocabProperty": "code"}.get(kind, "object")


def _privacy(place: str, said: Mapping[str, Any], lists: Mapping[str, CodeList]) -> dict[str, Any]:
    for key in _PRIVACY:
        if key not in said:
            raise BadVocabulary(f"{place}: {key}: compulsory, here or in the type's default.")
    purpose = tuple(said["purpose"])
    for one in purpose:
        _one_of(f"{place}: purpose", one, set(lists["purpose"].codes))
    pii = _one_of(f"{place}: pii", said["pii"], set(_CLASSES))
    keep_days = said["keep_days"]
    if not purpose:
        raise BadVocabulary(f"{place}: purpose: at least one.")
    if not isinstance(keep_days, int) or isinstance(keep_days, bool) or keep_days < -1:
        raise BadVocabulary(f"{place}: keep_days: whole days, or -1 for as long as the entity lives.")
    return {
        "pii": pii,
        "purpose": purpose,
        "keep_days": keep_days,
        "keep_from": _one_of(f"{place}: keep_from", said["keep_from"], set(lists["keep_from"].codes)),
        "mask": _one_of(f"{place}: mask", said["mask"], set(lists["mask"].codes)),
    }


def _words(place: str, words: object) -> dict[str, str]:
    if not isinstance(words, dict) or set(words) < {"zh", "en"}:
        raise BadVocabulary(f"{place}: both zh and en are needed.")
    for language, text in words.items():
        if not isinstance(text, str) or not text.strip():
            raise BadVocabulary(f"{place}.{language}: is empty.")
    return words


def _text(file: str, tree: Mapping[str, Any], key: str) -> str:
    text = tree.get(key)
    if not isinstance(text, str) or not text:
        raise BadVocabulary(f"{file}: {key}: is missing.")
    return text


def _one_of(place: str, value: object, allowed: set[str] | frozenset[str]) -> str:
    if not isinstance(value, str) or value not in allowed:
        raise BadVocabulary(f"{place}: one of {_listed(allowed)}.")
    return value


def _only(place: str, tree: Mapping[str, Any], known: set[str] | frozenset[str]) -> None:
    for key in tree:
        if key not in known:
            raise BadVocabulary(f"{place}: {key}: unknown; known are {_listed(known)}.")


def _listed(names: set[str] | frozenset[str]) -> str:
    return ", ".join(sorted(names))
