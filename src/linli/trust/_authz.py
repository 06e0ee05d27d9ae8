"""Cedar: policies as files, held against their schema when they are loaded, and asked about one thing at a time.

The only file that knows Cedar. A policy that cannot be read, is not named, or does not fit the schema stops the start;
an error while it is worked out is a no.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cedarpy
import orjson

from linli.base import read_json
from linli.base.errors import StartError

from ._asked import LEVELS, PUBLIC, Level, Shown, Verb
from ._residual import OF_CONTEXT, OF_PRINCIPAL, OF_RESOURCE, Fact, Question, units

FOLDER = Path(__file__).with_name("policies")
#: a type that is not ours, whatever it is called
FOREIGN = "Foreign"
_USER, _ROLE, _UNIT = "User", "Role", "Unit"


@dataclass(frozen=True, slots=True)
class Policy:
    """One rule. `says`: what it means, in one sentence; `shown`: how it shows personal attributes; `part`: as JSON."""

    name: str
    permits: bool
    says: str
    shown: Shown
    part: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Verdict:
    """What Cedar answers: yes or no, and the names of the policies that decided; None when an error decided."""

    ok: bool
    policies: frozenset[str] | None


class Authz:
    """Loaded policies. Policies of other files than ours are asked in the same way: `folder`."""

    def __init__(self, folder: Path = FOLDER) -> None:
        """Read a folder. Raises: StartError: with the policy that is wrong."""
        try:
            said = (folder / "linli.cedarschema").read_text("utf-8")
            schema = cedarpy.Schema.from_str(said)
            text = "\n".join(file.read_text("utf-8") for file in sorted(folder.glob("*.cedar")))
            wrong = cedarpy.validate_policies(text, schema)
            parts: Mapping[str, Any] = read_json(cedarpy.policies_to_json_str(text).encode())["staticPolicies"]
            self._all = cedarpy.PolicySet.from_str(text)
        except (OSError, ValueError) as error:
            raise StartError(f"{folder}: the policies cannot be read: {error}") from error
        if not wrong:
            raise StartError(f"{folder}: a policy does not fit the schema: {wrong.errors[0]}")
        policies = [_policy(part) for part in parts.values()]
        self.policies = {policy.name: policy for policy in policies}
        if len(self.policies) < len(policies):
            raise StartError(f"{folder}: two policies have the same @id.")
        self.types, self.roles = _types_of_verbs(said), _roles(said)

    def left(self, role: str, verb: Verb) -> Mapping[str, Any]:
        """Return what is left of each policy, by its name, when only role and verb are known.

        Source: partial evaluation with the resource, the context and every attribute of the principal unknown.
        """
        unknown = {name: {"__extn": {"fn": "unknown", "arg": name}} for name in OF_PRINCIPAL}
        user = {"uid": {"type": _USER, "id": "u"}, "attrs": unknown, "parents": [{"type": _ROLE, "id": role}]}
        request = {"principal": f'{_USER}::"u"', "action": f'Action::"{verb}"', "context": None}
        found = cedarpy.is_authorized_partial(request, self._all, orjson.dumps([user]).decode())
        if found.diagnostics.errors:
            return {}
        return {one["annotations"]["id"]: one["conditions"][0]["body"] for one in found.residuals.values()}

    def chosen(self, names: frozenset[str]) -> cedarpy.PolicySet:
        """Return some of the permits, and every forbid, ready to be asked."""
        wanted = {one.name: one.part for one in self.policies.values() if one.name in names or not one.permits}
        written = orjson.dumps({"staticPolicies": wanted, "templates": {}, "templateLinks": []})
        return cedarpy.PolicySet.from_json_str(written.decode())

    @staticmethod
    def verdict(
        question: Question, verb: Verb, type_name: str, policies: cedarpy.PolicySet, words: frozenset[str]
    ) -> Verdict:
        """Ask about one thing. `words`: the attributes at which the policies look; no other is told.

        What Cedar cannot read, as a number that is too large, is as an error of a policy.
        """
        user, thing = {"type": _USER, "id": question.who.id}, {"type": type_name, "id": "thing"}
        request = {"principal": user, "action": {"type": "Action", "id": verb}, "resource": thing}
        try:
            context = orjson.dumps(_facts("context", OF_CONTEXT, question, words)).decode()
            entities = cedarpy.Entities.from_json_str(_entities(question, user, thing, words))
            answer = cedarpy.is_authorized({**request, "context": context}, policies, entities)
        except (TypeError, ValueError):
            return Verdict(ok=False, policies=None)
        said = answer.diagnostics
        names = frozenset(said.id_annotations_by_reason.values())
        return Verdict(ok=False, policies=None) if said.errors else Verdict(answer.allowed, names)


def _entities(question: Question, user: Mapping[str, str], thing: Mapping[str, str], words: frozenset[str]) -> str:
    """Return who asks and what about as Cedar reads it: a thing lies in its units and in all above them."""
    of_user = _facts("principal", OF_PRINCIPAL, question, words)
    if "area" in of_user:
        of_user["area"] = [{"__entity": {"type": _UNIT, "id": scope}} for scope in question.who.scopes]
    parents = [{"type": _UNIT, "id": unit} for unit in units(question.thing)]
    return orjson.dumps(
        [
            {"uid": user, "attrs": of_user, "parents": [{"type": _ROLE, "id": question.who.role}]},
            {"uid": thing, "attrs": _facts("resource", OF_RESOURCE, question, words), "parents": parents},
        ]
    ).decode()


def _facts(whose: str, facts: Mapping[str, Fact], question: Question, words: frozenset[str]) -> dict[str, Any]:
    told = {name: fact(question) for name, fact in facts.items() if f"{whose}.{name}" in words}
    return {name: list(value) if isinstance(value, tuple | frozenset) else value for name, value in told.items()}


def _policy(part: Mapping[str, Any]) -> Policy:
    """Return a policy. Raises: StartError: it is not named, says nothing, or shows in a way that there is not."""
    notes = part["annotations"]
    name, says = notes.get("id") or "", notes.get("says") or ""
    if not name or not says:
        raise StartError(f"A policy has no @id or no @says: {name or part}")
    permits = part["effect"] == "permit"
    levels: dict[str, Level] = {key: notes[key] for key in Shown._fields if key in notes}
    if (
        set(notes) - {"id", "says", *Shown._fields}
        or not set(levels.values()) <= set(LEVELS)
        or (levels and not permits)
    ):
        raise StartError(f"Policy {name}: @personal, @sensitive, @minor of a permit are one of {', '.join(LEVELS)}.")
    return Policy(name, permits, says, PUBLIC._replace(**levels), part)


def _roles(schema: str) -> frozenset[str]:
    """Return the closed list of roles, as the schema says it."""
    listed = re.search(r"entity\s+Role\s+enum\s*\[(.*?)\]", schema, re.DOTALL)
    return frozenset(re.findall(r'"(\w+)"', listed[1])) if listed else frozenset()


def _types_of_verbs(schema: str) -> Mapping[str, frozenset[str]]:
    """Return of which types each verb can be asked, as the schema says it."""
    said = re.sub(r"//[^\n]*", "", schema)
    types: dict[str, frozenset[str]] = {}
    for verbs, body in re.findall(r"action\s+([^{]+?)\s+appliesTo\s*\{(.*?)\};", said, re.DOTALL):
        listed = re.search(r"resource:\s*\[(.*?)\]", body, re.DOTALL)
        names = frozenset(re.findall(r"\w+", listed[1])) if listed else frozenset()
        types |= dict.fromkeys(re.findall(r'"(\w+)"', verbs), names)
    return types
