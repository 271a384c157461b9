"""The style guide as code: what can be checked by a program is not left to reviewers."""

import ast
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SOURCE = ROOT / "src" / "selfkms"

FILE_LINES_MAX = 500
FUNCTION_LINES_MAX = 70
FORBIDDEN_NAMES = re.compile(r"(^|_)(utils?|helpers?|managers?|misc|common)(_|\.|$)")

# Time, randomness and IDs come in through ports; only their adapter asks the operating system.
BANNED_CALLS = {
    "time.time",
    "time.time_ns",
    "datetime.now",
    "datetime.utcnow",
    "datetime.today",
    "os.urandom",
    "os.getrandom",
    "uuid.uuid4",
    "uuid4",
    "secrets.token_bytes",
    "secrets.token_hex",
    "random.random",
}

# Modules that only declare: what uses them tests them.
WITHOUT_TEST_OF_THEIR_OWN = {
    "domain/errors.py",
    "domain/limits.py",
    "domain/ebs/errors.py",
    "domain/kms/errors.py",
    "domain/iam/errors.py",
    "domain/iam/limits.py",
    "domain/sts/errors.py",
    "domain/sts/limits.py",
    "gate/resolved.py",
    "domain/installation.py",
    "domain/cloudtrail/record.py",
    "protocol/http.py",
    "gate/outcome.py",
    "services/operation.py",
    "services/kms/shapes.py",
    "services/kms/table.py",
    "server/interfaces.py",
}


def tracked_files() -> list[Path]:
    """What is in the repository, or would be with the next commit."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    )
    return [path for name in listed.stdout.splitlines() if (path := ROOT / name).is_file()]


def modules(folder: Path = SOURCE) -> list[Path]:
    """The Python files below a folder, migrations apart: those are never changed once they are out."""
    return [path for path in sorted(folder.rglob("*.py")) if "migrations" not in path.parts]


def functions(tree: ast.AST) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    """All functions and methods."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def named(path: Path) -> str:
    """A path as it is shown and listed."""
    return path.relative_to(ROOT).as_posix()


ALL_PYTHON = [*modules(), *modules(ROOT / "tests"), *modules(ROOT / "bench")]


@pytest.mark.parametrize("path", ALL_PYTHON, ids=named)
def test_sizes(path: Path) -> None:
    """A file stays below 500 lines, a function fits a screen."""
    text = path.read_text()
    assert len(text.splitlines()) <= FILE_LINES_MAX
    long = [
        f"{node.name} has {node.end_lineno - node.lineno + 1} lines"
        for node in functions(ast.parse(text))
        if node.end_lineno is not None and node.end_lineno - node.lineno + 1 > FUNCTION_LINES_MAX
    ]
    assert not long


@pytest.mark.parametrize("path", modules(), ids=named)
def test_names_say_what_is_inside(path: Path) -> None:
    """No drawer of odds and ends, and each module says what it is for."""
    assert not FORBIDDEN_NAMES.search(path.name)
    assert ast.get_docstring(ast.parse(path.read_text())), "a module opens with what it is for"


@pytest.mark.parametrize("path", modules(), ids=named)
def test_time_and_randomness_come_in_through_ports(path: Path) -> None:
    """Nobody but `adapters/system` asks the operating system for time, randomness or IDs."""
    if "system" in path.relative_to(SOURCE).parts:
        return
    calls = {ast.unparse(node.func) for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Call)}
    assert not calls & BANNED_CALLS


@pytest.mark.parametrize("path", modules(), ids=named)
def test_unit_tests_mirror_the_package(path: Path) -> None:
    """What is in `src/selfkms/a/b.py` is tested in `tests/unit/a/test_b.py`."""
    relative = path.relative_to(SOURCE)
    if path.name == "__init__.py" or relative.parts[0] == "ports" or relative.as_posix() in WITHOUT_TEST_OF_THEIR_OWN:
        return
    assert (ROOT / "tests" / "unit" / relative.parent / f"test_{relative.name}").is_file()


def test_test_files_have_names_of_their_own_in_each_folder() -> None:
    """A folder of tests holds tests only, and what they share in `conftest.py` or a module that says what it is."""
    for path in modules(ROOT / "tests"):
        assert path.name.startswith("test_") or path.name == "conftest.py" or path.stem.islower(), path


def test_nothing_points_outside_the_project() -> None:
    """No path of a machine, no address of a package index, no unresolved conflict."""
    pattern = re.compile(
        r"index[-_]url|find[-_]links[= ]|https?://[^\s/]+/(simple|packages)/"
        r"|(^|[^A-Za-z0-9._/-])/(root|home|work)/[a-z]|^<{7} |^>{7} ",
        re.MULTILINE,
    )
    found = []
    for path in tracked_files():
        if path.suffix in {".gz", ".png", ".db"} or path == Path(__file__):
            continue
        match = pattern.search(path.read_text(errors="replace"))
        if match:
            found.append(f"{named(path)}: {match.group(0)!r}")
    assert not found


def test_every_change_has_a_readable_fragment() -> None:
    """`changelog.d/<slug>.<kind>.md`, one or two sentences for users."""
    for path in (ROOT / "changelog.d").iterdir():
        assert (
            re.fullmatch(r"[a-z0-9-]+\.(security|added|changed|fixed|removed)\.md", path.name)
            or path.name == "README.md"
        )
        assert path.read_text().strip()


def test_decisions_are_listed() -> None:
    """Every decision record stands in the index, and the index names no other."""
    folder = ROOT / "docs" / "decisions"
    records = {path.name for path in folder.glob("[0-9]*.md")}
    listed = set(re.findall(r"\(([0-9]{4}-[a-z0-9-]+\.md)\)", (folder / "index.md").read_text()))
    assert records == listed


def test_locked_dependencies_have_hashes() -> None:
    """What is installed is what was looked at."""
    for path in (ROOT / "requirements").glob("*.txt"):
        for line in path.read_text().splitlines():
            if line and not line.startswith((" ", "#")):
                assert line.rstrip().endswith("\\"), f"{path.name}: {line} has no hash"
