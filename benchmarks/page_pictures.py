"""Takes the pictures of the leaderboard's page that README and docs show, from the shipped records.

`python benchmarks/page_pictures.py [FOLDER]` writes `docs/assets/leaderboard.png` and
`docs/assets/leaderboard-phone.png`, or both into a folder. It needs Chromium, as the tests of the
page do.
"""

import io
import shutil
import sys
import tempfile
from pathlib import Path

from PIL import Image
from playwright.sync_api import sync_playwright

from recurbench.harness.results.board import build_board
from recurbench.harness.results.index import read_runs
from recurbench.harness.results.page import as_html
from recurbench.harness.results.report import View
from recurbench.harness.results.runs import Run

ROOT = Path(__file__).parents[1]
ASSETS = ROOT / "docs/assets"

COLOURS = 128
"""Of a picture: enough for the page, and half of the bytes of true colour."""

RARE_TOO = Image.Quantize.MAXCOVERAGE
"""Keeps the colours of thin lines."""

TRACK = "a15b8dd87f46"
"""The copying task of the demo."""

PICTURES = {
    "leaderboard.png": ("study=zoo", (1100, 600), "light"),
    "leaderboard-phone.png": (f"track={TRACK}&at=curves", (390, 680), "dark"),
}


def main(assets: Path) -> None:
    """Makes the page of the shipped records and takes its pictures."""
    runs = [run for run in read_runs(ROOT / "results/reference") if isinstance(run, Run)]
    studies = sorted({run.study for run in runs if run.study})
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        page = Path(folder) / "board.html"
        page.write_text(as_html(build_board(runs, studies=studies), View()))
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox"]
        )
        for name, (view, (width, height), theme) in PICTURES.items():
            tab = browser.new_page(viewport={"width": width, "height": height})
            tab.goto(f"{page.as_uri()}#{view}&theme={theme}")
            with Image.open(io.BytesIO(tab.screenshot())) as picture:
                few = picture.convert("RGB").quantize(COLOURS, RARE_TOO, dither=Image.Dither.NONE)
                few.save(assets / name, optimize=True)
            print(name, (assets / name).stat().st_size, "bytes")
        browser.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]) if sys.argv[1:] else ASSETS)
