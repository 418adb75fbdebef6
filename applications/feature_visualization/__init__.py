"""What the units of a network look for, with ZF-Net: train, evaluate, see."""
