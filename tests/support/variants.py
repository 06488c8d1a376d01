"""The interesting knobs of every built-in plugin: what its suites run beside the defaults."""

from typing import Any

Variants = dict[str, list[dict[str, Any]]]

CELLS: Variants = {
    "gru": [
        {"reset_after": False},
        {"bias": False},
        {"reset_after": False, "bias": False, "init": "keras"},
    ],
    "lstm": [
        {"peepholes": True},
        {"coupled": True},
        {"forget": False},
        {"coupled": True, "peepholes": True},
        {"forget": False, "peepholes": True, "bias": False},
        {"bias": False, "init": "keras"},
    ],
    "rnn": [{"nonlinearity": "relu", "init": "identity"}, {"bias": False}],
    "attention_gru": [
        {"window": 4, "score": "dot", "heads": 2},
        {"window": 2, "reset_after": False, "bias": False},
        {"window": 3, "kernel": "reference"},
    ],
    "ligru": [{"normalise": False}],
    "indrnn": [{"nonlinearity": "tanh", "long_memory": False}],
    "lem": [{"dt": 0.5, "bias": False}],
    "mgu": [{"bias": False}, {"forget_bias": -1.0}],
    "gru_blended_reset": [{"bias": False}],
    "orthogonal_rnn": [{"parametrisation": "cayley", "init": "cayley"}],
    "min_gru": [{"candidate": "positive"}, {"kernel": "reference"}],
    "min_lstm": [{"candidate": "positive", "forget_bias": 2.0}],
    "lru": [{"r_min": 0.0, "r_max": 1.0}],
    "s5": [{"dt_min": 0.1, "dt_max": 1.0}],
    "slstm": [{"heads": 1, "forget": "exp"}],
    "mlstm": [{"heads": 1}, {"heads": 5}],
    "gated_delta_net": [{"heads": 1}, {"heads": 5}],
    "local_attention": [{"window": 3, "heads": 2, "bias": False}, {"kernel": "reference"}],
    "torch_gru": [{"bias": False}],
    "torch_lstm": [{"bias": False}],
    "torch_rnn": [{"nonlinearity": "relu", "bias": False}],
}

TASKS: Variants = {
    "associative_recall": [{"pairs": 2, "gap": 1}, {"noise": 5, "key_length": 2}],
    "adding": [{"markers": "anywhere", "train_sequences": 600}],
    "compression": [{"symbols": 3, "gap": 1}],
    "copying": [
        {"score": "every", "eval_sequences": 300},
        {"symbols": 3, "delay": 1},
        {"layout": "bai", "symbols": 9, "delay": 3, "train_sequences": 600},
        {"layout": "bai", "score": "every"},
    ],
    "digits": [{"permute": True}],
    "dyck": [{"kinds": 2, "depth": 3}],
    "forecasting": [{"dataset": "lorenz"}, {"method": "recursive", "zero": "window"}],
    "induction": [{"length": 7, "alphabet": 3}],
    "language": [{"level": "word", "max_vocabulary": 500}],
    "listops": [{"length": 7, "depth": 3, "args": 3}],
    "memorization": [
        {"key_length": 1, "queries": 5},
        {"alphabet": 3, "key_length": 2, "values": 4},
    ],
    "memory_capacity": [{"delays": 3}, {"delays": 3, "length": 4}],
    "modular_arithmetic": [{"modulus": 3, "length": 5}],
    "repeat_previous": [{"delay": 4, "length": 9, "alphabet": 3}],
    "sentiment": [{"clauses": 2}],
    "t_maze": [{"corridor": 3}],
    "transduction": [
        {"rule": "stack", "length": 7},
        {"rule": "odds_first", "alphabet": 2},
        {"rule": "sort", "length": 7},
        {"rule": "addition", "eval_sequences": 300},
    ],
    "variable_length": [{"rule": "temporal_order"}, {"rule": "parity", "eval_sequences": 300}],
    "word_problem": [{"group": "S3", "length": 3}, {"group": "S5"}, {"group": "Z60", "length": 5}],
}
