"""Many processes and threads at one ledger at once, as a program of its own over the test's database.

`python -m tests.accounts.racing SCENARIO JSON` does what the JSON says and prints a count of what came of it:
"done", the code of a refusal, or the text of an error that should not be. `race` runs it from a test.
"""

import json
import multiprocessing
import os
import random
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
# Long forms for the night: LEDGER_LONG=1 make test ARGS="-k ledger".
LONG = bool(os.environ.get("LEDGER_LONG"))


def race(scenario: str, **terms: Any) -> Counter[str]:
    """Run a scenario in a process of its own, over the database of this test."""
    from django.db import connection

    over = {"DATABASE_URL": _address(connection.settings_dict), "DJANGO_SETTINGS_MODULE": "config.settings"}
    run = subprocess.run(
        [sys.executable, "-m", "tests.accounts.racing", scenario, json.dumps(terms)],
        cwd=ROOT,
        env={**os.environ, **over},
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    return Counter(json.loads(run.stdout))


def _address(database: dict[str, Any]) -> str:
    if database["ENGINE"].endswith("sqlite3"):
        return f"sqlite:///{database['NAME']}"
    password = f":{database['PASSWORD']}" if database["PASSWORD"] else ""
    where = f"{database['HOST']}:{database['PORT'] or 5432}/{database['NAME']}"
    return f"postgres://{database['USER']}{password}@{where}"


def tried(act: Callable[[], object]) -> str:
    """What came of it, as a word to count."""
    from accounts import ledger

    try:
        act()
    except ledger.Refusal as refusal:
        return refusal.code
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    return "done"


def spends(worker: int, *, user: int, each: int, **_: Any) -> Counter[str]:
    """Every process holds and captures one credit, again and again."""
    from accounts import ledger
    from accounts.models import User

    owner = User.objects.get(pk=user)

    def spend(number: int) -> None:
        hold = ledger.hold(user=owner, amount=1, key=f"{worker}-{number}", reason="race")
        ledger.capture(hold=hold, amount=1, reason="race")

    return Counter(tried(lambda number=number: spend(number)) for number in range(each))


def repeats(worker: int, *, user: int, each: int, **_: Any) -> Counter[str]:
    """All processes call the same verbs with the same keys: each key's effect comes once."""
    from accounts import ledger
    from accounts.models import User

    owner = User.objects.get(pk=user)

    def repeat(number: int) -> None:
        ledger.grant(user=owner, amount=10, key=f"{number}", reason="race", by=None)
        hold = ledger.hold(user=owner, amount=4, key=f"{number}", reason="race")
        ledger.capture(hold=hold, amount=3, reason="race")
        ledger.refund(hold=hold, amount=1, key="1", reason="race", by=None)

    return Counter(tried(lambda number=number: repeat(number)) for number in range(each))


def verbs(worker: int, *, users: list[int], each: int, seed: int, **_: Any) -> Counter[str]:
    """Random verbs on shared accounts and shared holds, some of them two accounts in one transaction."""
    from accounts.models import User

    chance = random.Random(f"{seed}.{worker}")
    people = list(User.objects.filter(pk__in=users).order_by("pk"))
    keys = [f"{worker}-{number}" for number in range(each)]
    return Counter(tried(lambda key=key: _any_verb(chance, people, key)) for key in keys)


def shares(worker: int, *, users: list[int], each: int, **_: Any) -> Counter[str]:
    """People who fall under one cap spend a credit each, in turn, every process beginning elsewhere."""
    from accounts import ledger
    from accounts.models import User

    people = list(User.objects.filter(pk__in=users).order_by("pk"))

    def spend(number: int) -> None:
        owner = people[(worker * each + number) % len(people)]
        hold = ledger.hold(user=owner, amount=1, key=f"{worker}-{number}", reason="race")
        ledger.capture(hold=hold, amount=1, reason="race")

    return Counter(tried(lambda number=number: spend(number)) for number in range(each))


def _any_verb(chance: random.Random, people: list[Any], key: str) -> None:
    from accounts import ledger
    from accounts.models import Hold

    person, amount = chance.choice(people), chance.randint(1, 9)
    hold = Hold.objects.order_by("-pk")[chance.randrange(12) :].first()
    to_a_person = [
        lambda: ledger.grant(user=person, amount=amount, key=key, reason="race", by=None),
        lambda: ledger.adjust(user=person, amount=-amount, key=key, reason="race", by=None),
        lambda: ledger.hold(user=person, amount=amount, key=key, reason="race"),
        lambda: _hold_of_two(chance.sample(people, 2), key),
    ]
    to_a_hold = [
        lambda: ledger.capture(hold=hold, amount=amount, reason="race"),
        lambda: ledger.release(hold=hold),
        lambda: ledger.refund(hold=hold, amount=1, key=key, reason="race", by=None),
    ]
    chance.choice(to_a_person + to_a_hold if hold else to_a_person)()


def _hold_of_two(people: list[Any], key: str) -> None:
    """The rule of the house for more than one account: all of them first, always in the same order."""
    from django.db import transaction

    from accounts import ledger

    with transaction.atomic():
        for person in sorted(people, key=lambda person: ledger.account_of(person).pk):
            ledger.lock(person)
        for person in people:
            ledger.hold(user=person, amount=1, key=f"both-{key}", reason="race")


def allowances(worker: int, *, now: str, **_: Any) -> Counter[str]:
    """Every scheduler gives what is due."""
    from datetime import datetime

    from accounts import allowances

    return Counter([tried(lambda: allowances.run(now=datetime.fromisoformat(now)))])


def batches(worker: int, *, admin: int, data: str, **_: Any) -> Counter[str]:
    """Everybody sends the same file and gives it; who gave is counted."""
    from django.utils import timezone

    from accounts import bulk
    from accounts.models import User

    by, now = User.objects.get(pk=admin), timezone.now()
    plan = bulk.read(data=data.encode(), title="march.csv", reason="race", by=by)
    kept = bulk.keep(plan=plan, by=by, now=now)
    return Counter(["gave" if bulk.apply(batch=kept, by=by, now=now) else "given before"])


def chores(worker: int, *, now: str, **_: Any) -> Counter[str]:
    """Every supervisor sends what is due; what each sent is counted."""
    from datetime import datetime

    from generation import chores

    return Counter(chores.send_due(now=datetime.fromisoformat(now)))


def periods(
    worker: int, *, now: str, ticks: int, lost: float, user: int, together: Callable[[], object], **_: Any
) -> Counter[str]:
    """Supervisors tick through an hour; every task that isn't lost reaches all of them at once.

    What a chore did is a row, which says of which period; how often each period was done is counted.
    """
    import time
    from datetime import datetime, timedelta

    from django_q.models import OrmQ

    from accounts import events
    from accounts.models import Event
    from generation import chores
    from generation.models import Chore

    chance = random.Random(ticks)

    def work(name: str) -> Callable[[datetime, str], str]:
        def act(at: datetime, place: str) -> str:
            period = Chore.objects.get(name=name, status=Chore.Status.TAKEN).period
            events.record(user_id=user, kind=events.Kind.NOTICE, subject=f"{name} {period:%d %H:%M}")
            time.sleep(0.001)
            return ""

        return act

    chores.CHORES = {name: chores.Kind(kind.period, work(name)) for name, kind in chores.CHORES.items()}
    for tick in range(ticks):
        moment = datetime.fromisoformat(now) + tick * timedelta(seconds=15)
        chores.send_due(now=moment)
        together()
        sent = [row.task["args"][0] for row in OrmQ.objects.order_by("pk")]
        for chore_id in [chore_id for chore_id in sent if chance.random() >= lost]:
            chores.do(int(chore_id), now=moment)
        together()
        if worker == 0:
            OrmQ.objects.all().delete()
        together()
    done = Event.objects.exclude(subject="").values_list("subject", flat=True)
    return Counter(done) if worker == 0 else Counter()


def sweeps(worker: int, **_: Any) -> Counter[str]:
    """Everybody sweeps by hand while supervisors send; what each said it did is summed up."""
    import io
    import re

    from django.core.management import call_command
    from django.utils import timezone

    from generation import chores

    said = io.StringIO()
    try:
        chores.send_due(now=timezone.now())
        call_command("sweep", "--only", "reap", "--only", "wake", "--only", "chores", stdout=said)
    except Exception as error:
        return Counter({"errors": 1, repr(error): 1})
    text = said.getvalue()
    reaped = int(re.match(r"\d+", text)[0])  # type: ignore[index]
    return Counter({"reaped": reaped, "audit": int("audit" in text), "errors": int("failed" in text)})


def turns(worker: int, *, user: int, image: int, **_: Any) -> Counter[str]:
    """Every process goes on from the same picture; the branches that the turns land on are counted."""
    from django.utils import timezone

    from accounts.models import User
    from gallery.models import Image
    from generation import conversations, wishes

    made = conversations.continue_from(
        user=User.objects.get(pk=user),
        image=Image.objects.get(pk=image),
        wish=wishes.check(prompt=f"turn {worker}", continues=True),
        references=[],
        now=timezone.now(),
    )
    return Counter([f"branch {made.generation.branch.number}"])


def queue_rules(worker: int, *, admin: int, user: int, team: int, each: int, **_: Any) -> Counter[str]:
    """Every process gives the same person and the same team one lane and limit after another."""
    from django.utils import timezone

    from accounts import administration
    from accounts.models import Team, User

    by = User.objects.get(pk=admin)
    scopes: tuple[dict[str, Any], ...] = (
        {"user": User.objects.get(pk=user)},
        {"team": Team.objects.get(pk=team)},
    )

    def give(number: int) -> None:
        administration.set_queue_rule(
            by=by,
            concurrency_max=worker * each + number + 1,
            reason="race",
            now=timezone.now(),
            **scopes[number % 2],
        )

    return Counter(tried(lambda number=number: give(number)) for number in range(each))


SCENARIOS: dict[str, Callable[..., Counter[str]]] = {
    "spends": spends,
    "repeats": repeats,
    "verbs": verbs,
    "shares": shares,
    "allowances": allowances,
    "batches": batches,
    "chores": chores,
    "periods": periods,
    "sweeps": sweeps,
    "turns": turns,
    "queue_rules": queue_rules,
}


def in_processes(scenario: Callable[..., Counter[str]], terms: dict[str, Any]) -> Counter[str]:
    from django.db import connections

    connections.close_all()  # a connection is not shared with a child
    context = multiprocessing.get_context("fork")
    start, results = context.Barrier(terms["processes"]), context.SimpleQueue()

    def work(worker: int) -> None:
        start.wait()
        results.put(scenario(worker, together=start.wait, **terms))

    children = [context.Process(target=work, args=(number,)) for number in range(terms["processes"])]
    for child in children:
        child.start()
    counted = sum((results.get() for _ in children), Counter[str]())
    for child in children:
        child.join()
    return counted


def in_threads(scenario: Callable[..., Counter[str]], terms: dict[str, Any]) -> Counter[str]:
    from django.db import connections

    start, counted = threading.Barrier(terms["threads"]), Counter[str]()

    def work(worker: int) -> None:
        start.wait()
        counted.update(scenario(worker, **terms))
        connections.close_all()

    threads = [threading.Thread(target=work, args=(number,)) for number in range(terms["threads"])]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return counted


def forget_the_lock() -> None:
    """Make the ledger read accounts without locking them, to show that a race is then seen."""
    from accounts import rows

    rows.LOCKING["postgresql"] = ""


def look_before_counting() -> None:
    """Make a cap read what is used and then write it, to show that a race is then seen."""
    import time

    from accounts import limits
    from accounts.models import CapUse

    def count_if_it_fits(cap: Any, amount: int, now: Any) -> int | None:
        use = CapUse.objects.get(cap=cap)
        time.sleep(0.002)
        if use.used + amount > cap.allowed:
            return None
        CapUse.objects.filter(pk=use.pk).update(used=use.used + amount)
        return use.pk

    limits._count_if_it_fits = count_if_it_fits


if __name__ == "__main__":
    import django

    django.setup()
    name, given = sys.argv[1], json.loads(sys.argv[2])
    if given.get("unlocked"):
        forget_the_lock()
    if given.get("unguarded"):
        look_before_counting()
    run = in_processes if "processes" in given else in_threads
    print(json.dumps(run(SCENARIOS[name], given)))
