"""Which models can be exported, in which format, on which backend."""
