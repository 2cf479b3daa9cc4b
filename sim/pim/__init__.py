"""Machines that compute in DRAM banks: channels of MAC units and the ASIC that drives them."""
