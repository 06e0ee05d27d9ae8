"""A wrong pack is refused whole, and says where and what is allowed there."""

import copy
import re
import shutil
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from linli.base import write_json
from linli.base.errors import BadPack
from linli.packs import BUILTIN, Packs, load_pack
from linli.packs._scenario import PROOFS
from linli.vocab import vocabulary

Tree = dict[str, Any]
BOTH = {"zh": "试验", "en": "Trial"}
GOOD: Tree = {
    "schema": 1,
    "key": "trial",
    "version": "1.0.0",
    "title": BOTH,
    "summary": BOTH,
    "role": [{"key": "leader", "title": BOTH, "base": "officer", "may": ["acknowledge"]}],
    "skill": [{"key": "dog_walker", "title": BOTH, "proof": "certificate", "valid_days": 365}],
    "field": [
        {"name": "breed", "title": BOTH, "type": "text", "pii": "personal", "purpose": ["service"], "keep_days": 30}
    ],
    "ladder": [
        {
            "key": "plain",
            "step": [
                {"after_s": 600, "to": "community_worker", "via": ["app"]},
                {"after_s": 1800, "to": "leader", "via": ["voice"], "repeat_s": 600, "until": "ack"},
            ],
        }
    ],
    "call": [
        {
            "key": "trial.walk",
            "title": BOTH,
            "summary": BOTH,
            "icon": "dog",
            "channels": ["app", "device", "plan"],
            "callers": ["resident"],
            "short": "77",
            "words": ["walk my dog"],
            "fields": ["breed"],
            "skills": ["dog_walker"],
            "urgency": 1,
            "arrive_within_min": 60,
            "ladder": "plain",
            "evidence": ["photo", "form:breed"],
            "notices": ["guardian:accepted,on_site"],
            "extra_states": [{"key": "leashed", "from": ["on_site"], "to": ["done"], "title": BOTH}],
        }
    ],
    "plan": [{"every": "FREQ=DAILY;BYHOUR=8", "for": {"type": "Household"}, "makes": "trial.walk", "grace": "PT30M"}],
    "alarm": [{"event": "bark", "call": "trial.walk", "merge_s": 60}],
    "kpi": [
        {"key": "fast", "title": BOTH, "of": ["trial.walk"], "num": "arrive_s<=3600", "den": "all", "min_n": 30,
         "target": 0.9, "source": "(proposal)"}
    ],
    "law": [
        {"of": "trial.walk.arrive_within_min", "source": "(proposal)"},
        {"of": "ladder.plain", "source": "(proposal)"},
        {"of": "plan.trial.walk", "source": "(proposal)"},
    ],
}  # fmt: skip


def toml(value: Any) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key} = {toml(one)}" for key, one in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(toml(one) for one in value) + "]"
    if isinstance(value, bool):
        return str(value).lower()
    return f'"{value}"' if isinstance(value, str) else str(value)


def a_pack(tmp_path: Path, tree: Tree, folder: str = "trial") -> Path:
    place = tmp_path / folder
    place.mkdir(exist_ok=True)
    (place / "pack.toml").write_text("\n".join(f"{key} = {toml(value)}" for key, value in tree.items()), "utf-8")
    return place


def changed(change: Callable[[Tree], object]) -> Tree:
    tree = copy.deepcopy(GOOD)
    change(tree)
    return tree


def at(path: str, value: object) -> Callable[[Tree], None]:
    """Return a change that puts `value` at a place like call.0.title.en; None takes it away."""

    def change(tree: Tree) -> None:
        *way, last = path.split(".")
        here: Any = tree
        for part in way:
            here = here[int(part)] if part.isdigit() else here[part]
        if value is None:
            del here[last]
        else:
            here[last] = value

    return change


def test_the_pattern_of_these_tests_is_a_right_pack(tmp_path: Path) -> None:
    pack = load_pack(a_pack(tmp_path, GOOD))
    assert pack.kinds["trial.walk"].skills == ("dog_walker",)
    assert pack.kinds["trial.walk"].ladder[-1].to == "officer"


CASES = [
    ("schema", None, "schema: is missing."),
    ("schema", 2, "schema: invalid enum value 2."),
    ("key", "other", "key: small letters, digits and _, the same as the folder's name."),
    ("version", "1.0", "version: three numbers, like 1.0.0."),
    ("engine", "magic", "engine: invalid enum value 'magic'."),
    ("title", None, "title: is missing."),
    ("title", {"zh": "试验"}, "title.en: is missing."),
    ("title.zh", "", "title.zh: is empty; both zh and en are needed."),
    ("colour", "red", "colour: unknown key."),
    ("call", [], "call: a pack offers at least one."),
    ("role.0.base", "king", "role[0].base: one of administrator,"),
    ("role.0.key", "seat", "role[0].key: is a role of the platform already"),
    ("role.0.may", ["reign"], "role[0].may: 'reign' is not one of accept,"),
    ("role.0.title.en", " ", "role[0].title.en: is empty"),
    ("skill.0.key", "carer", "skill[0].title: differs from the vocabulary's title of this skill."),
    ("skill.0.key", "Dog", "skill[0].key: small letters, digits and _."),
    ("skill.0.proof", None, "skill[0].valid_days: stands beside proof: both or neither."),
    ("skill.0.valid_days", 0, "skill[0].valid_days: expected int >= 1."),
    ("field.0.pii", None, "field[0].pii: is missing."),
    ("field.0.purpose", None, "field[0].purpose: is missing."),
    ("field.0.keep_days", None, "field[0].keep_days: is missing."),
    ("field.0.keep_days", -1, "field[0].keep_days: expected int >= 0."),
    ("field.0.keep_days", "long", "field[0].keep_days: expected int, got str."),
    ("field.0.pii", "private", "field[0].pii: invalid enum value 'private'."),
    ("field.0.purpose", [], "field[0].purpose: at least one."),
    ("field.0.purpose", ["fun"], "field[0].purpose: 'fun' is not one of access,"),
    ("field.0.mask", "none", "field[0].mask: a personal field is masked somehow."),
    ("field.0.mask", "stars", "field[0].mask: 'stars' is not one of all,"),
    ("field.0.type", "file", "field[0].type: invalid enum value 'file'."),
    ("field.0.type", "choice", "field[0].choices: stand with type choice, and only there."),
    ("field.0.choices", [{"key": "a", "zh": "一", "en": "One"}], "field[0].choices: stand with type choice"),
    ("field.0.name", "face_photo", "field[0].name: this is never kept"),
    ("field.0.name", "unused", "field[0].name: no call asks for it."),
    ("field.0.required_at", "never", "field[0].required_at: one of accepted,"),
    ("field.0.pattern", "[", "field[0].pattern: is no regular expression."),
    ("ladder.0.step", [], "ladder[0].step: at least one."),
    ("ladder.0.key", "spare", "ladder[0].key: no call uses it."),
    ("ladder.0.step.0.to", "nobody", "ladder[0].step[0].to: 'nobody' is not one of administrator,"),
    ("ladder.0.step.0.via", [], "ladder[0].step[0].via: at least one."),
    ("ladder.0.step.0.via", ["smoke"], "ladder[0].step[0].via: 'smoke' is not one of app,"),
    ("ladder.0.step.0.until", "later", "ladder[0].step[0].until: invalid enum value 'later'."),
    ("ladder.0.step.1.after_s", 600, "ladder[0].step[1].after_s: is later than that of the step before."),
    ("ladder.0.step.1.after_s", -5, "ladder[0].step[1].after_s: expected int >= 0."),
    ("ladder.0.step.1.via", ["app"], "ladder[0].step[1].to: the last rung is a person on duty who is told by voice."),
    ("ladder.0.step.1.to", "device", "ladder[0].step[1].to: the last rung is a person on duty"),
    ("ladder.0.step.1.to", "node:parent", "ladder[0].step[1].to: the last rung is a person on duty"),
    ("ladder.0.step.1.to", "caller", "ladder[0].step[1].to: the last rung is a person on duty"),
    ("call.0.key", "walk", "call[0].key: small letters, digits and _, like elder.sos."),
    ("call.0.icon", "Two words", "call[0].icon: one word in small letters."),
    ("call.0.summary", None, "call[0].summary: is missing."),
    ("call.0.channels", [], "call[0].channels: at least one."),
    ("call.0.channels", ["dev"], "call[0].channels: 'dev' is not one of app,"),
    ("call.0.callers", ["robot"], "call[0].callers: 'robot' is not one of administrator,"),
    ("call.0.fields", ["breed", "age"], "call[0].fields: 'age' is not one of breed."),
    ("call.0.skills", ["juggler"], "call[0].skills: 'juggler' is not one of"),
    ("call.0.short", "1234", "call[0].short: at most three digits."),
    ("call.0.short", "#", "call[0].short: at most three digits."),
    ("call.0.words", ["Walk"], "call[0].words: 'Walk': small letters, not empty."),
    ("call.0.urgency", 4, "call[0].urgency: expected int <= 3."),
    ("call.0.arrive_within_min", 0, "call[0].arrive_within_min: expected float > 0."),
    ("call.0.arrive_within_min", "60", "call[0].arrive_within_min: expected float, got str."),
    ("call.0.arrive_within_min", None, "call[0].arrive_within_min: at least one of answer_within_min,"),
    ("call.0.service_min", -1, "call[0].service_min: expected float > 0."),
    ("call.0.done_within", "4 wh", "call[0].calendar: work with wh or wd, elapsed with min, h or d."),
    ("call.0.calendar", "lunar", "call[0].calendar: invalid enum value 'lunar'."),
    ("call.0.by", "desk", "call[0].by: what the desk does is of engine dispatch, without skills"),
    ("call.0.reserve", 0.1, "call[0].reserve: helpers are kept free for urgent calls only"),
    ("call.0.circle", "friends", "call[0].circle: 'friends' is not one of administrator,"),
    ("call.0.say", {"zh": ["遛狗"], "en": []}, "call[0].say.en: at least one sentence, none empty."),
    ("call.0.say", {"zh": ["遛狗"]}, "call[0].say.en: is missing."),
    ("call.0.price", [{"title": BOTH, "amount": 30, "per": "visit", "source": ""}], "call[0].price[0].source: where"),
    ("call.0.price", [{"title": BOTH, "amount": -1, "per": "visit", "source": "x"}], "call[0].price[0].amount: expec"),
    ("call.0.eligible", {"title": BOTH, "q": "age=60"}, "call[0].eligible.q: comparisons like livesAlone==true"),
    ("call.0.eligible", {"title": BOTH, "q": "wings==2"}, "call[0].eligible.q: 'wings' is not one of"),
    ("field.0.circle", "friends", "field[0].circle: 'friends' is not one of administrator,"),
    ("plan.0.for.q", "wings==2", "plan[0].for.q: 'wings' is not one of"),
    ("plan.0.every", "FREQ=MINUTELY", "plan[0].every: a rule of RFC 5545, like FREQ=DAILY;BYHOUR=9. At most every"),
    ("plan.0.every", "FREQ=DAILY;COUNT=3", "plan[0].every: a rule of RFC 5545, like FREQ=DAILY;BYHOUR=9. One rule"),
    ("plan.0.every", "FREQ=DAILY;BYHOUR=30", "plan[0].every: a rule of RFC 5545"),
    ("plan.0.every", "", "plan[0].every: a rule of RFC 5545"),
    ("kpi.0.num", "beauty>3", "kpi[0].num: 'beauty' is not one of accept_s,"),
    ("call.0.done_within", "soon", "call[0].done_within: a number and min, h, d, wh or wd, like 4 wh."),
    ("call.0.ladder", None, "call[0].ladder: a call that is dispatched names its ladder."),
    ("call.0.ladder", "high", "call[0].ladder: 'high' is not one of plain."),
    ("call.0.evidence", ["vow"], "call[0].evidence: 'vow' is not one of code,"),
    ("call.0.evidence", ["form:age"], "call[0].evidence: form:age: form:<field> names a field of this call."),
    ("call.0.notices", ["aunt:done"], "call[0].notices: 'aunt' is not one of administrator,"),
    ("call.0.notices", ["guardian:later"], "call[0].notices: 'later' is not one of accepted,"),
    ("call.0.confirm", "machine", "call[0].confirm: invalid enum value 'machine'."),
    ("call.0.reserve", 1.5, "call[0].reserve: expected float <= 1.0."),
    ("call.0.arrive_within_minutes", 60, "call[0].arrive_within_minutes: unknown key."),
    ("call.0.extra_states.0.key", "done", "call[0].extra_states[0].key: small letters, digits and _, and none of"),
    ("call.0.extra_states.0.from", [], "call[0].extra_states[0].from: at least one, or the state could never"),
    ("call.0.extra_states.0.to", ["heaven"], "call[0].extra_states[0].to: 'heaven' is not one of accepted,"),
    ("call.0.extra_states.0.from", ["leashed"], "call[0].extra_states: leashed cannot be reached from a common state."),
    ("call.0.extra_states.0.to", ["leashed"], "call[0].extra_states: from leashed no common state can be reached."),
    ("call.0.extra_states.0.title", {"zh": "牵好"}, "call[0].extra_states[0].title.en: is missing."),
    ("plan.0.every", "now and then", "plan[0].every: a rule of RFC 5545, like FREQ=DAILY;BYHOUR=9."),
    ("plan.0.every", "BYHOUR=9", "plan[0].every: a rule of RFC 5545"),
    ("plan.0.makes", "trial.run", "plan[0].makes: 'trial.run' is not one of trial.walk."),
    ("plan.0.for.type", "Unicorn", "plan[0].for.type: 'Unicorn' is not one of ACMeasurement,"),
    ("plan.0.grace", "half an hour", "plan[0].grace: a duration, like PT30M."),
    ("alarm.0.call", "trial.run", "alarm[0].call: 'trial.run' is not one of trial.walk."),
    ("alarm.0.event", "Bark!", "alarm[0].event: small letters, digits and _, each event once."),
    ("alarm.0.merge_s", -1, "alarm[0].merge_s: expected int >= 0."),
    ("call.0.channels", ["app", "plan"], "alarm[0].call: this call does not come from a device"),
    ("call.0.channels", ["app", "device"], "plan[0].makes: this call does not come from a plan"),
    ("kpi.0.of", ["trial.run"], "kpi[0].of: 'trial.run' is not one of trial.walk."),
    ("kpi.0.num", "quick ones", "kpi[0].num: all, or a filter like ack_s<=60"),
    ("kpi.0.min_n", None, "kpi[0].min_n: is missing."),
    ("kpi.0.target", 90, "kpi[0].target: expected float <= 1.0."),
    ("kpi.0.source", " ", "kpi[0].source: where the target comes from"),
    ("law.0.of", "trial.walk.colour", "law[0].of: trial.walk.colour is no figure of this pack."),
    ("law.0.of", "trial.walk.colour", "law: trial.walk.arrive_within_min has no source; write one, or (proposal)."),
    ("law.0.source", "", "law[0].source: a source, or (proposal)."),
    ("law.1.of", "plan.trial.walk", "law[2].of: plan.trial.walk stands twice."),
]


@pytest.mark.parametrize(("path", "value", "message"), CASES)
def test_a_wrong_key_is_refused_with_its_place(tmp_path: Path, path: str, value: object, message: str) -> None:
    with pytest.raises(BadPack) as caught:
        load_pack(a_pack(tmp_path, changed(at(path, value))))
    assert re.search(rf"trial/pack\.toml:\d+: {re.escape(message)}", caught.value.message), caught.value.message


def test_an_urgent_call_never_waits_for_office_hours(tmp_path: Path) -> None:
    def change(tree: Tree) -> None:
        tree["call"][0] |= {"urgency": 2, "calendar": "work"}

    with pytest.raises(BadPack, match=r"call\[0\].calendar: an urgent call never waits for office hours"):
        load_pack(a_pack(tmp_path, changed(change)))


def test_what_the_desk_does_brings_nobody_to_a_place(tmp_path: Path) -> None:
    def change(tree: Tree) -> None:
        tree["call"][0] |= {"by": "desk", "comes_to": "place"}

    with pytest.raises(BadPack, match=r"call\[0\].comes_to: nobody comes, because the desk does it"):
        load_pack(a_pack(tmp_path, changed(change)))


def test_a_call_of_life_is_never_ended_by_a_machine_alone(tmp_path: Path) -> None:
    def change(tree: Tree) -> None:
        tree["call"][0] |= {"urgency": 3, "confirm": "none"}

    with pytest.raises(BadPack, match=r"call\[0\].confirm: a call of life and death"):
        load_pack(a_pack(tmp_path, changed(change)))


def test_a_range_that_is_empty_is_refused(tmp_path: Path) -> None:
    def change(tree: Tree) -> None:
        tree["field"][0] |= {"type": "int", "min": 5, "max": 1}

    with pytest.raises(BadPack, match=r"field\[0\].max: is below min."):
        load_pack(a_pack(tmp_path, changed(change)))


def test_a_call_that_stands_twice_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadPack, match=r"call\[1\].key: trial.walk stands twice."):
        load_pack(a_pack(tmp_path, changed(lambda tree: tree["call"].append(tree["call"][0]))))


def test_all_faults_are_told_at_once(tmp_path: Path) -> None:
    def change(tree: Tree) -> None:
        tree["version"] = "new"
        tree["call"][0]["short"] = "#"
        tree["ladder"][0]["step"][0]["to"] = "nobody"

    with pytest.raises(BadPack) as caught:
        load_pack(a_pack(tmp_path, changed(change)))
    assert len(caught.value.message.splitlines()) == 3


def test_a_file_that_is_no_toml_is_refused(tmp_path: Path) -> None:
    folder = a_pack(tmp_path, GOOD)
    (folder / "pack.toml").write_text("schema = = 1", "utf-8")
    with pytest.raises(BadPack, match=r"trial/pack.toml: is not TOML"):
        load_pack(folder)


def test_a_file_that_is_too_large_is_not_even_parsed(tmp_path: Path) -> None:
    folder = a_pack(tmp_path, GOOD)
    (folder / "pack.toml").write_bytes(b"#" * (1 << 20) + b"\n")
    with pytest.raises(BadPack, match=r"trial/pack.toml: a file of a pack holds at most"):
        load_pack(folder)


def test_a_folder_without_a_pack_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadPack, match=r"pack.toml: cannot be read"):
        load_pack(tmp_path)


def test_one_wrong_pack_stops_the_loading_of_all(tmp_path: Path) -> None:
    a_pack(tmp_path, changed(at("version", "new")))
    with pytest.raises(BadPack, match=r"trial/pack.toml:3: version"):
        Packs.load([tmp_path])


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        ("call.0.short", "1", r"trial/pack.toml: short 1: already taken by elder."),
        ("call.0.key", "elder.sos", r"trial/pack.toml: call elder.sos: already taken by elder."),
    ],
)
def test_two_packs_cannot_claim_the_same(tmp_path: Path, path: str, value: str, message: str) -> None:
    tree = changed(at(path, value))
    if path.endswith("key"):
        tree = {key: one for key, one in tree.items() if key not in ("plan", "alarm", "kpi")}
        tree["law"] = [{"of": of, "source": "(proposal)"} for of in (f"{value}.arrive_within_min", "ladder.plain")]
    a_pack(tmp_path, tree)
    with pytest.raises(BadPack, match=message):
        Packs.load([tmp_path])


def test_the_same_pack_twice_is_refused(tmp_path: Path) -> None:
    shutil.copytree(BUILTIN / "elder", tmp_path / "elder")
    with pytest.raises(BadPack, match=r"elder/pack.toml: key elder: already taken by elder."):
        Packs.load([tmp_path])


def test_a_pack_that_is_switched_off_must_exist() -> None:
    with pytest.raises(BadPack, match=r"packs.off: there is no pack garden."):
        Packs.load(off=["garden"])


def test_a_folder_of_packs_must_exist(tmp_path: Path) -> None:
    with pytest.raises(BadPack, match=r"packs.dir: there is no folder missing."):
        Packs.load([tmp_path / "missing"])


def test_hooks_are_never_run_and_said_to_be_unsupported(tmp_path: Path) -> None:
    folder = a_pack(tmp_path, GOOD)
    (folder / "hooks.py").write_text("raise SystemExit('ran')\n", "utf-8")
    pack = load_pack(folder)
    assert pack.quality == "bronze"
    assert "hooks.py: hooks are not supported yet; the pack runs without them" in pack.missing


STORY: Tree = {
    "proves": "good",
    "title": BOTH,
    "helper": [{"name": "near", "minutes": 5}],
    "step": [
        {"do": "press", "at_s": 0, "state": "offered", "asked": "near"},
        {"do": "accept", "at_s": 20, "by": "near", "state": "accepted"},
    ],
}
STORY_CASES = [
    ("call", "trial.run", "call: trial.run is not a call of this pack."),
    ("scenario", [], "scenario: at least one is needed."),
    ("scenario.0.proves", "luck", "scenario[0].proves: invalid enum value 'luck'."),
    ("scenario.0.step.0.do", "wish", "scenario[0].step[0].do: one of press,"),
    ("scenario.0.step.0.do", "accept", "scenario[0].step: the first step is a press."),
    ("scenario.0.step.0.state", "closed", "scenario[0].step[0].state: after press a call is"),
    ("scenario.0.step.0.asked", "far", "scenario[0].step[0]: far is no helper of this scenario."),
    ("scenario.0.step.1.at_s", -1, "scenario[0].step[1].at_s: expected int >= 0."),
    ("scenario.0.step.0.at_s", 30, "scenario[0].step[1].at_s: steps stand in the order of time."),
    ("scenario.0.step.1.by", None, "scenario[0].step[1].by: names the helper."),
    ("scenario.0.step.1.do", "finish", "scenario[0].step[1].do: finish cannot happen to a call that is offered."),
    ("scenario.0.step.1.state", "done", "scenario[0].step[1].state: after accept a call is accepted."),
    ("scenario.0.step.1.asked", "near", "scenario[0].step[1].asked: somebody is asked only while the call is offered."),
    ("scenario.0.step.1.told", "mayor", "scenario[0].step[1].told: mayor is no target of the call's ladder."),
    ("scenario.0.helper", [{"name": "near", "minutes": 0}], "scenario[0].helper[0].minutes: expected float > 0."),
    ("scenario.0.helper", [{"name": "near", "minutes": 5}] * 2, "scenario[0].helper: two helpers bear the same name."),
]


@pytest.mark.parametrize(("path", "value", "message"), STORY_CASES)
def test_a_wrong_scenario_is_refused_with_its_place(tmp_path: Path, path: str, value: object, message: str) -> None:
    folder = a_pack(tmp_path, GOOD)
    tree: Tree = {"schema": 1, "call": "trial.walk", "scenario": [copy.deepcopy(STORY)]}
    at(path, value)(tree)
    (folder / "tests").mkdir()
    lines = "\n".join(f"{key} = {toml(one)}" for key, one in tree.items())
    (folder / "tests" / "walk.toml").write_text(lines, "utf-8")
    with pytest.raises(BadPack) as caught:
        load_pack(folder)
    assert re.search(rf"trial/tests/walk\.toml:\d+: {re.escape(message)}", caught.value.message), caught.value.message


def a_silver_pack(tmp_path: Path) -> Path:
    tree = changed(at("call.0.say", {"zh": ["遛狗", "带狗出去", "帮我遛狗"], "en": ["walk it", "my dog", "the dog"]}))
    folder = a_pack(tmp_path, tree)
    stories = [{**STORY, "proves": proves} for proves in PROOFS]
    replies = [
        {"say": "遛狗", "language": "zh", "call": "trial.walk", "urgency": 1, "answer": "好。"},
        {"say": "walk my dog", "language": "en", "call": "trial.walk", "urgency": 1, "answer": "Yes."},
    ]
    (folder / "tests" / "frames").mkdir(parents=True)
    (folder / "tests" / "frames" / "bark.json").write_text("{}", "utf-8")
    (folder / "tests" / "walk.toml").write_text(
        f'schema = 1\ncall = "trial.walk"\nscenario = {toml(stories)}\n', "utf-8"
    )
    (folder / "tests" / "replies.toml").write_text(f"schema = 1\nreply = {toml(replies)}\n", "utf-8")
    (folder / "samples").mkdir()
    (folder / "samples" / "dogs.json").write_bytes(write_json([vocabulary().sample("Household")]))
    return folder


def test_a_pack_with_every_proof_is_silver_and_says_what_gold_asks_for(tmp_path: Path) -> None:
    pack = load_pack(a_silver_pack(tmp_path))
    assert pack.quality == "silver"
    assert pack.tiers == {"trial.walk": "silver"}
    assert pack.missing[0] == "texts: no third language is whole"
    assert any(lack.startswith("a field test") for lack in pack.missing)


@pytest.mark.parametrize(
    ("file", "lack"),
    [
        ("tests/walk.toml", "trial.walk: no scenario proves good, no_answer, decline, cancel, reopen, false_alarm"),
        ("tests/replies.toml", "trial.walk: no golden reply in zh, en"),
        ("tests/frames/bark.json", "alarm bark: no recorded frame in tests/frames"),
        ("samples/dogs.json", "samples: no sample entities"),
    ],
)
def test_a_pack_without_one_of_its_proofs_is_bronze_and_says_which(tmp_path: Path, file: str, lack: str) -> None:
    folder = a_silver_pack(tmp_path)
    (folder / file).unlink()
    pack = load_pack(folder)
    assert (pack.quality, pack.missing) == ("bronze", (lack,))


@pytest.mark.parametrize(
    ("path", "value", "lack"),
    [
        ("kpi", [], "kpi: no figure is watched"),
        ("call.0.say", None, "trial.walk: fewer than 3 sentences of each language"),
        ("call.0.title.en", "Somebody takes your dog for a long walk round the park", "does not fit into 2 lines"),
        ("field.0.title.zh", "狗" * 24, "elder mode: field breed: title.zh does not fit into 2 lines"),
    ],
)
def test_words_that_are_missing_or_too_long_keep_a_pack_bronze(
    tmp_path: Path, path: str, value: object, lack: str
) -> None:
    folder = a_silver_pack(tmp_path)
    tree = tomllib.loads((folder / "pack.toml").read_text("utf-8"))
    at(path, value)(tree)
    pack = load_pack(a_pack(tmp_path, tree))
    assert pack.quality == "bronze"
    assert len(pack.missing) == 1
    assert lack in pack.missing[0]


def test_a_pack_of_which_every_call_waits_is_bronze_and_says_for_what(tmp_path: Path) -> None:
    folder = a_silver_pack(tmp_path)
    tree = tomllib.loads((folder / "pack.toml").read_text("utf-8"))
    tree["engine"] = "gate"
    pack = load_pack(a_pack(tmp_path, tree))
    assert dict(pack.waiting) == {"trial.walk": "gate"}
    assert (pack.quality, pack.kinds, pack.tiers) == ("bronze", {}, {"trial.walk": "bronze"})
    assert pack.missing == ("no call can run yet: all wait for their engine",)


def test_a_further_language_stands_beside_the_two_of_the_file(tmp_path: Path) -> None:
    folder = a_silver_pack(tmp_path)
    (folder / "texts").mkdir()
    (folder / "texts" / "ug.toml").write_text('schema = 1\n[texts]\n"call.trial.walk.title" = "ئىت"\n', "utf-8")
    assert load_pack(folder).kinds["trial.walk"].title == {**BOTH, "ug": "ئىت"}
    (folder / "texts" / "ug.toml").write_text('schema = 1\n[texts]\n"call.trial.run.title" = "ئىت"\n', "utf-8")
    with pytest.raises(BadPack, match=r"trial/texts/ug.toml:3: texts.call.trial.run.title: is no text of this pack."):
        load_pack(folder)


def test_a_sample_that_the_vocabulary_finds_wrong_is_refused(tmp_path: Path) -> None:
    folder = a_silver_pack(tmp_path)
    wrong = vocabulary().sample("Household") | {"type": "Household", "homeArea": 3}
    (folder / "samples" / "dogs.json").write_bytes(write_json([wrong]))
    with pytest.raises(BadPack, match=r"trial/samples/dogs.json: \[0\].homeArea"):
        load_pack(folder)


def test_a_golden_reply_of_another_packs_call_is_refused(tmp_path: Path) -> None:
    folder = a_silver_pack(tmp_path)
    text = (folder / "tests" / "replies.toml").read_text("utf-8").replace('call = "trial.walk"', 'call = "elder.sos"')
    (folder / "tests" / "replies.toml").write_text(text, "utf-8")
    with pytest.raises(BadPack, match=r"trial/tests/replies.toml:2: reply\[0\].call: elder.sos is not a call of this"):
        load_pack(folder)
