"""Rank correlation."""

import numpy as np


def centred_ranks(values: np.ndarray) -> np.ndarray:
    """Returns ranks minus their mean; equal values share their mean rank."""
    values = values.reshape(-1)
    if not np.isfinite(values).all():
        return np.full(values.shape, np.nan)
    _, inverse, counts = np.unique(
        values, return_inverse=True, return_counts=True
    )
    ranks = np.cumsum(counts) - (counts - 1) / 2
    return ranks[inverse] - (len(values) + 1) / 2


def correlation(first: np.ndarray, second: np.ndarray) -> float:
    """Returns the cosine of two centred vectors, or 0 if one is zero."""
    length = np.sqrt((first @ first) * (second @ second))
    return float(first @ second / length) if length != 0 else 0.0
