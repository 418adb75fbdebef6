"""The image operations of the backends that compile: `keras.ops` as it is.

XLA chooses the memory layout and fuses what can be fused by itself.
"""

import keras
from keras import ops

FUSES = True


def contiguous(inputs):
    """Returns the inputs: their layout is XLA's business."""
    return inputs


def multiply(inputs, kernel):
    """Multiplies the channels at each position of images by a matrix."""
    return ops.einsum("bhwc,cd->bhwd", inputs, kernel)


def convolve(
    inputs,
    kernel,
    bias,
    strides,
    padding,
    dilation_rate,
    data_format,
    product,
):
    """Convolves images, and adds the bias unless it is `None`.

    `product` is what does the work of `multiply` for a kernel of one pixel,
    or `None` to leave it to the convolution.
    """
    last = data_format == "channels_last"
    sizes = tuple(kernel.shape[:2])
    if isinstance(padding, int):
        sides = zip(sizes, strides, dilation_rate, strict=True)
        if all((2 * padding, 1) == ((k - 1) * d, s) for k, s, d in sides):
            # With pixels of its own, XLA's gradient takes twice the time.
            padding = "same"
        else:
            inputs = _padded(inputs, padding, 0.0, data_format)
            padding = "valid"
    if product is not None and sizes == (1, 1):
        inputs = _every(inputs, strides, data_format)
        kernel = ops.convert_to_tensor(kernel)[0, 0]
        if last:
            outputs = product(inputs, kernel)
        else:
            outputs = ops.einsum("bchw,cd->bdhw", inputs, kernel)
    else:
        outputs = ops.conv(
            inputs,
            kernel,
            strides=list(strides),
            padding=padding,
            dilation_rate=dilation_rate,
            data_format=data_format,
        )
    if bias is None:
        return outputs
    bias = ops.convert_to_tensor(bias)
    # Not `ops.add`: on TensorFlow, Keras 3.15 takes a bias of shape (c, 1, 1)
    # for one of the last axis if the image happens to be c pixels wide.
    return outputs + (bias if last else ops.reshape(bias, (-1, 1, 1)))


def max_pool(inputs, pool_size, strides, padding, data_format):
    """Takes the maximum of each window."""
    if isinstance(padding, int):
        lowest = float("-inf")
        inputs, padding = _padded(inputs, padding, lowest, data_format), "valid"
    return ops.max_pool(inputs, pool_size, strides, padding, data_format)


def normalize(inputs, mean, variance, gamma, beta, axis, epsilon):
    """Normalises by given statistics."""
    return ops.batch_normalization(
        inputs, mean, variance, axis, offset=beta, scale=gamma, epsilon=epsilon
    )


def normalize_batch(inputs, gamma, beta, axis, epsilon):
    """Normalises by the statistics of the batch, and returns these too."""
    axes = [i for i in range(len(inputs.shape)) if i != axis % inputs.ndim]
    mean, variance = keras.ops.moments(inputs, axes)
    outputs = normalize(inputs, mean, variance, gamma, beta, axis, epsilon)
    return outputs, mean, variance


def largest(inputs, axes):
    """Takes the maximum over axes."""
    return ops.max(inputs, axis=axes)


def linear(inputs, kernel, bias):
    """Multiplies vectors by a matrix, and adds the bias unless it is `None`."""
    outputs = ops.matmul(inputs, kernel)
    return outputs if bias is None else outputs + bias


def mean(inputs, axes):
    """Averages over axes."""
    return ops.mean(inputs, axis=axes)


def rectify(inputs):
    """Returns the inputs where they are positive, 0 elsewhere."""
    return ops.relu(inputs)


def _padded(inputs, pixels, value, data_format):
    """Puts pixels of a value around each image."""
    sides, others = (pixels, pixels), (0, 0)
    if data_format == "channels_last":
        widths = (others, sides, sides, others)
    else:
        widths = (others, others, sides, sides)
    return ops.pad(inputs, widths, constant_values=value) if pixels else inputs


def _every(inputs, strides, data_format):
    """Takes every so many-th row and column of images."""
    if tuple(strides) == (1, 1):
        return inputs
    rows, columns = (slice(None, None, stride) for stride in strides)
    if data_format == "channels_last":
        return inputs[:, rows, columns]
    return inputs[:, :, rows, columns]
