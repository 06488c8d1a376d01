"""A corpus has exactly the pinned content, wherever it comes from, or there is one clear line."""

import hashlib
import os
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pooch
import pytest

from tasks import corpora
from tasks.base import TaskError
from tasks.corpora import CORPORA, fetch, read_text

NAME = "tiny/text.txt"
CONTENT = b"to be or not to be\n"
NOWHERE = "http://127.0.0.1:9/text.txt"


@pytest.fixture(autouse=True)
def cache(monkeypatch, tmp_path) -> Path:
    """An empty cache, and no way to the network but the test's own server."""
    folder = tmp_path / "cache"
    monkeypatch.setattr(pooch, "os_cache", lambda project: folder)
    monkeypatch.setenv("NO_PROXY", "*")
    return folder


@pytest.fixture
def data(monkeypatch, tmp_path) -> Path:
    """An empty data folder."""
    monkeypatch.setenv("RECURBENCH_DATA", str(tmp_path / "data"))
    return tmp_path / "data"


@pytest.fixture
def serve():
    """Starts a server that answers every request with the given bytes; gives its address."""
    servers = []

    def start(content: bytes) -> str:
        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                self.send_response(200)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, *_):
                pass

        server = HTTPServer(("127.0.0.1", 0), Handler)
        servers.append(server)
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        return f"http://127.0.0.1:{server.server_port}/text.txt"

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


def pin(monkeypatch, url: str) -> None:
    monkeypatch.setattr(corpora, "CORPORA", {NAME: (url, hashlib.sha256(CONTENT).hexdigest())})


def put(folder: Path, content: bytes) -> Path:
    path = folder / NAME
    path.parent.mkdir(parents=True)
    path.write_bytes(content)
    return path


def files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


def test_the_data_folder_comes_first(monkeypatch, data, cache):
    pin(monkeypatch, NOWHERE)
    put(cache, CONTENT)
    own = put(data, CONTENT)
    assert fetch(NAME) == own


def test_a_file_of_other_content_in_the_data_folder_is_refused(monkeypatch, data):
    pin(monkeypatch, NOWHERE)
    path = put(data, b"something else")
    with pytest.raises(TaskError) as error:
        fetch(NAME)
    assert str(error.value).startswith(f"{path} is not the file at {NOWHERE} ")


def test_the_cache_serves_without_a_network(monkeypatch, data, cache):
    pin(monkeypatch, NOWHERE)
    cached = put(cache, CONTENT)
    assert fetch(NAME) == cached


def test_a_file_is_downloaded_once(monkeypatch, cache, serve):
    pin(monkeypatch, serve(CONTENT))
    monkeypatch.delenv("RECURBENCH_DATA", raising=False)
    assert fetch(NAME).read_bytes() == CONTENT
    pin(monkeypatch, NOWHERE)
    assert fetch(NAME) == cache / NAME


def test_a_download_says_nothing(monkeypatch, cache, serve, capfd):
    pin(monkeypatch, serve(CONTENT))
    fetch(NAME)
    assert capfd.readouterr() == ("", "")


def test_a_damaged_cache_is_replaced(monkeypatch, cache, serve):
    pin(monkeypatch, serve(CONTENT))
    put(cache, CONTENT[:7])
    assert fetch(NAME).read_bytes() == CONTENT


def test_a_wrong_download_is_refused_and_leaves_nothing(monkeypatch, cache, serve):
    pin(monkeypatch, serve(b"<html>log in first</html>"))
    with pytest.raises(TaskError, match=r"\(what arrived has another sha256\)"):
        fetch(NAME)
    assert files(cache) == []


@pytest.mark.parametrize("folder", ["/nowhere", None])
def test_without_file_and_network_one_line_says_what_to_do(monkeypatch, cache, folder):
    pin(monkeypatch, NOWHERE)
    if folder:
        monkeypatch.setenv("RECURBENCH_DATA", folder)
    else:
        monkeypatch.delenv("RECURBENCH_DATA", raising=False)
    with pytest.raises(TaskError) as error:
        fetch(NAME)
    assert str(error.value) == (
        f"no {NAME}: {NOWHERE} could not be downloaded (ConnectionError); save it as {NAME} in a "
        f"folder and set RECURBENCH_DATA to that folder (now {folder or 'not set'})"
    )
    assert files(cache) == []


@pytest.mark.parametrize("name", CORPORA)
def test_the_pinned_hashes_are_those_of_the_real_files(name):
    folder = os.environ.get("RECURBENCH_DATA")
    if not folder or not (Path(folder) / name).is_file():
        pytest.skip(f"needs {name} in the folder RECURBENCH_DATA")
    assert fetch(name) == Path(folder) / name


def test_a_text_is_read_as_it_is_but_for_its_byte_order_mark(tmp_path):
    path = tmp_path / "text.txt"
    path.write_bytes(b"\xef\xbb\xbfone\r\ntwo\n")
    assert read_text(path) == "one\r\ntwo\n"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "cannot read this file (No such file or directory)"),
        (b"", "the file is empty"),
        (b" \n\n", "the file is empty"),
        (b"caf\xe9", "not UTF-8 text (byte 3)"),
    ],
)
def test_a_text_that_cannot_be_read_is_named(tmp_path, content, message):
    path = tmp_path / "text.txt"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(TaskError) as error:
        read_text(path)
    assert str(error.value) == f"{path}: {message}"
