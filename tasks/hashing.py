"""Hashes: random generators of their own, and fingerprints of data."""

import hashlib
import json
from typing import Any

import torch
from torch import Tensor


def generator(*parts: str | int) -> torch.Generator:
    """A new random generator for one purpose: `generator("copying", "train", seed, step)`."""
    digest = hashlib.sha256(json.dumps(parts).encode()).digest()
    return torch.Generator().manual_seed(int.from_bytes(digest[:8], "big") >> 1)


def hash_data(*parts: Any) -> str:
    """A short hash of tensors, strings, numbers and nested lists or dicts of them."""
    digest = hashlib.sha256()
    for part in parts:
        if isinstance(part, Tensor):
            digest.update(f"{part.dtype}{tuple(part.shape)}".encode())
            digest.update(part.detach().cpu().contiguous().numpy().tobytes())
        elif isinstance(part, list | tuple):
            digest.update(hash_data(*part).encode())
        else:
            digest.update(json.dumps(part, sort_keys=True).encode())
        digest.update(b"\0")
    return digest.hexdigest()[:16]
