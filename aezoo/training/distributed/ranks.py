"""Ranks: the processes that train one model together, each on its share of every batch, started by torchrun.

A step is that of one process up to rounding: a process computes its samples' part of the losses and gradients, and one
sum over all of them, of gradients and losses in one vector, gives each what one process would have. Weights, optimizers
and schedules are then the same in all. What a clock or a signal decides is agreed on after each step. The first process
alone writes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from typing import Any, TypeVar

import torch
from torch import Tensor

from aezoo.errors import AezooError, OtherFailed, RunFailed
from aezoo.hardware.device import choose
from aezoo.hardware.processes import several
from aezoo.nn.distributed import by_itself, together
from aezoo.nn.objective import Losses
from aezoo.training.distributed.parts import is_sharded

T = TypeVar("T")

#: Seconds after which a process that does not answer counts as lost.
PATIENCE = 600.0
#: What the errors of torch's backends say, whose type is `RuntimeError`.
_BACKENDS = ("gloo", "Gloo", "NCCL", "ProcessGroup", "Connection closed by peer", "Connection reset by peer")


@contextmanager
def joined(device: str = "auto", *, shards: bool = False) -> Iterator[Ranks | None]:
    """The processes that torchrun started with this one, connected; None where there is one alone.

    Within, every process has all samples, unless a batch is dealt out: see `aezoo.nn.distributed`.

    Args:
        device: Where they compute.
        shards: Whether each is to keep a part of a run's weights.

    Raises:
        RunFailed: They cannot be reached, or one of them is lost within.
    """
    if not several():
        yield None
        return
    import torch.distributed as dist

    chosen = choose(device).device
    backend = "gloo"
    if chosen.type != "cpu":
        torch.accelerator.set_device_index(chosen)
        backend = f"cpu:gloo,{chosen.type}:{dist.get_default_backend_for_device(chosen)}"
    try:
        store, rank, size = _meeting_place(timeout := timedelta(seconds=PATIENCE))
        dist.init_process_group(backend, store=store, rank=rank, world_size=size, timeout=timeout)
        ranks = Ranks(chosen, shards=shards)
        with together(ranks.rank, ranks.size):
            yield ranks
    except RuntimeError as error:
        raise explained(error) from error
    finally:
        if dist.is_initialized():
            dist.destroy_process_group()


def _meeting_place(timeout: timedelta) -> tuple[Any, int, int]:
    """Where processes find each other, with the rank of this one and their number.

    torchrun's store outlives a group: one that meets there again would read the addresses of the one before.
    """
    import torch.distributed as dist
    from torch.distributed.rendezvous import rendezvous

    store, rank, size = next(rendezvous("env://", timeout=timeout))
    prefixed: Any = vars(dist)["PrefixStore"]  # which torch's types leave out
    return prefixed(f"aezoo/{store.add(f'aezoo/times/{rank}', 1)}", store), rank, size


def explained(error: BaseException) -> BaseException:
    """The error, or what it means where it says that another process is lost."""
    if isinstance(error, RuntimeError) and any(word in str(error) for word in _BACKENDS):
        message = "another process of the run has ended, or does not answer"
        return RunFailed(message, hint="its own message says why; `aezoo resume` goes on where a state was kept")
    return error


class Ranks:
    """The processes of a run, from the view of one.

    Args:
        device: Where this one computes.
        shards: Whether each keeps a part of the weights: see `aezoo.training.distributed.sharding`.
    """

    def __init__(self, device: torch.device, *, shards: bool = False) -> None:
        import torch.distributed as dist

        self._dist: Any = dist
        self.device = device
        self.shards = shards
        self.rank: int = dist.get_rank()
        self.size: int = dist.get_world_size()
        self._flags: dict[tuple[Any, ...], Tensor] = {}

    @property
    def is_first(self) -> bool:
        """Whether this one writes."""
        return self.rank == 0

    # --- a step -------------------------------------------------------------------------------------------

    def averaged(self, losses: Losses, parameters: Sequence[Tensor]) -> Losses:
        """The losses of all processes, whose gradients take the place of this one's.

        Args:
            losses: This process's part; the mean over processes is that of the whole batch.
            parameters: With the gradients of this process. One that no process has a gradient of stays without.
        """
        known = [p for p in parameters if p.grad is not None]
        values = [losses.total.detach(), *(v.detach() for v in losses.raw.values())]
        weights = {name: v for name, v in losses.weighted.items() if v is not losses.raw[name]}
        values += [v.detach() for v in weights.values()]
        dtype = parameters[0].dtype if parameters else values[0].dtype
        total = self._sum([*(_gradient(p) for p in parameters), *values, self._known(parameters, dtype)], dtype)
        gradients, rest = total[: len(parameters)], total[len(parameters) :]
        if len(known) < len(parameters):
            self._adopt(parameters, rest[-1])
        have = [(p.grad, mean) for p, mean in zip(parameters, gradients, strict=True) if p.grad is not None]
        if have:
            torch._foreach_copy_([grad for grad, _ in have], [mean for _, mean in have])
        means = iter(rest)
        whole = next(means)
        raw = {name: next(means) for name in losses.raw}
        return Losses(whole, raw, {**raw, **{name: next(means) for name in weights}})

    def _sum(self, tensors: Sequence[Tensor], dtype: torch.dtype) -> list[Tensor]:
        """The mean over processes of each, by one sum of a vector that holds all."""
        vector = torch.cat([tensor.to(dtype).reshape(-1) for tensor in tensors])
        self._dist.all_reduce(vector)
        vector /= self.size
        parts = torch.split(vector, [tensor.numel() for tensor in tensors])
        return [part.view(tensor.shape) for part, tensor in zip(parts, tensors, strict=True)]

    def _known(self, parameters: Sequence[Tensor], dtype: torch.dtype) -> Tensor:
        """1 for each parameter that has a gradient here, else 0."""
        pattern = tuple(p.grad is not None for p in parameters)
        if (pattern, dtype) not in self._flags:
            self._flags[pattern, dtype] = torch.tensor(pattern, dtype=dtype, device=self.device)
        return self._flags[pattern, dtype]

    def _adopt(self, parameters: Sequence[Tensor], known: Tensor) -> None:
        """Make room for gradients that other processes have."""
        for p, somewhere in zip(parameters, known.tolist(), strict=True):
            if p.grad is None and somewhere:
                p.grad = torch.zeros_like(p)

    # --- between steps --------------------------------------------------------------------------------------

    def agreed(self, *flags: bool) -> tuple[bool, ...]:
        """Whether any process says so, flag by flag."""
        votes = torch.tensor(flags, dtype=torch.int32)
        self._dist.all_reduce(votes, op=self._dist.ReduceOp.MAX)
        return tuple(map(bool, votes.tolist()))

    def mean(self, values: dict[str, float]) -> dict[str, float]:
        """The mean over processes of each number."""
        numbers = torch.tensor([*values.values()], dtype=torch.float64)
        self._dist.all_reduce(numbers)
        return dict(zip(values, (numbers / self.size).tolist(), strict=True))

    def of_first(self, task: Callable[[], T]) -> T | None:
        """What the first process makes, in that one alone; an error of it ends all of them.

        Raises:
            AezooError: The task raised, here or in the first process.
        """
        error: BaseException | None = None
        result = None
        if self.is_first:
            try:
                with by_itself():
                    result = task()
            except AezooError as raised:
                error = raised
        (failed,) = self.agreed(error is not None)
        if error is not None:
            raise error
        if failed:
            raise OtherFailed("the first process of the run has failed")
        return result

    def told(self, document: Any) -> Any:
        """What the first process says: any value that can be pickled."""
        box = [document]
        self._dist.broadcast_object_list(box, 0)
        return box[0]

    def shared(self, tensors: Sequence[Tensor]) -> None:
        """Give tensors the values that they have in the first process."""
        for tensor in tensors:
            value = tensor.detach().contiguous()
            self._dist.broadcast(value, 0)
            if value is not tensor:
                tensor.copy_(value)

    def everything(self, says: Any) -> list[Any]:
        """What each process says, in their order."""
        box: list[Any] = [None] * self.size
        self._dist.all_gather_object(box, says)
        return box

    def refuse_differing(self, tensors: dict[str, Tensor]) -> None:
        """Compare tensors that are to be the same everywhere, by a sum of their bits; not those that are sharded.

        Raises:
            RunFailed: One is not.
        """
        tensors = {name: tensor for name, tensor in tensors.items() if not is_sharded(tensor)}
        if not tensors:
            return
        sums = torch.stack([_bits(tensor) for tensor in tensors.values()]).cpu()
        low, high = sums.clone(), sums.clone()
        self._dist.all_reduce(low, op=self._dist.ReduceOp.MIN)
        self._dist.all_reduce(high, op=self._dist.ReduceOp.MAX)
        if bad := [name for name, same in zip(tensors, (low == high).tolist(), strict=True) if not same]:
            raise RunFailed(
                f"{bad[0]} is not the same in all {self.size} processes: a part draws or counts in each of its own",
                hint="train in one process; docs/plugins.md says what a part owes to several",
            )


def _gradient(parameter: Tensor) -> Tensor:
    return torch.zeros_like(parameter) if parameter.grad is None else parameter.grad


def _bits(tensor: Tensor) -> Tensor:
    """A number that depends on every bit of a tensor, whatever its type."""
    whole = tensor.detach().contiguous().reshape(-1).view(torch.uint8).to(torch.int64)
    places = torch.arange(1, len(whole) + 1, device=whole.device) % 65521
    return (whole * places).sum()
