"""ZF-Net and its DeconvNet in plain PyTorch."""

import torch
import torch.nn.functional as F
from torch import nn

# Filters, kernel, stride and padding of a convolution; padding of its pooling.
LAYERS = (
    (96, 7, 2, 1, 1),
    (256, 5, 2, 0, 1),
    (384, 3, 1, 1, None),
    (384, 3, 1, 1, None),
    (256, 3, 1, 1, 0),
)


class ZFNet(nn.Module):
    """Outputs logits; `features` also records what the DeconvNet needs."""

    def __init__(self, classes=1000):
        super().__init__()
        channels, convolutions = 3, []
        for filters, size, stride, padding, _ in LAYERS:
            convolutions.append(
                nn.Conv2d(channels, filters, size, stride, padding)
            )
            channels = filters
        self.convolutions = nn.ModuleList(convolutions)
        self.norms = nn.ModuleList(
            nn.LocalResponseNorm(5, alpha=5e-4, k=2.0) for _ in range(2)
        )
        self.top = nn.Sequential(
            nn.Flatten(),
            nn.Linear(9216, 4096),
            nn.ReLU(inplace=True),
            nn.Dropout(0.5),
            nn.Linear(4096, 4096),
            nn.ReLU(inplace=True),
            nn.Dropout(0.5),
            nn.Linear(4096, classes),
        )

    def features(self, x, steps=None):
        """Returns the last maps, and appends to `steps` for the DeconvNet."""
        for i, convolution in enumerate(self.convolutions):
            before = x.shape
            x = F.relu(convolution(x), inplace=True)
            padding, indices, shape = LAYERS[i][4], None, x.shape
            if padding is not None:
                if steps is None:
                    x = F.max_pool2d(x, 3, 2, padding)
                else:
                    x, indices = F.max_pool2d(
                        x, 3, 2, padding, return_indices=True
                    )
            if steps is not None:
                steps.append((convolution, before, indices, shape))
            if i < 2:
                x = self.norms[i](x)
        return x

    def forward(self, x):
        return self.top(self.features(x))


def unpool(x, indices, shape):
    """Adds values at the positions of their maxima."""
    empty = x.new_zeros(*shape[:2], shape[2] * shape[3])
    return empty.scatter_add(2, indices.flatten(2), x.flatten(2)).view(shape)


def reconstruct(steps, maps, pooled=True):
    """Projects maps of the last step back to pixels.

    `pooled` says whether the maps come after its pooling or before it.
    """
    x = maps
    for convolution, before, indices, shape in reversed(steps):
        if indices is not None and pooled:
            x = unpool(x, indices, shape)
        pooled = True
        x = F.relu(x)
        sizes = zip(
            before[2:],
            x.shape[2:],
            convolution.stride,
            convolution.padding,
            convolution.kernel_size,
            strict=True,
        )
        # The rows and columns that a stride has cut off.
        missing = [
            side - ((n - 1) * stride - 2 * padding + size)
            for side, n, stride, padding, size in sizes
        ]
        x = F.conv_transpose2d(
            x,
            convolution.weight,
            None,
            convolution.stride,
            convolution.padding,
            missing,
        )
    return x


def strongest(maps, channel):
    """Keeps only the strongest activation of one map."""
    alone = torch.zeros_like(maps)
    chosen = maps[:, channel].flatten(1)
    places = chosen.argmax(1, keepdim=True)
    alone[:, channel] = (
        torch.zeros_like(chosen)
        .scatter(1, places, chosen.gather(1, places))
        .view_as(alone[:, channel])
    )
    return alone
