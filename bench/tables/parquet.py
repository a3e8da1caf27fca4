"""A frame of runs as Apache Parquet: every column of one type, so that any reader of the format gets the same numbers."""

import io
import json
from typing import TYPE_CHECKING, Any

from bench.tables.formats import table_format

if TYPE_CHECKING:
    import pandas as pd


SMALL: dict[str, Any] = {
    "compression": "zstd", "use_dictionary": False, "write_statistics": False, "store_schema": False
}  # fmt: skip
"""Of a hundred columns and few rows nearly all is words about the columns: without those that the format can do without, and
pandas' own among them, a file has less than half of the size."""


@table_format(suffix="parquet", of="rows")
def parquet(frame: "pd.DataFrame") -> bytes:
    """Every number as it is with its type, for pandas, R and databases; equal rows give equal bytes."""
    import pandas as pd

    columns = {name: _one_type(frame[name]) for name in frame.columns}
    file = io.BytesIO()
    pd.DataFrame(columns, index=frame.index).to_parquet(file, engine="pyarrow", index=False, **SMALL)
    return file.getvalue()


def _one_type(column: "pd.Series[Any]") -> "pd.Series[Any]":
    """Booleans, whole numbers, numbers or text, with what is missing as null; a column that mixes them is text, as JSON."""
    import pandas as pd

    if column.dtype != object:
        return column
    known = column.dropna()
    kinds = {type(value) for value in known}
    if kinds <= {bool}:
        return column.astype("boolean")
    if kinds <= {int} and known.map(lambda value: -(2**63) <= value < 2**63).all():
        return column.astype("Int64")
    if kinds <= {int, float} and float in kinds:
        return column.astype("float64")
    if kinds == {str}:
        return column.astype("str")
    return column.map(lambda value: None if pd.isna(value) else json.dumps(value, ensure_ascii=False)).astype("str")
