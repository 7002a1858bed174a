"""Arranging over the API: tags, collections, favourites, searches, lineage, and many images at once."""

from typing import Any

import pytest
from django.contrib.auth.models import Permission

from accounts.models import Membership, Team
from gallery import bulk, collections, favourites, later, sharing, tags
from gallery.models import Collection, Image, SavedSearch, Tag
from tests.api.conftest import Caller
from tests.gallery import rows

IMAGES = "/api/v1/images"
pytestmark = pytest.mark.django_db


def ids(answer: Any) -> list[str]:
    return [row["id"] for row in answer.json()["results"]]


def listed(caller: Caller, query: str) -> list[str]:
    answer = caller.client.get(f"{IMAGES}?{query}")
    assert answer.status_code == 200, answer.json()
    return ids(answer)


def public(*images: Image) -> list[str]:
    return [str(image.public_id) for image in images]


# Finding


def test_images_are_found_by_words_and_filters(owner: Caller, teammate: Caller) -> None:
    dusk = rows.image(owner.user, prompt="a pier at dusk")
    wide = rows.image(owner.user, prompt="a pier", width=1344, height=768)
    theirs = rows.image(teammate.user, prompt="their pier", visibility="everyone")
    tags.add(owner.user, [dusk.pk, wide.pk], ["Coast"])
    tags.add(owner.user, [wide.pk], ["Wide"])
    favourites.put(owner.user, theirs, liked=True)
    posters = collections.create(owner.user, "Posters")
    collections.add(owner.user, posters, [dusk.pk, theirs.pk])

    found = {
        "q=pier": public(theirs, wide, dusk),
        "q=pier&mine=true": public(wide, dusk),
        "q=pier&mine=false": public(theirs),
        "q=pier+-dusk&show=mine": public(wide),
        "q=tag:coast+dusk": public(dusk),
        "tag=coast": public(wide, dusk),
        "tag=coast&tag=wide": public(wide),
        "tag=wide&tag=none": [],
        "tag=wide&tag=none&any=true": public(wide),
        "ratio=16:9": public(wide),
        f"person={teammate.user.pk}": public(theirs),
        "favourites=true": public(theirs),
        f"collection={posters.public_id}": public(theirs, dusk),
        "mine=false": public(theirs),
        "references=true": [],
        "until=2020-01-01": [],
    }
    assert {query: listed(owner, query) for query in found} == found


@pytest.mark.parametrize(
    "query",
    ["ratio=7:7", "show=mars", "since=soon", "any=1", "colour=plaid", "collection=x", "person=me", "mine=no"],
)
def test_a_filter_that_cant_be_read_is_named(owner: Caller, query: str) -> None:
    answer = owner.client.get(f"{IMAGES}?{query}&q=pier")

    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_choice")
    assert [error["field"] for error in answer.json()["errors"]] == [query.partition("=")[0]]


def test_a_collection_that_isnt_ones_own_is_not_there(owner: Caller, teammate: Caller) -> None:
    hidden = collections.create(teammate.user, "Hidden")
    assert owner.client.get(f"{IMAGES}?collection={hidden.public_id}").status_code == 404


def test_pages_of_a_search_lead_both_ways(owner: Caller) -> None:
    images = [rows.image(owner.user, prompt=f"pier {place}") for place in range(5)]
    expected = public(*reversed(images))

    first = owner.client.get(f"{IMAGES}?q=pier&limit=2")
    second = owner.client.get(first.json()["next"])
    third = owner.client.get(second.json()["next"])

    assert [*ids(first), *ids(second), *ids(third)] == expected
    assert third.json()["next"] is None
    assert first.json()["previous"] is None
    assert ids(owner.client.get(third.json()["previous"])) == expected[2:4]


def test_an_image_shows_how_it_is_arranged(owner: Caller, teammate: Caller) -> None:
    team = Team.objects.create(name="Press")
    for who in (owner, teammate):
        Membership.objects.create(user=who.user, team=team)
    image = rows.image(owner.user, title="Harbour", notes="For the poster", signature=bytes(range(256)) * 3)
    sharing.show_to(image, "team")
    tags.add(owner.user, [image.pk], ["Zinc", "Dusk"])
    favourites.put(owner.user, image, liked=True)

    shown = owner.client.get(f"{IMAGES}/{image.public_id}").json()

    assert (shown["title"], shown["notes"], shown["tags"]) == ("Harbour", "For the poster", ["Dusk", "Zinc"])
    assert (shown["favourite"], shown["team"], shown["origin"]) == (True, "Press", "generated")
    assert shown["trashed_at"] is None
    assert 0 < shown["palette"][0]["share"] <= 1
    assert shown["palette"][0]["colour"].startswith("#")
    theirs = teammate.client.get(f"{IMAGES}/{image.public_id}").json()
    assert (theirs["favourite"], theirs["tags"]) == (False, ["Dusk", "Zinc"])
    sharing.show_to(image, "private")
    assert owner.client.get(f"{IMAGES}/{image.public_id}").json()["team"] is None


def test_lists_cost_the_same_however_much_there_is(owner: Caller, django_assert_max_num_queries: Any) -> None:
    def queries(path: str) -> int:
        with django_assert_max_num_queries(25) as captured:
            assert owner.client.get(f"/api/v1/{path}").status_code == 200
        return len(captured)

    def more(number: int) -> None:
        for _ in range(number):
            image = rows.image(owner.user)
            tags.add(owner.user, [image.pk], [f"one {image.pk}", "all"])
            favourites.put(owner.user, image, liked=True)
            made = collections.create(owner.user, "More")
            collections.add(owner.user, made, [image.pk])
            collections.set_cover(owner.user, made, image)

    more(2)
    paths = ["images", "images?q=lighthouse", "images?tag=all&mine=true", "collections", "tags"]
    for path in paths:
        queries(path)
    few = [queries(path) for path in paths]
    more(5)

    assert [queries(path) for path in paths] == few


# One image


def test_the_owner_gives_a_title_and_notes(owner: Caller, teammate: Caller) -> None:
    image = rows.image(owner.user, visibility="everyone")
    url = f"{IMAGES}/{image.public_id}"

    answer = owner.client.patch(url, {"title": " Harbour ", "notes": "First\ndraft"})

    assert answer.status_code == 200
    assert (answer.json()["title"], answer.json()["notes"]) == ("Harbour", "First\ndraft")
    assert listed(owner, "q=harbour+draft") == public(image)
    assert teammate.client.patch(url, {"title": "Mine"}).json()["code"] == "not_yours"
    long = owner.client.patch(url, {"title": "x" * 121}).json()
    assert (long["code"], long["errors"][0]["field"]) == ("too_long", "title")


def test_tags_are_put_on_and_taken_off_together_or_not_at_all(owner: Caller) -> None:
    image = rows.image(owner.user)
    url = f"{IMAGES}/{image.public_id}/tags"

    assert owner.client.put(url, {"add": ["Dusk", "Pier"]}).json()["tags"] == ["Dusk", "Pier"]
    changed = owner.client.put(url, {"add": ["Dawn"], "remove": ["dusk", "unknown"]})
    assert changed.json()["tags"] == ["Dawn", "Pier"]

    full = owner.client.put(url, {"add": [f"tag {place}" for place in range(19)], "remove": ["Dawn", "Pier"]})
    assert len(full.json()["tags"]) == 19
    refused = owner.client.put(url, {"add": ["A", "B", "C"], "remove": ["tag 1"]})
    assert (refused.status_code, refused.json()["code"]) == (400, "too_many_tags")
    assert "tag 1" in owner.client.get(f"{IMAGES}/{image.public_id}").json()["tags"]
    assert owner.client.put(url, {"add": ["!"]}).json()["code"] == "invalid_tag"


def test_a_favourite_is_set_twice_as_once(owner: Caller) -> None:
    image = rows.image(owner.user)
    url = f"{IMAGES}/{image.public_id}/favourite"

    for method, expected in (("put", True), ("put", True), ("delete", False), ("delete", False)):
        assert getattr(owner.client, method)(url).status_code == 204
        assert owner.client.get(f"{IMAGES}/{image.public_id}").json()["favourite"] is expected


def test_lineage_shows_both_directions(owner: Caller, teammate: Caller) -> None:
    from tests import factories
    from tests.gallery.test_arranging import made_from

    source, upload = rows.image(owner.user), factories.upload(owner.user)
    image = made_from(owner.user, source, upload, visibility="everyone")
    made = made_from(owner.user, image)

    answer = owner.client.get(f"{IMAGES}/{image.public_id}/lineage").json()

    assert [one["kind"] for one in answer["sources"]] == ["image", "upload"]
    assert answer["sources"][0]["image"]["id"] == str(source.public_id)
    assert answer["sources"][1] == {"kind": "upload", "image": None, "upload": str(upload.public_id)}
    assert ([one["id"] for one in answer["made"]], answer["more"]) == (public(made), False)
    theirs = teammate.client.get(f"{IMAGES}/{image.public_id}/lineage").json()
    hidden = {"kind": "hidden", "image": None, "upload": None}
    assert theirs == {"sources": [hidden, hidden], "made": [], "more": False}


# The vocabulary


def test_tags_are_suggested_renamed_coloured_merged_and_deleted(owner: Caller, teammate: Caller) -> None:
    image = rows.image(owner.user)
    tags.add(owner.user, [image.pk], ["Golden hour", "Dusk"])
    hour, dusk = Tag.objects.get(key="golden hour"), Tag.objects.get(key="dusk")

    (suggested,) = owner.client.get("/api/v1/tags?q=ho").json()["results"]
    assert suggested == {"id": hour.pk, "name": "Golden hour", "colour": "", "uses": 1}
    assert len(owner.client.get("/api/v1/tags?limit=1").json()["results"]) == 1
    assert owner.client.get("/api/v1/tags?limit=101").json()["code"] == "invalid_limit"

    changed = owner.client.patch(f"/api/v1/tags/{hour.pk}", {"name": "Evening", "colour": "teal"}).json()
    assert (changed["name"], changed["colour"]) == ("Evening", "teal")
    taken = owner.client.patch(f"/api/v1/tags/{hour.pk}", {"name": "DUSK"})
    assert (taken.status_code, taken.json()["code"]) == (400, "name_taken")
    assert teammate.client.patch(f"/api/v1/tags/{hour.pk}", {"colour": "red"}).json()["code"] == "not_allowed"

    merged = owner.client.post(f"/api/v1/tags/{hour.pk}/merge", {"into": dusk.pk})
    assert merged.json()["name"] == "Dusk"
    assert listed(owner, "tag=evening") == public(image)
    assert owner.client.patch(f"/api/v1/tags/{hour.pk}", {"name": "x"}).status_code == 404
    assert (
        owner.client.post(f"/api/v1/tags/{dusk.pk}/merge", {"into": hour.pk}).json()["code"] == "unknown_tag"
    )

    teammate.user.user_permissions.add(Permission.objects.get(codename="change_tag"))
    assert teammate.client.delete(f"/api/v1/tags/{dusk.pk}").status_code == 204
    assert not Tag.objects.exists()


# Collections


def test_a_collection_is_made_filled_ordered_and_deleted(owner: Caller) -> None:
    a, b, c = (rows.image(owner.user) for _ in range(3))

    made = owner.client.post("/api/v1/collections", {"name": "Posters"})
    assert made.status_code == 201
    url = made["Location"]
    assert (made.json()["visibility"], made.json()["mine"], made.json()["size"]) == ("private", True, 0)

    assert owner.client.post(f"{url}/images", {"images": public(b, a, c)}).json() == {"changed": 3}
    assert owner.client.post(f"{url}/images", {"images": public(a)}).json() == {"changed": 0}
    move = {"image": str(c.public_id), "before": str(b.public_id)}
    assert owner.client.post(f"{url}/move", move).status_code == 204
    items = Collection.objects.get().items.order_by("position").values_list("image", flat=True)
    assert list(items) == [c.pk, b.pk, a.pk]
    assert owner.client.put(f"{url}/images", {"images": public(a, c)}).status_code == 204
    assert list(items.all()) == [a.pk, b.pk, c.pk]

    patched = owner.client.patch(url, {"name": "Prints", "cover": str(b.public_id)}).json()
    assert (patched["name"], patched["cover"], patched["size"]) == ("Prints", str(b.public_id), 3)
    assert owner.client.patch(url, {"visibility": "team"}).json()["code"] == "no_team"
    assert owner.client.delete(f"{url}/images/{b.public_id}").status_code == 204
    assert owner.client.delete(f"{url}/images/{b.public_id}").status_code == 404
    gone = {"image": str(b.public_id), "after": str(a.public_id)}
    assert owner.client.post(f"{url}/move", gone).json()["code"] == "not_in_collection"
    assert ids(owner.client.get("/api/v1/collections")) == [made.json()["id"]]
    assert owner.client.delete(url).status_code == 204
    assert Image.objects.count() == 3


def test_a_teams_collection_is_filled_by_members_and_changed_by_its_owner(
    owner: Caller, teammate: Caller
) -> None:
    team = Team.objects.create(name="Press")
    for who in (owner, teammate):
        Membership.objects.create(user=who.user, team=team)
    posters = collections.create(owner.user, "Posters")
    url = f"/api/v1/collections/{posters.public_id}"
    image = rows.image(teammate.user)
    assert teammate.client.get(url).status_code == 404

    owner.client.patch(url, {"visibility": "team"})

    assert teammate.client.post(f"{url}/images", {"images": public(image)}).json() == {"changed": 1}
    assert teammate.client.get(url).json()["size"] == 1
    assert owner.client.get(url).json()["size"] == 0
    refused = teammate.client.patch(url, {"name": "Mine"})
    assert (refused.status_code, refused.json()["code"]) == (403, "not_allowed")


def test_a_full_collection_is_a_conflict(owner: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(collections, "IMAGES_MAX", 1)
    posters = collections.create(owner.user, "Posters")
    given = {"images": public(rows.image(owner.user), rows.image(owner.user))}

    answer = owner.client.post(f"/api/v1/collections/{posters.public_id}/images", given)

    assert (answer.status_code, answer.json()["code"]) == (409, "collection_full")


# Searches


def test_a_search_is_saved_renamed_and_forgotten(owner: Caller) -> None:
    made = owner.client.post("/api/v1/searches", {"name": "Dusk", "query": "q=dusk&page=2"})
    assert (made.status_code, made.json()["query"]) == (201, "q=dusk")
    assert owner.client.post("/api/v1/searches", {"name": "Dusk", "query": ""}).json()["code"] == "name_taken"
    bad = owner.client.post("/api/v1/searches", {"name": "Odd", "query": "ratio=7:7"})
    assert (bad.status_code, bad.json()["code"]) == (400, "invalid_search")

    url = f"/api/v1/searches/{made.json()['id']}"
    assert owner.client.patch(url, {"name": "Evening"}).json()["name"] == "Evening"
    assert ids(owner.client.get("/api/v1/searches")) == [made.json()["id"]]
    assert owner.client.delete(url).status_code == 204
    assert not SavedSearch.objects.exists()


# Many at once


def change(caller: Caller, verb: str, **given: Any) -> Any:
    return caller.client.post(f"{IMAGES}/bulk", {"verb": verb, **given})


def test_all_of_a_filter_is_tagged_and_the_tags_are_taken_back(owner: Caller, teammate: Caller) -> None:
    piers = [rows.image(owner.user, prompt="a pier") for _ in range(3)]
    rows.image(owner.user, prompt="a barn")
    rows.image(teammate.user, prompt="their pier", visibility="everyone")

    answer = change(owner, "tag", filter="show=all&q=pier", without=public(piers[0]), tags=["Coast"]).json()

    told = {key: answer[key] for key in ("verb", "asked", "changed", "unchanged", "left", "may_undo")}
    assert told == {"verb": "tag", "asked": 3, "changed": 2, "unchanged": 1, "left": 0, "may_undo": True}
    assert listed(owner, "tag=coast") == public(piers[2], piers[1])

    undone = owner.client.post(f"/api/v1/undo/{answer['id']}").json()
    assert (undone["undone"], undone["restored"], undone["may_undo"]) == (True, 2, False)
    assert listed(owner, "tag=coast") == []
    again = owner.client.post(f"/api/v1/undo/{answer['id']}")
    assert (again.status_code, again.json()["code"]) == (409, "already_undone")


def test_each_verb_takes_chosen_images(owner: Caller) -> None:
    image = rows.image(owner.user)
    tags.add(owner.user, [image.pk], ["Dusk"])
    posters = str(collections.create(owner.user, "Posters").public_id)
    verbs: list[tuple[str, dict[str, Any]]] = [
        ("tag", {"tags": ["Pier"]}),
        ("untag", {"tags": ["Dusk"]}),
        ("collect", {"collection": posters}),
        ("uncollect", {"collection": posters}),
        ("favourite", {}),
        ("unfavourite", {}),
        ("show", {"visibility": "everyone"}),
    ]
    for verb, given in verbs:
        answer = change(owner, verb, images=public(image), **given)
        assert (answer.status_code, answer.json()["changed"]) == (200, 1), verb


@pytest.mark.parametrize(
    ("given", "code"),
    [
        ({"verb": "tag", "filter": ""}, "required"),
        ({"verb": "show", "filter": ""}, "required"),
        ({"verb": "collect", "filter": ""}, "required"),
        ({"verb": "favourite"}, "one_of_two"),
        ({"verb": "favourite", "filter": "", "images": []}, "one_of_two"),
        ({"verb": "favourite", "filter": "ratio=7:7"}, "invalid_filter"),
        ({"verb": "burn", "filter": ""}, "invalid_choice"),
        ({"verb": "show", "filter": "", "visibility": "team"}, "no_team"),
    ],
)
def test_what_isnt_whole_is_refused(owner: Caller, given: dict[str, Any], code: str) -> None:
    rows.image(owner.user)
    answer = owner.client.post(f"{IMAGES}/bulk", given)
    assert (answer.status_code, answer.json()["code"]) == (400, code)


def test_a_foreign_collection_is_not_there(owner: Caller, teammate: Caller) -> None:
    hidden = str(collections.create(teammate.user, "Hidden").public_id)
    for given in (
        {"filter": "", "collection": hidden},
        {"filter": f"collection={hidden}", "collection": hidden},
    ):
        answer = change(owner, "collect", **given)
        assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


def test_what_a_request_leaves_is_told_and_followed(owner: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    from gallery import bulk_verbs, unfinished

    images = [rows.image(owner.user) for _ in range(4)]
    verb = bulk_verbs.VERBS["favourite"]
    monkeypatch.setitem(bulk_verbs.VERBS, "favourite", bulk_verbs.Verb(verb.do, verb.undo, part=1))
    monkeypatch.setattr(bulk, "REQUEST_SECONDS", 0.0)
    monkeypatch.setattr(later, "_takers", [])

    answer = change(owner, "favourite", images=public(*images)).json()
    assert answer["left"] > 0
    unfinished.go_on()
    followed = owner.client.get(f"/api/v1/undo/{answer['id']}").json()
    assert (followed["left"], followed["changed"]) == (0, 4)
