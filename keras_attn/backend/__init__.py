"""What `keras.ops` lacks, or does slowly, on one of the backends.

The only files of the package that import TensorFlow, PyTorch or JAX are in
this room. Each backend's module defines the same names:

- `COMPILES`: whether `differentiate` and `inference` compile, once for each
  set of shapes.
- `FUSES`: whether a compiler joins elementwise operations into one.
- `value_and_gradient(function, tensors)`: value and gradient of a scalar
  function of a tensor, or of a nest of tensors.
- `differentiate(function)`: a function of a nest of tensors, and of others,
  that returns a scalar and a nest of what else is wanted, as
  `((value, others), gradients)`, zero where constant. Compiled once for each
  set of shapes, where there is a compiler.
- `inference(function)`: a function of nests of tensors, compiled likewise,
  without gradients.
- `no_gradient()`: a context in which nothing is kept for a gradient.
- `trace(function, *arguments)`: runs a function for what it does in Python,
  on shapes alone where the backend can.
- `state(variables)`: the values of variables, as constants to a gradient.
- `on_state(variables, function)`: a function of these values, called again if
  another thread changed the variables meanwhile.
- `constant(variable)`: what a compiled function keeps of a variable that is
  no argument of it; `None` if it reads the variable anew.
- `apart(function)`: the same function, which runs as if no other one were
  being compiled around it.
- `convolve(inputs, kernel, bias, strides, padding, dilation_rate,
  data_format)` and `max_pool(inputs, pool_size, strides, padding,
  data_format)`: for images, in the memory layout that the backend likes.
  Shapes are those of `data_format`, whatever lies in memory.
- `max_pool_with_indices(inputs, pool_size, strides, padding, data_format)`:
  maxima, and `row * width + column` of the first of each window, as int32.
- `normalize(inputs, mean, variance, gamma, beta, axis, epsilon)`: batch
  normalisation by given statistics.
- `normalize_batch(inputs, gamma, beta, axis, epsilon)`: by those of the batch;
  returns the outputs, the mean and the (biased) variance.
- `normalize_last(inputs, gamma, beta, epsilon)`: by those of the last axis;
  `gamma` and `beta` are variables.
- `contiguous(inputs)`: the same, laid out in memory in the order of its axes.
- `largest(inputs, axes)`: the maximum over a tuple of axes. Of equal values,
  each has the same share of the gradient.
- `attend(query, key, value, mask, scale)`: softmax over the keys of each
  query's products with them, times `scale`, by which the values are weighed;
  `(batch, tokens, heads, numbers)` each. The mask, which may be `None`, is
  true where a query may look.
- `gelu(inputs)`: the exact GELU, by `erf`.
- `linear(inputs, kernel, bias)`: vectors times a matrix plus a bias, which may
  be `None`, all of one dtype.
- `mean(inputs, axes)`: the average over a tuple of axes.
- `rectify(inputs)`: ReLU of a tensor that nobody else holds: it may be
  overwritten.
"""

from keras_attn.backend import choice

_name = choice.start()
if _name == "tensorflow":
    from keras_attn.backend import tensorflow as _backend
elif _name == "torch":
    from keras_attn.backend import torch as _backend
else:
    from keras_attn.backend import jax as _backend

COMPILES = _backend.COMPILES
FUSES = _backend.FUSES
apart = _backend.apart
attend = _backend.attend
constant = _backend.constant
contiguous = _backend.contiguous
convolve = _backend.convolve
differentiate = _backend.differentiate
gelu = _backend.gelu
inference = _backend.inference
largest = _backend.largest
linear = _backend.linear
max_pool = _backend.max_pool
max_pool_with_indices = _backend.max_pool_with_indices
mean = _backend.mean
no_gradient = _backend.no_gradient
normalize = _backend.normalize
normalize_batch = _backend.normalize_batch
normalize_last = _backend.normalize_last
rectify = _backend.rectify
on_state = _backend.on_state
state = _backend.state
trace = _backend.trace
value_and_gradient = _backend.value_and_gradient
