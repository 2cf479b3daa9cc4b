"""How work is laid on a machine: placements of data and operators, between what runs and what happens."""
