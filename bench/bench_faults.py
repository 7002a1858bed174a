"""2,000 generations while 30 % of all calls go wrong: each ends in time, none is paid twice, the audit clean.

FAULTS_GENERATIONS chooses how many, FAULTS_SEED another course. On PostgreSQL if one answers, else on SQLite.
"""

import os
import sys

from bench import entries, faulty, report
from tests import services

GENERATIONS = int(os.environ.get("FAULTS_GENERATIONS", "2000"))
SEED = int(os.environ.get("FAULTS_SEED", "1"))


def main() -> None:
    url = (
        services.postgres_url()
        or f"sqlite:///{os.environ.get('TMPDIR', '/tmp')}/bench-faults-{os.getpid()}.sqlite3"
    )
    with entries.database(url), faulty.emulator() as address:
        outcome = faulty.run(GENERATIONS, address, share=0.3, seed=SEED)
    kinds = {"generations": outcome.ended, "attempts": outcome.attempts, "calls at": outcome.providers}
    rows: list[report.Row] = [
        {"what": f"{what} {name}", "number": number}
        for what, counted in kinds.items()
        for name, number in sorted(counted.items())
    ]
    rows += [
        {"what": "calls the emulator saw", "number": outcome.calls},
        {"what": "of these with a fault", "number": outcome.faults},
        {"what": "seconds", "number": outcome.seconds},
        {"what": "things wrong", "number": len(outcome.wrong)},
    ]
    report.report("faults", rows)
    if outcome.wrong:
        sys.exit("\n".join(outcome.wrong[:20]))


if __name__ == "__main__":
    main()
