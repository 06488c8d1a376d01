"""All properties of cells, in their order."""

from harness.conformance.cell.contract import refusals, shapes, signature_and_docstring
from harness.conformance.cell.gradients import any_state, exact_gradients, fast_path
from harness.conformance.cell.module import autocast, no_side_effects, portable
from harness.conformance.cell.rows import packed_is_one_by_one, rows_are_independent
from harness.conformance.cell.subject import Subject
from harness.conformance.cell.time import (
    causal,
    chunks_are_the_whole,
    long_sequences,
    step_is_forward,
)
from harness.conformance.findings import Suite

SUITE = Suite(
    Subject,
    {
        check.__name__: check
        for check in (
            shapes,
            step_is_forward,
            chunks_are_the_whole,
            packed_is_one_by_one,
            rows_are_independent,
            causal,
            no_side_effects,
            exact_gradients,
            any_state,
            long_sequences,
            fast_path,
            portable,
            autocast,
            refusals,
            signature_and_docstring,
        )
    },
)
