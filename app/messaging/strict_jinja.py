"""The part of Jinja that a clinic may word messages in: variables, `if`, and a few filters.

Whatever could run long or reach anything is refused when the text is read, before it is ever run: loops, assignments,
macros, imports, calls, attributes, items, arithmetic, and every filter that makes its input longer. What is left takes
time and room in proportion to the text and its variables, and both are limited.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from functools import lru_cache
from typing import Any

from flask_babel import gettext as _
from jinja2 import StrictUndefined, Template, TemplateError, UndefinedError, nodes
from jinja2.sandbox import ImmutableSandboxedEnvironment

from app.core.storable import UNSTORABLE

LONGEST_SOURCE = 10_000
LONGEST_VARIABLE = 20_000
LONGEST_OUTPUT = 100_000
DEEPEST = 40
LARGEST_NUMBER = 10**15
FILTERS = ("upper", "lower", "capitalize", "title", "trim", "default")
ALLOWED: tuple[type[nodes.Node], ...] = (
    nodes.Template,
    nodes.Output,
    nodes.TemplateData,
    nodes.Name,
    nodes.Const,
    nodes.If,
    nodes.CondExpr,
    nodes.Compare,
    nodes.Operand,
    nodes.And,
    nodes.Or,
    nodes.Not,
    nodes.Filter,
)
SIGNS = {
    "getattr": ".", "getitem": "[ ]", "call": "( )", "add": "+", "sub": "-", "mul": "*", "div": "/", "floordiv": "//",
    "mod": "%", "pow": "**", "concat": "~", "list": "[ ]", "dict": "{ }", "tuple": "( )",
}  # fmt: skip
_MISSING = re.compile(r"'(\w+)' is undefined")


class RefusedTemplate(ValueError):
    """The text cannot be used; `str()` says why, in words for whoever wrote it."""


def _environment() -> ImmutableSandboxedEnvironment:
    made = ImmutableSandboxedEnvironment(undefined=StrictUndefined, autoescape=False)  # noqa: S701 plain text
    made.filters = {name: made.filters[name] for name in FILTERS}
    made.globals.clear()
    made.tests.clear()
    return made


_jinja = _environment()


def check_source(source: str, variables: Collection[str]) -> None:
    """Raise RefusedTemplate unless the text keeps to what is allowed and names only these variables."""
    tree = _parsed(source)
    _check_nodes(tree, 0)
    unknown = sorted({name.name for name in tree.find_all(nodes.Name)} - set(variables))
    if unknown:
        raise RefusedTemplate(_("There is no %(name)s here.", name="{{ " + unknown[0] + " }}"))


def fill(source: str, variables: Mapping[str, Any]) -> str:
    """The text with its variables. Raises RefusedTemplate, also for a variable that is missing."""
    try:
        text = _compiled(source).render(**{name: str(value)[:LONGEST_VARIABLE] for name, value in variables.items()})
    except RefusedTemplate:
        raise
    except Exception as error:  # whatever goes wrong in a clinic's text is wrong with the text
        raise RefusedTemplate(_in_words(error)) from None
    if len(text) > LONGEST_OUTPUT:
        raise RefusedTemplate(_("The text becomes too long."))
    _check_storable(text)
    return text


@lru_cache(maxsize=512)
def _compiled(source: str) -> Template:
    tree = _parsed(source)
    _check_nodes(tree, 0)
    return _jinja.from_string(tree)


def _parsed(source: str) -> nodes.Template:
    if len(source) > LONGEST_SOURCE:
        raise RefusedTemplate(_("The text is too long."))
    _check_storable(source)
    try:
        return _jinja.parse(source)
    except TemplateError as error:
        raise RefusedTemplate(_in_words(error)) from None
    except ValueError:  # thousands of digits
        raise RefusedTemplate(_("A number here is too large.")) from None
    except RecursionError:
        raise RefusedTemplate(_("The text is nested too deeply.")) from None


def _check_nodes(node: nodes.Node, depth: int) -> None:
    if depth > DEEPEST:
        raise RefusedTemplate(_("The text is nested too deeply."))
    if not isinstance(node, ALLOWED):
        raise RefusedTemplate(_("Only variables, if and a few filters can be used, not: %(what)s.", what=_name(node)))
    if isinstance(node, nodes.Filter):
        _check_filter(node)
    if isinstance(node, nodes.Const):
        _check_const(node.value)
    if isinstance(node, nodes.Name) and node.name.startswith("_"):
        raise RefusedTemplate(_("There is no %(name)s here.", name=node.name))
    for child in node.iter_child_nodes():
        _check_nodes(child, depth + 1)


def _check_const(value: Any) -> None:
    """Jinja writes 1e999 into its Python as `inf`, which is a name there; escapes can spell what nothing can hold."""
    if isinstance(value, str):
        _check_storable(value)
    elif isinstance(value, int | float) and not abs(value) < LARGEST_NUMBER:
        raise RefusedTemplate(_("A number here is too large."))


def _check_storable(text: str) -> None:
    if UNSTORABLE.search(text):
        raise RefusedTemplate(_("This contains characters that cannot be stored."))


def _check_filter(node: nodes.Filter) -> None:
    if node.name not in FILTERS or node.node is None:
        raise RefusedTemplate(_("There is no filter %(name)s here.", name=node.name))
    if node.name != "default" and (node.args or node.kwargs or node.dyn_args or node.dyn_kwargs):
        raise RefusedTemplate(_("The filter %(name)s takes nothing here.", name=node.name))


def _name(node: nodes.Node) -> str:
    """As it is typed: '.' for an attribute; a tag by its name."""
    kind = type(node).__name__.lower()
    return SIGNS.get(kind, kind)


def _in_words(error: Exception) -> str:
    missing = _MISSING.fullmatch(str(error)) if isinstance(error, UndefinedError) else None
    if missing:
        return _("There is no %(name)s here.", name="{{ " + missing[1] + " }}")
    text = " ".join(str(error).split())[:200]
    line = getattr(error, "lineno", None)
    return _("Line %(line)s: %(text)s", line=line, text=text) if line else text
