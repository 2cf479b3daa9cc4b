"""The command-exact DRAM channel: compiled kernel, Python wrappers, command checker, energy ledger."""
