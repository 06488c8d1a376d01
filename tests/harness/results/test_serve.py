"""The server shows the page to this machine alone, and nothing but the page."""

import http.client
import os
import re
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from making import make_record
from page_kit import board_of, data_in
from program import start

from recurbench.harness.errors import UserError
from recurbench.harness.results.board import build_board
from recurbench.harness.results.page.serve import ADDRESS, Fresh, Server
from recurbench.harness.results.record import write

Ask = Callable[..., tuple[int, str]]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with one record, beside a file that is nobody's business."""
    (tmp_path / "secret.json").write_text("secret")
    folder = tmp_path / "runs"
    write(folder / "one.json", make_record())
    return folder


@pytest.fixture
def server(folder: Path) -> Iterator[Server]:
    """A server of the folder on a free port."""
    fresh = Fresh([folder], lambda: board_of([], folder))
    with Server(fresh, 0) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def ask(server: Server) -> Ask:
    """Sends a request as it is, with any path, host and method."""

    def send(path: str = "/", *hosts: str, method: str = "GET") -> tuple[int, str]:
        connection = http.client.HTTPConnection(ADDRESS, server.server_port, timeout=10)
        connection.putrequest(method, path, skip_host=True)
        for host in hosts or (f"{ADDRESS}:{server.server_port}",):
            if host:
                connection.putheader("Host", host)
        connection.endheaders()
        answer = connection.getresponse()
        body = answer.read().decode()
        connection.close()
        return answer.status, body

    return send


def test_the_page_is_served(ask: Ask, server: Server) -> None:
    status, page = ask()
    assert status == 200
    assert data_in(page)["live"] == server.fresh.version()
    assert "connect-src &#39;self&#39;" in page


def test_a_new_record_is_shown(ask: Ask, folder: Path) -> None:
    before = ask("/version")
    write(folder / "two.json", make_record("lstm"))
    assert ask("/version") != before
    (track,) = data_in(ask()[1])["tracks"]
    assert {row["label"] for row in track["rows"]} == {"gru", "lstm"}
    (folder / "two.json").unlink()
    assert ask("/version") == before


def test_a_page_is_built_once_for_the_same_records(ask: Ask, server: Server) -> None:
    built = []
    build = server.fresh.build
    server.fresh.build = lambda: built.append(1) or build()  # type: ignore[func-returns-value]
    assert ask() == ask()
    assert len(built) == 1


@pytest.mark.parametrize(
    "path",
    ["/one.json", "/runs/one.json", "/../secret.json", "/%2e%2e/secret.json", "//etc/passwd",
     "/version/", "/?x", "/version?x", "/index.html", "*", "/..%2fsecret.json", "http://a/"],
)  # fmt: skip
def test_nothing_else_is_served(path: str, ask: Ask) -> None:
    status, body = ask(path)
    assert status == 404
    assert "secret" not in body


@pytest.mark.parametrize("host", ["evil.example", "evil.example:{port}", "127.0.0.1", "127.0.0.1:1",
                                  "localhost.evil.example:{port}", ""])  # fmt: skip
def test_another_hosts_name_is_refused(host: str, ask: Ask, server: Server) -> None:
    assert ask("/", host.format(port=server.server_port))[0] == 403


def test_two_hosts_names_are_refused_and_localhost_is_ours(ask: Ask, server: Server) -> None:
    ours = f"localhost:{server.server_port}"
    assert ask("/", ours)[0] == 200
    assert ask("/", ours, "evil.example")[0] == 403


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS", "CONNECT"])
def test_nothing_can_be_sent(method: str, ask: Ask) -> None:
    assert ask(method=method)[0] == 501


def test_it_listens_to_this_machine_alone(server: Server) -> None:
    assert server.server_address[0] == "127.0.0.1"


def test_a_taken_port_is_one_line(server: Server) -> None:
    with pytest.raises(UserError, match=r"--port \d+: Address already in use; --port 0"):
        Server(server.fresh, server.server_port)
    with pytest.raises(UserError, match="--port 99999: no such port"):
        Server(server.fresh, 99999)


def test_what_is_wrong_with_a_board_is_said(ask: Ask, server: Server) -> None:
    def fail() -> None:
        raise UserError("--task x: no record of it")

    server.fresh.build = fail  # type: ignore[assignment]
    assert ask() == (503, "--task x: no record of it\n")


def test_a_browser_that_hangs_up_is_no_error(server: Server, capsys: pytest.CaptureFixture) -> None:
    for _ in range(3):
        with socket.create_connection(server.server_address) as connection:  # type: ignore[arg-type]
            connection.sendall(f"GET / HTTP/1.1\r\nHost: {ADDRESS}:1\r\n\r\n".encode())
    assert capsys.readouterr().err == ""


def test_a_folder_without_records_is_served_too(tmp_path: Path) -> None:
    assert b"<main" in Fresh([tmp_path / "none"], lambda: build_board([])).page()


def test_ctrl_c_ends_it_quietly(folder: Path) -> None:
    with start("leaderboard", "--serve", "--port", "0", "--records", folder) as process:
        assert process.stdout
        assert process.stderr
        line = process.stdout.readline()
        address = re.search(r"http://127\.0\.0\.1:(\d+)/", line)
        assert address, line
        connection = http.client.HTTPConnection(ADDRESS, int(address[1]), timeout=30)
        connection.request("GET", "/version")
        assert connection.getresponse().status == 200
        connection.close()
        os.kill(process.pid, signal.SIGINT)
        assert process.wait(30) in (0, 130)
        assert process.stderr.read() == ""
