"""Decoder-only transformers: their shape, their operators, and what is asked of them."""
