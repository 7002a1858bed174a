"""What a person chooses about their pictures."""

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods

from accounts.people import signed_in
from gallery.models import GallerySettings

SWITCHES = ("embeds_prompt", "embeds_generation")


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def downloads(request: HttpRequest) -> HttpResponse:
    """Choose what copies of one's pictures say."""
    user = signed_in(request)
    if request.method == "POST":
        # Two switches: whatever is sent, each is on or off.
        GallerySettings.objects.update_or_create(
            user=user, defaults={name: name in request.POST for name in SWITCHES}
        )
        messages.success(request, "Saved. It holds for what is downloaded from now on.")
        return redirect("gallery:download_settings")
    chosen = GallerySettings.objects.filter(user=user).first() or GallerySettings(user=user)
    return render(request, "gallery/download_settings.html", {"chosen": chosen})
