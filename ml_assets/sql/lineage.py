"""Column lineage: which stored columns the values of each output column come from.

Only what makes a value counts, not what filters, joins or orders rows; a bare count comes from its
group's keys. A name that cannot be resolved comes from every column in sight: too much rather than
too little, so that nobody trusts a missing edge.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from sqlglot import exp

from ml_assets.sql.from_items import FromItems, Schemas, alias_columns
from ml_assets.sql.scope import NOTHING, Origins, Relation, Scope, union
from ml_assets.sql.select import Select, tree

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping


def column_lineage(
    select: Select, schemas: Schemas, columns: Iterable[str] = ()
) -> dict[str, Origins]:
    """Return per output column of `select` the stored columns (schema, table, column) behind it.

    `schemas` gives the columns of the tables it reads, as {(schema, table): {column: type}};
    `columns` names declared outputs, for those that only DuckDB can list (* over a PIVOT).
    """
    output = _Resolver(schemas).query(tree(select), Scope({}))
    unlisted = {name: output.column(name) for name in columns if output.find(name) is None}
    return {**output.columns, **unlisted}


class _Resolver(FromItems):
    def query(self, node: exp.Expr, around: Scope) -> Relation:
        """Return the output of a query that stands inside the scope `around`."""
        scope = Scope(dict(around.ctes), around)
        clause = node.args.get("with_")
        if clause is not None:
            scope.ctes = self._with_ctes(clause, scope)
        if isinstance(node, exp.SetOperation):
            return self._set_operation(node, scope)
        if isinstance(node, exp.Select):
            return self._select(node, scope)
        if isinstance(node, exp.Subquery):
            return self.query(node.this, scope)
        if isinstance(node, exp.Values):
            return self.values(node, scope)
        return Relation.opaque(self.inside(node, scope))

    def _with_ctes(self, clause: exp.With, scope: Scope) -> Mapping[str, Relation]:
        ctes = dict(scope.ctes)
        for cte in clause.expressions:
            name, names = cte.alias.lower(), alias_columns(cte)
            query = cte.this
            inside = Scope(ctes, scope.outer)
            if clause.recursive and isinstance(query, exp.SetOperation):
                # Twice: origins that come round through the recursive part need a second pass.
                ctes[name] = self.query(query.this, inside).renamed(names)
                ctes[name] = self.query(query, inside).renamed(names)
            ctes[name] = self.query(query, inside).renamed(names)
        return ctes

    def _set_operation(self, node: exp.SetOperation, scope: Scope) -> Relation:
        left, right = self.query(node.this, scope), self.query(node.expression, scope)
        if not isinstance(node, exp.Union):
            return left
        if node.args.get("by_name"):
            names = {**left.columns, **right.columns}
            sides = {name: (left.find(name), right.find(name)) for name in names}
            return Relation({name: union(o for o in both if o) for name, both in sides.items()})
        pairs = zip(left.columns.items(), right.columns.values(), strict=False)
        return Relation({name: one | other for (name, one), other in pairs}, left.unknown)

    def _select(self, node: exp.Select, scope: Scope) -> Relation:
        self.read(node, scope)
        scope.group_keys = self._group_keys(node, scope)
        output: dict[str, Origins] = {}
        for projection in node.expressions:
            for name, origins in self._project(projection, scope):
                output[name] = origins
                scope.aliases.setdefault(name.lower(), origins)
        starred = any(item.is_star for item in node.expressions)
        return Relation(output, scope.unlisted if starred and scope.open else None)

    def _group_keys(self, node: exp.Select, scope: Scope) -> Origins:
        group = node.args.get("group")
        if group is None:
            return NOTHING
        named = {item.alias.lower(): item.this for item in node.expressions if item.alias}
        plain = [item for item in node.expressions if item.find(exp.AggFunc) is None]
        keys: list[exp.Expr] = plain if group.args.get("all") else group.expressions
        return union(self._group_key(key, node, named, scope) for key in keys)

    def _group_key(
        self, key: exp.Expr, node: exp.Select, named: Mapping[str, exp.Expr], scope: Scope
    ) -> Origins:
        if isinstance(key, exp.Literal) and not key.is_string:
            return self.origins(node.expressions[int(key.name) - 1], scope)
        bare = isinstance(key, exp.Column) and not key.table
        if bare and all(relation.find(key.name) is None for _, relation in scope.sources):
            key = named.get(key.name.lower(), key)
        return self.origins(key, scope)

    def _project(self, node: exp.Expr, scope: Scope) -> Iterator[tuple[str, Origins]]:
        columns = node.find(exp.Columns)
        if node.is_star and isinstance(node, exp.Star | exp.Column):
            star = node if isinstance(node, exp.Star) else node.this
            yield from self._star(star, _parts(node)[:-1], scope)
        elif columns is not None and not node.alias:
            yield from self._columns(columns, scope)
        else:
            name = node.alias or node.output_name or node.sql("duckdb")
            yield name, self.origins(node, scope)

    def _star(
        self, star: exp.Star, qualifier: list[str], scope: Scope
    ) -> Iterator[tuple[str, Origins]]:
        left_out = {item.name.lower() for item in star.args.get("except_") or ()}
        replaced = {item.alias.lower(): item.this for item in star.args.get("replace") or ()}
        renamed = {item.this.name.lower(): item.alias for item in star.args.get("rename") or ()}
        for name, origins in scope.star(qualifier):
            if name.lower() in left_out:
                continue
            expression = replaced.get(name.lower())
            value = origins if expression is None else self.origins(expression, scope)
            yield renamed.get(name.lower(), name), value

    def _columns(self, node: exp.Columns, scope: Scope) -> Iterator[tuple[str, Origins]]:
        chosen = node.this
        if isinstance(chosen, exp.Star):
            yield from self._star(chosen, [], scope)
            return
        pattern = chosen.name if isinstance(chosen, exp.Literal) else ""
        for name, origins in scope.star():
            if re.search(pattern, name):
                yield name, origins

    def origins(self, node: exp.Expr, scope: Scope) -> Origins:
        """Return the stored columns that the value of an expression comes from."""
        if isinstance(node, exp.Column):
            star = isinstance(node.this, exp.Star)
            return self._all_of(node, scope) if star else scope.resolve(_parts(node))
        if isinstance(node, exp.Exists):
            return self._exists(node.this, scope)
        if isinstance(node, exp.Query):
            return self.query(node, scope).everything
        if isinstance(node, exp.Count) and isinstance(node.this, exp.Star | None):
            return scope.group_keys
        if isinstance(node, exp.Lambda | exp.Comprehension):
            scope = _with_parameters(node, scope)
        if isinstance(node, exp.Columns):
            return union(origins for _, origins in self._columns(node, scope))
        found = union(self.origins(child, scope) for child in node.iter_expressions())
        return found | self._named_window(node, scope)

    def _all_of(self, node: exp.Column, scope: Scope) -> Origins:
        return union(origins for _, origins in scope.star(_parts(node)[:-1]))

    def _exists(self, node: exp.Expr, scope: Scope) -> Origins:
        """Whether a row exists comes from what the subquery compares."""
        inner = node.unnest()
        columns = inner.find_all(exp.Column) if isinstance(inner, exp.Select) else ()
        inside = Scope(scope.ctes, scope)
        self.read(inner, inside)
        return union(self.origins(column, inside) for column in columns)

    def _named_window(self, node: exp.Expr, scope: Scope) -> Origins:
        if not isinstance(node, exp.Window) or not node.alias:
            return NOTHING
        select = node.find_ancestor(exp.Select)
        windows = (select.args.get("windows") or ()) if select else ()
        named = (window for window in windows if window.name.lower() == node.alias.lower())
        return union(self.origins(window, scope) for window in named)


def _with_parameters(node: exp.Lambda | exp.Comprehension, scope: Scope) -> Scope:
    """Return the scope in which the parameters of `node` stand for no column."""
    names = node.expressions if isinstance(node, exp.Lambda) else [node.expression]
    return Scope(scope.ctes, scope, aliases={name.name.lower(): NOTHING for name in names})


def _parts(column: exp.Expr) -> list[str]:
    if not isinstance(column, exp.Column):
        return ["*"]
    return ["*" if isinstance(part, exp.Star) else part.name.lower() for part in column.parts]
