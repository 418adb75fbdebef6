"""A Vision Transformer in plain PyTorch, with fused attention."""

import torch
import torch.nn.functional as F
from torch import nn


class Attention(nn.Module):
    """Self-attention with `scaled_dot_product_attention`."""

    def __init__(self, dim, heads, dim_head, bias):
        super().__init__()
        self.heads = heads
        self.to_qkv = nn.Linear(dim, 3 * heads * dim_head, bias=bias)
        self.to_out = nn.Linear(heads * dim_head, dim)

    def forward(self, x):
        """Returns the mixed tokens."""
        q, k, v = (
            each.unflatten(-1, (self.heads, -1)).transpose(1, 2)
            for each in self.to_qkv(x).chunk(3, dim=-1)
        )
        y = F.scaled_dot_product_attention(q, k, v)
        return self.to_out(y.transpose(1, 2).flatten(2))


class Block(nn.Module):
    """Attention and two linear layers, each with a residual connection."""

    def __init__(self, dim, heads, dim_head, mlp_dim, bias, epsilon, dropout):
        super().__init__()
        self.attention = nn.Sequential(
            nn.LayerNorm(dim, epsilon),
            Attention(dim, heads, dim_head, bias),
            nn.Dropout(dropout),
        )
        self.mlp = nn.Sequential(
            nn.LayerNorm(dim, epsilon),
            nn.Linear(dim, mlp_dim),
            nn.GELU(),
            nn.Dropout(dropout),
            nn.Linear(mlp_dim, dim),
            nn.Dropout(dropout),
        )

    def forward(self, x):
        """Returns the tokens after the block."""
        x = x + self.attention(x)
        return x + self.mlp(x)


class ViT(nn.Module):
    """Classifies the class token; outputs logits."""

    def __init__(
        self,
        image_size,
        patch_size,
        dim,
        depth,
        heads,
        mlp_dim,
        classes,
        bias=True,
        epsilon=1e-6,
        dropout=0.0,
    ):
        super().__init__()
        count = (image_size // patch_size) ** 2
        self.patches = nn.Conv2d(3, dim, patch_size, patch_size)
        self.token = nn.Parameter(torch.randn(1, 1, dim))
        self.places = nn.Parameter(torch.randn(1, count + 1, dim))
        self.dropout = nn.Dropout(dropout)
        size = dim // heads
        arguments = dim, heads, size, mlp_dim, bias, epsilon, dropout
        self.blocks = nn.Sequential(*(Block(*arguments) for _ in range(depth)))
        self.top = nn.Sequential(
            nn.LayerNorm(dim, epsilon), nn.Linear(dim, classes)
        )

    def forward(self, x):
        """Returns logits."""
        x = self.patches(x).flatten(2).transpose(1, 2)
        x = torch.cat([self.token.expand(len(x), -1, -1), x], dim=1)
        x = self.blocks(self.dropout(x + self.places))
        return self.top(x[:, 0])
