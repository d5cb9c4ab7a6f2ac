"""What the items of a FROM clause show: tables, joins, subqueries, VALUES, functions."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping

from sqlglot import exp

from ml_assets.sql.scope import NOTHING, Origins, Relation, Scope, union
from ml_assets.sql.select import TableName

Schemas = Mapping[tuple[str, str], Mapping[str, str]] | Mapping[TableName, Mapping[str, str]]
"""{(schema, table): {column: type}}; another pipeline's table has its name in front."""


class FromItems(ABC):
    """Turns FROM items into relations; queries and expressions inside them are the subclass's."""

    def __init__(self, schemas: Schemas) -> None:
        self.schemas = {(*name,): columns for name, columns in schemas.items()}

    @abstractmethod
    def query(self, node: exp.Expr, around: Scope) -> Relation:
        """Return the output of a query that stands inside the scope `around`."""

    @abstractmethod
    def origins(self, node: exp.Expr, scope: Scope) -> Origins:
        """Return the stored columns that the value of an expression comes from."""

    def read(self, node: exp.Expr, scope: Scope) -> None:
        """Add what the FROM clause and the joins of `node` show to `scope`."""
        source = node.args.get("from_")
        if source is not None:
            self.add(source.this, scope)
        self.join(node, scope)

    def join(self, node: exp.Expr, scope: Scope) -> None:
        """Add the joined items of `node` to `scope`; USING makes two columns one."""
        for join in node.args.get("joins") or ():
            if join.kind in ("SEMI", "ANTI"):
                continue
            before = {name.lower() for name, _ in scope.star()}
            self.add(join.this, scope)
            names = [identifier.name.lower() for identifier in join.args.get("using") or ()]
            if join.method == "NATURAL":
                names = [name for name in scope.sources[-1][1].columns if name.lower() in before]
            both = join.side in ("FULL", "RIGHT")
            scope.merge([name.lower() for name in names], both=both)

    def add(self, item: exp.Expr, scope: Scope) -> None:
        """Add one FROM item to `scope` under its alias or its name."""
        if isinstance(item, exp.Subquery) and isinstance(item.this, exp.Table) and not item.alias:
            self.add(item.this, scope)
            self.join(item, scope)
            return
        relation = self._relation(item, scope)
        if item.args.get("pivots"):
            relation = Relation.opaque(relation.everything)
        path = (item.alias.lower(),) if item.alias else _path(item)
        scope.add(path, relation.renamed(alias_columns(item)))
        if isinstance(item, exp.Table):
            self.join(item, scope)

    def _relation(self, item: exp.Expr, scope: Scope) -> Relation:
        if isinstance(item, exp.Table) and isinstance(item.this, exp.Identifier):
            return self._table(_path(item), scope)
        if isinstance(item, exp.Lateral) and isinstance(item.this, exp.Subquery):
            return self.query(item.this, scope)
        if isinstance(item, exp.Subquery) and isinstance(item.this, exp.Table):
            inner = Scope(scope.ctes, scope)
            self.add(item.this, inner)
            self.join(item, inner)
            return Relation(dict(inner.star()), inner.unlisted if inner.open else None)
        if isinstance(item, exp.Query | exp.Values):
            return self.query(item, scope)
        return Relation.opaque(self.inside(item, scope))

    def _table(self, name: TableName, scope: Scope) -> Relation:
        if len(name) == 1:
            return scope.ctes.get(name[0], Relation.opaque(NOTHING))
        known = self.schemas.get(name, {})
        columns = {column: frozenset({(*name, column)}) for column in known}
        return Relation(columns, None if known else lambda column: frozenset({(*name, column)}))

    def values(self, node: exp.Values, scope: Scope) -> Relation:
        """Return the relation that VALUES writes out."""
        rows = [row.expressions for row in node.expressions]
        cells = [
            union(self.origins(cell, scope) for cell in column)
            for column in zip(*rows, strict=True)
        ]
        named = {f"col{position}": origins for position, origins in enumerate(cells)}
        return Relation(named).renamed(alias_columns(node))

    def inside(self, node: exp.Expr, scope: Scope) -> Origins:
        """Return the origins of all columns and tables inside a node of another kind."""
        tables = [self._relation(table, scope).everything for table in node.find_all(exp.Table)]
        columns = [self.origins(column, scope) for column in node.find_all(exp.Column)]
        return union([*tables, *([] if tables else columns)])


def _path(item: exp.Expr) -> TableName:
    if not isinstance(item, exp.Table) or not isinstance(item.this, exp.Identifier):
        return ()
    return tuple(part.name.lower() for part in item.parts)


def alias_columns(item: exp.Expr) -> list[str]:
    """Return the column names that the alias of a FROM item or CTE gives."""
    alias = item.args.get("alias")
    return [column.name for column in alias.columns] if isinstance(alias, exp.TableAlias) else []
