"""Layers of the first convolutional networks, for ZF-Net and its kin."""
