"""Building blocks of the attention blocks and models; not public."""
