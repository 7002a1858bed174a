"""What an admin did, in words: the verb, and what it changed."""

from typing import Any

from accounts.models import AdminAct

VERBS = {
    "grant": "Granted",
    "take_back": "Took back",
    "adjust": "Corrected",
    "refund": "Refunded",
    "grant_batch": "Granted to many",
    "set_allowance": "Set an allowance",
    "end_allowance": "Ended an allowance",
    "set_cap": "Set a cap",
    "end_cap": "Ended a cap",
    "set_queue_rule": "Set a queue rule",
    "end_queue_rule": "Ended a queue rule",
    "set_quota": "Set a storage quota",
    "create_team": "Made a team",
    "move_to_team": "Moved",
    "add_provider": "Added a provider",
    "set_provider": "Changed a provider",
    "delete_provider": "Deleted a provider",
    "test_provider": "Tested a provider",
    "add_model": "Added a model",
    "set_model": "Changed a model",
    "delete_model": "Deleted a model",
    "add_offer": "Offered a model",
    "set_offer": "Changed an offer",
    "delete_offer": "Ended an offer",
    "set_routing": "Changed the routing",
}
# What an act only points at; its number says nothing to a reader.
LINKS = ("entry", "batch")


def verb_of(act: AdminAct) -> str:
    """The verb as people read it; a new one reads as its name."""
    return VERBS.get(act.verb, act.verb.replace("_", " ").capitalize())


def changes_of(act: AdminAct) -> list[tuple[str, str, str]]:
    """What changed, each with its name and how it was and is, as texts."""
    names = [
        name
        for name in {**act.before, **act.after}
        if name not in LINKS and act.before.get(name) != act.after.get(name)
    ]
    return [
        (name.replace("_", " "), _text(act.before.get(name)), _text(act.after.get(name))) for name in names
    ]


def _text(value: Any) -> str:
    """A value of the record: credits with thousands, a rule by its terms, nothing as a dash."""
    if value is None:
        return "–"
    if isinstance(value, dict):
        return _rule(value)
    if isinstance(value, list):
        return ", ".join(_text(part) for part in value)
    return f"{value:,}" if type(value) is int else str(value)


def _rule(terms: dict[str, Any]) -> str:
    """The terms of a rule: `2,000 a month (UTC)`, `up to 300 a month (UTC)`, `express lane`."""
    if "lane" in terms:
        return _queue_rule(terms)
    period, zone = terms.get("period", ""), terms.get("time_zone", "")
    span = "in all" if period == "total" else f"a {period}"
    if "allowed" in terms:
        return f"{terms['allowed']:,} {span} ({zone})"
    start = "up to " if terms.get("kind") == "top_up" else "+"
    return f"{start}{terms.get('amount', 0):,} {span} ({zone})"


def _queue_rule(terms: dict[str, Any]) -> str:
    lane = f"{terms['lane']} lane" if terms["lane"] else ""
    limit = terms.get("concurrency_max")
    return ", ".join(part for part in (lane, f"at most {limit:,} at once" if limit else "") if part)
