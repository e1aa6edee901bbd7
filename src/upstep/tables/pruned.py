"""A program without what nobody reads: stages that lead to no output, and columns that no later stage takes.

An engine leaves unread columns out within one query; between stages, which are tables, only the program can know.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import TYPE_CHECKING, Any

import ibis.expr.operations as ops
from ibis.common.graph import Graph
from ibis.expr.schema import Schema

from upstep.tables.query import Program

if TYPE_CHECKING:
    import ibis.expr.types as ir

Needs = dict[Any, set[str]]
"""Per relation of one expression, the columns that are read of it."""


def pruned(program: Program, outputs: Mapping[str, Collection[str] | None]) -> Program:
    """The same program with only what the outputs need.

    Args:
        outputs: Stages that are read after the run, each with the columns that are read; None: all of them. A name that
            is no stage is ignored.

    Returns:
        A program whose stages have the same rows and, of the columns, those that somebody reads.
    """
    wanted: dict[str, set[str]] = {}
    for name, columns in outputs.items():
        if name in program.stages:
            every = program.stages[name].columns
            wanted[name] = set(every if columns is None else columns) & set(every)
    needs_of: dict[str, Needs] = {}
    for name in reversed(program.stages):
        if name not in wanted:
            continue
        needs_of[name] = _needs(program.stages[name].op(), wanted[name])
        for relation, columns in needs_of[name].items():
            if isinstance(relation, ops.UnboundTable) and relation.name in program.stages:
                wanted.setdefault(relation.name, set()).update(columns)
    lean = Program()
    for name, select in program.stages.items():
        if name in wanted:
            lean.stage(name, _rebuilt(select, wanted, needs_of[name], wanted[name]))
    return lean


def outside_reads(program: Program) -> dict[str, list[str]]:
    """Of each table that is no stage of the program, the columns that its stages read."""
    found: dict[str, set[str]] = {}
    for select in program.stages.values():
        for relation, columns in _needs(select.op(), set(select.columns)).items():
            if isinstance(relation, ops.UnboundTable) and relation.name not in program.stages:
                found.setdefault(relation.name, set()).update(columns)
    return {name: sorted(columns) for name, columns in found.items()}


def _needs(root: Any, columns: set[str]) -> Needs:
    """What is read of every relation under ``root`` when these columns of it are."""
    needs: Needs = {root: set(columns)}
    # Readers come before what they read, so that a relation is complete when its turn comes.
    for node in reversed(_relations(root)):
        for relation, names in _reads(node, needs.get(node, set())):
            needs.setdefault(relation, set()).update(names)
    return needs


def _relations(root: Any) -> list[Any]:
    """Every relation under ``root``, each after all those that it reads."""
    order, _ = Graph.from_bfs(root).toposort()
    return [node for node in order if isinstance(node, ops.Relation)]


def _reads(node: Any, wanted: set[str]) -> Iterator[tuple[Any, set[str]]]:
    """The relations that a node reads itself, and of each the columns that the wanted ones take."""
    if isinstance(node, (ops.Project, ops.Aggregate, ops.JoinChain)):
        yield from _values_read(_values(node, wanted))
        if isinstance(node, ops.JoinChain):
            yield node.first, set()
            for link in node.rest:
                yield link.table, set()
                yield from _values_read(link.predicates)
        else:
            yield node.parent, set()
    elif isinstance(node, ops.Set):
        names = set(node.schema.names) if node.distinct else wanted
        yield node.left, set(names)
        yield node.right, set(names)
    elif isinstance(node, (ops.Filter, ops.Sort)):
        yield node.parent, set(wanted)
        yield from _values_read(node.predicates if isinstance(node, ops.Filter) else node.keys)
    elif isinstance(node, (ops.Reference, ops.DropColumns)):
        yield node.parent, set(wanted)
    elif not isinstance(node, ops.PhysicalTable):
        for child in node.__children__:
            if isinstance(child, ops.Relation):
                yield child, set(child.schema.names)
            else:
                yield from _values_read([child])


def _values(node: Any, wanted: set[str]) -> list[Any]:
    """The expressions of the columns that are wanted; what rows are grouped by is always read."""
    if isinstance(node, ops.Aggregate):
        return [*node.groups.values(), *_kept(node.metrics, wanted, at_least=not node.groups).values()]
    return list(_kept(node.values, wanted).values())


def _values_read(values: Any) -> Iterator[tuple[Any, set[str]]]:
    """Fields that expressions name; of a relation inside an expression, every column."""
    waiting = list(values)
    while waiting:
        node = waiting.pop()
        if isinstance(node, ops.Field):
            yield node.rel, {node.name}
        elif isinstance(node, ops.Relation):
            yield node, set(node.schema.names)
        else:
            waiting += node.__children__


def _rebuilt(select: ir.Table, wanted: Mapping[str, set[str]], needs: Needs, columns: set[str]) -> ir.Table:
    """The expression over the narrower tables, with these columns in their old order."""

    def narrower(node: Any, _: Any, **given: Any) -> Any:
        if isinstance(node, ops.UnboundTable) and node.name in wanted:
            return ops.UnboundTable(name=node.name, schema=_only(node.schema, wanted[node.name]))
        if isinstance(node, ops.Field):
            # A column that is gone belongs to an expression that nobody wants: it is left out just after.
            return ops.Field(given["rel"], node.name) if node.name in given["rel"].schema else node
        if isinstance(node, (ops.Project, ops.JoinChain)):
            given["values"] = _kept(given["values"], needs.get(node, set()))
        elif isinstance(node, ops.Aggregate):
            given["metrics"] = _kept(given["metrics"], needs.get(node, set()), at_least=not node.groups)
        elif isinstance(node, ops.Set):
            names = node.schema.names if node.distinct else [n for n in node.schema.names if n in needs[node]]
            given |= {side: _projected(given[side], names) for side in ("left", "right")}
        elif isinstance(node, ops.DropColumns):
            return _projected(given["parent"], [n for n in node.schema.names if n in needs[node]])
        return node.__class__(**given)

    root = select.op()
    table: ir.Table = root.map(narrower)[root].to_expr()
    return table.select([name for name in select.columns if name in columns])


def _only(schema: Schema, names: set[str]) -> Schema:
    return Schema({name: dtype for name, dtype in schema.items() if name in names})


def _kept(values: Mapping[str, Any], names: set[str], *, at_least: bool = True) -> dict[str, Any]:
    """The wanted columns; the first one where none is, since a relation has to have a column."""
    found = {name: value for name, value in values.items() if name in names}
    return found or dict([*values.items()][: int(at_least)])


def _projected(relation: Any, names: Any) -> Any:
    if list(relation.schema.names) == list(names):
        return relation
    return ops.Project(relation, {name: ops.Field(relation, name) for name in names})
