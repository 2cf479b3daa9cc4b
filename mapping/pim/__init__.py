"""How a decoder-only transformer is laid on a memory that computes in its banks."""
