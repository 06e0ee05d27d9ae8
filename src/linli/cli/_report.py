"""The report on checked entities: counted while they pass by, then told as text, JSON or a page that can be shown."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from functools import cache
from importlib import resources
from typing import Any

import jinja2

from linli import __version__
from linli.base import LANGUAGES, both, write_json
from linli.vocab import Fault, Judge, Verdict, vocabulary

from ._entities import Found, shown
from ._trip import Trip

KEPT_MAX = 10_000
ON_PAGE_MAX = 500
ON_TERMINAL_MAX = 20
_INDEX = re.compile(r"\[\d+\]")


@dataclass
class Finding:
    """One entity with faults."""

    found: Found
    verdict: Verdict

    @property
    def place(self) -> dict[str, str]:
        """Return where the entity stood, in both languages."""
        return both("check.line" if self.found.by_line else "check.entity", place=self.found.place)


@dataclass
class _Kind:
    """One kind of fault: the same rule at the same attribute of the same type."""

    type: str
    fault: Fault
    times: int = 0


@dataclass
class Report:
    """What was found. Counts are complete; of entities with faults the first `KEPT_MAX` are kept."""

    source: str
    judge: Judge
    trip: Trip | None = None
    passed: Counter[str] = field(default_factory=Counter)
    failed: Counter[str] = field(default_factory=Counter)
    foreign: int = 0
    cut: bool = False
    findings: list[Finding] = field(default_factory=list)
    _kinds: dict[tuple[str, str, str], _Kind] = field(default_factory=dict)

    def take(self, found: Found, verdict: Verdict) -> None:
        """Count one entity."""
        if verdict.foreign:
            self.foreign += 1
            return
        if verdict.passed:
            self.passed[verdict.type or ""] += 1
            return
        self.failed[verdict.type or ""] += 1
        if len(self.findings) < KEPT_MAX:
            self.findings.append(Finding(found, verdict))
        for fault in verdict.faults:
            key = (verdict.type or "", _INDEX.sub("", fault.path), fault.rule)
            self._kinds.setdefault(key, _Kind(verdict.type or "", fault)).times += 1

    @property
    def judged(self) -> int:
        """Return how many entities were judged."""
        return self.passed.total() + self.failed.total()

    @property
    def level(self) -> int:
        """Return the level of conformance that was reached: 1 when all that was judged is right, else 0."""
        return 1 if self.passed and not self.failed and not self.cut else 0

    def verdict_words(self) -> tuple[dict[str, str], dict[str, str]]:
        """Return the level and its reason, in both languages."""
        if self.level:
            return both("check.level_1"), both("check.level_1_why", passed=self.judged)
        if not self.judged:
            return both("check.level_0"), both("check.level_0_none")
        return both("check.level_0"), both("check.level_0_why", judged=self.judged, failed=self.failed.total())

    def types(self) -> list[dict[str, Any]]:
        """Return the counts of each type that was met."""
        known = vocabulary().types
        return [
            {
                "type": name or None,
                "title": dict(known[name].title) if name else None,
                "passed": self.passed[name],
                "failed": self.failed[name],
            }
            for name in sorted(self.passed.keys() | self.failed.keys())
        ]

    def kinds(self) -> list[dict[str, Any]]:
        """Return each kind of fault once, the most frequent first, with an example of how it is written rightly."""
        ordered = sorted(self._kinds.values(), key=lambda one: (-one.times, one.type, one.fault.path, one.fault.rule))
        return [
            {
                "type": one.type or None,
                **self._told(one.fault, Verdict("", one.type or None)),
                "path": _INDEX.sub("", one.fault.path),
                "times": one.times,
            }
            for one in ordered
        ]

    def document(self, at: str, *, findings_max: int = KEPT_MAX) -> dict[str, Any]:
        """Return the whole report as JSON values. `at`: wire time."""
        level, why = self.verdict_words()
        return {
            "report": both("check.title"),
            "source": self.source,
            "checkedAt": at,
            "linli": __version__,
            "vocabulary": {"version": vocabulary().version, "sha256": vocabulary().fingerprint()},
            "level": self.level,
            "verdict": {"level": level, "why": why, "further": both("check.further")},
            "entities": self.judged + self.foreign,
            "passed": self.passed.total(),
            "failed": self.failed.total(),
            "notJudged": self.foreign,
            "complete": not self.cut,
            "roundTrip": self.round_trip(),
            "types": self.types(),
            "faults": self.kinds(),
            "findings": [self._finding(one) for one in self.findings[:findings_max]],
            "findingsLeftOut": max(0, self.failed.total() - min(findings_max, len(self.findings))),
        }

    def round_trip(self) -> dict[str, Any] | None:
        """Return what became of the round trip; None when there was none."""
        if self.trip is None:
            return None
        verdict = "check.trip_none" if not self.trip.types else f"check.trip_{'good' if self.trip.passed else 'bad'}"
        return {
            "broker": shown(self.trip.url),
            "passed": self.trip.passed and bool(self.trip.types),
            "verdict": both(verdict),
            "types": [
                {
                    "type": name,
                    "passed": all(step.passed for step in steps),
                    "steps": [{"words": both(f"check.step.{step.name}"), **asdict(step)} for step in steps],
                }
                for name, steps in self.trip.types.items()
            ],
        }

    def page(self, at: str, languages: tuple[str, ...]) -> str:
        """Return the report as one HTML page that needs nothing from outside."""
        document = self.document(at, findings_max=ON_PAGE_MAX)
        return _template().render(report=document, languages=languages, t=both)

    def lines(self, languages: tuple[str, ...]) -> Iterator[str]:
        """Yield the report for the terminal: the first entities with faults, the counts, the level."""
        for finding in self.findings[:ON_TERMINAL_MAX]:
            verdict = finding.verdict
            yield f"✗ {_in(finding.place, languages)}  {verdict.id}  {verdict.type or ''}".rstrip()
            for fault in verdict.faults:
                yield f"    {fault.path or '-'}: {' '.join(fault.said(language) for language in languages)}"
                if (example := self.judge.example(verdict, fault)) is not None:
                    yield f"        {write_json(example).decode()[1:-1]}"
        if (more := self.failed.total() - ON_TERMINAL_MAX) > 0:
            yield _in(both("check.more", count=more), languages)
        for one in self.types():
            name = one["type"] or "?"
            yield (
                f"{name:28} {_in(both('check.passed'), languages)} {one['passed']:6}   "
                f"{_in(both('check.failed'), languages)} {one['failed']:6}"
            )
        if self.foreign:
            yield f"{_in(both('check.foreign'), languages)}: {self.foreign} ({_in(both('check.foreign_why'), languages)})"
        for words in self.verdict_words():
            yield _in(words, languages)
        yield from self._trip_lines(languages)

    def _trip_lines(self, languages: tuple[str, ...]) -> Iterator[str]:
        trip = self.round_trip()
        if trip is None:
            return
        yield f"{_in(both('check.trip'), languages)}: {trip['broker']}"
        for one in trip["types"]:
            steps = [f"{'✓' if step['passed'] else '✗'} {_in(step['words'], languages)}" for step in one["steps"]]
            yield f"{one['type']:28} {'  '.join(steps)}"
            for step in one["steps"]:
                if not step["passed"]:
                    yield f"    {_in(step['words'], languages)}: {step['status']} {step['answer']}".rstrip()
        yield _in(trip["verdict"], languages)

    def _finding(self, finding: Finding) -> dict[str, Any]:
        verdict = finding.verdict
        return {
            "place": finding.found.place,
            "where": finding.place,
            "id": verdict.id or None,
            "type": verdict.type,
            "faults": [self._told(fault, verdict) for fault in verdict.faults],
        }

    def _told(self, fault: Fault, verdict: Verdict) -> dict[str, Any]:
        return {
            "path": fault.path,
            "rule": fault.rule,
            "message": {language: fault.said(language) for language in LANGUAGES},
            "example": self.judge.example(verdict, fault),
        }


def _in(words: dict[str, str], languages: tuple[str, ...]) -> str:
    return " ".join(words[language] for language in languages)


@cache
def _template() -> jinja2.Template:
    environment = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True)
    environment.filters["json"] = lambda value: write_json(value).decode()
    return environment.from_string(resources.files(__package__).joinpath("check.html").read_text("utf-8"))
