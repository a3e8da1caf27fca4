"""Data on its way to a node: looked for there first, compared by its bits, and sent once where it is missing or another."""

from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch

from bench.cluster.cargo import Packed
from bench.data import data_from, download
from bench.data.base import Data, Info, Loaded, Split
from bench.data.cache import Arrays, cached, present
from bench.data.digest import PARTS, SPLITS, arrays_of, digest
from bench.data.spec import provide as provide_data
from bench.errors import UserError


def packed_data(spec: Mapping[str, Any]) -> tuple[dict[str, Any], Arrays]:
    """A data set in words (with the digest of its bits) and in arrays."""
    data = data_from(spec)
    loaded = data.load()
    arrays = arrays_of(loaded)
    words = in_words(data) | {"validation_share": loaded.validation_share, "digest": digest(arrays)}
    return words, arrays


def in_words(data: Data) -> dict[str, Any]:
    """All but the data: what a network that is only built, or given other numbers, needs of them."""
    words = {field.name: getattr(data, field.name) for field in fields(data) if field.name not in ("info", "load")}
    return words | {"info": vars(data.info)}


def look(packed: Packed, spec: Mapping[str, Any], wanted: str) -> str:
    """On a node: ``local`` where it can load the data set itself, without a download, and has the same bits; ``kept`` where
    the data came earlier; else ``missing``."""
    if present(_key(wanted)):
        return "kept"
    with TemporaryDirectory(prefix="bench-") as folder, download.forbidden():
        packed.prepared(Path(folder))
        try:
            loaded = data_from(spec).load()
        except UserError:  # its files are not here, or other ones are
            return "missing"
        return "local" if digest(arrays_of(loaded)) == wanted else "missing"


def receive(wanted: str, arrays: Arrays) -> str:
    """On a node: keeps what was sent in the cache, where every process of the node has it memory-mapped."""
    cached(_key(wanted), lambda: arrays)
    return "kept"


def provide(spec: Mapping[str, Any], words: Mapping[str, Any]) -> None:
    """In a worker: from here on the spec stands for the data that was sent, or that only its words were."""
    tuples = {name: tuple(words[name]) for name in ("in_shape", "target_shape", "classes", "channels")}
    others = {field.name: words[field.name] for field in fields(Data) if field.name in words}
    provide_data(spec, Data(**others | tuples | {"info": Info(**words["info"]), "load": lambda: _loaded(words)}))


def _key(wanted: str) -> dict[str, Any]:
    return {"name": "shipped", "version": 1, "digest": wanted}


def _loaded(words: Mapping[str, Any]) -> Loaded:
    assert "digest" in words, "only words of the data were sent"

    def gone() -> Arrays:
        raise UserError(
            "data that was sent to this node is no longer in its cache; run again, and it will be sent anew"
        )

    tensors: dict[str, torch.Tensor] = cached(_key(words["digest"]), gone)

    def split(name: str) -> Split | None:
        parts = {part: tensors[f"{name}.{part}"] for part in PARTS if f"{name}.{part}" in tensors}
        return Split(**parts) if parts else None

    train, validation, test = map(split, SPLITS)
    assert train is not None
    assert test is not None
    return Loaded(train, test, tensors["scale"], tensors["shift"], validation, words["validation_share"])
