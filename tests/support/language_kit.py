"""What the tests of language share."""

import random

import pytest

from recurbench.tasks.language.task import Language

TEXT = "".join(random.Random(0).choices("abcde ,", weights=[9, 4, 3, 2, 1, 7, 1], k=4001))


LEVELS = ["character", "word"]


@pytest.fixture
def ready(tmp_path):
    """Builds the task on a text of one's own."""

    def build(text: str = TEXT, *, batch_size: int = 3, seed: int = 0, **knobs) -> Language:
        path = tmp_path / "text.txt"
        path.write_text(text, encoding="utf-8", newline="")
        return Language(**{"dataset": "file", "file": str(path), "length": 7, **knobs}).ready(
            batch_size=batch_size, seed=seed
        )

    return build
