"""Runnable stories, by task; `keras_attn` never imports them."""
