"""The pages of signing in and of one's account, as the server draws them."""

import re

import pytest
from django.template.loader import get_template
from django.test import Client

from accounts.models import User
from tests import factories

pytestmark = pytest.mark.django_db

OPEN_PAGES = ["/accounts/login/", "/accounts/password/reset/", "/accounts/signup/"]
OWN_PAGES = [
    "/accounts/email/",
    "/accounts/password/change/",
    "/accounts/2fa/",
    "/accounts/2fa/webauthn/",
    "/accounts/sessions/",
    "/accounts/logout/",
]


@pytest.fixture
def person() -> User:
    return factories.person(name="Mara Lindqvist")


@pytest.fixture
def signed_in(client: Client, person: User) -> Client:
    client.force_login(person)
    return client


def page(client: Client, path: str) -> str:
    response = client.get(path)
    assert response.status_code == 200, response
    return response.content.decode()


@pytest.mark.parametrize("path", OPEN_PAGES)
def test_an_open_page_has_a_language_one_heading_and_one_main(client: Client, path: str) -> None:
    html = page(client, path)

    assert '<html lang="en' in html
    assert len(re.findall(r"<h1\b", html)) == 1
    assert len(re.findall(r"<main\b", html)) == 1


@pytest.mark.parametrize("path", OWN_PAGES)
def test_an_account_page_stands_in_the_shell(signed_in: Client, path: str) -> None:
    html = page(signed_in, path)

    assert len(re.findall(r"<h1\b", html)) == 1
    assert len(re.findall(r"<main\b", html)) == 1
    assert 'class="settings-nav"' in html


@pytest.mark.parametrize("path", [*OPEN_PAGES, *OWN_PAGES])
def test_every_field_has_a_visible_label(signed_in: Client, path: str) -> None:
    client = Client() if path in OPEN_PAGES else signed_in
    html = page(client, path)
    fields = re.findall(
        r'<(?:input|select|textarea)\b(?![^>]*type="(?:hidden|radio)")[^>]*\bid="([^"]+)"', html
    )
    labels = re.findall(r'<label\b[^>]*\bfor="([^"]+)"', html)

    assert set(fields) <= set(labels)


def test_a_wrong_password_and_an_unknown_address_get_the_same_sentence(client: Client, person: User) -> None:
    sentences = [
        re.findall(
            r'role="alert">.*?<p>(.*?)</p>', client.post("/accounts/login/", form).content.decode(), re.DOTALL
        )
        for form in (
            {"login": person.email, "password": "not this one"},
            {"login": "nobody@easel.test", "password": "not this one"},
        )
    ]

    assert sentences == [["That e-mail and password don&#x27;t match."]] * 2


def test_the_right_password_lets_a_person_in(client: Client, person: User) -> None:
    client.post("/accounts/login/", {"login": person.email, "password": "correct horse battery"})

    assert client.session["_auth_user_id"] == str(person.pk)


def test_signing_in_says_nothing_in_a_toast(client: Client, person: User) -> None:
    client.post("/accounts/login/", {"login": person.email, "password": "correct horse battery"})

    assert 'data-toast="success"' not in page(client, "/accounts/email/")


@pytest.mark.parametrize("theme", ["dark", "light", "system"])
def test_the_theme_of_the_cookie_is_drawn_by_the_server(client: Client, theme: str) -> None:
    client.cookies["theme"] = theme

    assert f'data-theme="{theme}"' in page(client, "/accounts/login/")


def test_without_a_cookie_or_with_a_strange_one_the_theme_is_dark(client: Client) -> None:
    assert 'data-theme="dark"' in page(client, "/accounts/login/")
    client.cookies["theme"] = "neon"
    assert 'data-theme="dark"' in page(client, "/accounts/login/")


@pytest.mark.parametrize("path", ["/accounts/login/", "/accounts/email/"])
@pytest.mark.parametrize("emulated", [True, False])
def test_every_page_says_when_pictures_come_from_the_emulator(
    signed_in: Client, settings: object, path: str, emulated: bool
) -> None:
    settings.PROVIDER_EMULATED = emulated  # type: ignore[attr-defined]
    client = Client() if "login" in path else signed_in

    assert ("Demonstration:" in page(client, path)) is emulated


def test_accounts_are_by_invitation_unless_registration_is_open(client: Client, settings: object) -> None:
    assert "by invitation" in page(client, "/accounts/login/")
    settings.REGISTRATION_OPEN = True  # type: ignore[attr-defined]
    assert "Make an account" in page(client, "/accounts/login/")


def test_the_admin_is_named_to_admins_only(client: Client, person: User) -> None:
    client.force_login(person)
    assert 'href="/admin/"' not in page(client, "/accounts/email/")
    client.force_login(factories.person(is_staff=True))
    assert 'href="/admin/"' in page(client, "/accounts/email/")


def test_a_missing_page_stands_in_the_shell_and_names_its_request(signed_in: Client) -> None:
    response = signed_in.get("/no-such-page")

    assert response.status_code == 404
    assert 'class="rail"' in response.content.decode()
    assert response["X-Request-Id"] in response.content.decode()


def test_the_page_of_a_broken_server_needs_no_context() -> None:
    assert "Something went wrong on our side" in get_template("500.html").render()


def test_a_stale_form_is_refused_in_words(person: User) -> None:
    response = Client(enforce_csrf_checks=True).post("/accounts/login/", {"login": person.email})

    assert response.status_code == 403
    assert "open for too long" in response.content.decode()
