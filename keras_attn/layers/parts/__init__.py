"""What the blocks and the models are made of; not public."""
