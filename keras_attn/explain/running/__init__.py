"""How a model is run and listened to without being touched."""
