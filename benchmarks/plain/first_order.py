"""Attention by means, maxima and frequencies, in plain PyTorch."""

import math

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

# FcaNet's first sixteen frequencies, vertical and horizontal.
TOP = (
    (0, 0, 6, 0, 0, 1, 1, 4, 5, 1, 3, 0, 0, 0, 3, 2),
    (0, 1, 0, 5, 2, 0, 2, 0, 0, 6, 0, 4, 6, 3, 5, 2),
)


class SE(nn.Module):
    """Two linear layers between a mean and a gate."""

    def __init__(self, channels, size, ratio=16):
        super().__init__()
        self.fc = nn.Sequential(
            nn.Linear(channels, channels // ratio),
            nn.ReLU(inplace=True),
            nn.Linear(channels // ratio, channels),
            nn.Sigmoid(),
        )

    def forward(self, x):
        gates = self.fc(F.adaptive_avg_pool2d(x, 1).flatten(1))
        return x * gates[:, :, None, None]


class ECA(nn.Module):
    """A convolution over the means of the channels, by the rule."""

    def __init__(self, channels, size):
        super().__init__()
        kernel = int(abs((math.log2(channels) + 1) / 2))
        kernel += 1 - kernel % 2
        self.conv = nn.Conv1d(1, 1, kernel, padding=kernel // 2, bias=False)

    def forward(self, x):
        z = F.adaptive_avg_pool2d(x, 1)
        z = self.conv(z.squeeze(-1).transpose(-1, -2))
        gates = torch.sigmoid(z.transpose(-1, -2).unsqueeze(-1))
        return x * gates.expand_as(x)


class SRM(nn.Module):
    """Mean and deviation of each channel."""

    def __init__(self, channels, size):
        super().__init__()
        self.cfc = nn.Conv1d(channels, channels, 2, groups=channels, bias=False)
        self.bn = nn.BatchNorm1d(channels)

    def forward(self, x):
        flat = x.flatten(2)
        deviation = (flat.var(2) + 1e-5).sqrt()
        z = self.cfc(torch.stack([flat.mean(2), deviation], 2)).squeeze(2)
        return x * torch.sigmoid(self.bn(z))[:, :, None, None]


class GCT(nn.Module):
    """Energies by sums, as published."""

    def __init__(self, channels, size, epsilon=1e-5):
        super().__init__()
        self.alpha = nn.Parameter(torch.ones(1, channels, 1, 1))
        self.gamma = nn.Parameter(torch.randn(1, channels, 1, 1))
        self.beta = nn.Parameter(torch.zeros(1, channels, 1, 1))
        self.epsilon = epsilon

    def forward(self, x):
        energy = (x.pow(2).sum((2, 3), keepdim=True) + self.epsilon).pow(0.5)
        energy = energy * self.alpha
        norm = (energy.pow(2).mean(1, keepdim=True) + self.epsilon).pow(0.5)
        return x * (1.0 + torch.tanh(energy * (self.gamma / norm) + self.beta))


class FCA(nn.Module):
    """Weighs each channel by its own map, of the size of the transform."""

    def __init__(self, channels, size, dct_size=7, ratio=16):
        super().__init__()
        step = dct_size // 7
        maps = [
            self._wave(u * step, v * step, dct_size)
            for u, v in zip(*TOP, strict=True)
        ]
        maps = np.repeat(np.stack(maps), channels // len(maps), axis=0)
        self.dct_layer = nn.Module()
        self.dct_layer.register_buffer("weight", torch.tensor(maps))
        self.size = dct_size
        self.fc = nn.Sequential(
            nn.Linear(channels, channels // ratio, bias=False),
            nn.ReLU(inplace=True),
            nn.Linear(channels // ratio, channels, bias=False),
            nn.Sigmoid(),
        )

    @staticmethod
    def _wave(u, v, size):
        p = (np.arange(size) + 0.5) * np.pi / size
        down, across = (
            np.cos(f * p) * ((2 if f else 1) / size) ** 0.5 for f in (u, v)
        )
        return np.outer(down, across).astype("float32")

    def forward(self, x):
        pooled = x
        if x.shape[2:] != (self.size, self.size):
            pooled = F.adaptive_avg_pool2d(x, self.size)
        gates = self.fc((pooled * self.dct_layer.weight).sum((2, 3)))
        return x * gates[:, :, None, None]


class CBAM(nn.Module):
    """A gate for channels, then one for positions."""

    def __init__(self, channels, size, ratio=16):
        super().__init__()
        self.mlp = nn.Sequential(
            nn.Linear(channels, channels // ratio),
            nn.ReLU(),
            nn.Linear(channels // ratio, channels),
        )
        self.conv = nn.Conv2d(2, 1, 7, padding=3, bias=False)
        self.bn = nn.BatchNorm2d(1, momentum=0.01)

    def forward(self, x):
        mean = F.avg_pool2d(x, x.shape[2:]).flatten(1)
        highest = F.max_pool2d(x, x.shape[2:]).flatten(1)
        gates = torch.sigmoid(self.mlp(mean) + self.mlp(highest))
        x = x * gates[:, :, None, None].expand_as(x)
        planes = [x.max(1)[0].unsqueeze(1), x.mean(1).unsqueeze(1)]
        return x * torch.sigmoid(self.bn(self.conv(torch.cat(planes, 1))))


class DIA(nn.Module):
    """One step of the cell, from a state of zeros."""

    def __init__(self, channels, size, ratio=4):
        super().__init__()
        self.input, self.hidden = (
            nn.Sequential(
                nn.Linear(channels, channels // ratio),
                nn.ReLU(inplace=True),
                nn.Linear(channels // ratio, 4 * channels),
            )
            for _ in range(2)
        )

    def forward(self, x):
        z = F.adaptive_avg_pool2d(x, 1).flatten(1)
        h, c = torch.zeros_like(z), torch.zeros_like(z)
        i, f, g, o = (self.input(z) + self.hidden(h)).chunk(4, 1)
        c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
        h = torch.sigmoid(o) * torch.sigmoid(c)
        return x * h[:, :, None, None]
