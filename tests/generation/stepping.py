"""Steps of a claim, as tests take them: by the claim alone, with the row as it is now."""

from django.utils import timezone

from gallery import ingest
from generation import outputs
from generation.claims import Claim
from generation.models import Attempt, Generation
from generation.outputs import Delivered
from tests import factories


def row(claim: Claim) -> Generation:
    return Generation.objects.select_related("hold").get(pk=claim.generation_id)


def finish(claim: Claim, delivered: list[Delivered]) -> None:
    outputs.finish(claim, row(claim), delivered, short=None, now=timezone.now())


def stored() -> ingest.Stored:
    return ingest.store(factories.picture(), keep_bytes=True, max_bytes=10**7)


def answered(claim: Claim, attempt: Attempt) -> None:
    answer = [{"url": "https://cdn.example.test/1.png"}]
    factories.answered(claim, attempt, answer, vendor_id="v1", vendor_credits=84_000)
