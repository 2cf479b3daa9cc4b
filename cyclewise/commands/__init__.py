"""The commands of the program, one thin module each: ``command`` and an ``EXAMPLE`` for its help."""
