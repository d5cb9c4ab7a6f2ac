from __future__ import annotations

from ml_assets.sql.scope import NOTHING, Relation, Scope

A = frozenset({("raw", "t", "a")})
B = frozenset({("raw", "u", "b")})


def test_an_alias_hides_the_table_name_and_a_full_name_leads_to_its_column() -> None:
    scope = Scope({})
    scope.add(("cleaned", "t"), Relation({"X": A}))
    scope.add(("u",), Relation({"x": B}))
    assert scope.resolve(["t", "x"]) == A
    assert scope.resolve(["cleaned", "t", "x"]) == A
    assert scope.resolve(["u", "x"]) == B
    assert scope.resolve(["x"]) == A


def test_inner_names_come_before_outer_ones() -> None:
    outer, inner = Scope({}), Scope({})
    outer.add(("o",), Relation({"x": A, "y": A}))
    inner.outer = outer
    inner.add(("i",), Relation({"x": B}))
    assert inner.resolve(["x"]) == B
    assert inner.resolve(["y"]) == A


def test_a_name_nobody_has_comes_from_everything_in_sight() -> None:
    scope = Scope({})
    scope.add(("t",), Relation({"x": A}))
    scope.add(("u",), Relation({"y": B}))
    assert scope.resolve(["z"]) == A | B


def test_merged_columns_come_once_in_a_star() -> None:
    scope = Scope({})
    scope.add(("t",), Relation({"k": A}))
    scope.add(("u",), Relation({"K": B, "y": B}))
    scope.merge(["k"], both=False)
    assert dict(scope.star()) == {"k": A, "y": B}
    scope.merge(["k"], both=True)
    assert dict(scope.star())["k"] == A | B
    assert dict(scope.star(["u"])) == {"K": B, "y": B}


def test_renaming_an_opaque_relation_keeps_what_it_comes_from() -> None:
    assert Relation.opaque(A).renamed(["p"]).columns == {"p": A}
    assert Relation({"x": A, "y": B}).renamed(["p"]).columns == {"p": A, "y": B}
    assert Relation({}).everything == NOTHING
