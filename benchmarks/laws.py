"""CPU seconds that the laws take for each part: the median, the slowest parts, and the laws that take longest.

python benchmarks/laws.py              the built-in parts
python benchmarks/laws.py aezoo sparse tables

Breaches are counted, not shown: `aezoo plugins check` shows them.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections import Counter

from aezoo.testing.law.cases import cases_for, tested_in
from aezoo.testing.law.under_test import PluginUnderTest

SLOWEST = 8


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("plugins", nargs="*", default=["aezoo"])
    by_part, by_law, breaches = Counter[str](), Counter[str](), 0
    for namespace in parser.parse_args().plugins:
        for tested in tested_in(PluginUnderTest(namespace)):
            for case in cases_for(tested):
                started = time.process_time()
                breaches += len(case.breaches())
                seconds = time.process_time() - started
                by_part[f"{tested.kind} {tested.name}"] += seconds
                by_law[case.law.id] += seconds
    print(f"{len(by_part)} parts, variants and plugins, {breaches} breaches, {by_part.total():.1f} s of CPU")
    print(f"a part: {statistics.median(by_part.values()):.2f} s is the median")
    for name, seconds in [*by_part.most_common(SLOWEST), *by_law.most_common(SLOWEST)]:
        print(f"{seconds:8.2f} s  {name}")


if __name__ == "__main__":
    main()
