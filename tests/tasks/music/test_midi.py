"""A MIDI file holds the notes of a roll, read back by a parser of its own and by the task."""

import struct
from collections import Counter
from pathlib import Path

import mido
import pytest
import torch

from recurbench.tasks.base import TaskError, generator
from recurbench.tasks.common.files import MAX_STEPS, OwnFiles, split_of
from recurbench.tasks.music import harmony
from recurbench.tasks.music.midi import FRAME, TICKS, read_midi, write_midi
from recurbench.tasks.music.piano import KEYS, LOWEST, name_keys
from recurbench.tasks.music.rolls import read_own
from recurbench.tasks.music.task import Music


def parse(content: bytes) -> tuple[list[tuple[int, int, int]], int, int]:
    """Notes as (start, end, MIDI number) in ticks, the tempo, and where the track ends."""
    magic, size, kind, tracks, division = struct.unpack(">4sIHHH", content[:14])
    assert (magic, size, kind, tracks, division) == (b"MThd", 6, 0, 1, TICKS)
    magic, size = struct.unpack(">4sI", content[14:22])
    assert (magic, size) == (b"MTrk", len(content) - 22)
    body = iter(content[22:])
    notes, since, now, tempo = [], {}, 0, 0
    while True:
        delta = 0
        while True:
            byte = next(body)
            delta = delta * 128 + byte % 128
            if byte < 128:
                break
        now += delta
        status = next(body)
        if status == 0xFF:
            meta, length = next(body), next(body)
            data = bytes(next(body) for _ in range(length))
            if meta == 0x2F:
                assert next(body, None) is None
                assert not since
                return sorted(notes), tempo, now
            assert meta == 0x51
            tempo = int.from_bytes(data, "big")
        else:
            number, velocity = next(body), next(body)
            assert status in (0x80, 0x90)
            assert 0 < velocity < 128
            if status == 0x90:
                assert number not in since
                since[number] = now
            else:
                notes.append((since.pop(number), now, number))


def notes_of(roll: torch.Tensor) -> list[tuple[int, int, int]]:
    notes = []
    for key in range(KEYS):
        line = [0, *roll[:, key].int().tolist(), 0]
        starts = [t for t in range(1, len(line)) if line[t] and not line[t - 1]]
        ends = [t for t in range(1, len(line)) if line[t - 1] and not line[t]]
        for start, end in zip(starts, ends, strict=True):
            notes.append(((start - 1) * FRAME, (end - 1) * FRAME, LOWEST + key))
    return sorted(notes)


@pytest.mark.parametrize("share", [0.0, 0.05, 0.6, 1.0])
@pytest.mark.parametrize("frames", [1, 2, 37])
def test_the_notes_come_back(tmp_path, frames, share):
    roll = (torch.rand(frames, KEYS, generator=torch.Generator().manual_seed(1)) < share).float()
    write_midi(roll, tmp_path / "piece.mid")
    notes, tempo, end = parse((tmp_path / "piece.mid").read_bytes())
    assert notes == notes_of(roll)
    assert tempo == 500_000
    assert end == frames * FRAME


def test_long_silence_takes_more_bytes_of_time(tmp_path):
    roll = torch.zeros(100, KEYS)
    roll[0, 0] = roll[99, 87] = 1
    write_midi(roll, tmp_path / "piece.mid")
    notes, _, _ = parse((tmp_path / "piece.mid").read_bytes())
    assert notes == [(0, FRAME, 21), (99 * FRAME, 100 * FRAME, 108)]


def test_a_frame_is_an_eighth_note():
    assert TICKS == 2 * FRAME


def song(path: Path, *events, kind: int = 1, channel: int = 0, quarter: int = 96) -> Path:
    """Writes events: ticks since the one before, a note, how hard it is struck; 0 lets it go."""
    file = mido.MidiFile(type=kind, ticks_per_beat=quarter)
    track = mido.MidiTrack()
    for time, note, velocity in events:
        track.append(
            mido.Message("note_on", time=time, note=note, velocity=velocity, channel=channel)
        )
    tempo = mido.MidiTrack([mido.MetaMessage("set_tempo", tempo=300_000)])
    file.tracks += [tempo, track] if kind else [track]
    file.save(path)
    return path


@pytest.mark.parametrize("share", [0.0, 0.05, 0.6, 1.0])
@pytest.mark.parametrize("frames", [2, 37])
def test_what_is_written_is_read(tmp_path, frames, share):
    roll = torch.rand(frames, KEYS, generator=torch.Generator().manual_seed(2)) < share
    write_midi(roll, tmp_path / "piece.mid")
    left_out = Counter()
    assert torch.equal(read_midi(tmp_path / "piece.mid", None, left_out), roll.byte())
    assert not left_out


@pytest.mark.parametrize(
    ("frame", "expected"),
    [
        (None, ["C4", "C4 E4", "E4", "E4"]),
        (0.25, ["C4", "C4", "C4 E4", "C4 E4", "E4", "E4", "E4", "E4"]),
        (1.0, ["C4 E4", "E4"]),
        (1 / 3, ["C4", "C4 E4", "C4 E4", "E4", "E4", "E4"]),
    ],
)
def test_notes_begin_and_end_at_the_nearest_frames(tmp_path, frame, expected):
    path = song(tmp_path / "a.mid", (0, 60, 9), (47, 64, 9), (60, 60, 0), (85, 64, 0), quarter=96)
    assert name_keys(read_midi(path, frame, Counter())) == expected


def test_a_short_note_sounds_for_a_frame_and_one_that_is_not_let_go_to_the_end(tmp_path):
    path = song(tmp_path / "a.mid", (0, 60, 9), (48, 64, 9), (1, 64, 0), (95, 65, 0), kind=0)
    assert name_keys(read_midi(path, None, Counter())) == ["C4", "C4 E4", "C4"]


def test_drums_and_notes_beyond_the_piano_are_counted_and_left_out(tmp_path):
    left_out = Counter()
    path = song(tmp_path / "a.mid", (0, 20, 9), (0, 60, 9), (96, 20, 0), (0, 60, 0), (0, 110, 5))
    assert name_keys(read_midi(path, None, left_out)) == ["C4", "C4"]
    drums = song(tmp_path / "b.mid", (0, 60, 9), (96, 60, 0), channel=9)
    assert name_keys(read_midi(drums, None, left_out)) == ["-", "-"]
    assert left_out == {"beyond the 88 keys": 2, "of drums": 1}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "no MIDI file, or a damaged one"),
        (b"MThd\0\0\0\6\0\1\0\1", "no MIDI file, or a damaged one"),
        (b"RIFF and so on, and on, and on", "no MIDI file, or a damaged one"),
        (
            struct.pack(">4sIHHh4sI4s", b"MThd", 6, 1, 1, -6400, b"MTrk", 4, b"\0\xff\x2f\0"),
            "a MIDI file in seconds and not in quarter notes; save it in format 0 or 1",
        ),
        (
            struct.pack(">4sIHHh4sI4s", b"MThd", 6, 2, 1, 96, b"MTrk", 4, b"\0\xff\x2f\0"),
            "a MIDI file of format 2; save it in format 0 or 1 with quarter notes",
        ),
        (
            struct.pack(">4sIHHh4sI4s", b"MThd", 6, 0, 1, 96, b"MTrk", 4, b"\0\xff\x2f\0"),
            "0 frames, but a piece has at least 2",
        ),
    ],
)
def test_a_midi_file_that_cannot_be_read_is_named(tmp_path, content, message):
    path = tmp_path / "a.mid"
    path.write_bytes(content)
    with pytest.raises(TaskError) as error:
        read_midi(path, None, Counter())
    assert str(error.value).startswith(f"{path}: {message}")


def test_a_piece_without_end_is_refused_before_it_takes_memory(tmp_path):
    path = song(tmp_path / "a.mid", (0, 60, 9), (2**27, 60, 0))
    with pytest.raises(TaskError, match=f"frames, but a piece has at most {MAX_STEPS}"):
        read_midi(path, None, Counter())


def pieces(folder: Path, count: int, seed: int) -> list[torch.Tensor]:
    """Writes pieces into a folder, and gives their rolls."""
    folder.mkdir(parents=True)
    drawn = list(harmony.draw(count, 12, 4, generator("midi", seed)).byte())
    for number, roll in enumerate(drawn):
        write_midi(roll, folder / f"{number:02}.mid")
    return drawn


@pytest.mark.parametrize("names", [("train", "valid", "test"), ("Training", "dev", "TEST")])
def test_a_folder_may_have_a_folder_for_each_split(tmp_path, names):
    drawn = [pieces(tmp_path / "m" / name, 3, seed) for seed, name in enumerate(names)]
    (tmp_path / "m" / names[0] / "notes.txt").write_text("x")
    (tmp_path / "m" / "README").write_text("x")
    notes = []
    splits = read_own(OwnFiles(tmp_path / "m", None, None), None, notes)
    for found, part in zip((splits.train, splits.val, splits.test), drawn, strict=True):
        assert all(map(torch.equal, found, part))
        assert len(found) == 3
    assert notes == [
        f"{tmp_path / 'm'}: 1 files outside of its three folders are left out",
        f"{tmp_path / 'm' / names[0]}: 1 files that are not MIDI are left out",
    ]


def test_a_folder_of_pieces_is_split_by_their_hashes_and_read_by_the_task(tmp_path):
    drawn = pieces(tmp_path / "m" / "deep", 40, 5)
    song(tmp_path / "m" / "drums.MID", (0, 60, 9), (96, 60, 0), channel=9)
    task = Music(dataset="file", file=str(tmp_path / "m")).ready(batch_size=3, seed=0)
    test = [roll for roll in drawn if split_of(roll.numpy().tobytes().hex()) == "test"]
    assert (
        sum(len(batch.inputs.sorted_indices) for batch in task.test_dataloader()) == len(test) > 0
    )
    silent = f"in them: 1, {tmp_path / 'm' / 'drums.MID'}"
    assert task.notes == [
        f"{tmp_path / 'm'}: files left out, as no key of a piano sounds {silent}",
        f"{tmp_path / 'm'}: notes left out: 1 of drums",
    ]


def test_single_files_and_folders_can_be_the_splits(tmp_path):
    (train,), val = pieces(tmp_path / "a", 1, 0), pieces(tmp_path / "b", 2, 1)
    test = pieces(tmp_path / "c", 2, 2)
    files = OwnFiles(tmp_path / "a" / "00.mid", tmp_path / "b", tmp_path / "c")
    splits = read_own(files, None, [])
    assert all(map(torch.equal, [*splits.train, *splits.val, *splits.test], [train, *val, *test]))


def test_pieces_that_a_later_split_has_are_left_out_with_a_note(tmp_path):
    for name, seed in (("train", 0), ("valid", 1), ("test", 2)):
        pieces(tmp_path / "m" / name, 2, seed)
    (tmp_path / "m" / "test" / "00.mid").rename(tmp_path / "m" / "train" / "x.mid")
    pieces(tmp_path / "copy", 2, 2)
    (tmp_path / "copy" / "00.mid").rename(tmp_path / "m" / "test" / "00.mid")
    task = Music(dataset="file", file=str(tmp_path / "m")).ready(batch_size=3, seed=0)
    assert task.notes == [f"{tmp_path / 'm'}: pieces left out, as they are in a later split too: 1"]


@pytest.mark.parametrize(
    ("made", "knobs", "message"),
    [
        (["train", "test"], {}, "m: holds train, test, but train, valid and test are all needed"),
        (["train", "test", "valid"], {"val_file": "m"}, "val_file and test_file are not taken"),
        (["none"], {}, "m: no file of it ends with .mid"),
        (["none"], {"frame": 0.5, "file": "x.npz"}, "frame=0.5 goes with MIDI files, and x.npz is"),
        ([], {}, "m: cannot read this file (No such file or directory)"),
    ],
)
def test_folders_that_are_no_splits_are_refused(tmp_path, made, knobs, message):
    for name in made:
        (tmp_path / "m" / name).mkdir(parents=True)
    with pytest.raises(TaskError) as error:
        Music(**{"dataset": "file", "file": str(tmp_path / "m"), **knobs}).setup()
    assert message in str(error.value)
