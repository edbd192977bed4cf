"""What makes objects of astropy.modeling, of which a WCS has hundreds, sooner than astropy does.

A compound model looks up all values of its parameters to learn their shapes, at each level of the tree
of models, though the models that it is made of know them; and a parameter is copied by the general way
of `copy.deepcopy`. Both take most of the time that a WCS takes to be made. What is here gives the same
objects; `is_fit` makes some in both ways and compares them, and if they differ astropy goes on as it is.
"""

from __future__ import annotations

import copy
from collections import defaultdict
from types import BuiltinFunctionType, FunctionType
from typing import Any

import numpy as np
from astropy.modeling import models
from astropy.modeling.core import CompoundModel
from astropy.modeling.parameters import Parameter

__all__ = ["CompoundModel", "Parameter", "copy_parameter", "is_fit", "map_parameters"]

_ATOMS = frozenset(
    {str, int, float, bool, complex, bytes, type(None), type, FunctionType, BuiltinFunctionType}
)


def copy_parameter(self: Any, memo: dict[int, Any]) -> Any:
    """Return a deep copy of a parameter."""
    new = memo[id(self)] = object.__new__(type(self))
    state = new.__dict__
    for name, value in self.__dict__.items():
        kind = type(value)
        if kind in _ATOMS or (kind is tuple and all(type(each) in _ATOMS for each in value)):
            state[name] = value
        elif kind is np.ndarray and value.dtype.kind != "O":
            state[name] = value.copy("K")
        else:
            state[name] = copy.deepcopy(value, memo)
    return new


def map_parameters(self: Any) -> None:
    """Give a compound model the parameters of the models that it is made of."""
    if self._parameters is not None:
        return
    if self._leaflist is None:
        self._make_leaflist()
    parameters: dict[str, Any] = {}
    places: dict[str, tuple[int, str]] = {}
    metrics: defaultdict[str, dict[str, Any]] = defaultdict(dict)
    start = 0
    for number, leaf in enumerate(self._leaflist):
        if isinstance(leaf, dict):
            continue
        known = leaf._param_metrics
        for name in leaf.param_names:
            suffixed = f"{name}_{number}"
            parameters[suffixed] = getattr(leaf, name)
            places[suffixed] = number, name
            size = known[name]["size"]
            metrics[suffixed] = {
                "slice": slice(start, start + size),
                "shape": known[name]["shape"],
                "size": size,
            }
            start += size
    self.__dict__.update(parameters)
    self._parameters_ = parameters
    self._param_names = tuple(parameters)
    self._param_metrics = metrics
    self._param_map = places
    self._param_map_inverse = {place: name for name, place in places.items()}
    self._parameters = np.empty(start, dtype=np.float64)


def is_fit() -> bool:
    """Tell whether the installed astropy makes the same of models as the functions here."""
    try:
        if hasattr(Parameter, "__deepcopy__") or hasattr(Parameter, "__slots__"):
            return False
        plain = models.Polynomial2D(2, c0_0=1.5, x_domain=(0, 7))
        return _same_copy(plain.c0_0) and all(map(_same_map, _samples(plain)))
    except Exception:  # of any kind: something is not as it was
        return False


def _samples(plain: Any) -> list[Any]:
    pair = models.Shift(1.0) & models.Scale(2.0)
    rotation = models.AffineTransformation2D(np.eye(2), [1.0, 2.0])
    whole = models.Mapping((0, 1)) | pair | rotation | models.Mapping((0, 1, 0, 1)) | plain & plain
    return [pair, whole, whole + whole, models.fix_inputs(plain, {"y": 3.0})]


def _same_copy(parameter: Any) -> bool:
    theirs, ours = copy.deepcopy(parameter), copy_parameter(parameter, {})
    left, right = vars(theirs), vars(ours)
    return left.keys() == right.keys() and all(
        type(left[key]) is type(right[key])
        and (key == "_model" or repr(left[key]) == repr(right[key]))
        for key in left
    )


def _same_map(model: Any) -> bool:
    names = ("_parameters_", "_param_names", "_param_metrics", "_param_map", "_param_map_inverse")
    theirs = {name: getattr(model, name) for name in names}
    shape, before = model._parameters.shape, set(vars(model))
    other = object.__new__(type(model))
    other.__dict__.update(vars(model))
    other.__dict__["_parameters"] = None
    map_parameters(other)
    return (
        all(
            type(theirs[name]) is type(getattr(other, name))
            and theirs[name] == getattr(other, name)
            for name in names
        )
        and other._parameters.shape == shape
        and other._parameters.dtype == model._parameters.dtype
        and set(vars(other)) == before
    )
