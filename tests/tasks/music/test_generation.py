"""Music is continued from a prompt, and written as text, MIDI or a picture."""

import pytest
import torch

from recurbench.tasks.base import TaskError, generator
from recurbench.tasks.music import harmony
from recurbench.tasks.music.piano import KEYS, find_key, to_logits
from recurbench.tasks.music.task import Music


class TestGeneration:
    def test_a_prompt_is_read_as_frames(self):
        roll = Music().encode_prompt("C4 Eb4 G4 | - | A0 C8\n")
        keys = [frame.nonzero()[:, 0].tolist() for frame in roll]
        assert keys == [[find_key("C4"), find_key("D#4"), find_key("G4")], [], [0, 87], []]

    def test_no_prompt_is_a_silent_frame(self):
        assert torch.equal(Music().encode_prompt(""), torch.zeros(1, KEYS))

    def test_a_prompt_of_other_words_is_refused(self):
        with pytest.raises(TaskError, match="'H4' is no note of a piano"):
            Music().encode_prompt("C4 H4")

    def test_text_is_a_prompt(self):
        task, piece = Music(), harmony.draw(1, 9, 4, generator("test"))[0].float()
        piece[3] = 0
        assert torch.equal(task.encode_prompt(task.to_text(piece)), piece)

    def choose(self, chances: list[float], temperature: float, top_k: int | None = None):
        """Shares of 4,000 frames in which the first keys sound, and the frames."""
        logits = to_logits(torch.zeros(KEYS)).repeat(4000, 1)
        logits[:, : len(chances)] = to_logits(torch.tensor(chances))
        frames = Music().choose(logits, temperature, top_k, generator("test"))
        assert frames.shape == logits.shape
        return frames.mean(0)[: len(chances)].tolist(), frames

    def test_each_key_is_drawn_by_itself(self):
        chances = [0.9, 0.5, 0.2]
        shares, frames = self.choose(chances, 1.0)
        assert shares == pytest.approx(chances, abs=0.03)
        both = (frames[:, 0] * frames[:, 1]).mean().item()
        assert both == pytest.approx(0.45, abs=0.03)
        assert not frames[:, 3:].any()

    def test_temperature_flattens_or_sharpens(self):
        assert self.choose([0.9, 0.2], 2.0)[0] == pytest.approx([0.75, 1 / 3], abs=0.03)
        assert self.choose([0.9, 0.51, 0.49], 0)[0] == [1, 1, 0]

    @pytest.mark.parametrize("temperature", [0, 1.0])
    def test_no_more_than_k_keys_sound(self, temperature):
        shares, frames = self.choose([0.8, 0.9, 0.7, 0.95], temperature, 2)
        assert frames.sum(1).max() == 2
        assert shares[0] == shares[2] == 0

    @pytest.mark.parametrize(
        ("ending", "start"), [(".mid", b"MThd"), (".png", b"\x89PNG"), (".txt", b"C4 | D4")]
    )
    def test_a_piece_is_written_in_the_format_of_the_ending(self, tmp_path, ending, start):
        task, path = Music(), tmp_path / f"piece{ending}"
        task.write(task.encode_prompt("C4 | D4"), path)
        assert path.read_bytes().startswith(start)

    def test_another_ending_is_refused(self, tmp_path):
        with pytest.raises(TaskError, match=r"a file that ends with \.mid or \.png or \.txt"):
            Music().write(torch.zeros(1, KEYS), tmp_path / "piece.wav")
