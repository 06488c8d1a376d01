"""There is one import package, `recurbench`, and no code imports its rooms by bare names."""

import ast
import inspect
import pkgutil
import re
import subprocess
import sys
from collections import defaultdict
from importlib import import_module
from pathlib import Path

import pytest

import recurbench

ROOT = Path(__file__).parents[2]
BARE = ("cells", "tasks", "conf", "harness")
FOLDERS = (*BARE, "benchmarks", "examples", "tests")


def sources() -> list[tuple[str, str]]:
    """All Python code of the repository: files, templates, and blocks in pages."""
    files = [file for folder in FOLDERS for file in (ROOT / folder).rglob("*.py")]
    files += (ROOT / "src" / "recurbench").glob("*.py")
    found = [(str(file.relative_to(ROOT)), file.read_text(encoding="utf-8")) for file in files]
    for file in (ROOT / "harness" / "commands" / "templates").glob("*.py.txt"):
        found.append((file.name, re.sub(r"\$\{\w+\}", "filled", file.read_text())))
    for page in [ROOT / "README.md", *(ROOT / "docs").rglob("*.md")]:
        blocks = re.findall(r"^```python\n(.*?)^```", page.read_text(), re.DOTALL | re.MULTILINE)
        whole = [block for block in blocks if "import " in block]  # others are lines of a file
        found += [(f"{page.relative_to(ROOT)}[{i}]", block) for i, block in enumerate(whole)]
    return found


def imported(code: str) -> set[str]:
    """The top-level names that code imports, its strings that are code too not counted."""
    tops = set()
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.Import):
            tops |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            tops.add(str(node.module).partition(".")[0])
    return tops


def test_no_code_imports_a_room_by_its_bare_name():
    texts = sources()
    assert len(texts) > 200
    assert [name for name, code in texts if imported(code) & set(BARE)] == []


def test_no_string_of_code_imports_a_room_by_its_bare_name():
    pattern = re.compile(rf"^\s*(from|import) ({'|'.join(BARE)})\b", re.MULTILINE)
    assert [name for name, code in sources() if pattern.search(code)] == []


def test_no_module_is_there_twice_and_no_class():
    for info in pkgutil.walk_packages(recurbench.__path__, "recurbench."):
        import_module(info.name)
    assert [name for name in sys.modules if name.partition(".")[0] in BARE] == []
    classes = defaultdict(set)
    for name, module in list(sys.modules.items()):
        if name.startswith("recurbench."):
            for cls in vars(module).values():
                if inspect.isclass(cls) and cls.__module__.startswith("recurbench."):
                    file = Path(inspect.getfile(cls)).resolve()
                    classes[file, cls.__qualname__].add(id(cls))
    assert len(classes) > 150
    twice = {place: ids for place, ids in classes.items() if len(ids) > 1}
    assert twice == {}


@pytest.mark.parametrize("name", ["RecurrentCell", "Task", "check_cell", "check_task"])
def test_what_people_import_by_hand_comes_from_the_package_itself(name):
    assert getattr(recurbench, name).__module__.startswith("recurbench.")
    assert name in dir(recurbench)


def test_an_unknown_name_is_an_error_of_the_package():
    with pytest.raises(AttributeError, match="no attribute 'Nothing'"):
        _ = recurbench.Nothing


def test_the_package_can_be_run_as_a_module():
    done = subprocess.run(
        [sys.executable, "-m", "recurbench", "--version"], capture_output=True, text=True
    )
    assert done.stdout.strip() == recurbench.__version__
