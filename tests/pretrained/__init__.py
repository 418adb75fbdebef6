"""Tests which pretrained weights of timm and torchvision the models accept."""
