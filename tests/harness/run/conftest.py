"""What tests of runs share."""

from collections.abc import Callable
from typing import Any

import pytest

from recurbench.harness.run.outcome import Outcome
from recurbench.harness.run.recorder import Recorder


@pytest.fixture
def cut_off(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[], Outcome], int], None]:
    """Runs something and interrupts it after a step."""

    def run(go: Callable[[], Outcome], step: int) -> None:
        undisturbed = Recorder.on_train_batch_end

        def disturbed(self: Recorder, trainer: Any, *rest: Any) -> None:
            undisturbed(self, trainer, *rest)
            if self.step(trainer) == step:
                raise KeyboardInterrupt

        with monkeypatch.context() as patch:
            patch.setattr(Recorder, "on_train_batch_end", disturbed)
            with pytest.raises(KeyboardInterrupt):
                go()

    return run
