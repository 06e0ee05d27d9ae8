"""How good a pack is, computed and never claimed: bronze loads, silver has its proofs beside the file, gold was tried.

A call that waits for its engine is bronze. A pack is as good as the weakest of its calls that can run.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

from ._form import CallForm, PackForm
from ._geometry import unreadable
from ._scenario import PROOFS

SENTENCES_MIN = 3
#: what no file beside a pack can prove; a node measures it
NOT_GOLD = (
    "1,000 simulated days without a broken promise: not measured by this program",
    "a hand-over to another node with its link cut: federation is not built yet",
    "a field test, named by the tenant who did it",
)


@dataclass(frozen=True, slots=True)
class Proofs:
    """What stands beside a pack's file.

    `proved`: what the scenarios of each call prove; `frames`: device events with a recorded frame; `replied`: (call,
    language) of the golden replies; `samples`: how many sample entities; `languages`: further languages that are whole.
    """

    proved: Mapping[str, Collection[str]]
    frames: Collection[str]
    replied: Collection[tuple[str, str]]
    samples: int
    languages: Collection[str]
    hooks: bool


def waits_for(pack: PackForm, call: CallForm) -> str:
    """Return the engine that a call waits for, which this release does not have; "" = none."""
    engine = call.engine or pack.engine
    return "" if engine == "dispatch" else engine


def call_lacks(pack: PackForm, call: CallForm, proofs: Proofs) -> Iterator[str]:
    """Yield what a call lacks for silver."""
    if engine := waits_for(pack, call):
        yield f"{call.key}: waits for the engine {engine}"
        return
    wanted = [proof for proof in PROOFS if call.by == "helper" or proof != "decline"]
    lacking = [proof for proof in wanted if proof not in proofs.proved.get(call.key, ())]
    if lacking:
        yield f"{call.key}: no scenario proves {', '.join(lacking)}"
    silent = [language for language in ("zh", "en") if (call.key, language) not in proofs.replied]
    if silent:
        yield f"{call.key}: no golden reply in {', '.join(silent)}"


def pack_lacks(pack: PackForm, proofs: Proofs) -> Iterator[str]:
    """Yield what the pack as a whole lacks for silver."""
    for call in pack.call:
        if call.say is None or min(len(call.say.zh), len(call.say.en)) < SENTENCES_MIN:
            yield f"{call.key}: fewer than {SENTENCES_MIN} sentences of each language"
    for alarm in pack.alarm:
        if alarm.event not in proofs.frames:
            yield f"alarm {alarm.event}: no recorded frame in tests/frames"
    if not pack.kpi:
        yield "kpi: no figure is watched"
    for fault in unreadable(pack.call, pack.field):
        yield f"elder mode: {fault}"
    if not proofs.samples:
        yield "samples: no sample entities"
    if proofs.hooks:
        yield "hooks.py: hooks are not supported yet; the pack runs without them"


def gold_lacks(proofs: Proofs) -> Iterator[str]:
    """Yield what a silver pack lacks for gold."""
    if not proofs.languages:
        yield "texts: no third language is whole"
    yield from NOT_GOLD
