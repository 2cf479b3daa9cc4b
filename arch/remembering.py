"""Remembers what a function made of the very same objects."""

from collections import OrderedDict
from collections.abc import Callable
from functools import wraps
from typing import Any, ParamSpec, TypeVar

Given = ParamSpec("Given")
Result = TypeVar("Result")


def by_identity(
    inputs: Callable[..., tuple[Any, ...]], size: int = 16
) -> Callable[[Callable[Given, Result]], Callable[Given, Result]]:
    """Decorator: keep the last ``size`` results by the identity of the objects that ``inputs`` names.

    For pure functions of immutable objects, such as parts of a frozen spec, that many designs share.
    ``inputs`` must name everything that the result depends on.
    """

    def decorated(function: Callable[Given, Result]) -> Callable[Given, Result]:
        kept: OrderedDict[tuple[int, ...], tuple[tuple[Any, ...], Result]] = OrderedDict()

        @wraps(function)
        def remembering(*args: Given.args, **kwargs: Given.kwargs) -> Result:
            objects = inputs(*args, **kwargs)
            key = tuple(map(id, objects))
            if key not in kept:
                # The objects are kept as well: while they live, nothing else can have their identity.
                kept[key] = objects, function(*args, **kwargs)
                if len(kept) > size:
                    kept.popitem(last=False)
            return kept[key][1]

        return remembering

    return decorated
