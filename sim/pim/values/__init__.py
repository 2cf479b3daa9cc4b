"""The value mode: numbers flow through the banks, buffers and accumulators that the commands address."""
