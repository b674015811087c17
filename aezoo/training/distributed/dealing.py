"""Dealing: each process gets its share of every batch, and its part of the weights where these are sharded."""

from __future__ import annotations

from collections.abc import Mapping

from aezoo.data.batches import Batches
from aezoo.nn.global_norm import normalize_globally
from aezoo.nn.objective import Objective
from aezoo.spec.training import TrainingSpec
from aezoo.training.distributed.equivalence_check import refuse_differing
from aezoo.training.distributed.ranks import Ranks
from aezoo.training.distributed.sharding import shard
from aezoo.training.distributed.shares import SharedBatches


def dealt_out(
    objective: Objective, batches: Mapping[str, Batches], training: TrainingSpec, ranks: Ranks
) -> dict[str, Batches]:
    """Each process's share of the batches of each split; the objective is made ready for them.

    Raises:
        UsageError: A part of it would not compute what it computes in one process.
    """
    normalize_globally(objective)
    micro = training.most_in_a_pass
    shares = {
        name: SharedBatches(part, rank=ranks.rank, size=ranks.size, micro_batch=micro) for name, part in batches.items()
    }
    refuse_differing(objective, shares["train"], training, ranks)
    if ranks.shards:
        shard(objective, training, ranks)
    return dict(shares)
