"""Bulk grants: what a file may be, what is wrong by line, and that a batch is given once or not at all."""

import codecs
from datetime import UTC, datetime

import pytest
from django.utils import timezone

from accounts import audit, bulk, ledger
from accounts.administration import NotAllowed, OwnAccount
from accounts.ledger_refusals import InvalidAmount, InvalidReason
from accounts.models import AdminAct, GrantBatch, LedgerEntry, Team, User
from tests.accounts.racing import race
from tests.factories import person

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


@pytest.fixture
def admin() -> User:
    return person(credits=0, email="admin@easel.test", is_superuser=True)


@pytest.fixture
def ada() -> User:
    return person(credits=10, email="ada@easel.test")


@pytest.fixture
def bo() -> User:
    return person(credits=0, email="bo@easel.test")


def plan(data: bytes | str, *, reason: str = "for March", by: User | None = None) -> bulk.Plan:
    data = data.encode() if isinstance(data, str) else data
    return bulk.read(data=data, title="march.csv", reason=reason, by=by)


def problems(
    data: bytes | str, *, reason: str = "for March", by: User | None = None
) -> list[tuple[int, str]]:
    return [(problem.line, problem.detail) for problem in plan(data, reason=reason, by=by).problems]


def given(read: bulk.Plan) -> list[tuple[str, int, str]]:
    return [(row.email, row.amount, row.reason) for row in read.rows]


BOTH = [("ada@easel.test", 50, "for March"), ("bo@easel.test", 20, "späte Schicht")]


@pytest.mark.parametrize(
    "data",
    [
        "ada@easel.test,50\nbo@easel.test,20,späte Schicht\n".encode(),
        codecs.BOM_UTF8 + "ada@easel.test,50\r\nbo@easel.test,20,späte Schicht\r\n".encode(),
        "ada@easel.test;50\nbo@easel.test;20;späte Schicht".encode("utf-16"),
        codecs.BOM_UTF16_BE + "ada@easel.test\t50\nbo@easel.test\t20\tspäte Schicht".encode("utf-16-be"),
        "\n\nEmail;Amount;Reason\nAda@Easel.test; 50;\n\nbo@easel.test;20;späte Schicht\n".encode(),
        'reason,e-mail,credits\n,ada@easel.test,50\n"späte Schicht",bo@easel.test,20\n'.encode(),
        "ada@easel.test,50\rbo@easel.test,20,späte Schicht\r".encode(),
    ],
    ids=["plain", "mark", "utf-16", "utf-16-be with tabs", "heading", "columns named", "old line ends"],
)
def test_a_file_is_read_as_spreadsheets_write_it(data: bytes, ada: User, bo: User) -> None:
    read = plan(data)

    assert (given(read), read.problems, read.total) == (BOTH, (), 70)


@pytest.mark.parametrize(
    ("amount", "said"),
    [
        ("0", "0 is nothing. An amount is 1 or more."),
        ("-5", "-5 is negative. An amount is 1 or more."),
        ("1.5", "1.5 is no whole number. Write it with digits alone, such as 1000."),
        ('"1,000"', "1,000 is no whole number. Write it with digits alone, such as 1000."),
        (str(2**63), f"{2**63} is too much. An amount is at most 1,000,000,000,000."),
        ("9" * 5_000, f"{'9' * 30} is too much. An amount is at most 1,000,000,000,000."),
        ("five", "“five” is no number."),
        ("٥", "“٥” is no number."),
        ("1e3", "“1e3” is no number."),
        ("=5", "“=5” is no number."),
        ("", "The amount is missing."),
    ],
)
def test_each_amount_that_is_none_is_named_by_its_line(amount: str, said: str, ada: User, bo: User) -> None:
    assert problems(f"bo@easel.test,5\nada@easel.test,{amount}\n") == [(2, said)]


def test_an_unknown_person_is_named_by_the_line(ada: User) -> None:
    assert problems("ada@easel.test,5\nnobody@easel.test,5") == [
        (2, "Nobody here has the address nobody@easel.test.")
    ]


def test_a_person_who_is_there_twice_is_named_by_both_lines(ada: User) -> None:
    assert problems("ada@easel.test,5\n\nADA@easel.test,5") == [(3, "ada@easel.test is in line 1 already.")]


def test_a_person_who_is_switched_off_is_named(ada: User) -> None:
    User.objects.update(is_active=False)

    assert problems("ada@easel.test,5") == [(1, "This person is switched off.")]


def test_admins_are_not_in_their_own_file(admin: User) -> None:
    assert problems("admin@easel.test,5", by=admin) == [
        (1, "You can't give credits to yourself. Ask another admin.")
    ]


@pytest.mark.parametrize(
    ("data", "line"),
    [
        ("ada@easel.test,5\nada@easel.test,5,für März".encode("latin-1"), 2),
        ("ada@easel.test,5,für März".encode("utf-16-le"), 1),
        (codecs.BOM_UTF16_LE + b"a", 1),
        (b"ada@easel.test,5\n\x00\x01", 2),
        (b"\x89PNG\r\n\x1a\n", 1),
    ],
    ids=["latin-1", "utf-16 without a mark", "half a letter", "binary", "picture"],
)
def test_another_encoding_is_refused_with_the_line_it_shows_in(data: bytes, line: int, ada: User) -> None:
    [(number, said)] = problems(data)

    assert (number, "UTF-8" in said) == (line, True)


@pytest.mark.parametrize(
    ("data", "line", "said"),
    [
        ("", 0, "The file is empty."),
        ("\n \n;;\n", 0, "The file is empty."),
        ("email,amount\n", 0, "The file is empty."),
        ("email,name\nada@easel.test,5", 1, "The first line names the columns"),
        ("ada@easel.test,5,why,more", 1, "There are more cells here"),
        ('ada@easel.test,5,"why', 1, "This line can't be read"),
        ("ada,5", 1, "“ada” is no e-mail address."),
        ("ada@easel.test,5,two\x07bells", 1, "A reason is one line"),
        ('ada@easel.test,5,"two\nlines"', 2, "A reason is one line"),
        ("ada@easel.test,5," + "x" * 501, 1, "A reason is one line"),
    ],
)
def test_a_file_that_makes_no_sense_is_refused_with_its_line(
    data: str, line: int, said: str, ada: User
) -> None:
    [(number, detail)] = problems(data)

    assert (number, detail[: len(said)]) == (line, said)


def test_a_line_without_a_reason_needs_the_files(ada: User) -> None:
    assert problems("ada@easel.test,5", reason=" ") == [
        (1, "A reason is missing, in the line or for the whole file.")
    ]


def test_a_file_has_at_most_10_000_lines(ada: User) -> None:
    read = plan("ada@easel.test,5\n" + "x@easel.test,1\n" * 10_000)

    assert [*read.problems, *read.rows] == [bulk.Problem(10_001, "A file has at most 10,000 lines.")]


def test_a_plan_with_problems_is_not_kept(admin: User, ada: User) -> None:
    with pytest.raises(bulk.PlanHasProblems):
        bulk.keep(plan=plan("ada@easel.test,5\nada,1"), by=admin, now=NOW)
    assert not GrantBatch.objects.exists()


def test_a_batch_gives_to_each_and_records_it(admin: User, ada: User, bo: User) -> None:
    batch = bulk.keep(plan=plan("ada@easel.test,50\nbo@easel.test,20,bonus"), by=admin, now=NOW)

    assert bulk.apply(batch=batch, by=admin, now=NOW)

    assert (ledger.available(ada), ledger.available(bo)) == (60, 20)
    assert (batch.total, batch.applied_at) == (70, NOW)
    acts = AdminAct.objects.order_by("pk").values_list("verb", "subject_label", "before", "reason")
    assert [act[:2] for act in acts] == [
        ("grant_batch", "march.csv"),
        ("grant", str(ada)),
        ("grant", str(bo)),
    ]
    assert acts[1][2:] == ({"balance": 10}, "for March")


def test_the_same_file_gives_once_however_it_is_written_and_whoever_sends_it(
    admin: User, ada: User, bo: User
) -> None:
    another = person(credits=0, is_superuser=True)
    first = bulk.keep(plan=plan("ada@easel.test,50\nbo@easel.test,20"), by=admin, now=NOW)
    bulk.apply(batch=first, by=admin, now=NOW)
    again = bulk.keep(plan=plan("email;amount\nBO@easel.test;20\nada@easel.test;50\n"), by=another, now=NOW)

    assert again == first
    assert not bulk.apply(batch=again, by=another, now=NOW)
    assert (ledger.available(ada), ledger.available(bo)) == (60, 20)


def test_a_batch_is_given_to_all_or_to_none(
    admin: User, ada: User, bo: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    batch = bulk.keep(plan=plan("ada@easel.test,50\nbo@easel.test,20"), by=admin, now=NOW)

    def fail(*args: object, **kwargs: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr("accounts.acts.record_each", fail)
    with pytest.raises(ZeroDivisionError):
        bulk.apply(batch=batch, by=admin, now=NOW)

    batch.refresh_from_db()
    assert (ledger.available(ada), ledger.available(bo), batch.applied_at) == (10, 0, None)


def test_who_may_not_grant_cannot_give_a_batch(admin: User, ada: User, bo: User) -> None:
    batch = bulk.keep(plan=plan("ada@easel.test,50"), by=admin, now=NOW)

    with pytest.raises(NotAllowed):
        bulk.apply(batch=batch, by=bo, now=NOW)
    assert ledger.available(ada) == 10


def test_a_batch_that_another_admin_made_does_not_give_to_oneself(admin: User, ada: User) -> None:
    another = person(credits=0, email="other@easel.test", is_superuser=True)
    read = plan("other@easel.test,50", by=admin)
    batch = bulk.keep(plan=read, by=admin, now=NOW)

    with pytest.raises(OwnAccount):
        bulk.apply(batch=batch, by=another, now=NOW)


def test_a_selection_gives_the_same_to_each_once_a_form(admin: User, ada: User, bo: User) -> None:
    def give(key: str) -> bool:
        chosen = bulk.for_people(
            people=[ada, bo], amount=5, reason="thanks", title="2 people", key=key, by=admin
        )
        return bulk.apply(batch=bulk.keep(plan=chosen, by=admin, now=NOW), by=admin, now=NOW)

    assert [give("one"), give("one"), give("two")] == [True, False, True]
    assert (ledger.available(ada), ledger.available(bo)) == (20, 10)


def test_a_team_gives_to_its_active_members_but_the_admin(admin: User, ada: User, bo: User) -> None:
    team = Team.objects.create(name="Atelier")
    for member in (admin, ada, bo):
        team.memberships.create(user=member)
    User.objects.filter(pk=bo.pk).update(is_active=False)

    read = bulk.for_team(team=team, amount=5, reason="thanks", key="one", by=admin)

    assert (given(read), read.problems) == ([("ada@easel.test", 5, "thanks")], ())


@pytest.mark.parametrize("amount", [0, -1, 1.5, True, 2**63])
def test_a_selection_of_an_amount_that_is_none_is_refused(amount: int, ada: User) -> None:
    with pytest.raises(InvalidAmount):
        bulk.for_people(people=[ada], amount=amount, reason="thanks", title="", key="one", by=None)


def test_a_selection_needs_a_reason(ada: User) -> None:
    with pytest.raises(InvalidReason):
        bulk.for_people(people=[ada], amount=1, reason=" ", title="", key="one", by=None)


def test_a_thousand_people_are_given_to_in_few_queries(admin: User, django_assert_max_num_queries) -> None:  # type: ignore[no-untyped-def]
    users = User.objects.bulk_create(User(email=f"p{number}@easel.test") for number in range(1_000))
    chosen = bulk.for_people(people=users, amount=3, reason="all", title="all", key="one", by=admin)
    batch = bulk.keep(plan=chosen, by=admin, now=NOW)

    with django_assert_max_num_queries(100):
        bulk.apply(batch=batch, by=admin, now=NOW)

    assert LedgerEntry.objects.filter(amount=3, destination_balance=3).count() == 1_000


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
@pytest.mark.timeout(300)
def test_a_file_that_eight_send_at_once_gives_once() -> None:
    admin = person(credits=0, is_superuser=True)
    people = [person(credits=0) for _ in range(30)]
    data = "".join(f"{one.email},7\n" for one in people)

    came_of_it = race("batches", threads=8, admin=admin.pk, data=data)

    assert came_of_it == {"gave": 1, "given before": 7}
    assert {ledger.available(one) for one in people} == {7}
    assert audit.findings(timezone.now()) == []
