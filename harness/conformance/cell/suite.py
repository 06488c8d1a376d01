"""All properties of cells, in their order."""

from recurbench.harness.conformance.cell.contract import (
    foreign_inputs,
    refusals,
    shapes,
    signature_and_docstring,
)
from recurbench.harness.conformance.cell.gradients import (
    any_state,
    exact_gradients,
    fast_path,
    second_derivatives,
)
from recurbench.harness.conformance.cell.module import (
    autocast,
    dtypes,
    named_parameters,
    no_side_effects,
    portable,
)
from recurbench.harness.conformance.cell.rows import packed_is_one_by_one, rows_are_independent
from recurbench.harness.conformance.cell.subject import Subject
from recurbench.harness.conformance.cell.time import (
    causal,
    chunks_are_the_whole,
    long_sequences,
    nan_travels_forward_only,
    step_is_forward,
)
from recurbench.harness.conformance.findings import Suite

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
            nan_travels_forward_only,
            no_side_effects,
            exact_gradients,
            second_derivatives,
            any_state,
            long_sequences,
            fast_path,
            portable,
            named_parameters,
            dtypes,
            autocast,
            refusals,
            foreign_inputs,
            signature_and_docstring,
        )
    },
)
