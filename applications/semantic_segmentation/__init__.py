"""Labels the pixels of pictures with DeepLab."""
