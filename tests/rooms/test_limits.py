"""How often somebody may ask, and whose address counts."""

from __future__ import annotations

from typing import Any

import pytest

from linli.base.errors import BadSetting, TooOften
from linli.trust import Principal
from linli.web._limits import SEARCH_COST, Buckets, Limits, Proxies, Rates

CLERK = Principal("account:1", "clerk", ("/cn/r99",))
COLLEAGUE = Principal("account:2", "clerk", ("/cn/r99",))


class Hand:
    """A clock that is moved."""

    def __init__(self) -> None:
        self.s = 1000.0

    def __call__(self) -> float:
        return self.s


def asked(method: str = "GET", path: str = "/api/calls", client: str = "192.0.2.1") -> dict[str, Any]:
    return {"method": method, "path": path, "client": (client, 1)}


def a_limit(clock: Hand, *, area_s: float = 1000) -> Limits:
    return Limits(Rates(address_s=2, principal_s=2, area_s=area_s, burst_s=5), clock)


def admitted(limits: Limits, times: int, who: Principal | None = None, **more: str) -> int:
    """How many of so many requests at one moment get through."""
    through = 0
    for _ in range(times):
        try:
            limits.admit(asked(**more), who)
        except TooOften:
            continue
        through += 1
    return through


def test_a_burst_goes_through_and_the_rest_has_to_wait_until_the_bucket_fills() -> None:
    clock = Hand()
    limits = a_limit(clock)
    assert admitted(limits, 100) == 10
    clock.s += 3
    assert admitted(limits, 100) == 6
    clock.s += 3600
    assert admitted(limits, 100) == 10


def test_who_is_refused_is_told_how_long_to_wait_and_that_is_true() -> None:
    clock = Hand()
    limits = a_limit(clock)
    admitted(limits, 10)
    with pytest.raises(TooOften) as caught:
        limits.admit(asked(), None)
    clock.s += caught.value.wait_s
    limits.admit(asked(), None)


def test_one_address_does_not_use_up_what_is_anothers() -> None:
    limits = a_limit(Hand())
    assert admitted(limits, 50, client="192.0.2.1") == 10
    assert admitted(limits, 50, client="192.0.2.2") == 10


def test_who_is_signed_in_is_counted_by_himself_wherever_he_is() -> None:
    limits = a_limit(Hand())
    admitted(limits, 100, client="192.0.2.1")
    assert admitted(limits, 8, CLERK, client="192.0.2.1") == 8
    assert admitted(limits, 8, CLERK, client="192.0.2.9") == 2
    assert admitted(limits, 8, COLLEAGUE) == 8


def test_all_of_one_area_share_its_bucket() -> None:
    limits = a_limit(Hand(), area_s=2.5)
    assert admitted(limits, 10, CLERK) == 10
    assert admitted(limits, 10, COLLEAGUE) == 2


@pytest.mark.parametrize("path", ["/ngsi-ld/v1/entities", "/ngsi-ld/v1/entities/"])
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_a_search_costs_more_than_a_look(method: str, path: str) -> None:
    limits = a_limit(Hand())
    assert admitted(limits, 100, method=method, path=path) == 10 // SEARCH_COST


@pytest.mark.parametrize("path", ["/api/calls", "/call"])
def test_a_press_is_never_refused(path: str) -> None:
    limits = a_limit(Hand())
    admitted(limits, 100)
    assert admitted(limits, 1000, method="POST", path=path) == 1000


def test_only_so_many_are_remembered() -> None:
    buckets = Buckets(1, 1, remembered_max=3)
    for key in "abcd":
        assert buckets.take(key, 1, 0.0) == 0
    assert buckets.take("d", 1, 0.0) > 0
    assert buckets.take("a", 1, 0.0) == 0


FORWARDED = ((b"x-forwarded-for", b"203.0.113.9, 198.51.100.7, 10.0.0.2"), (b"x-forwarded-proto", b"https"))


def seen(proxies: list[str], client: str, *headers: tuple[bytes, bytes]) -> tuple[str, str]:
    """Whose address a node sees behind these proxies, and by which scheme he speaks."""
    scope = {"client": (client, 1), "scheme": "http", "headers": list(headers)}
    Proxies(proxies).seen_through(scope)
    return scope["client"][0], scope["scheme"]


def test_what_a_stranger_says_of_his_address_is_not_believed() -> None:
    for proxies in ([], ["10.0.0.0/8"]):
        assert seen(proxies, "192.0.2.1", *FORWARDED) == ("192.0.2.1", "http")


def test_behind_a_proxy_the_nearest_address_that_is_none_counts() -> None:
    assert seen(["10.0.0.0/8"], "10.0.0.1", *FORWARDED) == ("198.51.100.7", "https")
    assert seen(["10.0.0.0/8"], "10.0.0.1") == ("10.0.0.1", "http")
    assert seen(["10.0.0.0/8"], "10.0.0.1", (b"x-forwarded-for", b"<script>")) == ("unknown", "http")


def test_a_proxy_that_is_no_address_is_refused_at_the_start() -> None:
    with pytest.raises(BadSetting, match=r"web\.proxies"):
        Proxies(["the proxy"])
