"""Scenarios: how many helpers, how many calls, over how long. The two that dispatch is judged on stand in scenarios/."""

from __future__ import annotations

import tomllib
from importlib import resources
from pathlib import Path

import msgspec

from linli.base.errors import BadSetting
from linli.travel import Mode

BUILT_IN = ("normal", "peak")


class Box(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The district: size in degrees, where it lies when the map holds that place, how it is cut into communities."""

    width_deg: float
    height_deg: float
    center: tuple[float, float]
    columns: int
    rows: int


class Helpers(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The simulated helpers."""

    count: int
    mode: Mode
    speed_km_h: float
    further_skill_probability: float


class Calls(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The simulated calls."""

    count: int
    hours: float
    community_weights: str
    urgent_share: float
    missed_after_min: float


class Service(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Time on site, uniform, in minutes."""

    min_min: float
    max_min: float


class SkillShare(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One skill, its share among helpers and among calls, and the kind of call that asks for it."""

    key: str
    share: float
    kind: str


class Scenario(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One load. Immutable; `changed` returns another one with a name that says so."""

    schema: int
    key: str
    title: dict[str, str]
    tuning_seeds: tuple[int, int]
    reported_seeds: tuple[int, int]
    box: Box
    helpers: Helpers
    calls: Calls
    service: Service
    skill: tuple[SkillShare, ...]

    @classmethod
    def load(cls, name: str) -> Scenario:
        """Read `normal`, `peak` or a file of the same form.

        Raises: BadSetting: no such file, or something in it is wrong; the message says where.
        """
        if name in BUILT_IN:
            source = resources.files(__package__).joinpath(f"scenarios/{name}.toml").read_text("utf-8")
        else:
            try:
                source = Path(name).read_text("utf-8")
            except (OSError, UnicodeDecodeError) as error:
                raise BadSetting(f"--load {name}: take normal, peak or a readable scenario file.") from error
        return cls.read(source, name)

    @classmethod
    def read(cls, source: str, name: str) -> Scenario:
        """Read a scenario from TOML.

        Raises: BadSetting: as `load`.
        """
        try:
            scenario = msgspec.convert(tomllib.loads(source), cls)
        except (tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
            raise BadSetting(f"{name}: {error}") from error
        wrong = scenario.fault()
        if wrong:
            raise BadSetting(f"{name}: {wrong}")
        return scenario

    def fault(self) -> str | None:
        """Return what is wrong with the figures, or None."""
        box, calls, service = self.box, self.calls, self.service
        shares = (calls.urgent_share, self.helpers.further_skill_probability, *(one.share for one in self.skill))
        rules = (
            (self.schema == 1, "schema: only 1 is known."),
            (abs(sum(one.share for one in self.skill) - 1) < 1e-9, "skill: the shares must add up to 1."),
            (all(0 <= share <= 1 for share in shares), "shares and probabilities lie between 0 and 1."),
            (calls.community_weights == "dirichlet", "calls.community_weights: only dirichlet is known."),
            (min(self.helpers.count, calls.count) >= 0, "helpers.count, calls.count: not negative."),
            (calls.hours > 0, "calls.hours: more than 0."),
            (0 <= service.min_min <= service.max_min, "service: min_min may not exceed max_min."),
            (min(box.columns, box.rows) >= 1, "box: at least one column and one row."),
            (min(box.width_deg, box.height_deg) > 0, "box: needs a size."),
        )
        return next((message for holds, message in rules if not holds), None)

    def changed(self, *, calls: int | None = None, hours: float | None = None, helpers: int | None = None) -> Scenario:
        """Return this load with other figures; its key then says so, and it is no longer the load of that name."""
        new_calls = msgspec.structs.replace(
            self.calls,
            count=self.calls.count if calls is None else calls,
            hours=self.calls.hours if hours is None else hours,
        )
        count = self.helpers.count if helpers is None else helpers
        if new_calls == self.calls and count == self.helpers.count:
            return self
        key = f"{self.key.partition(':')[0]}: {new_calls.count} calls in {new_calls.hours:g} h, {count} helpers"
        new_helpers = msgspec.structs.replace(self.helpers, count=count)
        return msgspec.structs.replace(self, key=key, calls=new_calls, helpers=new_helpers)
