"""Calls of torch's operations as its dispatcher shows them: their arguments by name, what they write into."""

from collections.abc import Mapping, Sequence
from typing import Any

from torch import Tensor
from torch.overrides import TorchFunctionMode


class Interior(TorchFunctionMode):
    """What makes no difference in the interior of a large image, and is in the way of looking at it, is left out.

    Circular padding is as any other (torch writes it piece by piece); the statistics of normalisations that are computed of the
    map itself count as constants, as those of batch normalisation do in eval mode.
    """

    def __torch_function__(self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None) -> Any:
        """Calls the function, or what stands in for it."""
        name, kwargs = getattr(func, "__name__", ""), kwargs or {}
        if name in ("group_norm", "layer_norm", "instance_norm", "rms_norm"):
            return args[0] if args else kwargs["input"]
        if name == "pad" and "circular" in (*args[2:3], kwargs.get("mode")):
            args, kwargs = args[:2], {key: value for key, value in kwargs.items() if key in ("input", "pad")}
        return func(*args, **kwargs)


def given_to(func: Any, args: Sequence[Any], kwargs: Mapping[str, Any]) -> dict[str, Any]:
    """All arguments by name, with their defaults."""
    schema = func._schema.arguments
    given = {argument.name: argument.default_value for argument in schema if argument.has_default_value()}
    return given | {argument.name: value for argument, value in zip(schema, args, strict=False)} | dict(kwargs)


def mutated(func: Any, given: Mapping[str, Any]) -> Tensor | None:
    """The tensor that an operation writes into."""
    for argument in func._schema.arguments:
        if (
            argument.alias_info is not None
            and argument.alias_info.is_write
            and isinstance(given[argument.name], Tensor)
        ):
            tensor: Tensor = given[argument.name]
            return tensor
    return None
