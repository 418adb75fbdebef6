"""The names that every backend module defines, and what they do."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import Any, ParamSpec, Protocol, TypeVar

# A backend tensor, or a KerasTensor while a model is only described, or a
# NumPy array where Keras accepts one. Nests are those of `keras.tree`.
Tensor = Any
Nest = Any
# A Keras variable. Keras must not be imported before a backend is chosen.
Variable = Any
Function = Callable[..., Any]
Pair = tuple[int, int]
# Includes the batch. Sides are `None` if unknown, and tensors if they are only
# known at run time.
Shape = tuple[int | Tensor, ...]
# A height and a width: tensors if they are only known at run time.
Sides = Sequence[int | Tensor]
# A name, or the number of pixels on each side.
Padding = str | int
Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")


class Backend(Protocol):
    """A backend module. Arguments are positional."""

    @property
    def COMPILES(self) -> bool:
        """Whether `differentiate` and `inference` return compiled functions.

        They are compiled once for every set of shapes.
        """
        ...

    @property
    def FUSES(self) -> bool:
        """Whether a compiler fuses elementwise operations."""
        ...

    def value_and_gradient(
        self, function: Callable[[Nest], Tensor], tensors: Nest, /
    ) -> tuple[Tensor, Nest]:
        """Returns a scalar function's value and gradient, zero where constant.

        The function takes a tensor or a nest of tensors.
        """
        ...

    def differentiate(
        self, function: Callable[..., tuple[Tensor, Nest]], /
    ) -> Callable[..., tuple[tuple[Tensor, Nest], Nest]]:
        """Makes a function return its gradient too.

        The function takes a nest of tensors and further arguments, and returns
        a scalar and a nest of auxiliary results. The new function returns
        `((value, auxiliary), gradients)`, with zeros where it is constant.
        """
        ...

    def inference(
        self, function: Callable[..., Nest], /
    ) -> Callable[..., Nest]:
        """Makes a function of nests of tensors run without gradients."""
        ...

    def no_gradient(self) -> AbstractContextManager[Any]:
        """Returns a context in which nothing is stored for gradients."""
        ...

    def trace(self, function: Callable[..., Any], /, *arguments: Nest) -> None:
        """Runs a function for its side effects in Python.

        It runs on shapes alone if the backend can do that.
        """
        ...

    def state(self, variables: Sequence[Variable], /) -> list[Tensor]:
        """Returns the values of variables, as constants for gradients."""
        ...

    def on_state(
        self,
        variables: Sequence[Variable],
        function: Callable[[list[Tensor]], Any],
        /,
    ) -> Any:
        """Calls a function of the values of variables.

        Calls it again if another thread changed the variables meanwhile.
        """
        ...

    def constant(self, variable: Variable, /) -> Tensor | None:
        """Returns the value that a compiled function stores for a variable.

        This concerns variables that are not among its arguments. `None` means
        that the function reads the variable at every call.
        """
        ...

    def apart(
        self, function: Callable[Arguments, Result], /
    ) -> Callable[Arguments, Result]:
        """Makes a function run outside of any function being compiled."""
        ...

    def convolve(
        self,
        inputs: Tensor,
        kernel: Tensor,
        bias: Tensor | None,
        strides: Pair,
        padding: Padding,
        dilation_rate: Pair,
        data_format: str,
        /,
    ) -> Tensor:
        """Convolves images in the memory layout that suits the backend.

        Shapes follow `data_format`, whatever the memory layout.
        """
        ...

    def max_pool(
        self,
        inputs: Tensor,
        pool_size: Pair,
        strides: Pair,
        padding: Padding,
        data_format: str,
        /,
    ) -> Tensor:
        """Takes the maximum of each window, with layouts as in `convolve`."""
        ...

    def max_pool_with_indices(
        self,
        inputs: Tensor,
        pool_size: Pair,
        strides: Pair,
        padding: Pair,
        data_format: str,
        /,
    ) -> tuple[Tensor, Tensor]:
        """Takes the maximum of each window and its index.

        The index is `row * width + column` of the first maximum, as int32.
        """
        ...

    def normalize(
        self,
        inputs: Tensor,
        mean: Tensor,
        variance: Tensor,
        gamma: Tensor | None,
        beta: Tensor | None,
        axis: int,
        epsilon: float,
        /,
    ) -> Tensor:
        """Applies batch normalisation with given statistics."""
        ...

    def normalize_batch(
        self,
        inputs: Tensor,
        gamma: Tensor | None,
        beta: Tensor | None,
        axis: int,
        epsilon: float,
        /,
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Applies batch normalisation with the statistics of the batch.

        Returns the outputs, the mean and the (biased) variance.
        """
        ...

    def normalize_last(
        self,
        inputs: Tensor,
        gamma: Variable,
        beta: Variable,
        epsilon: float,
        /,
    ) -> Tensor:
        """Applies layer normalisation over the last axis."""
        ...

    def contiguous(self, inputs: Tensor, /) -> Tensor:
        """Lays the inputs out in memory in the order of their axes."""
        ...

    def largest(self, inputs: Tensor, axes: tuple[int, ...], /) -> Tensor:
        """Takes the maximum over axes.

        Equal maxima share the gradient evenly.
        """
        ...

    def attend(
        self,
        query: Tensor,
        key: Tensor,
        value: Tensor,
        mask: Tensor | None,
        scale: float,
        /,
    ) -> Tensor:
        """Weights values by the softmax of `scale query key` over the keys.

        All three are `(batch, tokens, heads, numbers)`. The mask is true for
        keys that a query may attend to.
        """
        ...

    def gelu(self, inputs: Tensor, /) -> Tensor:
        """Applies the exact GELU, with `erf`."""
        ...

    def linear(
        self, inputs: Tensor, kernel: Tensor, bias: Tensor | None, /
    ) -> Tensor:
        """Multiplies vectors by a matrix and adds a bias, all of one dtype."""
        ...

    def mean(self, inputs: Tensor, axes: tuple[int, ...], /) -> Tensor:
        """Averages over axes."""
        ...

    def rectify(self, inputs: Tensor, /) -> Tensor:
        """Applies ReLU to a tensor that is not used elsewhere.

        The tensor may be overwritten.
        """
        ...
