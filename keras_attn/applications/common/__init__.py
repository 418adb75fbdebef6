"""What models of all families share; not public."""
