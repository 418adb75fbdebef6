"""The attention blocks, which map a feature map to one of the same shape."""
