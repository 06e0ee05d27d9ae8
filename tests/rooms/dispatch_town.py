"""A small made-up town for tests of dispatch: four communities in a row, helpers and calls placed by hand."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from linli.base import MINUTE_US, Clock, Ids, SteppedClock, from_wire_time, scope_of_code, seeded, to_wire_time
from linli.broker import Broker, Draft, Plain
from linli.dispatch import CallRequest, Dispatch, Kind, Rung, Tuning
from linli.dispatch._straight import StraightReach
from linli.store import MemoryStore, Store
from linli.trust import Act, NodeSecret, Policies, Principal
from linli.vocab import vocabulary

START_US = from_wire_time("2026-11-23T02:00:00Z")
HOME_SCOPE = scope_of_code("990101")
ENGINE = Act(Principal("engine:test", "engine", ("/",)), "operation")
WORKER = Act(Principal("worker:town", "community_worker", (HOME_SCOPE,)), "service")
CODES = tuple(f"99010100100{n}" for n in range(1, 5))
CARE, SOS, SHOP = "elder.care_visit", "elder.sos", "shop.hour"
WIDTH = 0.02  # degrees; about 1.8 km
WEST, SOUTH = 117.0, 36.0


@dataclass(frozen=True)
class TownKinds:
    """Three kinds: one ordinary, one of life, one with another skill."""

    kinds: Mapping[str, Kind] = field(
        default_factory=lambda: {
            CARE: Kind(CARE, "elder", "1.0.0", {"zh": "上门照护", "en": "Care visit"}, 1, ("carer",), service_min=25),
            SOS: Kind(
                SOS,
                "elder",
                "1.0.0",
                {"zh": "紧急呼救", "en": "SOS"},
                3,
                ("first_aid",),
                arrive_within_min=15,
                answer_within_min=1,
                ladder=(Rung(0, "seat", until="ack"), Rung(60, "guardian", until="ack"), Rung(180, "officer", (), 60)),
            ),
            SHOP: Kind(SHOP, "shop", "1.0.0", {"zh": "代买", "en": "Errand"}, 1, ("courier",), confirm="none"),
        }
    )
    skills: Mapping[str, dict[str, str]] = field(
        default_factory=lambda: {
            "carer": {"zh": "居家照护员", "en": "carer"},
            "courier": {"zh": "骑手", "en": "courier"},
        }
    )
    urgent_words: Mapping[str, int] = field(default_factory=lambda: {"很急": 2, "摔倒": 3})

    def kind(self, key: str, *, version: str = "", scopes: Sequence[str] = ()) -> Kind | None:
        """Return a kind; the town has one version of each, the same everywhere."""
        return self.kinds.get(key)

    def way_out(self, key: str) -> str:
        """Say where the kinds are listed."""
        return "GET /api/kinds lists what is."


def area_id(community: int) -> str:
    return f"urn:ngsi-ld:Area:{CODES[community]}"


def spot(community: int, along: float = 0.5) -> tuple[float, float]:
    """Return a place in a community; `along` 0 = its west edge, 1 = its east edge."""
    return WEST + (community + along) * WIDTH, SOUTH + WIDTH / 2


def resident(name: str) -> Act:
    return Act(Principal(f"urn:ngsi-ld:Resident:990101000000:{name}", "resident", (HOME_SCOPE,)), "service")


class Town:
    """The town on a store, with a clock that only moves when told."""

    def __init__(
        self,
        store: Store | None = None,
        *,
        policy: str = "open",
        tuning: Tuning | None = None,
        clock: Clock | None = None,
    ) -> None:
        self.store = store or MemoryStore()
        self.clock: Any = clock or SteppedClock(START_US)
        self.ids = Ids("990101000000", seeded(7))
        self.allow = Policies(self.clock)
        self.secret = NodeSecret(None)
        self.broker = Broker(self.store, vocabulary(), self.allow, self.clock, ids=self.ids, home_scope=HOME_SCOPE)
        self.policy, self.tuning = policy, tuning
        self.dispatch = self.another_dispatch()

    def another_dispatch(self) -> Dispatch:
        """Return a dispatcher that knows nothing yet, as after a restart."""
        return Dispatch(
            self.broker,
            self.allow,
            StraightReach(),
            TownKinds(),
            self.clock,
            self.ids,
            self.secret,
            policy=self.policy,
            home_scope=HOME_SCOPE,
            tuning=self.tuning,
        )

    async def areas(self) -> None:
        drafts = []
        for n, code in enumerate(CODES):
            w, e, s, north = WEST + n * WIDTH, WEST + (n + 1) * WIDTH, SOUTH, SOUTH + WIDTH
            ring = [[w, s], [e, s], [e, north], [w, north], [w, s]]
            values = {
                "areaLevel": "community",
                "code": code,
                "name": {"zh": f"例{n + 1}社区", "en": f"Example {n + 1}"},
                "inArea": f"urn:ngsi-ld:Area:{code[:9]}",
                "boundary": {"type": "Polygon", "coordinates": [ring]},
            }
            drafts.append(Draft(area_id(n), "Area", values, scopes=(scope_of_code(code),), expect_version=0))
        await self.broker.write(ENGINE, drafts)

    async def helper(
        self, name: str, community: int = 0, along: float = 0.5, *, skills: tuple[str, ...] = ("carer",), **more: Any
    ) -> Act:
        """Put a helper with an eight-hour shift in a community; return who he is when he acts."""
        helper_id = f"urn:ngsi-ld:Helper:990101000000:{name}"
        scope = scope_of_code(CODES[community])
        values = {
            "fullName": f"例{name}",
            "role": "carer",
            "organization": area_id(community),
            "hasSkill": list(skills),
            "dutyState": "ready",
            "position": {"type": "Point", "coordinates": list(spot(community, along))},
            "profile": "ebike",
            "inArea": area_id(community),
            **more,
        }
        now = self.clock.now_us()
        drafts = [Draft(helper_id, "Helper", values, scopes=(scope,), expect_version=0)]
        shift = {
            "helper": helper_id,
            "covers": [area_id(community)],
            "from": to_wire_time(now - MINUTE_US),
            "to": to_wire_time(now + 8 * 60 * MINUTE_US),
            "inArea": area_id(community),
        }
        shift_id = f"urn:ngsi-ld:Shift:990101000000:{name}"
        drafts.append(Draft(shift_id, "Shift", shift, scopes=(scope,), expect_version=0))
        await self.broker.write(ENGINE, drafts)
        return Act(Principal(helper_id, "helper", (scope,)), "service")

    async def press(
        self, community: int = 0, along: float = 0.5, *, kind: str = CARE, who: Act | None = None, **more: Any
    ) -> str:
        """Press, let dispatch do what follows, and return the call's id."""
        lon, lat = spot(community, along)
        who = who or resident(f"R{self.clock.now_us()}{community}{along}")
        key = more.pop("key", None)
        request = CallRequest.from_body({"kind": kind, "lon": lon, "lat": lat, "mouth": "app", **more}, key)
        placed = await self.dispatch.place_call(who, request)
        await self.dispatch.settled()
        return placed.id

    async def later(self, minutes: float) -> None:
        """Move the clock, stopping at everything that falls due on the way."""
        end = self.clock.now_us() + round(minutes * MINUTE_US)
        await self.dispatch.settled()
        while (due := await self.dispatch.next_due_us()) is not None and due <= end:
            self.clock.advance_to(due)
            await self.dispatch.run_due()
        self.clock.advance_to(end)
        await self.dispatch.run_due()

    async def call(self, call_id: str) -> dict[str, Any]:
        plain = await self.broker.read(ENGINE, call_id)
        assert plain is not None
        return plain.values

    async def offers(self, call_id: str) -> list[Plain]:
        return await self.broker.read_all(ENGINE, "Offer", keys={"call": [call_id]})

    async def open_offer(self, call_id: str) -> Plain:
        (offer,) = [one for one in await self.offers(call_id) if one.values["answer"] == "open"]
        return offer

    async def accepted(self, call_id: str) -> Act:
        """Let the helper who is asked accept; return who he is."""
        offer = await self.open_offer(call_id)
        who = Act(Principal(offer.values["helper"], "helper", offer.scopes), "service")
        await self.dispatch.accept(who, offer.id)
        await self.dispatch.settled()
        return who


def name_of(entity_id: str) -> str:
    return entity_id.rsplit(":", 1)[-1]
