"""Speed and memory, measured on request and never inside tests."""
