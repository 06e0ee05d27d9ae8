"""The composition root: the only place that builds things. A `Node` is one running linli, a `BrokerNode` its broker alone."""

from __future__ import annotations

import time
import zoneinfo
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeVar

from linli.base import (
    Clock,
    Ids,
    Settings,
    SteppedClock,
    WallClock,
    read_json,
    read_work_time,
    seeded,
    setting,
    to_wire_time,
)
from linli.base.errors import BadSetting, LinliError, StartError, StoreFailed
from linli.broker import KEEP_S, TENANT, WAIT_H, Broker, Caps, Erasing, Fetching, filing_form, found_by
from linli.dispatch import Dispatch, Tuning
from linli.egress import ALLOW, CA_FILE, CONNECT_S, SCHEMES, TOTAL_S, Egress
from linli.insight import Insight
from linli.packs import Catalogue, Packs, Planner, Sources
from linli.store import Store, open_store
from linli.travel import Network
from linli.trust import (
    HASH,
    SHORTER,
    WITNESS,
    Account,
    Act,
    HashChain,
    Identity,
    Inspection,
    Keys,
    NodeSecret,
    Notary,
    OtherProvider,
    Policies,
    Principal,
    Refiling,
    Resealing,
    Sealed,
    messages_of,
    told,
    witness_at,
)
from linli.vocab import vocabulary
from linli.web import (
    ADDRESS,
    HOSTS,
    PROXIES,
    SIGN_IN,
    UNMASK_H,
    Asking,
    BrokerApp,
    BrokerDoors,
    Doors,
    Health,
    Hourly,
    Limits,
    Live,
    Person,
    PressToOffer,
    Proxies,
    Rates,
    SignIn,
    WebApp,
    mandates,
    people_by_phone,
)

NODE_CODE = setting("node.code", "990101000000", "Region code of this node, 12 digits; it stands in the ids made here.")
NODE_SCOPE = setting(
    "node.scope", "/cn/r99/r9901/r990101", "Scope of what this node makes where nothing finer is known."
)
NODE_NAME_ZH = setting("node.name_zh", "邻里", "Name of this node in Chinese.")
NODE_NAME_EN = setting("node.name_en", "linli", "Name of this node in English.")
NODE_PHONE = setting("node.phone", "", "Phone number of the seat on duty, shown on every resident's page.")
NODE_ZONE = setting("node.zone", "Asia/Shanghai", "Time zone of the people here; days begin and times are shown by it.")
POLICY = setting(
    "dispatch.policy",
    "open",
    "How calls and helpers are joined: open (closest pair first, across borders), or the controls closed and nearest.",
    ("open", "closed", "nearest"),
)
PACKS_OFF = setting("packs.off", "", "Keys of built-in packs that are switched off, with commas.")
PACKS_DIR = setting("packs.dir", "", "Folder with further packs, one folder each.")
PACKS_OVERRIDES = setting("packs.overrides", "", "TOML file that says what is off, or has other figures, in an area.")
PACKS_WATCH_S = setting(
    "packs.watch_s", 10.0, "How often the files of packs are looked at for changes, in seconds; 0 = never."
)
PACKS_PLANS = setting("packs.plans", default=False, text="Whether the recurring calls that packs plan are placed.")
WORK_HOURS = setting("work.hours", "08:30-12:00,13:30-17:30", "Office hours, by which working time is counted.")
WORK_OFF = setting("work.days_off", [], "Days like 2026-10-08 on which nobody works here, beside the national ones.")
WORK_ON = setting("work.days_on", [], "Days like 2026-10-10 on which people work here although the nation does not.")

PAGE_INSTANCES = setting(
    "history.page_instances", 30, "How many instances of attributes one temporal answer holds at most."
)
CONTEXT_HOSTS = setting("contexts.allow", [], "Hosts (host or host:port) from which @context documents may be fetched.")
CONTEXT_WAIT = setting(
    "contexts.wait_s", 0.0, "How long a request waits for an @context that is being fetched, in seconds."
)

#: settings beside the caps that bound something
LIMITS = frozenset({CONTEXT_WAIT, CONNECT_S, TOTAL_S, PAGE_INSTANCES, KEEP_S, "store.pending_max"})

T = TypeVar("T")

STARTING = Act(Principal("engine:app", "engine", ("/",)), "operation")


@dataclass(slots=True)
class Plan:
    """What a node is to be built from, beside its settings.

    `city_clock` makes the city's clock; it is told the last moment that stands in the log, behind which it must not
    start (0 for a new database).
    """

    data: Path
    settings: Settings
    city_clock: Callable[[int], Clock]
    wall_clock: Clock
    network: Network | None = None
    sign_in: SignIn | None = None
    people: Sequence[Person] = ()
    seed: int | None = None
    sync: Literal["full", "normal", "off"] | None = None
    policy: str | None = None
    name: dict[str, str] | None = None
    phone: str | None = None


@dataclass(slots=True)
class Node:
    """One running linli: its store, engines and web application."""

    store: Store
    egress: Egress
    broker: Broker
    dispatch: Dispatch
    live: Live
    web: WebApp
    city_clock: Clock
    doors: Doors
    home_scope: str
    notary: Notary
    resealing: Resealing
    catalogue: Catalogue

    async def start(self) -> None:
        """Start the engines: from here on calls go on by themselves."""
        await self.catalogue.publish()
        await self.live.start()
        await self.dispatch.start()
        await self.catalogue.start()
        if self.doors.insight is not None:
            await self.doors.insight.start()
        await self.broker.start()
        await self.notary.start()
        await self.resealing.start()

    async def hush(self) -> None:
        """End the live streams: nothing else would keep a connection open for ever."""
        await self.live.stop()

    async def stop(self) -> None:
        """Stop in order: engines, streams, connections, store."""
        await self.catalogue.stop()
        await self.dispatch.stop()
        if self.doors.insight is not None:
            await self.doors.insight.stop()
        await self.broker.stop()
        await self.live.stop()
        await self.doors.asking.identity.settled()
        await self.egress.close()
        await self.resealing.stop()
        await self.notary.stop()
        await self.store.close()
        if self.doors.network is not None:
            await self.doors.network.close()

    async def settle(self) -> None:
        """Return when no request is open and every reader of the log has done its work."""
        await self.web.idle()
        if self.doors.insight is not None:
            await self.doors.insight.settled()
        await self.catalogue.settled()
        await self.dispatch.settled()
        await self.live.settled()
        await self.doors.asking.identity.settled()
        await self.broker.settled()

    async def next_due_us(self) -> int | None:
        """Return when the engine wants to be woken next, in city time."""
        return await self.dispatch.next_due_us()

    async def advance_to(self, at_us: int) -> None:
        """Move a stepped city clock, do what falls due, settle."""
        if not isinstance(self.city_clock, SteppedClock):
            raise StartError("Only a stepped clock can be advanced.")
        self.city_clock.advance_to(at_us)
        await self.dispatch.run_due()
        await self.settle()

    def now_us(self) -> int:
        """Return the city's time."""
        return self.city_clock.now_us()


async def build(plan: Plan) -> Node:
    """Build a node; nothing runs until `start`.

    Raises: StartError and its kin: with what is wrong and what to do.
    """
    settings = plan.settings
    sign_in = plan.sign_in or settings[SIGN_IN]
    store = await _opened(settings, plan.data, plan.wall_clock, plan.sync)
    clock = plan.city_clock(await _last_moment_us(store))
    allow, secret = Policies(clock, zone=_zone(settings[NODE_ZONE])), NodeSecret(plan.data / "node.secret")
    ids = Ids(settings[NODE_CODE], seeded(plan.seed) if plan.seed is not None else None)
    egress = _egress(settings)
    broker = _broker(settings, store, clock, allow=allow, ids=ids, egress=egress)
    packs = Packs.read(_sources(settings))
    policy, home, tuning = plan.policy or settings[POLICY], settings[NODE_SCOPE], Tuning.of(settings)
    dispatch = Dispatch(
        broker, allow, plan.network, packs, clock, ids, secret, policy=policy, home_scope=home, tuning=tuning
    )
    identity = _identity(settings, store, clock, plan.wall_clock, secret=secret, egress=egress)
    broker.erasing = _erasing(settings, store, identity)

    async def behind() -> Mapping[str, object]:
        return {"dispatchBehind": await dispatch.behind()}

    catalogue = _catalogue(plan, packs, broker, dispatch, clock)
    insight = Insight.of(settings, broker, plan.network, clock) if plan.network else None
    live = Live(broker)
    pressing = PressToOffer(broker)
    live.observe(pressing.observe)
    doors = Doors(
        broker=broker,
        dispatch=dispatch,
        packs=packs,
        network=plan.network,
        allow=allow,
        asking=Asking(
            identity,
            sign_in=sign_in,
            hosts=settings[HOSTS],
            address=settings[ADDRESS],
            mandated=mandates(broker, clock),
        ),
        codes=identity.codes(messages_of(settings, egress), people_by_phone(broker)),
        clock=clock,
        live=live,
        pressing=pressing,
        name=plan.name or {"zh": settings[NODE_NAME_ZH], "en": settings[NODE_NAME_EN]},
        phone=plan.phone or settings[NODE_PHONE],
        health=Health(broker, lambda: store.trouble, _limits(settings), behind, open=sign_in == "open"),
        unmasks=Hourly(settings[UNMASK_H], time.monotonic),
        zone=_zone(settings[NODE_ZONE]),
        people=plan.people,
        limits=_rates(settings, sign_in),
        proxies=Proxies(settings[PROXIES]),
        catalogue=catalogue,
        insight=insight,
    )
    notary = _notary(settings, store, secret, plan.wall_clock)
    resealing = Resealing(store, found_by(vocabulary()), plan.wall_clock)
    web = WebApp(doors)
    return Node(store, egress, broker, dispatch, live, web, clock, doors, home, notary, resealing, catalogue)


def _catalogue(plan: Plan, packs: Packs, broker: Broker, dispatch: Dispatch, clock: Clock) -> Catalogue:
    settings = plan.settings
    planner = Planner(packs, broker, dispatch, clock, _zone(settings[NODE_ZONE])) if settings[PACKS_PLANS] else None
    kept = plan.data / "packs"
    return Catalogue(packs, broker, STARTING, settings[NODE_SCOPE], kept, planner, settings[PACKS_WATCH_S])


def _sources(settings: Settings) -> Sources:
    """Return where packs come from, and by which calendar their deadlines are counted."""
    return Sources(
        folders=(Path(settings[PACKS_DIR]),) if settings[PACKS_DIR] else (),
        off=frozenset(key.strip() for key in settings[PACKS_OFF].split(",") if key.strip()),
        overrides=Path(settings[PACKS_OVERRIDES]) if settings[PACKS_OVERRIDES] else None,
        work=read_work_time(_zone(settings[NODE_ZONE]), settings[WORK_HOURS], settings[WORK_OFF], settings[WORK_ON]),
    )


@dataclass(slots=True)
class BrokerPlan:
    """What a broker alone is to be built from. `context_map`: a JSON file, URL -> file relative to it."""

    data: Path
    settings: Settings
    clock: Clock
    sign_in: SignIn | None = None
    context_map: Path | None = None


@dataclass(slots=True)
class BrokerNode:
    """One running broker: its store, its way out and its web application; no packs, no dispatch, no faces."""

    store: Store
    egress: Egress
    broker: Broker
    web: BrokerApp
    doors: BrokerDoors
    notary: Notary
    resealing: Resealing

    async def start(self) -> None:
        """Start what works by itself: telling subscribers, signing what was written down."""
        await self.broker.start()
        await self.notary.start()
        await self.resealing.start()

    async def hush(self) -> None:
        """End what would keep a connection open: a broker has no streams."""

    async def stop(self) -> None:
        """Stop in order: engines, what goes out, store."""
        await self.broker.stop()
        await self.doors.asking.identity.settled()
        await self.egress.close()
        await self.resealing.stop()
        await self.notary.stop()
        await self.store.close()


async def build_broker(plan: BrokerPlan) -> BrokerNode:
    """Build a broker; nothing runs until `start`.

    Raises: StartError and its kin: with what is wrong and what to do.
    """
    settings = plan.settings
    sign_in = plan.sign_in or settings[SIGN_IN]
    contexts = _mapped(plan.context_map) if plan.context_map else {}
    store = await _opened(settings, plan.data, plan.clock)
    egress = _egress(settings)
    broker = _broker(
        settings,
        store,
        plan.clock,
        allow=Policies(plan.clock, zone=_zone(settings[NODE_ZONE])),
        ids=Ids(settings[NODE_CODE]),
        egress=egress,
        contexts=contexts,
        default_context="core",
    )
    secret = NodeSecret(plan.data / "node.secret")
    identity = _identity(settings, store, plan.clock, plan.clock, secret=secret, egress=egress)
    broker.erasing = _erasing(settings, store, identity)
    doors = BrokerDoors(
        broker=broker,
        asking=Asking(
            identity,
            sign_in=sign_in,
            hosts=settings[HOSTS],
            address=settings[ADDRESS],
        ),
        health=Health(broker, lambda: store.trouble, _limits(settings), open=sign_in == "open"),
        limits=_rates(settings, sign_in),
        proxies=Proxies(settings[PROXIES]),
    )
    notary = _notary(settings, store, secret, plan.clock)
    resealing = Resealing(store, found_by(vocabulary()), plan.clock)
    return BrokerNode(store, egress, broker, BrokerApp(doors), doors, notary, resealing)


async def asked_at_rest(data: Path, settings: Settings, ask: Callable[[Broker], Awaitable[T]]) -> T:
    """Return what `ask` says to the broker of a node that does not run. Raises: StartError: a node runs on the data."""
    wall = WallClock()
    store = await _opened(settings, data, wall)
    egress = _egress(settings)
    try:
        clock = SteppedClock(max(await _last_moment_us(store), wall.now_us()))
        allow, secret = Policies(clock, zone=_zone(settings[NODE_ZONE])), NodeSecret(data / "node.secret")
        broker = _broker(settings, store, clock, allow=allow, ids=Ids(settings[NODE_CODE]), egress=egress)
        identity = _identity(settings, store, clock, wall, secret=secret, egress=egress)
        broker.erasing = _erasing(settings, store, identity)
        return await ask(broker)
    finally:
        await egress.close()
        await store.close()


async def identity_at_rest(data: Path, settings: Settings, ask: Callable[[Identity], Awaitable[T]]) -> T:
    """Return what `ask` says to the sign-ins of a node that does not run. Raises: StartError: a node runs on the data."""
    wall = WallClock()
    store = await _opened(settings, data, wall)
    try:
        # What is written down here must not lie before what stands in the log already.
        city = SteppedClock(max(await _last_moment_us(store), wall.now_us()))
        return await ask(Identity(store, city, wall, NodeSecret(data / "node.secret")))
    finally:
        await store.close()


async def account_at_rest(data: Path, settings: Settings, account_id: str) -> Principal:
    """Return as whom an account of a node that does not run acts; it is named by its own id or by that of its person.

    Raises: StartError: there is no such account, or a node runs on the data.
    """

    async def find(identity: Identity) -> Principal | None:
        async for one in identity.accounts.all():
            if account_id in (one.id, one.person):
                return identity.accounts.principal(one)
        return None

    found = await identity_at_rest(data, settings, find)
    if found is None:
        raise StartError(f"{account_id}: there is no such account. Name a role instead, as seat@/cn/r37/r3701.")
    return found


def _rates(settings: Settings, sign_in: str) -> Limits | None:
    """Return how often somebody may ask; as he likes where nobody but this machine can ask."""
    return Limits(Rates.of(settings), time.monotonic) if sign_in == "accounts" else None


async def invite_first(data: Path, settings: Settings, label: str, *, again: bool = False) -> str:
    """Return the secret of a link that makes the first administrator of a node that does not run.

    Raises: StartError: there is an administrator already, and it is not asked for `again`; or a node runs.
    """

    async def invite(identity: Identity) -> str:
        there = [one async for one in identity.accounts.all() if one.role == "administrator" and not one.blocked]
        if there and not again:
            raise StartError(
                "This node has an administrator already, who can invite others. If nobody can sign in as one any "
                "more, say linli init --again."
            )
        account = Account("", "administrator", (settings[NODE_SCOPE],))
        return await identity.invitations.make(account, label, "engine:init", days=1)

    return await identity_at_rest(data, settings, invite)


def _limits(settings: Settings) -> Mapping[str, object]:
    """Return all settings that bound something, for the health page."""
    names = (one.name for one in Settings.declared())
    return {name: settings[name] for name in names if name.startswith("caps.") or name in LIMITS}


def _mapped(file: Path) -> Mapping[str, Path]:
    """Return the files of a context map. Raises: StartError: it cannot be read, or names a file that there is not."""
    try:
        said = read_json(file.read_bytes())
    except (OSError, LinliError) as error:
        raise StartError(f"--context-map {file}: cannot be read as JSON; write it as {{URL: file}}.") from error
    if not isinstance(said, dict) or not all(isinstance(one, str) for one in said.values()):
        raise StartError(f"--context-map {file}: write it as a JSON object, URL: file.")
    files = {url: file.parent / name for url, name in said.items()}
    for url, path in files.items():
        if not path.is_file():
            raise StartError(f"--context-map {file}: there is no file {path} for {url}.")
    return files


def _egress(settings: Settings) -> Egress:
    return Egress(
        settings[ALLOW],
        schemes=settings[SCHEMES],
        connect_s=settings[CONNECT_S],
        total_s=settings[TOTAL_S],
        ca_file=settings[CA_FILE],
    )


def _broker(
    settings: Settings,
    store: Store,
    clock: Clock,
    *,
    allow: Policies,
    ids: Ids,
    egress: Egress,
    contexts: Mapping[str, Path] | None = None,
    default_context: Literal["linli", "core"] = "linli",
) -> Broker:
    return Broker(
        store,
        vocabulary(),
        allow,
        clock,
        ids=ids,
        home_scope=settings[NODE_SCOPE],
        contexts=contexts,
        default_context=default_context,
        caps=Caps.of(settings),
        fetching=Fetching(egress, frozenset(settings[CONTEXT_HOSTS]), settings[CONTEXT_WAIT]),
        egress=egress,
        keep_s=settings[KEEP_S],
        page_instances=settings[PAGE_INSTANCES],
        zone=_zone(settings[NODE_ZONE]),
        shorter=settings[SHORTER],
    )


async def seal_at_rest(data: Path, settings: Settings) -> list[str]:
    """Seal what a database that no node has open holds in clear, or under old keys; return what was done, in lines.

    Raises: StartError: a node runs on the data.
    """
    sealed = await _stored(settings, data, WallClock())
    try:
        resealing = Resealing(sealed, found_by(vocabulary()))
        return [
            f"Tenant {tenant}: {done.entities} entities, {done.facts} values of the past and {done.records} records were sealed."
            for tenant in await sealed.tenants()
            if (done := await resealing.seal(tenant))
        ]
    finally:
        await sealed.close()


async def refile_at_rest(data: Path, settings: Settings, tell: Callable[[str], None]) -> None:
    """File every entity of a database that no node has open as this program looks for it; `tell` hears how far it is.

    Raises: StartError: a node runs on the data, or it holds personal data in clear.
    """
    wall = WallClock()
    sealed = await _stored(settings, data, wall)
    try:
        await sealed.check()
        await Refiling(sealed, found_by(vocabulary()), wall, tell).bring_up()
    finally:
        await sealed.close()


async def rotate_keys(data: Path, settings: Settings) -> int:
    """Have new keys from now on, also while a node runs; return in how many tenants. Raises: StartError."""
    keys = Keys.open(data, settings)
    try:
        for tenant in keys.tenants():
            await keys.rotate(tenant)
        return len(keys.tenants())
    finally:
        keys.close()


async def exchange_master_key(data: Path, settings: Settings) -> int:
    """Exchange the master key for a new one, also while nodes run; return how many keys it wraps. Raises: StartError."""
    keys = Keys.open(data, settings)
    try:
        return await keys.exchange_master()
    except StoreFailed as error:
        raise StartError(f"The master key was not exchanged: {error.message}") from error
    finally:
        keys.close()


async def inspect_at_rest(data: Path, settings: Settings) -> tuple[bool, list[str]]:
    """Return whether everything personal in a database that no node has open is sealed and opens, and what was found.

    Raises: StartError: a node runs on the data.
    """
    sealed = await _stored(settings, data, WallClock())
    try:
        inspection = Inspection(sealed, found_by(vocabulary()))
        found = {tenant: await inspection.tenant(tenant) for tenant in await sealed.tenants()}
        lines = [line for tenant, one in found.items() for line in told(tenant, one)]
        return not any(one.faults for one in found.values()), lines
    finally:
        await sealed.close()


async def _opened(
    settings: Settings, data: Path, wall: Clock, sync: Literal["full", "normal", "off"] | None = None
) -> Sealed:
    """Return the store, sealed, with everything filed as this program looks for it.

    Raises: StartError: it cannot be opened, or holds personal data in clear.
    """
    sealed = await _stored(settings, data, wall, sync)
    await sealed.check()
    await Refiling(sealed, found_by(vocabulary()), wall).bring_up()
    return sealed


async def _stored(
    settings: Settings, data: Path, wall: Clock, sync: Literal["full", "normal", "off"] | None = None
) -> Sealed:
    """Return the store, whether it is sealed yet or not. Raises: StartError: it cannot be opened."""
    synced = sync or settings["store.sync"]
    keys = Keys.open(data, settings, sync=synced, wall=wall)
    store = await open_store(
        store_url(settings, data),
        chain=HashChain(settings[HASH]),
        sync=synced,
        pending_max=settings["store.pending_max"],
        bytes_cache_mb=settings["store.bytes_cache_mb"],
        charts_mb=settings["store.charts_mb"],
        readers=settings["store.readers"],
    )
    return Sealed(store, keys, vocabulary(), form=filing_form(vocabulary()))


def _identity(
    settings: Settings, store: Store, city: Clock, wall: Clock, *, secret: NodeSecret, egress: Egress
) -> Identity:
    """Return who is who here, with the district's own provider where the settings name one."""
    identity = Identity(store, city, wall, secret)
    identity.other = OtherProvider.of(settings, identity.records, egress, wall)
    return identity


def _erasing(settings: Settings, store: Sealed, identity: Identity) -> Erasing:
    """Return what takes part when a person is erased: who signs, who lets go of his sign-ins, who destroys his keys."""

    async def destroyed(tenant: str, person: str) -> dict[str, object]:
        gone = await store.destroy(tenant, person)
        return {"destroyed": gone.keys, "at": to_wire_time(gone.at_us)}

    return Erasing(identity.secret, settings[NODE_CODE], (identity.forget,), destroyed, settings[WAIT_H])


def _notary(settings: Settings, store: Store, secret: NodeSecret, wall: Clock) -> Notary:
    """Return who signs what was written down; there is one, also where several processes share a database."""
    node = settings[NODE_CODE]
    witness = witness_at(settings[WITNESS], node)
    return Notary(store, secret, wall, node=node, algorithm=settings[HASH], witness=witness)


def _zone(name: str) -> str:
    if name not in zoneinfo.available_timezones():
        raise BadSetting(f"node.zone = {name}: there is no such time zone; write it like Asia/Shanghai.")
    return name


async def _last_moment_us(store: Store) -> int:
    head = await store.head(TENANT)
    rows = await store.log_since(TENANT, head - 1) if head else []
    return rows[-1].at_us if rows else 0


def store_url(settings: Settings, data: Path) -> str:
    """Return where the data lies: store.url, else the file linli.db in the data folder."""
    return settings["store.url"] or f"sqlite:///{data / 'linli.db'}"
