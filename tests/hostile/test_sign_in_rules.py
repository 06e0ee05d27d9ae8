"""What holds of every sign-in and token, each rule tried from its wrong side: other browsers, other apps, too late, once more."""

from __future__ import annotations

import base64
import sys
from pathlib import Path

import pytest

from linli.base import MINUTE_US, SECOND_US, read_json
from linli.base.errors import SignInNeeded, Unreachable
from linli.egress import Mail
from linli.trust import GrantRefused, Right

sys.path.append(str(Path(__file__).parents[1] / "rooms"))
from test_trust_sign_in import BASE, House, an_app, redeemed, told

DAY_US = 24 * 60 * MINUTE_US
DEVICE_GRANT = "urn:ietf:params:oauth:grant-type:device_code"


def claims_of(token: str) -> dict[str, object]:
    """Return what a token says, without looking at its signature."""
    payload = token.split(".")[1]
    found = read_json(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    assert isinstance(found, dict)
    return found


def test_a_code_holds_only_in_the_browser_that_asked_for_it() -> None:
    async def story(house: House) -> None:
        mine = await house.ask()
        code = house.post.code
        house.later(2 * MINUTE_US)
        other = await house.ask()
        with pytest.raises(SignInNeeded):
            await house.codes.check(other, code)
        with pytest.raises(SignInNeeded):
            await house.codes.check("made up", code)
        assert isinstance(await house.codes.check(mine, code), Right)

    told(story)


def test_a_code_for_an_app_is_over_after_a_minute() -> None:
    async def story(house: House) -> None:
        for later_us, good in ((59 * SECOND_US, True), (60 * SECOND_US, False)):
            _, verifier, code = await (an_app(house) if good else another_code(house))
            house.later(later_us)
            if good:
                assert (await house.identity.provider.token(redeemed(code, verifier), BASE))["access_token"]
                continue
            with pytest.raises(GrantRefused) as refused:
                await house.identity.provider.token(redeemed(code, verifier), BASE)
            assert refused.value.code == "invalid_grant"

    told(story)


async def another_code(house: House) -> tuple[dict[str, str], str, str]:
    """Return a further code of the app that is registered already."""
    await house.identity.clients.drop("note-app", "test")
    return await an_app(house)


def test_an_app_gets_tokens_in_its_own_ways_only() -> None:
    async def story(house: House) -> None:
        await an_app(house)
        for grant in ("client_credentials", DEVICE_GRANT, "password", "implicit", ""):
            with pytest.raises(GrantRefused) as refused:
                await house.identity.provider.token({"grant_type": grant, "client_id": "note-app"}, BASE)
            assert refused.value.code == "unauthorized_client"

    told(story)


def test_a_tablet_gets_nothing_in_the_ways_of_apps_and_programs() -> None:
    async def story(house: House) -> None:
        for grant in ("client_credentials", "authorization_code"):
            with pytest.raises(GrantRefused) as refused:
                await house.identity.provider.token({"grant_type": grant, "client_id": "gate-tablet"}, BASE)
            assert refused.value.code == "unauthorized_client"

    told(story)


def test_tokens_name_who_is_to_take_them() -> None:
    async def story(house: House) -> None:
        _, verifier, code = await an_app(house)
        answer = await house.identity.provider.token(redeemed(code, verifier), BASE)
        access, identity = claims_of(answer["access_token"]), claims_of(answer["id_token"])
        assert (access["aud"], access["client_id"]) == (BASE, "note-app")
        assert identity["aud"] == "note-app"
        assert house.identity.provider.login_of(answer["id_token"]) is None, "an identity token opens nothing here"

    told(story)


def test_refreshing_ends_for_good_after_ninety_days_however_often_it_was_done() -> None:
    async def story(house: House) -> None:
        _, verifier, code = await an_app(house)
        provider = house.identity.provider
        answer = await provider.token(redeemed(code, verifier), BASE)
        for day in range(10, 100, 10):
            house.later(10 * DAY_US)
            form = {"grant_type": "refresh_token", "client_id": "note-app", "refresh_token": answer["refresh_token"]}
            if day < 90:
                answer = await provider.token(form, BASE)
                continue
            with pytest.raises(GrantRefused) as refused:
                await provider.token(form, BASE)
            assert refused.value.code == "invalid_grant"

    told(story)


@pytest.mark.parametrize("subject", ["linli\r\nBcc: all@evil.example", "linli\nX: y"])
def test_a_subject_of_two_lines_goes_out_as_no_mail(subject: str) -> None:
    with pytest.raises(Unreachable):
        Mail("node@linli.example", "a@b.example", subject, "text").written()


def test_what_a_mail_says_cannot_become_a_head_line() -> None:
    written = Mail("node@linli.example", "a@b.example", "linli", "\r\nBcc: all@evil.example\r\n\r\n.\r\nQUIT").written()
    head = written.partition(b"\r\n\r\n")[0]
    assert b"evil" not in head
