"""What happens, cycle by cycle: simulation parts (clock, events, dram, …) and the machines built from them."""
