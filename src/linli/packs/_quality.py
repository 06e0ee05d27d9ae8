"""How good a pack is, computed and never claimed: bronze is what loads at all; silver needs proofs beside the file."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping

from ._form import PackForm
from ._scenario import PROOFS


def missing_for_silver(
    pack: PackForm, proved: Mapping[str, Collection[str]], frames: Collection[str], *, hooks: bool
) -> Iterator[str]:
    """Yield what a bronze pack lacks for silver.

    `proved`: what the scenarios of each call prove; `frames`: device events that have a recorded frame.
    """
    for call in pack.call:
        lacking = [proof for proof in PROOFS if proof not in proved.get(call.key, ())]
        if lacking:
            yield f"{call.key}: no scenario proves {', '.join(lacking)}"
    for alarm in pack.alarm:
        if alarm.event not in frames:
            yield f"alarm {alarm.event}: no recorded frame in tests/frames"
    if not pack.kpi:
        yield "kpi: no figure is watched"
    if pack.field:
        yield "field: the forms have not been measured for elder mode"
    if hooks:
        yield "hooks.py: hooks are not supported yet; the pack runs without them"
