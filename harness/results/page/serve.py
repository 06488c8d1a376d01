"""The page by a small server on this machine, which keeps it fresh as records land.

It answers two addresses, the page and the version of its records, and nothing else: no path leads
to a file. Requests by another host's name are refused, so that no site on the web can read the
board through its visitor's browser.
"""

import hashlib
import os
import sys
import threading
from collections.abc import Callable, Sequence
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from recurbench.harness.console import complain, say
from recurbench.harness.errors import UserError
from recurbench.harness.results.archive import ENDING
from recurbench.harness.results.board import Board
from recurbench.harness.results.page.data import page_data
from recurbench.harness.results.page.render import render

ADDRESS = "127.0.0.1"
HEADERS = {
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Content-Security-Policy": "frame-ancestors 'none'",  # the rest stands in the page
}


class Fresh:
    """The page of some folders, built again when a record has come, gone or changed.

    Args:
        folders: of the records, and of what was probed.
        build: makes the board of what is in them.
    """

    def __init__(self, folders: Sequence[Path], build: Callable[[], Board]):
        self.folders = folders
        self.build = build
        self._lock = threading.Lock()
        self._page: tuple[str, bytes] | None = None

    def version(self) -> str:
        """A hash of the paths, times and sizes of all files that may hold records."""
        found = hashlib.sha256()
        for path in sorted(path for folder in self.folders for path in _files(folder)):
            try:
                status = path.stat()
            except OSError:  # it has gone since it was listed
                continue
            found.update(
                f"{path}\0{status.st_mtime_ns}\0{status.st_size}\n".encode(errors="replace")
            )
        return found.hexdigest()[:16]

    def page(self) -> bytes:
        """The page of what is in the folder now."""
        with self._lock:
            version = self.version()
            if self._page is None or self._page[0] != version:
                text = render(page_data(self.build()), live=version)
                self._page = version, text.encode()
            return self._page[1]


class Server(ThreadingHTTPServer):
    """Serves a page; the threads of its answers end with it.

    Raises:
        UserError: the port is taken, or must not be used.
    """

    daemon_threads = True

    def __init__(self, fresh: Fresh, port: int):
        self.fresh = fresh
        try:
            super().__init__((ADDRESS, port), Answer)
        except (OSError, OverflowError) as error:
            why = getattr(error, "strerror", None) or "no such port"
            raise UserError(f"--port {port}: {why}; --port 0 takes a free one") from error

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A browser that hangs up is no error of ours; others are said in a line."""
        error = sys.exception()
        if not isinstance(error, ConnectionError):
            complain(f"a request failed: {type(error).__name__}: {error}")


class Answer(BaseHTTPRequestHandler):
    """One request and its answer."""

    server: Server
    server_version = "recurbench"
    sys_version = ""
    timeout = 10

    def do_GET(self) -> None:
        """The page, the version of its records, or nothing."""
        if not self._for_us():
            self._answer(HTTPStatus.FORBIDDEN, "text/plain", b"not by this name\n")
        elif self.path == "/":
            self._page()
        elif self.path == "/version":
            self._answer(HTTPStatus.OK, "text/plain", self.server.fresh.version().encode())
        else:
            self._answer(HTTPStatus.NOT_FOUND, "text/plain", b"only / is here\n")

    def log_message(self, *_: Any) -> None:
        """Nothing: the terminal is for complaints."""

    def _page(self) -> None:
        try:
            page = self.server.fresh.page()
        except UserError as error:  # such as a filter that no record fits any more
            message = f"{error}\n".encode(errors="replace")
            self._answer(HTTPStatus.SERVICE_UNAVAILABLE, "text/plain", message)
        else:
            self._answer(HTTPStatus.OK, "text/html", page)

    def _for_us(self) -> bool:
        port = self.server.server_port
        places = [f":{port}", ""] if port == 80 else [f":{port}"]
        names = [[name + place] for name in (ADDRESS, "localhost") for place in places]
        return self.headers.get_all("Host", []) in names

    def _answer(self, status: HTTPStatus, kind: str, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", f"{kind}; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        for name, value in HEADERS.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)


def serve(folders: Sequence[Path], build: Callable[[], Board], port: int) -> None:
    """Serves the page until Ctrl-C.

    Args:
        folders: of the records, and of what was probed.
        build: makes the board of what is in them.
        port: 0 takes a free one.

    Raises:
        UserError: the port is taken, or the board cannot be built.
    """
    fresh = Fresh(folders, build)
    fresh.page()  # what is wrong with a filter is said before anything is served
    with Server(fresh, port) as server:
        say(f"the leaderboard is at http://{ADDRESS}:{server.server_port}/ until Ctrl-C")
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            say("")


def _files(folder: Path) -> list[Path]:
    return [
        Path(place) / name
        for place, _, names in os.walk(folder)
        for name in names
        if name.endswith((".json", ENDING))
    ]
