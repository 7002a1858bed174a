"""A person's downloads of many pictures: what is under way, what is ready, and the files."""

import uuid

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.files.storage import default_storage
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.http import content_disposition_header
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from accounts.people import signed_in
from gallery import archives as packing
from gallery import files, storage
from gallery.files import StoredFile
from gallery.models import Archive

SHOWN_MAX = 50


@login_required
@never_cache
@require_safe
def archives(request: HttpRequest) -> HttpResponse:
    """The person's downloads. They are asked for where pictures are chosen: `pages/acts.py`."""
    found = list(packing.of(signed_in(request))[:SHOWN_MAX])
    context = {
        "title": "Your downloads",
        "place": "downloads",
        "archives": found,
        "is_under_way": any(one.status in ("waiting", "running") for one in found),
        "kept_days": packing.KEPT.days,
    }
    return render(request, "gallery/archives.html", context)


@login_required
@require_POST
def remove(request: HttpRequest, public_id: uuid.UUID) -> HttpResponse:
    """Cancel one that is under way, or forget one that has ended, with its file."""
    archive = _own(request, public_id)
    packing.remove(archive, now=timezone.now())
    messages.success(request, f"The download “{archive.title}” is gone.")
    return redirect("gallery:archives")


@login_required
@require_safe
def file(request: HttpRequest, public_id: uuid.UUID) -> HttpResponseBase:
    """The ZIP file, for who asked for it alone; it can be had in parts."""
    return respond(request, _own(request, public_id))


def respond(request: HttpRequest, archive: Archive) -> HttpResponseBase:
    """The answer with an archive's file. Access is checked before.

    :raises Http404: when it isn't ready, or not any more.
    """
    is_over = archive.expires_at is None or archive.expires_at <= timezone.now()
    if archive.status != Archive.Status.READY or is_over:
        raise Http404
    name = packing.file_name(archive)
    if storage.folder(archive.name) is None:
        # Parts of it come from where it is: it would be fetched here whole for each.
        disposition = {"ResponseContentDisposition": content_disposition_header(True, name)}
        answer = HttpResponseRedirect(default_storage.url(archive.name, parameters=disposition))  # type: ignore[call-arg]
        answer["Cache-Control"] = "private, no-store"
        return answer
    # The moment too: made again under the same name, it would be another file.
    tag = archive.sha256 or f"{archive.public_id}-{archive.size_bytes}-{archive.finished_at:%s}"
    stored = StoredFile(archive.name, "application/zip", f'"{tag}"')
    return files.serve(request, stored, name=name, is_saved=True, cached="private, no-store")


def _own(request: HttpRequest, public_id: uuid.UUID) -> Archive:
    return get_object_or_404(packing.of(signed_in(request)), public_id=public_id)
