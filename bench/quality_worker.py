"""SSIMULACRA2 for `bench_renditions`: run by a Python that has it.

A line names two picture files with a tab between them, the answer is the score of the second: 90 can't be
told from the first, 70 is good.
"""

import sys

from ssimulacra2 import compute_ssimulacra2

for line in sys.stdin:
    one, other = line.rstrip("\n").split("\t")
    print(compute_ssimulacra2(one, other), flush=True)
