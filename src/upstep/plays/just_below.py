"""Just below: the same condition with every threshold a little easier, so that near misses can stand beside a play.

Who meets the easier condition and not the play's own was nearly asked: much like those who were, but for the line. They
are a comparison, no control group: whoever is below a line is a little smaller, too.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlglot import exp

from upstep.plays.expression import meter_reference

if TYPE_CHECKING:
    from upstep.plays.expression import Condition

EASIER_SHARE = 0.10
"""A threshold is moved by a tenth of itself: wide enough to find accounts, near enough to be like them."""

_SMALL_WHOLE = 10  # A tenth of two periods is none: small counts are moved by one.

_RISING = (exp.GT, exp.GTE)
_FALLING = (exp.LT, exp.LTE)


def easier(condition: Condition) -> exp.Expr | None:
    """The condition's tree with every threshold moved outward; None where it has none, so that nothing is just below.

    Moved are numbers that a figure is compared with by <, <=, > or >=, and the share of ``reached``. Outside stays what
    stands under a ``not``, in ``between``, or is compared for being equal.
    """
    tree = condition.tree.copy()
    moved = [_moved(node) for node in tree.walk() if not node.find_ancestor(exp.Not)]
    return tree if any(moved) else None


def _moved(node: exp.Expr) -> bool:
    if isinstance(node, exp.Anonymous) and node.name.lower() == "reached":
        (share,) = node.expressions
        percent = max(round(float(share.name) * 100 * (1 - EASIER_SHARE)), 1)
        share.replace(exp.Literal.number(f"{percent / 100:.2f}"))
        return True
    if not isinstance(node, _RISING + _FALLING):
        return False
    figure, bound = node.args["this"], node.args["expression"]
    rises = isinstance(node, _RISING)
    if _is_number(figure):
        figure, bound, rises = bound, figure, not rises
    is_figure = isinstance(figure, exp.Column) or meter_reference(figure) is not None
    if not (is_figure and _is_number(bound)) or float(bound.name) == 0:
        return False
    bound.replace(exp.Literal.number(_outward(float(bound.name), down=rises)))
    return True


def _is_number(node: exp.Expr) -> bool:
    return isinstance(node, exp.Literal) and not node.is_string


def _outward(value: float, *, down: bool) -> str:
    """The threshold a tenth lower or higher; a small whole number by one."""
    is_whole = value == int(value)
    step = 1.0 if is_whole and 1 < value <= _SMALL_WHOLE else value * EASIER_SHARE
    moved = value - step if down else value + step
    return str(round(moved)) if is_whole and value > 1 else f"{moved:.6g}"
