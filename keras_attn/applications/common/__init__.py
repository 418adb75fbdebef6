"""Private code that all model families share."""
