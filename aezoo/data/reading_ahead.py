"""Reading ahead: threads gather the next batches while one is used. What they give does not depend on their number."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")

#: Threads at most, unless a run says how many.
MOST = 8


def default_workers(*, decodes: bool) -> int:
    """Threads that read ahead: none where rows are read as they lie, else one for each processor."""
    if not decodes:
        return 0
    available = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min(MOST, available)


def read_ahead(read: Callable[[Item], Result], items: Iterable[Item], workers: int) -> Iterator[Result]:
    """`map(read, items)`, in its order, some items ahead in so many threads; an error comes where its item would.

    Args:
        read: Gives the same for an item in each thread and at each time.
        items: Are taken as they are needed.
        workers: Threads; none reads each item when it is asked for.
    """
    if workers < 1:
        yield from map(read, items)
        return
    waiting: deque[Future[Result]] = deque()
    todo = iter(items)
    pool = ThreadPoolExecutor(workers, thread_name_prefix="aezoo-read")
    try:
        for item in todo:
            waiting.append(pool.submit(read, item))
            if len(waiting) > workers:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
