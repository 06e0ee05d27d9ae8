"""p_class: each attribute carries its class, purposes, retention and mask; what the law calls sensitive is called so here."""

from __future__ import annotations

import pytest

from linli.vocab import vocabulary

TYPES = vocabulary().types

#: what article 28 of the law on personal information calls sensitive, as far as the vocabulary has it at all
SENSITIVE = {
    "specific identity": [("Resident", "idNumber")],
    "health": [
        ("HealthDeclaration", "bodyTemperature"),
        ("HealthDeclaration", "symptoms"),
        ("EmergencyCard", "conditions"),
        ("EmergencyCard", "medicines"),
        ("VitalObserved", "pulse"),
        ("Resident", "careLevel"),
        ("Resident", "mobilityNeeds"),
        ("CarePlan", "risk"),
    ],
    "whereabouts": [
        ("Helper", "position"),
        ("ServiceCall", "place"),
        ("EntryExitRecord", "subject"),
        ("Patrol", "track"),
    ],
}
#: kinds of it for which there is no attribute at all, by any name
NEVER = ("face", "fingerprint", "religio", "ethnic", "cardnumber", "bankcard", "iris", "voiceprint")


@pytest.mark.parametrize(("kind", "where"), [(kind, one) for kind, them in SENSITIVE.items() for one in them])
def test_what_the_law_calls_sensitive_is_sensitive(kind: str, where: tuple[str, str]) -> None:
    type_name, name = where
    attribute = TYPES[type_name].attributes[name]
    assert attribute.pii == "sensitive", kind
    assert attribute.mask != "none"
    assert attribute.keep_days >= 0 or TYPES[type_name].pii == "sensitive"


def test_everything_personal_says_for_what_and_for_how_long() -> None:
    basis = vocabulary().lists["purpose"].basis
    personal = [one for entity in TYPES.values() for one in entity.attributes.values() if one.pii != "none"]
    assert len(personal) > 100
    for one in personal:
        assert one.purpose, one.name
        assert set(one.purpose) <= set(basis), one.name
        assert one.keep_from, one.name


def test_what_must_never_be_kept_has_no_name() -> None:
    names = {one.name.lower() for entity in TYPES.values() for one in entity.attributes.values()}
    assert [name for name in names if any(word in name for word in NEVER) and name != "surface"] == []
