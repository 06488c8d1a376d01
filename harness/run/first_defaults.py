"""What a run's identity leaves out: the default that each option had when it was introduced.

A line is written once and never edited, so that neither a new option nor a new default changes the
`run_id` of what was run before. Options that change no result, or that another option says too,
stand in `INDIFFERENT` instead.
"""

from typing import Any

from recurbench.harness.config.budgets import BUDGETS, LIMITS

FIRST_DEFAULTS: dict[str, dict[str, Any]] = {
    "model": {
        "encoder": "auto",
        "kernel_size": 4,
        "embedding_size": 32,
        "depth": 1,
        "dropout": 0.0,
        "residual": False,
        "norm": "none",
        "bidirectional": False,
        "readout": "last",
    },
    "optimizer": {
        "name": "adam",
        "lr": 0.005,
        "weight_decay": 0.0,
        "momentum": 0.0,
        "schedule": "constant",
        "warmup_steps": 0,
        "plateau_factor": 0.5,
        "plateau_patience": 3,
        "lr_factor": 1.0,
    },
    "train": {
        "batch_size": 32,
        "max_steps": 1000,
        "max_seconds": None,
        "eval_every": 100,
        "patience": None,
        "gradient_clip": 1.0,
        "max_tokens": None,
    },
    "budget": dict.fromkeys(BUDGETS),
}

INDIFFERENT: dict[str, frozenset[str]] = {
    "train": frozenset({"keep_checkpoint", "save_every"}),
    "budget": frozenset(LIMITS),  # `train` has them too
}
