"""The style of the code, kept as tests: docstrings, lengths, names, and what src may not do."""

import ast
import functools
import re

FUNCTION_LINES_MAX = 70
NEARLY_ALL_LINES_MAX = 50
MIDDLE_LINES_MAX = 10
FILE_LINES_MAX = 800
BANNED_NAMES = {"utils", "util", "common", "helpers", "helper", "core", "services", "service", "manager", "misc"}
# A page, a code list or a type may be named for what it shows; the ban is on places where code is put away.
UNFINISHED = re.compile(r"\b(?:TO" + r"DO|FIX" + r"ME|XX" + r"X|HA" + r"CK)\b")


@functools.cache
def _tree(path):
    return ast.parse(path.read_text("utf-8"), filename=str(path))


def test_every_module_says_what_it_is_for(modules, root):
    silent = [
        str(path.relative_to(root)) for path in modules if path.stat().st_size and not ast.get_docstring(_tree(path))
    ]
    assert silent == []


def test_every_door_names_what_others_may_use(root, rooms):
    for room in rooms:
        tree = _tree(root / "src/linli" / room / "__init__.py")
        names = {target.id for node in tree.body if isinstance(node, ast.Assign) for target in node.targets}
        assert "__all__" in names, f"the door of {room} has no __all__"


def test_no_function_is_longer_than_a_screen(modules, root):
    long = [
        f"{path.relative_to(root)}:{node.lineno} {node.name}: {lines} lines"
        for path in modules
        for node in ast.walk(_tree(path))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and (lines := (node.end_lineno or 0) - node.lineno + 1) > FUNCTION_LINES_MAX
    ]
    assert long == []


def test_nearly_every_function_is_much_shorter(modules, root):
    lengths = sorted(
        (node.end_lineno or 0) - node.lineno + 1
        for path in modules
        if path.is_relative_to(root / "src")
        for node in ast.walk(_tree(path))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    )
    assert lengths[len(lengths) // 2] <= MIDDLE_LINES_MAX
    assert lengths[len(lengths) * 95 // 100] < NEARLY_ALL_LINES_MAX


def test_no_code_file_is_longer_than_a_sitting(files, root):
    code = {".py", ".js", ".mjs", ".css", ".html", ".sql", ".sh"}
    long = [
        f"{path.relative_to(root)}: {lines} lines"
        for path in files
        if path.suffix in code and (lines := len(path.read_text("utf-8").splitlines())) > FILE_LINES_MAX
    ]
    assert long == []


def test_no_python_file_has_a_name_that_says_nothing(modules, root):
    banned = [str(path.relative_to(root)) for path in modules if path.stem.strip("_") in BANNED_NAMES]
    assert banned == []


def test_no_folder_has_a_name_that_says_nothing(modules, root):
    folders = {parent for path in modules for parent in path.relative_to(root).parents}
    assert [str(folder) for folder in folders if folder.name in BANNED_NAMES] == []


def test_nothing_is_left_for_later(files, root):
    marks = [
        f"{path.relative_to(root)}:{number}"
        for path in files
        if path.suffix in {".py", ".js", ".mjs", ".css", ".html", ".toml", ".md", ".sql"}
        for number, line in enumerate(path.read_text("utf-8").splitlines(), 1)
        if UNFINISHED.search(line)
    ]
    assert marks == []


def test_src_reads_and_writes_json_by_one_road(modules, root):
    """The standard library's json takes NaN and lone surrogates; ours goes through base, msgspec or orjson."""
    banned = {"json", "pickle", "http.client", "urllib.request"}
    found = [
        f"{path.relative_to(root)}: {name}"
        for path in modules
        if path.is_relative_to(root / "src")
        for node in ast.walk(_tree(path))
        for name in _imported(node)
        if name in banned
    ]
    assert found == []


def _imported(node):
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if isinstance(node, ast.ImportFrom) and node.level == 0:
        return [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
    return []


def test_tests_patch_nothing_and_never_wait_for_the_clock(modules, root):
    """Time is moved, never slept; what a test needs replaced stands behind a Protocol."""
    mocks = {"unittest.mock", "mock", "pytest_mock"}
    found = [
        f"{path.relative_to(root)}: {name}"
        for path in modules
        if path.is_relative_to(root / "tests")
        for node in ast.walk(_tree(path))
        for name in _imported(node)
        if name in mocks or name.split(".")[0] == "mock"
    ]
    assert found == []
