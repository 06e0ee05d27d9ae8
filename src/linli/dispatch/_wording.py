"""The words for people: why him, why nobody, what happens next, in zh and en from the texts [call.*]."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from linli.base import LANGUAGES, MINUTE_US, both, from_wire_time, texts, to_wire_time

from ._asks import Words
from ._entities import WAITING, Call


def called(full_name: str, role: str, badge: str) -> Words:
    """Return how a helper is named to others, never by the full name.

    In Chinese by surname and form of address; in English, where a Chinese surname says little, by trade and badge.
    """
    key = f"call.address.{role}"
    title = both(key if key in texts("zh") else "call.address.other")
    if not full_name:
        return title
    first = full_name.split(maxsplit=1)[0]
    if first.isascii():
        return {"zh": first, "en": first}
    return {"zh": first[0] + title["zh"], "en": f"{title['en']} {badge}".rstrip()}


def why(
    reason: Mapping[str, Any] | None, skills: Mapping[str, Words], area: Words | None, home: Words | None
) -> Words | None:
    """Say why this helper: near, free, able, from where (`area`), and why not somebody of the call's own community.

    The words fit everybody who reads them, the caller, the helper and the worker: places are named (`home`).
    """
    if not reason:
        return None
    home = home or both("call.why.here")
    if "byHand" in reason:
        return both("call.why.by_hand", reason=reason["byHand"]["reason"])
    keys = reason.get("skill") or []
    skill = {one: {"zh": "、", "en": ", "}[one].join(_skill(key, skills, one) for key in keys) for one in LANGUAGES}
    facts = {
        "skill": skill if keys else both("call.why.anybody"),
        "minutes": max(1, round(reason["travel"] / 60)),
        "by": both(f"call.mode.{reason.get('mode', 'ebike')}"),
        "area": area or both("call.why.elsewhere"),
        "home": home,
    }
    nearest = "nearest" if reason.get("rank") == 1 else "free"
    sentence = both(f"call.why.{nearest}_{'crossing' if reason.get('border') else 'own'}", **facts)
    if not reason.get("border"):
        return sentence
    ground = both(f"call.why.{_why_not_at_home(reason)}", home=home)
    return {one: sentence[one] + ground[one] for one in LANGUAGES}


def shortage(found: Mapping[str, Any] | None, title: Words, now_us: int) -> Words | None:
    """Say why nobody can be asked at this moment, and when somebody may be there."""
    if not found:
        return None
    counts = dict(found.get("step") or [])
    step = found.get("bindingStep", "matched")
    sentence = both(f"call.shortage.{step}", title=title, idle=counts.get("notAsked", 0), within=_within(found))
    earliest = found.get("earliest")
    # An estimate that has passed without anybody free is no longer said.
    if earliest and from_wire_time(earliest) > now_us:
        minutes = max(1, round((from_wire_time(earliest) - now_us) / MINUTE_US))
        later = both("call.shortage.earliest", minutes=minutes)
        return {one: sentence[one] + later[one] for one in LANGUAGES}
    return sentence


def following(call: Call, facts: Mapping[str, Any]) -> dict[str, Any]:
    """Say what happens next: {"text": {zh, en}, "at": wire time or None}."""
    at_us = facts.get("at_us")
    key = call.state
    if call.state in WAITING and call.state != "offered":
        key = "waiting"
        if facts.get("told"):
            key = "told_then" if facts.get("to") else "told"
        elif call.state == "noProvider" and facts.get("to"):
            key = "then"
    elif call.state == "offered" and at_us is None:
        key = "waiting"
    if "desk" in facts:
        key = f"desk_{facts['desk']}"
    words = both(f"call.next.{key}", told=_level(facts.get("told")), to=_level(facts.get("to")))
    return {"text": words, "at": to_wire_time(at_us) if at_us is not None else None}


def timeline_row(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return a row of the timeline with its words."""
    what = row["what"]
    key = f"{what}_by_itself" if row.get("byTimeout") and what == "confirmed" else what
    facts = {"rank": row.get("rank", 1), "to": _level(row.get("to")), "stars": row.get("stars", 0)}
    return {"at": row["at"], "what": what, "text": both(f"call.what.{key}", **facts)}


def _why_not_at_home(reason: Mapping[str, Any]) -> str:
    """Return why nobody of the caller's own community comes: the text's key."""
    home = reason.get("home") or {}
    if not home.get("onShift"):
        return "nobody_on_shift"
    if not home.get("idle"):
        return "all_busy"
    if not home.get("could"):
        return "cannot_now"
    return "quicker" if reason.get("rank") == 1 else "needed_elsewhere"


def _skill(key: str, skills: Mapping[str, Words], language: str) -> str:
    return skills[key][language] if key in skills else key


def _within(found: Mapping[str, Any]) -> int:
    return round((found.get("asked") or {}).get("withinMin") or 60)


def _level(role: str | None) -> Words:
    """Return what the level of a ladder is called; a role that has no words of its own is the next level."""
    known = texts("zh")
    key = f"call.level.{(role or '').replace(':', '_')}"
    return both(key if key in known else "call.level.other")
