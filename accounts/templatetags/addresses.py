"""`{% url %}` as Django has it, with addresses that have no arguments worked out once: a page of ours names
thirty of them, and `reverse` takes 50 µs each time. For every template, by the settings.
"""

from functools import lru_cache

from django import template
from django.template import defaulttags
from django.template.base import Node, Parser, Token
from django.template.context import Context
from django.urls import get_script_prefix, reverse

register = template.Library()


class _Fixed(Node):
    def __init__(self, name: str) -> None:
        self.name = name

    def render(self, context: Context) -> str:
        return _address(self.name, get_script_prefix())


@register.tag
def url(parser: Parser, token: Token) -> Node:
    """The address of a view."""
    node = defaulttags.url(parser, token)
    name = node.view_name
    if node.args or node.kwargs or node.asvar or name.filters or not isinstance(name.var, str):
        return node
    return _Fixed(str(name.var))


@lru_cache(maxsize=500)
def _address(name: str, prefix: str) -> str:
    """`prefix` is what is before all addresses at this moment."""
    return reverse(name)
