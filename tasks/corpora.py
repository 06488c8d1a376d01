"""The files that tasks read: public data pinned by its hash, and texts of the user's own."""

import os
from pathlib import Path

import pooch

from tasks.base import TaskError

FOLDER_VARIABLE = "RECURBENCH_DATA"
"""The environment variable that names a folder to look in before anything is downloaded."""

TIMEOUT = 20
"""Seconds to wait for a server's answer."""

_GITHUB = "https://raw.githubusercontent.com"
_VOWELS = f"{_GITHUB}/aeon-toolkit/aeon/main/aeon/datasets/data/JapaneseVowels"

CORPORA = {
    "shakespeare/input.txt": (
        f"{_GITHUB}/karpathy/char-rnn/master/data/tinyshakespeare/input.txt",
        "86c4e6aa9db7c042ec79f339dcb96d42b0075e16b8fc2e86bf0ca57e2dc565ed",
    ),
    "ett/ETTh1.csv": (
        f"{_GITHUB}/zhouhaoyi/ETDataset/main/ETT-small/ETTh1.csv",
        "f18de3ad269cef59bb07b5438d79bb3042d3be49bdeecf01c1cd6d29695ee066",
    ),
    "japanese_vowels/JapaneseVowels_TRAIN.ts": (
        f"{_VOWELS}/JapaneseVowels_TRAIN.ts",
        "68a430eabd919cc77f40b1f5f3bc0dcafacc1486bca9260785aeb7d262cc78cd",
    ),
    "japanese_vowels/JapaneseVowels_TEST.ts": (
        f"{_VOWELS}/JapaneseVowels_TEST.ts",
        "b3d41d6a0ca3bcad3afb9ca7d4365382aa51341e2e58bae2a574babdda5b9462",
    ),
}
"""Address and sha256 of each file, by its path in the data folder and in the cache."""


def fetch(name: str) -> Path:
    """Finds a file of `CORPORA` in the data folder, in the cache, or on the network.

    Args:
        name: a key of `CORPORA`.

    Returns:
        A file with exactly the pinned content.

    Raises:
        TaskError: the file in the data folder has other content, or there is neither a file nor a
            working network.
    """
    url, sha256 = CORPORA[name]
    folder = os.environ.get(FOLDER_VARIABLE)
    if folder:
        path = Path(folder).expanduser() / name
        if path.is_file():
            if pooch.file_hash(str(path)) != sha256:
                raise TaskError(
                    f"{path} is not the file at {url} (its sha256 is not {sha256}); replace it"
                )
            return path
    try:
        return _download(name, url, sha256)
    except OSError as error:  # requests' own errors are OSErrors too
        reason = type(error).__name__
    except ValueError:
        reason = "what arrived has another sha256"
    raise TaskError(
        f"no {name}: {url} could not be downloaded ({reason}); save it as {name} in a folder "
        f"and set {FOLDER_VARIABLE} to that folder (now {folder or 'not set'})"
    )


def read_text(path: Path) -> str:
    """Reads a UTF-8 file as it is, line endings included; only a byte order mark is dropped.

    Raises:
        TaskError: the file is missing, cannot be read, is empty or is not UTF-8.
    """
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise TaskError(f"{path}: cannot read this file ({error.strerror})") from None
    except UnicodeDecodeError as error:
        raise TaskError(f"{path}: not UTF-8 text (byte {error.start})") from None
    if not text.strip():
        raise TaskError(f"{path}: the file is empty")
    return text


def _download(name: str, url: str, sha256: str) -> Path:
    """The file in pooch's cache, which downloads to a temporary name and renames it last."""
    place = Path(pooch.os_cache("recurbench")) / name
    place.parent.mkdir(parents=True, exist_ok=True)
    pooch.get_logger().setLevel("WARNING")
    downloader = pooch.HTTPDownloader(timeout=TIMEOUT)
    pooch.retrieve(url, sha256, place.name, place.parent, downloader=downloader)
    return place
