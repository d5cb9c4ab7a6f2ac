from __future__ import annotations

import math
import subprocess
import sys
from decimal import Decimal

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ml_assets.errors import DataError
from ml_assets.ml.codec import Codec, fit, to_matrix

texts = st.lists(st.none() | st.text(max_size=4), min_size=1, max_size=30)


def _encode(codec: Codec, **columns: pa.Array) -> dict[str, list[float | None]]:
    encoded: dict[str, list[float | None]] = codec.encode(pa.table(columns)).to_pydict()
    return encoded


@pytest.mark.slow
@given(texts, texts)
def test_categories_are_places_among_the_sorted_values(seen: list[str], new: list[str]) -> None:
    codec = fit(pa.table({"c": pa.array(seen, pa.string())}), ["c"])
    known = sorted({value for value in seen if value is not None})
    wanted = [
        None if v is None else known.index(v) if v in known else len(known) for v in [*seen, *new]
    ]
    assert _encode(codec, c=pa.array([*seen, *new], pa.string()))["c"] == wanted


@given(texts, st.randoms())
def test_the_order_of_rows_does_not_change_the_codec(values: list[str | None], rng: object) -> None:
    shuffled = list(values)
    rng.shuffle(shuffled)  # type: ignore[attr-defined]
    codecs = [fit(pa.table({"c": pa.array(v, pa.string())}), ["c"]) for v in (values, shuffled)]
    assert codecs[0].to_json() == codecs[1].to_json()


@given(texts, st.lists(st.floats(allow_nan=False, allow_infinity=False), max_size=3))
def test_json_keeps_everything(words: list[str | None], numbers: list[float]) -> None:
    table = pa.table({"ü,c": pa.array(words, pa.string())})
    table = table.append_column("n", pa.array((numbers * len(words) or words)[: len(words)]))
    codec = fit(table, ["ü,c", "n"])
    again = Codec.from_json(codec.to_json())
    assert again == codec
    assert again.to_json() == codec.to_json()


def test_json_is_the_same_in_a_fresh_process() -> None:
    script = (
        "import pyarrow as pa; from ml_assets.ml.codec import fit;"
        "print(fit(pa.table({'c': list('qwertzuiop'), 'n': range(10)}), ['c', 'n']).to_json())"
    )
    runs = {
        subprocess.run(
            [sys.executable, "-c", script],
            env={"PYTHONHASHSEED": seed},
            capture_output=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    }
    assert len(runs) == 1


def test_columns_are_found_by_name_in_any_order_among_others() -> None:
    codec = fit(pa.table({"a": [1.0], "c": ["x"]}), ["a", "c"])
    encoded = codec.encode(pa.table({"c": ["x"], "other": [9], "a": [2.0]}))
    assert encoded.column_names == ["a", "c"]
    assert encoded.schema.types == [pa.float64(), pa.int32()]


@pytest.mark.parametrize(
    "column",
    [
        pa.array([3, None], pa.int8()),
        pa.array([3, None], pa.uint64()),
        pa.array([3.0, None], pa.float32()),
        pa.array([3.0, math.nan]),
        pa.array([Decimal(3), None], pa.decimal128(9, 2)),
    ],
)
def test_any_number_type_is_accepted_and_nan_is_missing(column: pa.Array) -> None:
    codec = fit(pa.table({"n": [1.5]}), ["n"])
    assert _encode(codec, n=column)["n"] == [3.0, None]


def test_booleans_are_numbers() -> None:
    codec = fit(pa.table({"n": [True, None]}), ["n"])
    assert codec.features[0].kind == "number"
    assert _encode(codec, n=pa.array([True, False]))["n"] == [1.0, 0.0]


def test_a_column_of_nulls_without_a_type_is_missing() -> None:
    codec = fit(pa.table({"n": [1.0], "c": ["x"]}), ["n", "c"])
    assert _encode(codec, n=pa.nulls(2), c=pa.nulls(2)) == {"n": [None, None], "c": [None, None]}


@pytest.mark.parametrize("kind", [pa.large_string(), pa.string_view()])
def test_every_text_type_is_a_category(kind: pa.DataType) -> None:
    column = pa.array(["y", None, "x"], kind)
    assert _encode(fit(pa.table({"c": column}), ["c"]), c=column)["c"] == [1, None, 0]


def test_a_dictionary_column_never_reaches_lightgbm() -> None:
    column = pa.array(["y", None, "x"]).dictionary_encode()
    codec = fit(pa.table({"c": column}), ["c"])
    encoded = codec.encode(pa.table({"c": column}))
    assert encoded.schema.types == [pa.int32()]
    assert encoded["c"].to_pylist() == [1, None, 0]


def test_missing_columns_are_named() -> None:
    codec = fit(pa.table({"a": [1.0], "b": [1.0], "c": [1.0]}), ["a", "b", "c"])
    with pytest.raises(DataError, match=r"lacks the feature columns a, c\."):
        codec.encode(pa.table({"b": [1.0]}))


def test_a_column_twice_is_named() -> None:
    table = pa.Table.from_arrays([pa.array([1]), pa.array([2])], names=["a", "a"])
    with pytest.raises(DataError, match=r"has more than once the feature columns a\."):
        fit(table, ["a"])


@pytest.mark.parametrize(
    ("column", "message"),
    [
        (pa.array([None, "ten"]), "Feature n is a number, but its column holds string: 'ten'"),
        (pa.array([1.0, math.inf]), "Column n is infinite in 1 of 2 rows"),
        (pa.array([[1]]), "Feature n is a number, but its column holds list"),
    ],
)
def test_what_is_no_number_is_refused(column: pa.Array, message: str) -> None:
    codec = fit(pa.table({"n": [1.0]}), ["n"])
    with pytest.raises(DataError, match=message):
        codec.encode(pa.table({"n": column}))


def test_a_number_in_a_category_is_refused() -> None:
    codec = fit(pa.table({"c": ["1"]}), ["c"])
    with pytest.raises(DataError, match="Feature c is a category, but its column holds int64: 7"):
        codec.encode(pa.table({"c": [7]}))


def test_a_feature_that_is_neither_is_refused_when_fitting() -> None:
    with pytest.raises(DataError, match="Feature t is a number, but its column holds timestamp"):
        fit(pa.table({"t": pa.array([0], pa.timestamp("us"))}), ["t"])


def test_no_feature_is_refused() -> None:
    with pytest.raises(DataError, match="needs a feature"):
        fit(pa.table({"a": [1]}), [])


def test_to_matrix_has_nan_for_null() -> None:
    matrix = to_matrix(pa.table({"a": [1.0, None], "b": pa.array([2, 3], pa.int32())}))
    assert matrix[0].tolist() == [1.0, 2.0]
    assert math.isnan(matrix[1, 0])
    assert matrix[1, 1] == 3.0
