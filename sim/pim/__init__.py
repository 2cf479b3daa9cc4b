"""The machine ``kind: pim``: a DRAM with MAC units in its banks, driven by a small ASIC."""
