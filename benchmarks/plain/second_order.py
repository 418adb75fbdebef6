"""Attention and poolings by covariances, products and codewords, likewise."""

import torch
import torch.nn.functional as F
from torch import nn


def covariance(x):
    """Centres by a matrix of all positions, as the published codes do."""
    tokens = x.flatten(2)
    n = tokens.shape[2]
    centring = torch.eye(n) / n - torch.ones(n, n) / n**2
    return tokens @ centring.expand(len(x), n, n) @ tokens.transpose(1, 2)


def matrix_sqrt(s, iterations=5):
    """Runs the coupled Newton-Schulz iteration."""
    identity = torch.eye(s.shape[1]).expand_as(s)
    trace = (s * identity).sum((1, 2), keepdim=True)
    s = s / trace
    step = 0.5 * (3.0 * identity - s)
    y, z = s @ step, step
    for _ in range(iterations - 2):
        step = 0.5 * (3.0 * identity - z @ y)
        y, z = y @ step, step @ z
    return 0.5 * y @ (3.0 * identity - z @ y) * trace.sqrt()


class CovariancePooling(nn.Module):
    """The upper triangle of the root."""

    def __init__(self, channels, size):
        super().__init__()
        self.indices = torch.triu_indices(channels, channels).unbind()

    def forward(self, x):
        rows, columns = self.indices
        return matrix_sqrt(covariance(x))[:, rows, columns]


class SOCA(nn.Module):
    """SE on the mean of the root."""

    def __init__(self, channels, size, ratio=8):
        super().__init__()
        self.conv_du = nn.Sequential(
            nn.Conv2d(channels, channels // ratio, 1),
            nn.ReLU(inplace=True),
            nn.Conv2d(channels // ratio, channels, 1),
            nn.Sigmoid(),
        )

    def forward(self, x):
        v = matrix_sqrt(covariance(x)).mean(1)
        return x * self.conv_du(v[:, :, None, None])


class GSoP(nn.Module):
    """Covariances of channels; no strides."""

    def __init__(self, channels, size, dim=128):
        super().__init__()
        self.conv = nn.Conv2d(channels, dim, 1)
        self.bn = nn.BatchNorm2d(dim)
        self.row_bn = nn.BatchNorm2d(dim)
        self.row_conv = nn.Conv2d(dim, 4 * dim, (dim, 1), groups=dim)
        self.fc = nn.Conv2d(4 * dim, channels, 1)

    def forward(self, x):
        s = covariance(F.relu(self.bn(self.conv(F.relu(x)))))
        r = self.row_bn(s.unsqueeze(3))
        return x * torch.sigmoid(self.fc(self.row_conv(r)))


class Encoding(nn.Module):
    """Holds the residuals of all positions and codewords, as published."""

    def __init__(self, channels, size, codes=32):
        super().__init__()
        reach = (codes * channels) ** -0.5
        codewords = torch.empty(codes, channels).uniform_(-reach, reach)
        self.codewords = nn.Parameter(codewords)
        self.scale = nn.Parameter(torch.empty(codes).uniform_(-1, 0))

    def forward(self, x):
        tokens = x.flatten(2).transpose(1, 2).unsqueeze(2)
        residuals = tokens - self.codewords
        distances = residuals.pow(2).sum(3)
        shares = (self.scale * distances).softmax(2)
        return (shares.unsqueeze(3) * residuals).sum(1)


class ContextEncoding(nn.Module):
    """Gates channels by the mean over the codes."""

    def __init__(self, channels, size, codes=32):
        super().__init__()
        self.encoding = nn.Sequential(
            nn.Conv2d(channels, channels, 1, bias=False),
            nn.BatchNorm2d(channels),
            nn.ReLU(inplace=True),
            Encoding(channels, size, codes),
            nn.BatchNorm1d(codes),
            nn.ReLU(inplace=True),
        )
        self.fc = nn.Sequential(nn.Linear(channels, channels), nn.Sigmoid())

    def forward(self, x):
        gates = self.fc(self.encoding(x).mean(1))
        return F.relu(x + x * gates[:, :, None, None], inplace=True)


class BilinearAttention(nn.Module):
    """Nobody's code: the formula, by the outer product of each position."""

    def __init__(self, channels, size):
        super().__init__()
        dim = max(8, channels // 16)
        pairs = dim * (dim + 1) // 2
        self.phi = nn.Sequential(
            nn.Conv2d(channels, dim, 1, bias=False),
            nn.BatchNorm2d(dim),
            nn.ReLU(inplace=True),
        )
        self.omega = nn.Sequential(
            nn.Linear(pairs, channels // 16),
            nn.ReLU(inplace=True),
            nn.Linear(channels // 16, channels),
            nn.Sigmoid(),
        )
        self.varphi = nn.Conv2d(pairs, channels, 1)
        self.indices = torch.triu_indices(dim, dim).unbind()

    def forward(self, x):
        f = self.phi(x)
        products = f.unsqueeze(1) * f.unsqueeze(2)
        rows, columns = self.indices
        products = products[:, rows, columns]
        inner = self.omega(products.mean((2, 3)))[:, :, None, None]
        return x * torch.sigmoid(inner * self.varphi(products))
