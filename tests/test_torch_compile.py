"""Tests the statements of docs/backends.md about `torch.compile`."""

import keras
import pytest

import keras_attn

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(1200),
    # PyTorch's compiler warns about its own imports and tracing.
    pytest.mark.filterwarnings("ignore"),
]


def run(name):
    """Compiles a convolution and a block for any size; computes a gradient."""
    import torch

    convolution = keras.layers.Conv2D(16, 3, padding="same")
    block = keras_attn.layers.get(name)
    for layer in (convolution, block):
        layer.build((None, 16, 16, 16))
    compiled = torch.compile(lambda x: block(convolution(x)), dynamic=True)
    x = torch.randn(4, 16, 16, 16, requires_grad=True)
    compiled(x).sum().backward()
    assert torch.isfinite(x.grad).all()


@pytest.mark.skipif(
    keras.backend.backend() != "torch", reason="torch.compile is PyTorch's"
)
@pytest.mark.parametrize("name", keras_attn.layers.names())
def test_blocks_with_symbolic_sizes(name):
    if name == "cbam":
        # When this passes, remove the row in docs/backends.md.
        with pytest.raises(Exception, match="truth value of Relational"):
            run(name)
    else:
        run(name)
