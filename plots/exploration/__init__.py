"""Figures of a search for designs, and the page of a study: from plain numbers, whoever searched.

A module a figure, each with a function ``draw`` that takes the forms below or raises
:class:`plots.recorded.NothingToDraw`.
"""
