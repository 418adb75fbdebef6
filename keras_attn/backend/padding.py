"""How much padding the name of one stands for."""

from keras_attn.backend.protocol import Padding, Pair


def pixels(
    padding: Padding,
    size: int,
    kernel_size: int,
    stride: int,
    dilation: int = 1,
) -> Pair:
    """Returns how many pixels come before and after an axis.

    `padding` is `"valid"`, `"same"`, of which an odd one comes after, or the
    number for both.
    """
    if padding == "valid":
        return 0, 0
    if isinstance(padding, int):
        return padding, padding
    outputs = -(-size // stride)
    total = (outputs - 1) * stride + (kernel_size - 1) * dilation + 1 - size
    total = max(total, 0)
    return total // 2, total - total // 2
