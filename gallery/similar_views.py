"""Pictures that look like one: a part of its page, or a page by itself."""

import uuid

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from accounts.people import signed_in
from gallery.models import Image
from gallery.similar import similar


@login_required
@never_cache
@require_safe
def similar_pictures(request: HttpRequest, public_id: uuid.UUID) -> HttpResponse:
    """The pictures most like this one that the person may see; to htmx the part alone."""
    user = signed_in(request)
    visible = Image.objects.visible_to(user).select_related("original")
    image = get_object_or_404(visible, public_id=public_id)
    template = "gallery/_similar.html" if "HX-Request" in request.headers else "gallery/similar.html"
    return render(request, template, {"image": image, "found": similar(user, image)})
