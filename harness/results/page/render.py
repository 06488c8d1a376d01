"""The page as one file of HTML: its data, its script and its style, and what it may do.

Every text of a record is hostile. Texts reach the page as JSON in an element that no browser runs;
the script shows them as text. A policy in the page's head lets only our own script and style run,
by their hashes, and lets nothing be fetched.
"""

import base64
import hashlib
import json
import re
from functools import cache
from pathlib import Path
from typing import Any

from recurbench.harness.results.board import Board
from recurbench.harness.results.page.data import page_data
from recurbench.harness.results.report import View

HOME = Path(__file__).parent

LIBRARY = "uPlot.iife.min.js"
MODULES = ("base.js", "figures.js", "plots.js", "study.js", "table.js", "track.js", "page.js")
"""Our own script; a module may import from those before it."""
STYLES = ("uPlot.min.css", "page.css")


def as_html(board: Board, view: View) -> str:
    """The page of a board, which works offline and from a folder."""
    return render(page_data(board))


def render(data: dict[str, Any], *, live: str | None = None) -> str:
    """The page of some data.

    Args:
        data: plain values, as `page_data` gives.
        live: for a page that a server keeps fresh, the version that it shows.
    """
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    scripts = [read_asset(LIBRARY), bundle()]
    styles = [read_asset(name) for name in STYLES]
    environment = Environment(
        loader=FileSystemLoader(HOME), autoescape=True, undefined=StrictUndefined
    )
    return environment.get_template("page.html").render(
        policy=policy(scripts, styles, live=live is not None),
        data=as_script_data(data | {"live": live}),
        scripts=scripts,
        styles=styles,
    )


def as_script_data(data: Any) -> str:
    """JSON that ends no script element and opens no comment in one."""
    text = json.dumps(data, allow_nan=False, separators=(",", ":"))  # ASCII: U+2028 is escaped
    return text.replace("<", r"\u003c").replace(">", r"\u003e").replace("&", r"\u0026")


def policy(scripts: list[str], styles: list[str], *, live: bool) -> str:
    """A Content-Security-Policy: what is in the page may run, and nothing may be fetched."""
    return "; ".join(
        [
            "default-src 'none'",
            f"script-src {' '.join(map(_hash, scripts))}",
            f"style-src {' '.join(map(_hash, styles))}",
            "img-src data: blob:",
            *(["connect-src 'self'"] if live else []),
            "base-uri 'none'",
            "form-action 'none'",
        ]
    )


@cache
def read_asset(name: str) -> str:
    """The text of a file of the page."""
    return (HOME / name).read_text(encoding="utf-8").strip("\n")


@cache
def bundle() -> str:
    """Our modules as one script: what they import from each other is in one scope anyway."""
    code = "\n".join(read_asset(name) for name in MODULES)
    code = re.sub(r"^import [^;]*;\n", "", code, flags=re.MULTILINE)
    code = re.sub(r"^export ", "", code, flags=re.MULTILINE)
    # ASCII, so that no encoding on the way to a file can change what the policy has a hash of.
    code = code.encode("ascii", "backslashreplace").decode()
    return f'(() => {{\n"use strict";\n{code}\n}})();'


def _hash(content: str) -> str:
    digest = base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()
    return f"'sha256-{digest}'"
