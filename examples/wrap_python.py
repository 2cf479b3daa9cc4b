"""A model in Python: a cache of so many sets and ways in front of a memory, by a rule of thumb."""


def cache(sets: int, ways: int, line: int, workload: str) -> dict[str, str | float]:
    """Time and energy of a million accesses; texts carry units, numbers are in the study's units."""
    size = sets * ways * line
    reuse = {"small": 1 << 14, "large": 1 << 18}[workload]  # bytes that are used again and again
    missing = min(1.0, 0.02 + (reuse / size) ** 0.5 / (4 * ways**0.25))
    nanoseconds = 1 + 0.1 * ways + missing * (60 + line / 16)
    picojoules = 5 * ways + missing * 20 * line
    return {"time": f"{nanoseconds:.9g} ms", "energy": picojoules * 1e-6, "size": size}
