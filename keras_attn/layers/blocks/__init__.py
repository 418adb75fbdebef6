"""The attention blocks: a feature map in, one of the same shape out."""
