"""Fixtures for the tests of cells: double precision throughout, so that 1e-10 is meaningful."""

from collections.abc import Callable, Iterable, Iterator

import pytest
import torch
from torch import Tensor


@pytest.fixture(autouse=True)
def double_precision() -> Iterator[None]:
    torch.manual_seed(0)
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


@pytest.fixture
def assert_equal() -> Callable[..., None]:
    """Compares tensors, or nested sequences of them, at 1e-10."""

    def compare(actual: object, expected: object) -> None:
        torch.testing.assert_close(actual, expected, rtol=1e-10, atol=1e-10)

    return compare


@pytest.fixture
def gradients() -> Callable[..., list[Tensor]]:
    """The gradients, with respect to some tensors, of a loss that no result drops out of."""

    def of(results: Iterable[Tensor], leaves: Iterable[Tensor]) -> list[Tensor]:
        floating = [result for result in results if result.is_floating_point()]
        loss = torch.stack([result.exp().sum() for result in floating]).sum()
        return list(torch.autograd.grad(loss, list(leaves)))

    return of
