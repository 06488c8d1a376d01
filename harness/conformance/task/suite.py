"""All properties of tasks, in their order."""

from recurbench.harness.conformance.findings import Suite
from recurbench.harness.conformance.task.batches import (
    equal_seeds_give_equal_batches,
    evaluation_is_fixed,
    layouts_fit_the_spec,
    loads_once,
    order_depends_on_nothing_else,
)
from recurbench.harness.conformance.task.description import (
    documented,
    fingerprint_follows_the_data,
    other_process,
)
from recurbench.harness.conformance.task.references import oracle_is_best, references_are_played
from recurbench.harness.conformance.task.scores import (
    ignored_positions_do_not_matter,
    loss_is_a_finite_mean,
    metrics_add_up,
    packed_is_one_by_one,
    primary_ranks,
)
from recurbench.harness.conformance.task.splits import (
    learnt_from_train_alone,
    splits_do_not_overlap,
)
from recurbench.harness.conformance.task.subject import Subject, offline

SUITE = Suite(
    Subject,
    {
        check.__name__: check
        for check in (
            layouts_fit_the_spec,
            loads_once,
            splits_do_not_overlap,
            learnt_from_train_alone,
            equal_seeds_give_equal_batches,
            order_depends_on_nothing_else,
            evaluation_is_fixed,
            loss_is_a_finite_mean,
            ignored_positions_do_not_matter,
            packed_is_one_by_one,
            metrics_add_up,
            primary_ranks,
            references_are_played,
            oracle_is_best,
            fingerprint_follows_the_data,
            other_process,
            documented,
        )
    },
    offline,
)
