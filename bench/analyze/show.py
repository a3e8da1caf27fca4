"""An analysis as a table of layers and its totals in sentences: in a terminal, and for any table format."""

from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from rich.box import SIMPLE_HEAD
from rich.table import Table as RichTable
from rich.text import Text

from bench.analyze import NetworkAnalysis
from bench.tables.formats import Document
from bench.tables.layout import Entry, Table, entries
from bench.text import count, plain

if TYPE_CHECKING:
    import pandas as pd
    from rich.console import Console

    from blocks import LayerAnalysis

HINTS = {
    "uncounted": "Not counted as MACs: ",
    "unfollowed": "Not followed: ",
    "dead": "Can never receive a gradient: ",
}
"""What stands before each list of names."""
SHOWN = 6  # names of a list in a terminal; JSON has all
WIDE = 180  # columns of text in a file
NAME = 24  # letters that a layer's name needs at least
DROPPED = ("in", "type", "params\n%", "MACs\n%", "alive in\ninference", "kept in\ntraining", "empirical", "out")
"""Which columns give way where a terminal is narrow, the first first."""


def size(nbytes: float) -> str:
    """``31.5 MB``, in powers of 1000."""
    text = count(nbytes)
    return f"{text[:-1]} {text[-1]}B" if text[-1].isalpha() else f"{text} B"


def shape(sides: Sequence[int]) -> str:
    """``64×32×32``; a dash where there is none."""
    return "×".join(map(str, sides)) or "–"


def field(value: int | Sequence[int] | None) -> str:
    """``67``, ``188–204`` where it depends on the pixel, or a dash."""
    if value is None:
        return "–"
    return str(value) if isinstance(value, int) else "–".join(map(str, value))


def totals(network: NetworkAnalysis, longest: int | None = None) -> Iterator[str]:
    """A sentence for each total; of a list of names the first ``longest``, and how many more there are."""
    found = network.analysis
    yield f"Parameters: {found.params:,} trainable, {found.params_total:,} with normalisation statistics"
    yield f"Model: {size(found.size_bytes(32))} in fp32, {size(found.size_bytes(16))} in fp16"
    yield f"MACs of an example: {found.macs:,}"
    yield f"FLOPs: {count(found.flops)} forward, {count(found.train_flops)} forward and backward"
    inference, training = size(found.inference_bytes), size(found.training_bytes)
    yield f"Activations of a batch of {found.batch}: {inference} alive at most in inference, {training} kept in training"
    yield from _fields(network)
    for what, names in _names(network):
        shown = names if longest is None else names[:longest]
        more = f" and {len(names) - len(shown)} more" if len(names) > len(shown) else ""
        yield f"{HINTS[what]}{', '.join(shown)}{more}"


def _fields(network: NetworkAnalysis) -> Iterator[str]:
    last = network.analysis.last_map
    if side := network.analysis.receptive_field.json:
        yield f"Receptive field of the output: {field(side)}"
    elif last:
        side = last.receptive_field.json
        yield f"Receptive field of {last.name}, the last map that does not see the whole image: {field(side)}"


def _names(network: NetworkAnalysis) -> Iterator[tuple[str, Sequence[str]]]:
    found = network.analysis
    dead = [*found.dead, *([f"{found.dead_params:,} in all"] if found.dead else [])]
    yield from ((what, names) for what, names in (
        ("uncounted", found.uncounted), ("unfollowed", found.unfollowed), ("dead", dead),
    ) if names)  # fmt: skip


def show(networks: Iterable[NetworkAnalysis], console: "Console") -> None:
    """Prints the layers and the totals of each network, as many columns as the console is wide; a file gets them all."""
    if not console.is_terminal:
        console.width = max(console.width, WIDE)
    for network in networks:
        found = network.analysis
        title = f"{network.name}: {shape(found.in_shape)} → {shape(found.out_shape)}"
        console.print(Text(plain(title), style="bold"))
        console.print(_grid(list(_texts(network, exact=False)), console.width))
        console.print(Text("\n".join(map(plain, totals(network, SHOWN)))), "")


def _grid(rows: list[list[str]], width: int) -> RichTable:
    """Numbers stand to the right; of a layer's name the end, where there is no room for all of it."""
    columns = [list(column) for column in zip(*rows, strict=True)]
    for header in DROPPED:
        if _room(columns, width) < min(NAME, max(map(len, columns[0]))):
            columns = [column for column in columns if column[0] != header]
    room = max(_room(columns, width), NAME)
    columns[0] = [text if len(text) <= room else f"…{text[1 - room :]}" for text in columns[0]]
    table = RichTable(box=SIMPLE_HEAD)
    for header, *_ in columns:
        left = header in ("layer", "type", "in", "out")
        table.add_column(Text(header), justify="left" if left else "right", no_wrap=True)
    for row in zip(*(column[1:] for column in columns), strict=True):
        table.add_row(*(Text(plain(text)) for text in row))
    return table


def _room(columns: list[list[str]], width: int) -> int:
    """What is left for the first column; each of them stands in 3 of space."""
    taken = [max(len(line) for cell in column for line in cell.split("\n")) for column in columns[1:]]
    return width - sum(taken) - 3 * len(columns) - 1


def document(networks: Sequence[NetworkAnalysis], *, single: bool) -> Document:
    """The layers and totals of the networks, a row a layer; ``single``: as a value the first network, not a list."""
    return Document(
        title="Layers and what they cost.",
        legend="",
        tables=lambda: list(map(_table, networks)),
        rows=lambda: _frame(networks),
        values=lambda: networks[0].as_dict() if single else [network.as_dict() for network in networks],
        screen=partial(show, networks),
    )


def _frame(networks: Iterable[NetworkAnalysis]) -> "pd.DataFrame":
    """One row a layer, with every number as it is; several values in a cell are joined by ×, for a field by –."""
    import pandas as pd

    rows = [
        {"network": network.name} | {key: _cell(key, value) for key, value in layer.items()}
        for network in networks
        for layer in network.as_dict()["layers"]
    ]
    return pd.DataFrame(rows, dtype=object)  # whole numbers stay whole where others are missing


def _cell(key: str, value: Any) -> Any:
    if isinstance(value, list):
        return ("–" if key.endswith("field") else "×").join(map(str, value))
    return value


def _table(network: NetworkAnalysis) -> Table:
    header, *rows = ([text.replace("\n", " ") for text in texts] for texts in _texts(network, exact=True))
    return Table(
        (Entry((network.name, header[0]), strong=True), *entries(*header[1:])),
        tuple(entries(*row) for row in rows),
        title=network.name,
        notes=tuple(totals(network)),
    )


def _texts(network: NetworkAnalysis, *, exact: bool) -> Iterator[list[str]]:
    """The header and a row a layer; large numbers in full, or rounded with a unit."""
    header = ["layer", "type", "in", "out", "params", "MACs", "field"]
    header += ["empirical"] if network.empirical else []
    yield [*header, "params\n%", "MACs\n%", "alive in\ninference", "kept in\ntraining"]
    for layer in network.analysis.layers:
        yield list(_row(network, layer, exact=exact))


def _row(network: NetworkAnalysis, layer: "LayerAnalysis", *, exact: bool) -> Iterator[str]:
    yield from (layer.name or "(network)", layer.type, shape(layer.in_shape), shape(layer.out_shape))
    yield f"{layer.params:,}"
    yield f"{layer.macs:,}" if exact else count(layer.macs)
    yield field(layer.receptive_field.json)
    if network.empirical:
        found = network.empirical.get(layer.name)
        yield field(found.json) if found else ""
    yield f"{100 * layer.params_share:.1f}"
    yield f"{100 * layer.macs_share:.1f}"
    yield size(layer.inference_bytes)
    yield size(layer.training_bytes)
