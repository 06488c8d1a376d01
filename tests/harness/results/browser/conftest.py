"""A browser for the leaderboard's page: Chromium, headless, with every request blocked."""

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from page_kit import data_in, page_of, study
from playwright.sync_api import Browser, Page, Route, sync_playwright

from recurbench.harness.results.page.serve import Server

NAMES = ("chromium", "chromium-browser", "google-chrome")
DESKTOP = (1280, 900)

Open = Callable[..., Page]


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """The system's browser; one for all tests."""
    path = next((found for name in NAMES if (found := shutil.which(name))), None)
    if path is None:
        said = "no Chromium on this machine; `apt-get install chromium` brings it"
        if os.environ.get("CI"):
            pytest.fail(said)
        pytest.skip(said)
    with sync_playwright() as playwright:
        # Chromium's sandbox refuses to run as root, as CI often does.
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def show(browser: Browser, tmp_path: Path) -> Iterator[Open]:
    """Opens a page from a file or a server; it may complain of nothing and ask for nothing."""
    trouble: list[str] = []
    contexts = []

    def open_page(
        source: str | Server,
        view: str = "",
        size: tuple[int, int] = DESKTOP,
        scheme: Any = "light",
    ) -> Page:
        if isinstance(source, Server):
            allowed = f"http://127.0.0.1:{source.server_port}/"
        else:
            file = tmp_path / "board.html"
            file.write_text(source)
            allowed = file.as_uri()
        context = browser.new_context(
            viewport={"width": size[0], "height": size[1]},
            color_scheme=scheme,
            accept_downloads=True,
        )
        context.set_default_timeout(10_000)
        contexts.append(context)

        def check(route: Route) -> None:
            url = route.request.url.partition("#")[0]
            served = isinstance(source, Server) and url.startswith(allowed)
            if served or url == allowed or url.startswith("blob:"):
                route.continue_()
            else:
                trouble.append(f"request for {url}")
                route.abort()

        context.route("**", check)
        page = context.new_page()
        page.on("console", lambda message: trouble.append(f"console: {message.text}"))
        page.on("pageerror", lambda error: trouble.append(f"error: {error}"))
        page.on("dialog", lambda dialog: trouble.append(f"dialog: {dialog.message}"))
        page.goto(f"{allowed}#{view}")
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert trouble == []


@pytest.fixture(scope="session")
def small(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The page of a small study."""
    return page_of(study(), tmp_path_factory.mktemp("small"))


@pytest.fixture(scope="session")
def copying(small: str) -> str:
    """The id of its track that has all entries."""
    found: str = next(t["id"] for t in data_in(small)["tracks"] if t["task"] == "copying")
    return found
