"""Layers of early convolutional networks such as ZF-Net."""
