"""What a Change must look like before any store takes it, and what must stand there for it."""

from __future__ import annotations

from collections.abc import Iterable
from math import isfinite
from typing import Protocol

from linli.base.errors import AlreadyExists, BadRequestData, Conflict, ResourceNotFound

from ._change import AddPast, Box, Change, DropRecord, EditPast, Fact


class Stands(Protocol):
    """What stands in the tenant of a Change before it; version 0 = nothing."""

    def version(self, tenant: str, entity_id: str) -> int:
        """Return the version of an entity."""
        ...

    def record_version(self, tenant: str, kind: str, record_id: str) -> int:
        """Return the version of a record."""
        ...

    def has_past(self, tenant: str, edit: EditPast) -> bool:
        """Tell whether the fact that is to be edited is there."""
        ...


def checked(change: Change) -> Change:
    """Return `change`, which any store can write; a wrong one is a defect of the caller, found at once.

    Raises: BadRequestData: a box whose edges are not finite or stand the wrong way round; a number that is not finite;
    text that is not Unicode or holds NUL.
    """
    texts = {change.tenant, change.actor, change.purpose}
    for put in change.puts:
        texts.add(put.entity_id)
        texts.update(put.types, put.scopes, put.attrs, *put.keys)
        _check_facts(put.facts, texts)
        if put.box is not None:
            _check_box(put.entity_id, put.box)
    for record in change.records:
        texts.update((record.kind, record.record_id))
    for past in change.past:
        texts.add(past.entity_id)
        if isinstance(past, AddPast):
            _check_facts(past.facts, texts)
        elif isinstance(past, EditPast) and past.fact is not None:
            _check_facts((past.fact,), texts)
    for timer in change.set_timers:
        texts.update((timer.entity_id, timer.entity_type, timer.name, timer.scope))
    _check_text(texts)
    return change


def expect(change: Change, stands: Stands) -> None:
    """Play a Change through on version numbers alone, so that it is refused before anything of it is done.

    Raises: AlreadyExists, ResourceNotFound, Conflict.
    """
    tenant = change.tenant
    versions: dict[str, int] = {}
    for delete in change.deletes:
        version = versions.get(delete.entity_id)
        if version is None:
            version = stands.version(tenant, delete.entity_id)
        _expect_there(delete.entity_id, version, delete.expect_version)
        versions[delete.entity_id] = 0
    for put in change.puts:
        version = versions.get(put.entity_id)
        if version is None:
            version = stands.version(tenant, put.entity_id)
        _expect_version(put.entity_id, version, put.expect_version)
        versions[put.entity_id] = version + 1
    if change.records:
        _expect_records(change, stands)
    for past in change.past:
        if isinstance(past, EditPast) and not stands.has_past(tenant, past):
            raise ResourceNotFound(f"{past.entity_id} has no such instance of {past.attr} in its past.")


def scope_key(scope: str) -> str:
    """Return a scope as stores compare it: with exactly one "/" at the end."""
    return scope.rstrip("/") + "/"


def _expect_records(change: Change, stands: Stands) -> None:
    versions: dict[tuple[str, str], int] = {}
    for record in change.records:
        key = (record.kind, record.record_id)
        version = versions.get(key)
        if version is None:
            version = stands.record_version(change.tenant, *key)
        if isinstance(record, DropRecord):
            _expect_there(record.record_id, version, record.expect_version)
            versions[key] = 0
        else:
            _expect_version(record.record_id, version, record.expect_version)
            versions[key] = version + 1


def _expect_there(name: str, version: int, expected: int | None) -> None:
    if not version:
        raise ResourceNotFound(f"There is nothing under {name}.")
    _expect_version(name, version, expected)


def _expect_version(name: str, version: int, expected: int | None) -> None:
    if expected == 0 and version:
        raise AlreadyExists(f"{name} exists already.")
    if expected not in (None, version):
        raise Conflict(f"{name} stands at version {version}, not {expected}.")


def _check_facts(facts: Iterable[Fact], texts: set[str]) -> None:
    """Check the numbers of facts, and add their texts to those that are checked at once."""
    for attr, dataset_id, _, _, number, _ in facts:
        texts.add(attr)
        texts.add(dataset_id)
        if number is not None and not isfinite(number):
            raise BadRequestData(f"A number of {attr} is not finite.")


def _check_text(texts: Iterable[str]) -> None:
    try:
        holds_nul = b"\0" in "".join(texts).encode()
    except UnicodeEncodeError as error:
        raise BadRequestData("A text holds characters that are not Unicode.") from error
    if holds_nul:
        raise BadRequestData("A text holds the character NUL.")


def _check_box(entity_id: str, box: Box) -> None:
    west, south, east, north = box
    if not all(map(isfinite, box)) or west > east or south > north:
        raise BadRequestData(f"The box of {entity_id} must be west, south, east, north, in finite degrees.")
