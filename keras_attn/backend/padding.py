"""Converts a padding argument to numbers of pixels."""

from keras_attn.backend.protocol import Padding, Pair


def pixels(
    padding: Padding,
    size: int,
    kernel_size: int,
    stride: int,
    dilation: int = 1,
) -> Pair:
    """Returns how many pixels are added before and after an axis.

    `padding` is `"valid"`, `"same"` or the number of pixels on both sides. If
    `"same"` needs an odd number of pixels, the extra one comes after.
    """
    if padding == "valid":
        return 0, 0
    if isinstance(padding, int):
        return padding, padding
    outputs = -(-size // stride)
    total = (outputs - 1) * stride + (kernel_size - 1) * dilation + 1 - size
    total = max(total, 0)
    return total // 2, total - total // 2
