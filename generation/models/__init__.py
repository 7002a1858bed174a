"""Rows of what is asked for, who makes it, and how it goes."""

from generation.models.conversations import Branch, Conversation
from generation.models.generations import Attempt, Generation, GenerationQuerySet, Output, Reference
from generation.models.providers import (
    ImageModel,
    Offer,
    Provider,
    ProviderHealth,
    ProviderTest,
    RoutingPolicy,
)
from generation.models.workers import Chore, Heartbeat, WorkerProcess

__all__ = [
    "Attempt",
    "Branch",
    "Chore",
    "Conversation",
    "Generation",
    "GenerationQuerySet",
    "Heartbeat",
    "ImageModel",
    "Offer",
    "Output",
    "Provider",
    "ProviderHealth",
    "ProviderTest",
    "Reference",
    "RoutingPolicy",
    "WorkerProcess",
]
