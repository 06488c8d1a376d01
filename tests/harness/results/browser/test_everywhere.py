"""The leaderboard's page is good for every reader, on every screen, and with any records."""

import json
import re
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from making import make_record
from page_kit import HOSTILE, board_of, curve, data_in, page_of
from playwright.sync_api import Page, expect

from recurbench.harness.results.page.serve import Fresh, Server
from recurbench.harness.results.record import Record, write

DESKTOP = (1280, 900)
PHONE = (390, 844)

Open = Callable[..., Page]


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_axe_finds_no_serious_fault_and_nothing_is_wider_than_the_screen(
    scheme: str, size: tuple[int, int], show: Open, small: str, copying: str
) -> None:
    for view in ("", f"track={copying}&row=0"):
        page = show(small, view, size, scheme)
        assert page.evaluate("document.documentElement.scrollWidth") <= size[0]
        found = Axe().run(page).response["violations"]
        serious = [one for one in found if one["impact"] in ("serious", "critical")]
        assert serious == [], json.dumps(serious, indent=1)[:3000]


def test_a_phone_has_a_menu(show: Open, small: str) -> None:
    page = show(small, size=PHONE)
    menu = page.get_by_role("button", name="Menu")
    expect(page.get_by_role("navigation")).to_be_hidden()
    menu.click()
    expect(menu).to_have_attribute("aria-expanded", "true")
    page.get_by_role("navigation").get_by_role("link", name="adding").click()
    expect(page.get_by_role("navigation")).to_be_hidden()
    expect(page.get_by_role("heading", level=1)).to_have_text("adding")


LITTLE: dict[str, list[Record]] = {
    "none": [],
    "failed": [make_record(status="failed", study="s")],
    "nan": [make_record(test=None, study="s")],
    "no curve": [make_record(curve=[], study="s")],
    "one seed": [make_record(study="s", curve=curve(0.5))],
    "zero": [make_record(test=0.0, val=0.0, references={"chance": 0.0}, study="s")],
    "long": [
        make_record("x" * 200, study="y" * 200),
        make_record("gru", references={"z" * 200: 0.1}),
    ],
    "hostile": [
        make_record(HOSTILE, study=HOSTILE, task=HOSTILE, metric=HOSTILE, hardware=HOSTILE,
                    references={HOSTILE: 0.1}, optimizer={"name": HOSTILE, "lr": 0.1}),
        make_record(HOSTILE, seed=1, status="failed", task=HOSTILE, metric=HOSTILE),
    ],
    "many": [make_record(f"cell{number} width={number}", seed=seed, test=number / 300 + seed / 99,
                         study="s", curve=curve(number / 300))
             for number in range(300) for seed in range(2)],
}  # fmt: skip


@pytest.mark.parametrize("kind", LITTLE)
def test_any_board_is_shown(kind: str, show: Open, tmp_path: Path) -> None:
    source = page_of(LITTLE[kind], tmp_path / "runs")
    names = [f"track={track['id']}&row=0" for track in data_in(source)["tracks"]]
    for view in ["", *names]:
        page = show(source, view, PHONE)
        expect(page.get_by_role("heading", level=1)).to_be_visible()
        assert page.evaluate("document.documentElement.scrollWidth") <= PHONE[0]
        assert page.evaluate("window.hacked") is None


def test_a_served_page_is_refreshed_when_a_record_lands(show: Open, tmp_path: Path) -> None:
    folder = tmp_path / "runs"
    with Server(Fresh([folder], lambda: board_of([], folder)), 0) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        page = show(server)
        expect(page.get_by_role("heading", level=1)).to_have_text("No records yet")
        write(folder / "one.json", make_record())
        page.evaluate("dispatchEvent(new Event('focus'))")
        expect(page.get_by_role("heading", level=1)).to_have_text("copying")
        assert re.search(r"^http://127\.0\.0\.1:\d+/", page.url)
        server.shutdown()
        thread.join()
