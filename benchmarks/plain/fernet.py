"""FeatureAct and FERNet in plain PyTorch.

The block has two variants: the published loop over target channels, and one
product over all channels.
"""

import torch
import torch.nn.functional as F
from torch import nn


class FeatureAct(nn.Module):
    """The explicit form, which stores the correlation of all channel pairs."""

    def __init__(self, channels, size, ratio=4, loop=True):
        super().__init__()
        dim = channels // ratio
        self.source = nn.Conv2d(channels, dim, 1)
        self.target = nn.Conv2d(channels, dim, 1)
        self.main = nn.Conv2d(channels, dim, 1)
        self.mixing = nn.Conv2d(size * size, size * size, 1)
        self.up = nn.Conv2d(dim, channels, 1)
        self.loop = loop

    def forward(self, x):
        source = self.source(x).flatten(2).transpose(1, 2)
        target = self.target(x).flatten(2).transpose(1, 2)
        main = F.relu(self.main(x))
        pairs = source.unsqueeze(3) * target.unsqueeze(2)
        mixed = self.mixing(pairs / pairs.shape[1] ** 0.5)
        if self.loop:
            maps = [
                main * mixed[..., k].transpose(1, 2).reshape(main.shape)
                for k in range(mixed.shape[3])
            ]
            feature = torch.stack([m.sum(1) for m in maps], 1)
        else:
            tokens = main.flatten(2).transpose(1, 2)
            feature = (tokens.unsqueeze(3) * mixed).sum(2)
            feature = feature.transpose(1, 2).reshape(main.shape)
        return x + F.relu(self.up(feature))


class FERNet(nn.Sequential):
    """Four stages of convolutions, then linear layers; outputs logits."""

    def __init__(self, channels=1, classes=7, loop=True):
        layers, size = [], 48
        for filters in (32, 64, 128, 256):
            for _ in range(2):
                layers += [
                    nn.Conv2d(channels, filters, 3, padding=1),
                    nn.BatchNorm2d(filters),
                    nn.ReLU(inplace=True),
                ]
                channels = filters
            size //= 2
            layers += [nn.MaxPool2d(2), FeatureAct(filters, size, loop=loop)]
        layers.append(nn.Flatten())
        units = channels * size * size
        for width in (256, 128, classes):
            layers += [nn.Linear(units, width), nn.BatchNorm1d(width)]
            layers.append(nn.ReLU(inplace=True))
            units = width
        super().__init__(*layers[:-1])
