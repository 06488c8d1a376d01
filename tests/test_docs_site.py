"""The site builds, shows all that there is, and asks no other server for anything."""

import os
import re
import subprocess
import sys
from dataclasses import fields
from html.parser import HTMLParser
from pathlib import Path

import pytest

from recurbench.harness.config import sections
from recurbench.harness.plugins.registry import registry

ROOT = Path(__file__).parents[1]


class Page(HTMLParser):
    """What a page loads, where its links lead, and the places in it that a link can name."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.loads: list[str] = []
        self.links: list[str] = []
        self.places: set[str] = set()
        self.feed(path.read_text())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            if name == "id":
                self.places.add(value or "")
            elif name in ("src", "srcset", "href", "data", "poster", "action"):
                (self.links if tag == "a" else self.loads).append(value or "")


def build(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """Builds as `make docs` does, with further arguments."""
    (flags,) = re.findall(r"\$\(BIN\)/mkdocs build ([-\w ]*)", (ROOT / "Makefile").read_text())
    command = [sys.executable, "-m", "mkdocs", "build", *flags.split(), *arguments]
    environment = {**os.environ, "NO_MKDOCS_2_WARNING": "1", "RECURBENCH_PLUGINS": ""}
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site."""
    folder = tmp_path_factory.mktemp("site")
    done = build("--site-dir", folder)
    assert done.returncode == 0, done.stderr
    return folder


@pytest.fixture(scope="module")
def pages(site: Path) -> dict[str, Page]:
    """All pages by their path in the site."""
    found = {str(path.relative_to(site)): Page(path) for path in site.rglob("*.html")}
    del found["404.html"]  # is shown for any address, so that its own links are absolute
    return found


@pytest.mark.parametrize(
    ("link", "code"),
    [
        ("index.md#here", 0),
        ("index.md#nowhere", 1),
        ("nowhere.md", 1),
        ("../cells/gru.py", 1),
        ("/index.md", 1),
    ],
)
def test_a_dead_link_ends_the_build(link: str, code: int, tmp_path: Path) -> None:
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "index.md").write_text(f"# Here\n\n[a link]({link})\n")
    settings = f"INHERIT: {ROOT}/mkdocs.yml\ndocs_dir: docs\nhooks: []\nplugins: []\nnav: []\n"
    (tmp_path / "mkdocs.yml").write_text(settings)
    done = build("--config-file", tmp_path / "mkdocs.yml", "--site-dir", tmp_path / "site")
    assert done.returncode == code, done.stderr
    assert (link in done.stderr) == bool(code)


def test_no_page_asks_another_server_for_anything(site: Path, pages: dict[str, Page]) -> None:
    assert len(pages) > 25
    for name, page in pages.items():
        assert not [url for url in page.loads if re.match(r"(\w+:)?//", url)], name
    for style in site.rglob("*.css"):
        assert not re.findall(r"(?:url\(|@import )[\"']?(?:\w+:)?//", style.read_text()), style


def test_what_a_page_loads_or_links_to_is_in_the_site(site: Path, pages: dict[str, Page]) -> None:
    for name, page in pages.items():
        for url in [*page.loads, *page.links]:
            if re.match(r"\w+:", url):
                continue
            path, _, place = url.partition("#")
            there = (site / name).parent / path if path else site / name
            if there.is_dir():
                there /= "index.html"
            assert there.is_file(), (name, url)
            if place and there.suffix == ".html":
                target = pages[str(there.resolve().relative_to(site.resolve()))]
                assert place in target.places, (name, url)


def test_the_search_needs_no_server(site: Path, pages: dict[str, Page]) -> None:
    assert "assets/iframe-worker.js" in pages["index.html"].loads
    index = (site / "search" / "search_index.js").read_text()
    assert index.startswith("var __index = {")
    assert "reference/cells.html#gru" in index


def test_the_reference_shows_every_cell_and_task_with_its_options(
    site: Path, pages: dict[str, Page]
) -> None:
    for kind in ("cell", "task"):
        name = f"reference/{kind}s.html"
        text = (site / name).read_text()
        for plugin in registry().plugins[kind].values():
            assert plugin.name in pages[name].places
            section = text[text.index(f'<h2 id="{plugin.name}">') :].split("<h2 ")[1]
            assert f"{kind}={plugin.name}" in section
            for knob in plugin.knobs:
                assert f"<code>{knob.name}</code>" in section, (plugin.name, knob.name)


def test_the_reference_shows_every_option_of_a_run(site: Path) -> None:
    text = (site / "reference" / "configuration.html").read_text()
    for section in ("model", "optimizer", "train", "budget", "trainer"):
        for option in fields(getattr(sections, f"{section.title()}Config")):
            assert f"<code>{section}.{option.name}</code>" in text
    for option in ("seed", "rerun", "results_dir", "study"):
        assert f"<code>{option}</code>" in text


def test_the_reference_shows_every_subcommand(pages: dict[str, Page]) -> None:
    files = (ROOT / "harness" / "commands").glob("*.py")
    names = {file.stem for file in files if "\nHELP = " in file.read_text()}
    assert {"run", "leaderboard"} <= names <= pages["reference/command.html"].places


@pytest.mark.parametrize("page", ["README.md", "CONTRIBUTING.md"])
def test_what_the_repository_s_first_pages_link_to_is_there(page: str) -> None:
    for link in re.findall(r"\]\((?!http)([^)]+)\)", (ROOT / page).read_text()):
        name, _, anchor = link.partition("#")
        assert (ROOT / name).exists(), link
        if anchor:
            headings = re.findall(r"^#+ (.*)$", (ROOT / name).read_text(), re.MULTILINE)
            slugs = {re.sub(r"[^\w -]", "", h).strip().lower().replace(" ", "-") for h in headings}
            assert anchor in slugs, link
