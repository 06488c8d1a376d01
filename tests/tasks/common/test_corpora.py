"""A corpus has exactly the pinned content, wherever it comes from, or there is one clear line."""

import hashlib
import io
import os
import sys
import tarfile
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pooch
import pytest

from recurbench.tasks.base import TaskError
from recurbench.tasks.common import corpora
from recurbench.tasks.common.corpora import CORPORA, Corpus, fetch

NAME = "tiny/text.txt"
CONTENT = b"to be or not to be\n"
OTHER = b"something else"
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


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def pin(monkeypatch, url: str, archive: bytes | None = None) -> None:
    corpus = Corpus(
        url, sha256(CONTENT), len(CONTENT), "none", "a test", archive and sha256(archive)
    )
    monkeypatch.setattr(corpora, "CORPORA", {NAME: corpus})


def tar(members: dict[str, bytes]) -> bytes:
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w:gz") as archive:
        for name, text in members.items():
            member = tarfile.TarInfo(name)
            member.size = len(text)
            archive.addfile(member, io.BytesIO(text))
    return content.getvalue()


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
    path = put(data, OTHER)
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


def test_at_a_terminal_a_download_shows_how_far_it_is(monkeypatch, serve, capsys):
    pin(monkeypatch, serve(CONTENT))
    monkeypatch.delenv("RECURBENCH_DATA", raising=False)
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    fetch(NAME)
    assert "100%" in capsys.readouterr().err


def test_a_damaged_cache_is_replaced(monkeypatch, cache, serve):
    pin(monkeypatch, serve(CONTENT))
    put(cache, CONTENT[:7])
    assert fetch(NAME).read_bytes() == CONTENT


def test_a_wrong_download_is_refused_and_leaves_nothing(monkeypatch, cache, serve):
    pin(monkeypatch, serve(b"<html>log in first</html>"))
    with pytest.raises(TaskError, match=r"\(what arrived has another sha256\)"):
        fetch(NAME)
    assert files(cache) == []


@pytest.mark.parametrize("path", ["text.txt", "a/folder/text.txt", "../../text.txt", "/text.txt"])
def test_a_file_comes_out_of_its_archive_alone(monkeypatch, cache, serve, path):
    archive = tar({"../outside.txt": OTHER, "._text.txt": OTHER, path: CONTENT, "z.txt": OTHER})
    pin(monkeypatch, serve(archive), archive)
    assert fetch(NAME) == cache / NAME
    pin(monkeypatch, NOWHERE, archive)
    assert fetch(NAME).read_bytes() == CONTENT
    assert files(cache.parent) == [cache / NAME]


@pytest.mark.parametrize("members", [{"text.txt": OTHER}, {"other.txt": CONTENT}])
def test_an_archive_without_the_file_is_refused_and_leaves_nothing(
    monkeypatch, cache, serve, members
):
    archive = tar(members)
    pin(monkeypatch, serve(archive), archive)
    with pytest.raises(
        TaskError, match=r"\(what arrived has another sha256\); save the file in it"
    ):
        fetch(NAME)
    assert files(cache) == []


def test_another_archive_is_not_opened(monkeypatch, cache, serve):
    pin(monkeypatch, serve(tar({"text.txt": CONTENT})), OTHER)
    with pytest.raises(TaskError, match=r"\(what arrived has another sha256\)"):
        fetch(NAME)
    assert files(cache) == []


def test_a_link_in_an_archive_is_not_followed(monkeypatch, cache, serve, tmp_path):
    (tmp_path / "secret").write_bytes(CONTENT)
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w:gz") as archive:
        link = tarfile.TarInfo("text.txt")
        link.type, link.linkname = tarfile.SYMTYPE, str(tmp_path / "secret")
        archive.addfile(link)
    pin(monkeypatch, serve(content.getvalue()), content.getvalue())
    with pytest.raises(TaskError):
        fetch(NAME)


def test_a_cache_that_cannot_be_written_is_named(monkeypatch, cache):
    pin(monkeypatch, NOWHERE)
    monkeypatch.delenv("RECURBENCH_DATA", raising=False)
    cache.write_text("in the way")
    with pytest.raises(TaskError) as error:
        fetch(NAME)
    assert str(error.value) == (
        f"no {NAME}: the cache {cache / 'tiny'} cannot be used (Not a directory); save it as "
        f"{NAME} in a folder and set RECURBENCH_DATA to that folder (now not set)"
    )


def test_a_file_in_the_data_folder_that_cannot_be_read_is_named(monkeypatch, data):
    pin(monkeypatch, NOWHERE)
    path = put(data, CONTENT)

    def refuse(path):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(pooch, "file_hash", refuse)
    with pytest.raises(TaskError) as error:
        fetch(NAME)
    assert str(error.value) == f"{path}: cannot read this file (Permission denied)"


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
    assert fetch(name).stat().st_size == CORPORA[name].size


@pytest.mark.parametrize("name", CORPORA)
def test_the_documentation_says_of_each_file_what_is_pinned(name):
    text = Path(__file__).parents[3].joinpath("docs/data.md").read_text(encoding="utf-8")
    (row,) = [line for line in text.splitlines() if line.startswith(f"| `{name}`")]
    corpus = CORPORA[name]
    assert [cell.strip() for cell in row.strip("|").split("|")][1:] == [
        corpus.source,
        corpus.licence,
        f"{corpus.size:,}",
    ]
    section = text[text.index(f"### {name}") :].split("###")[1]
    assert f"    {corpus.url}\n" in section
    assert f"    sha256 {corpus.sha256}\n" in section
    assert not corpus.archive_sha256 or f"    sha256 {corpus.archive_sha256}" in section
