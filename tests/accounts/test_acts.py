"""The record of admins' acts: complete, from where, and never changed."""

import pytest
from django.test import RequestFactory

from accounts import acts
from accounts.models import AdminAct
from tests.factories import person

pytestmark = pytest.mark.django_db


def test_an_act_says_who_what_before_after_why_and_from_where() -> None:
    admin, ada = person(credits=0), person(credits=0, name="Ada")

    acts.record(
        by=admin,
        verb="grant",
        subject=ada,
        before={"balance": 0},
        after={"balance": 5},
        reason="for March",
        origin=acts.Origin("192.0.2.7", "r-1"),
    )

    act = AdminAct.objects.get()
    assert (act.by, act.verb, act.subject_kind, act.subject_id) == (admin, "grant", "user", str(ada.pk))
    assert (act.before, act.after, act.reason) == ({"balance": 0}, {"balance": 5}, "for March")
    assert (act.address, act.request_id) == ("192.0.2.7", "r-1")


def test_the_subject_keeps_the_name_it_had_then() -> None:
    ada = person(credits=0, name="Ada")
    acts.record(by=None, verb="grant", subject=ada, before={}, after={}, reason="")

    ada.name = "Ada Byron"
    ada.save()

    assert AdminAct.objects.get().subject_label == "Ada"


def test_a_request_says_from_where_it_came() -> None:
    request = RequestFactory().get("/", REMOTE_ADDR="192.0.2.7")
    assert acts.origin_of(request) == acts.Origin("192.0.2.7", "")


def test_a_command_on_the_server_comes_from_nowhere() -> None:
    acts.record(by=None, verb="grant", subject=person(credits=0), before={}, after={}, reason="")

    act = AdminAct.objects.get()
    assert (act.by, act.address, act.request_id) == (None, None, "")


def test_many_acts_are_written_together(django_assert_max_num_queries) -> None:  # type: ignore[no-untyped-def]
    people = [person(credits=0) for _ in range(20)]

    with django_assert_max_num_queries(1):
        acts.record_each(
            acts.act(by=None, verb="grant", subject=one, before={}, after={}, reason="") for one in people
        )

    assert AdminAct.objects.count() == 20
