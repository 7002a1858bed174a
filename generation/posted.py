"""What a posted form asks for: its references, one submit for each key and content, and why not, in words."""

import hashlib
import json

from django.conf import settings
from django.core.files.uploadedfile import UploadedFile
from django.http import HttpRequest
from django.utils import timezone

from accounts import idempotency, ledger
from accounts.models import User
from gallery import ingest, quota
from gallery.models import Image
from generation import composer, conversations, filing, pricing, retrying, submission
from generation.composer import Refusal
from generation.forms import ComposerForm
from generation.models import Generation
from generation.references import GivenReference
from generation.retrying import Retry
from generation.wishes import InvalidWish, Wish

# What a wish may meet that its person can do something about; nothing was held.
REFUSALS = (
    InvalidWish,
    ledger.InsufficientCredits,
    ledger.LimitReached,
    quota.QuotaExceeded,
    submission.PriceChanged,
)
TOO_MANY = "You can use up to {most} references. Remove one to add this."


def references(request: HttpRequest, user: User, *, most: int) -> tuple[list[str], list[str]]:
    """The ids of the references: those kept from before, and the files that came along; and what is wrong."""
    given = [text for text in request.POST.getlist("reference") if composer.is_id(text)]
    faults = []
    for file in request.FILES.getlist("files"):
        if len(given) >= most:
            faults.append(TOO_MANY.format(most=most))
            break
        try:
            given.append(take_in(user, file))
        except (ingest.PictureRefused, quota.QuotaExceeded) as refusal:
            faults.append(str(refusal))
    return given, faults


def take_in(user: User, file: UploadedFile) -> str:
    """Store the file as an upload; answers its public id.

    :raises ingest.PictureRefused: :raises quota.QuotaExceeded:
    """
    name = file.name or ""
    ingest.check_size(file.size or 0, max_bytes=settings.UPLOAD_MAX_BYTES, file_name=name)
    return str(ingest.store_upload(owner=user, data=file.read(), file_name=name).public_id)


def make(
    request: HttpRequest,
    user: User,
    wish: Wish,
    given: list[GivenReference],
    *,
    price: int | None,
    continues: Image | None = None,
    fork: bool = False,
) -> Generation:
    """Submit it once for each key and content: the same form sent twice makes one generation.

    `continues` is the picture a turn goes on from, `fork` asks for a branch. Raises what is in `REFUSALS`.
    """
    wish = filing.into(wish, user, request.POST.get("collection"))
    content = [_content(wish), *(reference.original.sha256 for reference in given)]
    if continues is not None:
        content.append(f"{continues.public_id} {fork}")
    if wish.collection_id is not None:
        content.append(f"collection {wish.collection_id}")
    key = _key(request, content)
    expected = None if price is None else price * wish.count
    now = timezone.now()
    if continues is None:
        made = submission.submit(
            user=user, wish=wish, references=given, now=now, expected_credits=expected, key=key
        )
    else:
        made = conversations.continue_from(
            user=user,
            image=continues,
            wish=wish,
            references=given,
            now=now,
            fork=fork,
            expected_credits=expected,
            key=key,
        )
    return made.generation


def again(request: HttpRequest, user: User, retry: Retry, *, provider: str, price: int) -> Generation:
    """Ask for it again once for each key. Raises what is in `REFUSALS`.

    What was asked for counts, not the provider that was chosen for it: another press may choose another.
    """
    content = [str(retry.earlier.public_id), provider, str(retry.wish.count), str(price)]
    made = retrying.submit(
        retry,
        user=user,
        now=timezone.now(),
        expected_credits=price * retry.wish.count,
        key=_key(request, content),
    )
    return made.generation


def _key(request: HttpRequest, content: list[str]) -> idempotency.Key | None:
    """The form's key together with what it asks for."""
    if not composer.is_id(form_key := request.POST.get("key", "")):
        return None
    digest = hashlib.sha256("\n".join(content).encode()).hexdigest()
    return idempotency.Key(value=f"form:{form_key}:{digest[:32]}", fingerprint=digest)


def strip(
    refusal: InvalidWish
    | ledger.InsufficientCredits
    | ledger.LimitReached
    | quota.QuotaExceeded
    | submission.PriceChanged,
    wish: Wish | None = None,
) -> Refusal:
    """The refusal as the composer says it."""
    match refusal:
        case InvalidWish():
            return Refusal(refusal.detail, fields=frozenset({refusal.field}))
        case ledger.InsufficientCredits():
            quote = _quote(wish) if wish else None
            return composer.too_few(
                needed=refusal.needed, available=refusal.available, held=refusal.held, quote=quote
            )
        case ledger.LimitReached() | quota.QuotaExceeded():
            return Refusal(str(refusal))
        case _:
            return Refusal(
                str(refusal),
                more=("Press Generate again to go on at this price.",),
                price=wish.size.price if wish else None,
            )


def form_refused(form: ComposerForm) -> Refusal:
    """What is wrong with the fields of a form."""
    lead, *more = [str(error) for errors in form.errors.values() for error in errors]
    return Refusal(lead, more=tuple(more), fields=frozenset(form.errors))


def files_refused(faults: list[str]) -> Refusal | None:
    """What is wrong with the files that came along."""
    return Refusal(faults[0], more=tuple(faults[1:]), fields=frozenset({"references"})) if faults else None


def whole(text: str, otherwise: int) -> int:
    """The number that a field of the form says, if it says one."""
    return int(text) if text.isdecimal() and len(text) < 10 else otherwise


def _quote(wish: Wish) -> pricing.Quote:
    return pricing.quote(model=wish.model, count=wish.count, image_size=wish.size.name)


def _content(wish: Wish) -> str:
    """What is asked for, in the same words at every process and whatever changes of the catalog."""
    fields = (
        wish.model.id,
        wish.prompt,
        wish.aspect_ratio,
        wish.size.name,
        wish.count,
        wish.temperature,
        wish.top_p,
        wish.provider,
        wish.deadline_seconds,
    )
    return json.dumps(fields)
