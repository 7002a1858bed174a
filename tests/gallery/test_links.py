"""Share links: what they are made of, what they show, and what ends them."""

import re
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from accounts.models import Membership, Team, User
from gallery import collections, links, sharing
from gallery.links import Gone, InvalidTerms, Visitor
from gallery.models import Image, SharedImage, ShareLink
from tests import factories
from tests.gallery import shared

pytestmark = pytest.mark.django_db
NOBODY = Visitor()


@pytest.fixture
def owner() -> User:
    return factories.person(name="Mara Lindqvist", email="mara@secret.test")


def shown(link: ShareLink, visitor: Visitor = NOBODY) -> list[Image]:
    return list(links.resolve(shared.token(link), visitor, now=timezone.now()).images)


def is_gone(link: ShareLink, visitor: Visitor = NOBODY) -> bool:
    try:
        links.resolve(shared.token(link), visitor, now=timezone.now())
    except Gone:
        return True
    return False


# The address


def test_an_address_has_144_bits_and_the_database_only_their_digest(owner: User) -> None:
    link = shared.link(owner)

    token = shared.token(link)

    assert re.fullmatch(r"[\w-]{24}", token)
    row = " ".join(str(value) for value in ShareLink.objects.values().get(pk=link.pk).values())
    assert token not in row
    assert links.address_of(ShareLink.objects.get(pk=link.pk)).endswith(f"/s/{token}")


def test_links_of_one_picture_have_different_addresses(owner: User) -> None:
    image = shared.image(owner)

    made = [shared.link(owner, image) for _ in range(3)]

    assert len({shared.token(link) for link in made}) == 3
    assert all(shown(link) == [image] for link in made)


def test_a_link_survives_a_new_key_and_its_address_is_known_by_the_old_one(
    owner: User, settings: Any
) -> None:
    link = shared.link(owner)
    address, token, old = links.address_of(link), shared.token(link), settings.SECRET_KEY

    settings.SECRET_KEY = "another key, long enough for its purpose"
    settings.SECRET_KEY_FALLBACKS = [old]
    assert links.address_of(link) == address

    settings.SECRET_KEY_FALLBACKS = []
    with pytest.raises(links.AddressLost):
        links.address_of(link)
    assert links.resolve(token, NOBODY, now=timezone.now()).link == link


# Terms


def test_a_link_ends_after_thirty_days_unless_chosen_otherwise(owner: User) -> None:
    now = timezone.now()
    image = shared.image(owner)

    usual = links.create(owner, images=[image.pk], now=now)
    endless = links.create(owner, images=[image.pk], now=now, expires_at=None)

    assert usual.expires_at == now + timedelta(days=30)
    assert endless.expires_at is None
    assert (usual.download, usual.shows_prompt, usual.audience) == ("none", False, "public")


@pytest.mark.parametrize(
    ("field", "terms"),
    [
        ("audience", {"audience": "everyone"}),
        ("audience", {"audience": "team"}),
        ("expires_at", {"expires_at": timezone.now() - timedelta(seconds=1)}),
        ("password", {"password": "short"}),
        ("password", {"password": "x" * 129}),
        ("download", {"download": "all"}),
        ("views_max", {"views_max": 0}),
        ("views_max", {"views_max": 1_000_001}),
        ("is_live", {"is_live": True}),
        ("title", {"title": "x" * 121}),
        ("title", {"title": "a\x07b"}),
    ],
)
def test_terms_that_cannot_be_are_refused_by_name(owner: User, field: str, terms: Any) -> None:
    with pytest.raises(InvalidTerms) as refusal:
        shared.link(owner, **terms)
    assert refusal.value.field == field
    assert not ShareLink.objects.exists()


def test_a_stranger_shares_neither_a_foreign_picture_nor_one_in_the_trash(owner: User) -> None:
    stranger = factories.person()
    image = shared.image(owner, visibility=Image.Visibility.EVERYONE)
    trashed = shared.image(owner, trashed_at=timezone.now())

    for who, pk in [(stranger, image.pk), (owner, trashed.pk), (owner, 0)]:
        with pytest.raises(InvalidTerms):
            links.create(who, images=[pk], now=timezone.now())
    with pytest.raises(InvalidTerms):
        links.create(stranger, collection=shared.collection(owner, image), now=timezone.now())


def test_a_change_holds_at_once_and_a_revoked_link_takes_none(owner: User) -> None:
    link = shared.link(owner)

    changed = links.change(link, now=timezone.now(), shows_prompt=True, download="original")
    assert (changed.shows_prompt, changed.download) == (True, "original")

    links.revoke(link, now=timezone.now())
    with pytest.raises(InvalidTerms):
        links.change(link, now=timezone.now(), expires_at=None)


# What ends it


def test_an_unknown_and_a_malformed_token_are_gone(owner: User) -> None:
    for token in ("A" * 24, "", "\x00", "\ud800", "x" * 10_000, f"{shared.token(shared.link(owner))}="):
        with pytest.raises(Gone):
            links.resolve(token, NOBODY, now=timezone.now())


def test_it_ends_by_the_clock(owner: User) -> None:
    link = shared.link(owner, expires_at=shared.in_days(1))
    token = shared.token(link)

    assert links.resolve(token, NOBODY, now=timezone.now() + timedelta(hours=23)).link == link
    with pytest.raises(Gone):
        links.resolve(token, NOBODY, now=link.expires_at or timezone.now())


def test_revoking_all_leaves_other_peoples_links(owner: User) -> None:
    mine = [shared.link(owner), shared.link(owner)]
    theirs = shared.link(factories.person())

    assert links.revoke_all(owner, now=timezone.now()) == 2
    assert [is_gone(link) for link in [*mine, theirs]] == [True, True, False]
    assert links.revoke_all(owner, now=timezone.now()) == 0


def test_it_ends_with_its_owner_and_comes_back_with_them(owner: User) -> None:
    link = shared.link(owner)
    User.objects.filter(pk=owner.pk).update(is_active=False)
    assert is_gone(link)
    User.objects.filter(pk=owner.pk).update(is_active=True)
    assert not is_gone(link)


def test_a_picture_in_the_trash_or_of_somebody_else_now_is_not_shown(owner: User) -> None:
    first, second = shared.image(owner, seed=1), shared.image(owner, seed=2)
    link = shared.link(owner, first, second)

    Image.objects.filter(pk=first.pk).update(trashed_at=timezone.now())
    assert shown(link) == [second]
    Image.objects.filter(pk=second.pk).update(owner=factories.person(), visibility="everyone")
    assert is_gone(link)


def test_pictures_come_in_the_order_they_were_chosen(owner: User) -> None:
    images = [shared.image(owner, seed=seed) for seed in range(4)]
    chosen = [images[2], images[0], images[3], images[1]]

    assert shown(shared.link(owner, *chosen)) == chosen


# Teams


def test_a_team_link_asks_for_membership_of_both_each_time(owner: User) -> None:
    team = Team.objects.create(name="Studio Nord")
    member, stranger = factories.person(), factories.person()
    shared.join(team, owner, member)
    link = shared.link(owner, audience="team")

    assert not is_gone(link, Visitor(member.pk))
    assert not is_gone(link, Visitor(owner.pk))
    assert is_gone(link)
    assert is_gone(link, Visitor(stranger.pk))

    Membership.objects.filter(user=member).delete()
    assert is_gone(link, Visitor(member.pk))
    shared.join(team, member)
    Membership.objects.filter(user=owner).delete()
    assert is_gone(link, Visitor(member.pk))


# Collections


def test_a_live_link_shows_what_is_in_the_collection_now(owner: User) -> None:
    first, second = shared.image(owner, seed=1), shared.image(owner, seed=2)
    collection = shared.collection(owner, first)
    live = links.create(owner, collection=collection, now=timezone.now(), is_live=True)
    pinned = links.create(owner, collection=collection, now=timezone.now())

    collections.file(collection.pk, [second], by_id=owner.pk)

    assert shown(live) == [first, second]
    assert shown(pinned) == [first]
    assert live.title == "Harbour"
    assert not SharedImage.objects.filter(link=live).exists()


def test_a_link_can_be_pinned_and_made_live_again(owner: User) -> None:
    first, second = shared.image(owner, seed=1), shared.image(owner, seed=2)
    collection = shared.collection(owner, first)
    link = links.create(owner, collection=collection, now=timezone.now(), is_live=True)

    link = links.change(link, now=timezone.now(), is_live=False)
    collections.file(collection.pk, [second], by_id=owner.pk)
    assert shown(link) == [first]
    assert shown(links.change(link, now=timezone.now(), is_live=True)) == [first, second]


def test_a_collections_link_shows_only_what_its_owner_may_see(owner: User) -> None:
    team = Team.objects.create(name="Studio Nord")
    mate = factories.person()
    shared.join(team, owner, mate)
    mine = shared.image(owner, seed=1)
    theirs = shared.image(mate, seed=2, visibility=Image.Visibility.TEAM, team=team)
    private = shared.image(mate, seed=3, team=team)
    collection = shared.collection(owner, mine, theirs, private, team=team, visibility="team")
    live = links.create(owner, collection=collection, now=timezone.now(), is_live=True)
    pinned = links.create(owner, collection=collection, now=timezone.now())

    assert shown(live) == shown(pinned) == [mine, theirs]
    sharing.show_to(theirs, Image.Visibility.PRIVATE)
    assert shown(live) == shown(pinned) == [mine]
    sharing.show_to(theirs, Image.Visibility.TEAM)
    Membership.objects.filter(user=owner).delete()
    assert shown(live) == shown(pinned) == [mine]


def test_with_its_collection_a_link_is_gone(owner: User) -> None:
    collection = shared.collection(owner, shared.image(owner))
    link = links.create(owner, collection=collection, now=timezone.now(), is_live=True)
    token = shared.token(link)

    collection.delete()

    with pytest.raises(Gone):
        links.resolve(token, NOBODY, now=timezone.now())


# Views


def test_a_reload_is_the_same_view_and_a_later_look_another(owner: User, client: Client) -> None:
    import time_machine

    link = shared.link(owner)
    for _ in range(3):
        assert client.get(shared.path(link)).status_code == 200
    link.refresh_from_db()
    assert link.views == 1
    assert link.last_viewed_at is not None

    with time_machine.travel(timezone.now() + timedelta(minutes=31)):
        client.get(shared.path(link))
    link.refresh_from_db()
    assert link.views == 2


def test_a_look_at_headers_or_a_file_is_no_view(owner: User, client: Client) -> None:
    image = shared.image(owner)
    link = shared.link(owner, image)

    client.head(shared.path(link))
    client.get(shared.path(link, "file", image.public_id, 320))

    link.refresh_from_db()
    assert link.views == 0


def test_a_limited_link_is_opened_by_a_click_so_that_a_card_takes_no_view(owner: User) -> None:
    image = shared.image(owner)
    link = shared.link(owner, image, views_max=1)
    bot, person, late = Client(), Client(), Client()
    file = shared.path(link, "file", image.public_id, 320)

    for _ in range(3):
        assert "Open it now?" in bot.get(shared.path(link)).content.decode()
    assert person.get(file).status_code == 404

    assert shared.unlock(person, link).status_code == 302
    assert person.get(shared.path(link)).status_code == 200
    assert person.get(file).status_code == 200
    assert late.get(shared.path(link)).status_code == 404
    assert shared.unlock(late, link).status_code == 404
    link.refresh_from_db()
    assert (link.views, links.state_of(link, now=timezone.now())) == (1, "used up")
    links.revoke(link, now=timezone.now())
    assert person.get(file).status_code == 404
