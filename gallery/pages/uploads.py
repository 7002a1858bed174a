"""Pictures that people give on the gallery's page: a plain form, or one file after the other by a script."""

import uuid

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.files.uploadedfile import UploadedFile
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.views.decorators.http import require_POST

from accounts.models import User
from accounts.people import signed_in
from gallery import collections, ingest, quota, uploading
from gallery.models import Collection
from gallery.pages import sidebar

FILES_MAX = 20
"""At once by the plain form."""


@login_required
@require_POST
def upload(request: HttpRequest) -> HttpResponse:
    """Take in the files, each for itself, and say of each that couldn't be taken why."""
    user = signed_in(request)
    collection = _collection(user, request.POST.get("collection", ""))
    files = [file for file in request.FILES.getlist("files") if isinstance(file, UploadedFile)]
    refused = [_take(user, file, collection) for file in files[:FILES_MAX]]
    reasons = [reason for reason in refused if reason]
    if len(files) > FILES_MAX:
        reasons.append(f"{FILES_MAX} files at once are the most. Add the others after these.")
    sidebar.forget(user)
    if "X-Part" in request.headers:
        if reasons or not files:
            said = " ".join(reasons) or "Choose a picture first."
            return HttpResponse(said, status=422, content_type="text/plain; charset=utf-8")
        return JsonResponse({"images": len(files)})
    for reason in reasons:
        messages.error(request, reason)
    if taken := len(files) - sum(bool(reason) for reason in refused):
        messages.success(request, "The image is here." if taken == 1 else f"{taken} images are here.")
    elif not files:
        messages.error(request, "Choose a picture first.")
    back = f"?collection={collection.public_id}" if collection else ""
    return redirect(f"{reverse('gallery:list')}{back}")


def _take(user: User, file: UploadedFile, collection: Collection | None) -> str:
    """Why the file couldn't be taken; empty when it was."""
    name = file.name or "picture"
    try:
        ingest.check_size(file.size or 0, max_bytes=settings.UPLOAD_MAX_BYTES, file_name=name)
        uploading.upload(user, file.read(), name, collection=collection)
    except ingest.PictureRefused as refusal:
        return refusal.detail
    except quota.QuotaExceeded as full:
        return str(full)
    return ""


def _collection(user: User, text: str) -> Collection | None:
    if not text:
        return None
    try:
        return collections.get_fileable(user, uuid.UUID(text))
    except (ValueError, collections.Unknown) as unknown:
        raise Http404 from unknown
