"""From the form of a pack to what dispatch knows: one `Kind` a call, under an exact version.

The exact version is the pack's own with a mark of what is in it, `1.0.0+5e1f09ab`: a figure that was changed, in the file
or for one area, makes another one, so a running call always finds the figures it began with.
"""

from __future__ import annotations

import hashlib
from dataclasses import replace

import msgspec

from linli.base import Deadline, WorkTime
from linli.dispatch import Asked, Kind, Rung

from ._files import Folder
from ._form import CallForm, FieldForm
from ._rules import Known


def make_kind(folder: Folder, call: CallForm, known: Known, work: WorkTime) -> Kind:
    """Return the kind that a call of a pack is."""
    place = f"call.{call.key}"
    kind = Kind(
        key=call.key,
        pack=folder.form.key,
        pack_version=folder.form.version,
        title=folder.words(f"{place}.title", call.title),
        urgency=call.urgency,
        skills=call.skills,
        arrive_within_min=call.arrive_within_min or 60.0,
        answer_within_min=call.answer_within_min,
        service_min=call.service_min,
        ladder=tuple(
            Rung(step.after_s, known.base(step.to), step.via, step.repeat_s, step.until)
            for step in (known.ladders[call.ladder].step if call.ladder else ())
        ),
        channels=call.channels,
        callers=tuple(dict.fromkeys(known.base(one) for one in call.callers)),
        evidence=call.evidence,
        confirm=call.confirm,
        rate=call.rate,
        words=call.words,
        summary=folder.words(f"{place}.summary", call.summary),
        icon=call.icon,
        short=call.short,
        desk=call.by == "desk",
        done=Deadline(call.done_within, work) if call.done_within else None,
        fields=tuple(_asked(folder, known.fields[name]) for name in call.fields),
        circle=known.base(call.circle),
        two_persons=call.two_persons,
        reserve=call.reserve,
    )
    return replace(kind, pack_version=f"{folder.form.version}+{mark(kind)}")


def mark(kind: Kind) -> str:
    """Return eight letters that stand for everything in a kind but the tenant's calendar."""
    said = msgspec.json.encode(replace(kind, done=None)) + (kind.done.limit if kind.done else "").encode()
    return hashlib.blake2b(said, digest_size=4).hexdigest()


def _asked(folder: Folder, field: FieldForm) -> Asked:
    return Asked(
        name=field.name,
        title=folder.words(f"field.{field.name}.title", field.title),
        type=field.type,
        required=field.required_at == "done",
        choices=tuple(choice.key for choice in field.choices),
        pattern=field.pattern,
        least=field.min,
        most=field.max,
        unit=field.unit,
    )
