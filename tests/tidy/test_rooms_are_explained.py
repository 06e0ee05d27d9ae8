"""The rooms and their floors: the newcomer's page names each, and the linter watches each."""

import tomllib


def _contracts(root):
    tool = tomllib.loads((root / "pyproject.toml").read_text("utf-8"))["tool"]
    return {contract["id"]: contract for contract in tool["importlinter"]["contracts"]}


def test_the_newcomers_page_names_every_room(root, rooms):
    page = (root / "ARCHITECTURE.md").read_text("utf-8")
    assert [room for room in rooms if f"`{room}`" not in page] == []


def test_the_newcomers_page_stays_short(root):
    assert len((root / "ARCHITECTURE.md").read_text("utf-8").splitlines()) <= 150


def test_the_newcomers_page_names_no_room_that_is_not_there(root, rooms):
    lines = (root / "ARCHITECTURE.md").read_text("utf-8").splitlines()
    named = [line.split("`")[1] for line in lines if line.startswith("| `") and "/" not in line.split("`")[1]]
    assert sorted(set(named) - set(rooms) - {"app"}) == []


def test_the_linter_watches_the_door_of_every_room(root, rooms):
    contracts = _contracts(root)
    assert [room for room in rooms if f"door-{room}" not in contracts] == []


def test_every_room_stands_on_a_floor(root, rooms):
    floors = " ".join(_contracts(root)["floors"]["layers"])
    assert [room for room in rooms if room not in floors.replace("(", "").replace(")", "").split()] == []
