"""The names that each backend's module defines, and what they do."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import Any, ParamSpec, Protocol, TypeVar

# Of the backend, or of Keras where a model is only described; an array of
# NumPy where Keras takes one. Nests of them are those of `keras.tree`.
Tensor = Any
Nest = Any
# Of Keras, which may not be imported before a backend is chosen.
Variable = Any
Function = Callable[..., Any]
Pair = tuple[int, int]
# With the batch. Sides are `None` where they are not known, and tensors where
# they are known at run time only.
Shape = tuple[int | Tensor, ...]
# A height and a width: tensors where they are known at run time only.
Sides = Sequence[int | Tensor]
# A name, or the number of pixels on each side.
Padding = str | int
Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")


class Backend(Protocol):
    """A backend's module. Arguments are given by position."""

    @property
    def COMPILES(self) -> bool:
        """Whether functions are compiled, once for each set of shapes.

        Those that `differentiate` and `inference` return.
        """
        ...

    @property
    def FUSES(self) -> bool:
        """Whether a compiler joins elementwise operations into one."""
        ...

    def value_and_gradient(
        self, function: Callable[[Nest], Tensor], tensors: Nest, /
    ) -> tuple[Tensor, Nest]:
        """Returns a scalar function's value and gradient, zero where constant.

        The function takes a tensor, or a nest of tensors.
        """
        ...

    def differentiate(
        self, function: Callable[..., tuple[Tensor, Nest]], /
    ) -> Callable[..., tuple[tuple[Tensor, Nest], Nest]]:
        """Makes a function return its gradient too.

        The function takes a nest of tensors, and others, and returns a scalar
        and a nest of what else is wanted: `((value, others), gradients)`,
        zero where constant, is what the new one returns.
        """
        ...

    def inference(
        self, function: Callable[..., Nest], /
    ) -> Callable[..., Nest]:
        """Returns a function of nests of tensors, without gradients."""
        ...

    def no_gradient(self) -> AbstractContextManager[Any]:
        """Returns a context in which nothing is kept for a gradient."""
        ...

    def trace(self, function: Callable[..., Any], /, *arguments: Nest) -> None:
        """Runs a function for what it does in Python.

        On shapes alone where the backend can.
        """
        ...

    def state(self, variables: Sequence[Variable], /) -> list[Tensor]:
        """Returns the values of variables, as constants to a gradient."""
        ...

    def on_state(
        self,
        variables: Sequence[Variable],
        function: Callable[[list[Tensor]], Any],
        /,
    ) -> Any:
        """Calls a function of these values.

        Again, if another thread changed the variables meanwhile.
        """
        ...

    def constant(self, variable: Variable, /) -> Tensor | None:
        """Returns what a compiled function keeps of a variable.

        One that is no argument of it; `None` if it reads the variable anew.
        """
        ...

    def apart(
        self, function: Callable[Arguments, Result], /
    ) -> Callable[Arguments, Result]:
        """Returns a function that runs as if no other one were compiled.

        None, that is, around it.
        """
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
        """Convolves images, in the memory layout that the backend likes.

        Shapes are those of `data_format`, whatever lies in memory.
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
        """Takes the maximum of each window, likewise."""
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
        """Takes the maximum of each window, and where the first one is.

        Which is `row * width + column`, as int32.
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
        """Batch normalisation by given statistics."""
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
        """Batch normalisation by the statistics of the batch.

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
        """Normalises by the statistics of the last axis."""
        ...

    def contiguous(self, inputs: Tensor, /) -> Tensor:
        """Lays the inputs out in memory in the order of their axes."""
        ...

    def largest(self, inputs: Tensor, axes: tuple[int, ...], /) -> Tensor:
        """Takes the maximum over axes.

        Of equal values, each has the same share of the gradient.
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
        """Weighs values by the softmax, over the keys, of `scale query key`.

        `(batch, tokens, heads, numbers)` each. The mask is true where a query
        may look.
        """
        ...

    def gelu(self, inputs: Tensor, /) -> Tensor:
        """Returns the exact GELU, by `erf`."""
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
        """ReLU of a tensor that nobody else holds: it may be overwritten."""
        ...
