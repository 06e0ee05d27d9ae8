"""Calls that have no place in a program which strangers speak to: found by reading the code, not by running it."""

from __future__ import annotations

import ast
import re

import pytest

#: text that would run as code, whether Python, a template or a shell line
RUNS_TEXT = frozenset({"eval", "exec", "compile", "__import__", "system", "popen", "getoutput", "getstatusoutput"})
#: forms whose reading can run code or fetch from elsewhere; linli reads none of them
UNSAFE_FORMS = frozenset(
    {"pickle", "cPickle", "marshal", "shelve", "dill", "yaml", "xml", "lxml", "xmlrpc", "plistlib"}
)
#: who starts other programs: tools of PostgreSQL; workers of this program itself
STARTS_PROGRAMS = frozenset({"store/_dump.py", "cli/_workers.py", "insight/_solving.py", "travel/_worker.py"})
#: whose dice may be thrown again from a seed: made-up people and places, and ids of a headless run
SEEDED_DICE = frozenset({"base/_ids.py", "demo", "packs/_simulate.py"})
WEAK = frozenset({"md5", "sha1", "MD5", "SHA1", "ECB", "CBC", "PKCS1v15", "TripleDES", "ARC4", "Blowfish", "CERT_NONE"})
#: in a script of a page: text that would become markup or code, or words from another window
INTO_MARKUP = re.compile(
    r"\.(?:inner|outer)HTML\b|insertAdjacentHTML|document\.write|\beval\(|new Function\(|set(?:Timeout|Interval)\(['\"`]"
    r"|addEventListener\(['\"]message['\"]|\bpostMessage\(|\.onmessage\b"
)


@pytest.fixture(scope="module")
def code(files, root):
    """Every call, import, keyword and attribute of every module of src, with the module's name."""
    src = root / "src/linli"
    wanted = (ast.Call, ast.Import, ast.ImportFrom, ast.keyword, ast.Attribute)
    return [
        (path.relative_to(src).as_posix(), node)
        for path in files
        if path.is_relative_to(src) and path.suffix == ".py"
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, wanted)
    ]


def called(node: ast.AST) -> str:
    """The last part of the name that a call calls."""
    if not isinstance(node, ast.Call):
        return ""
    return node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")


def imported(node: ast.AST) -> list[str]:
    if isinstance(node, ast.Import):
        return [one.name.split(".")[0] for one in node.names]
    return [node.module.split(".")[0]] if isinstance(node, ast.ImportFrom) and node.module and not node.level else []


def is_regex(node: ast.AST) -> bool:
    """Whether it is re.compile, which runs nothing."""
    return (
        isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and isinstance(node.func.value, ast.Name)
        and node.func.value.id in ("re", "re2")
    )


def test_src_runs_no_text_as_code(code):
    found = [
        f"{name}:{node.lineno} {called(node)}"
        for name, node in code
        if called(node) in RUNS_TEXT and not is_regex(node)
    ]
    assert found == []


def test_templates_are_files_and_never_made_of_what_somebody_said(code):
    found = [
        f"{name}:{node.lineno}"
        for name, node in code
        if called(node) == "Template" or (called(node) == "from_string" and name.startswith("web/"))
    ]
    assert found == []


def test_src_reads_no_form_that_can_run_code_or_fetch(code):
    found = [
        f"{name}:{node.lineno} {module}" for name, node in code for module in imported(node) if module in UNSAFE_FORMS
    ]
    assert found == []
    loads = [node for _, node in code if called(node) == "load" and "np" in ast.dump(node.func)]
    assert [one.lineno for one in loads if "allow_pickle" not in {word.arg for word in one.keywords}] == []


def test_other_programs_are_started_in_few_places_and_never_by_a_shell(code):
    starters = {name for name, node in code if "subprocess" in imported(node)}
    starters |= {name for name, node in code if called(node).startswith("create_subprocess")}
    assert starters <= STARTS_PROGRAMS
    shells = [
        f"{name}:{node.lineno}"
        for name, node in code
        if called(node) == "create_subprocess_shell"
        or (isinstance(node, ast.keyword) and node.arg == "shell" and ast.unparse(node.value) != "False")
    ]
    assert shells == []


def test_dice_with_a_seed_are_thrown_only_where_nothing_is_secret(code):
    found = {name for name, node in code if "random" in imported(node)}
    assert {name for name in found if name not in SEEDED_DICE and name.split("/")[0] not in SEEDED_DICE} == set()


def test_no_weak_hash_cipher_or_unchecked_certificate_is_used(code):
    found = [
        f"{name}:{node.lineno} {node.attr}"
        for name, node in code
        if isinstance(node, ast.Attribute) and node.attr in WEAK
    ]
    found += [
        f"{name}: verify={ast.unparse(node.value)}"
        for name, node in code
        if isinstance(node, ast.keyword) and node.arg == "verify" and ast.unparse(node.value) == "False"
    ]
    assert found == []


def test_scripts_of_pages_put_what_people_wrote_into_pages_as_text(files, root):
    faces = [path for path in files if path.is_relative_to(root / "faces") and path.suffix == ".js"]
    assert len(faces) > 10
    found = [
        f"{path.relative_to(root)}: {match[0]}"
        for path in faces
        for match in INTO_MARKUP.finditer(path.read_text("utf-8"))
    ]
    assert found == []
