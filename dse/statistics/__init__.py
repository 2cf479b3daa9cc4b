"""What searches came to, in numbers: fronts and their indicators, statistics over seeds, importance.

Objective values are arrays whose every column is to be minimised, as optimisers are told them.
"""
