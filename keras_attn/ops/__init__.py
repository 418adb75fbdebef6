"""Mathematics on tensors, without weights."""
