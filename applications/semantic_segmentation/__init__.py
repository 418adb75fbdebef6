"""Classes of pixels: train, evaluate, predict, explain."""
