"""Mutated specs: they load or raise InputError, nothing else."""
# ruff: noqa: E501

import random
from collections.abc import Iterator, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

import arch
from arch.errors import InputError
from arch.layers import LIBRARY, _extended
from arch.yaml_source import copied
from arch.yaml_text import dump

TEXTS = {p.stem: p.read_text(encoding="utf-8") for p in sorted(LIBRARY.glob("*_*.yaml"))}
ODD: list[Any] = [
    None, True, False, 0, -1, 1, 7, 2**63, 10**30, 1.5, -0.0, 1e300, "", " ", "x", "16 nCK", "13.32 ns", "-3 ns",
    "0 ns", "1e9 s", "max(1 ns)", "max(", "tCL", "tCL - 999999", "999999999*999999999", "ACT", "all", "ceil",
    "1.2 GHz", "64 B", "row", "row bank", "bank ^= row", "\u0000", "é", "null", "ramulator21", [], {}, [None], ["ACT"],
    ["ACT", "ACT"], [[]], [{}], {"x": 1}, {"guard": 0}, {"use": "ddr4_2400"}, {"extends": "ddr4"}, {"wait": 3},
]  # fmt: skip
SNIPPETS = ["{", "}", "[", "]", ":", ": ", "\n", "- ", "&a ", "*a ", "!!int ", "!x ", "'", '"', "#", "%", "|", ">", "\t",
            "  ", "---\n", "...\n", "?", ",", "~", "\x00", "\u2028", "\ufeff", "0", "9" * 20, "<<: ", "null", "."]  # fmt: skip


def attempt(file: Path | str, overrides: Sequence[str] = ()) -> bool:
    """Whether it loads; anything but InputError is a failure of the test."""
    try:
        system = arch.load(str(file), overrides)
    except InputError as error:
        assert str(error)
        return False
    system.spec.resolve()
    assert len(system.digest()) == 64
    return True


def paths(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    yield path
    children = (
        value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    )
    for key, child in children:
        yield from paths(child, (*path, key))


def plain(value: Any) -> Any:
    """Decimals as floats, which the YAML writer takes."""
    if isinstance(value, dict):
        return {k: plain(v) for k, v in value.items()}
    return float(value) if isinstance(value, Decimal) else value


def mutated_tree(tree: Any, rng: random.Random) -> None:
    path = rng.choice([p for p in paths(tree) if p])
    node = tree
    for part in path[:-1]:
        node = node[part]
    key = path[-1]
    choice = rng.randrange(5)
    if choice == 0:
        del node[key]
    elif choice == 1 and isinstance(node, dict):
        node[rng.choice(["x", "tRC", "RD", "use", "READ", "scope", str(key) + "s"])] = node.pop(key)
    elif choice == 2:
        other = tree
        for part in rng.choice(list(paths(tree))):
            other = other[part]
        node[key] = other if not isinstance(other, (dict, list)) else rng.choice(ODD)
    else:
        node[key] = rng.choice(ODD)


def test_mutated_trees(tmp_path: Path) -> None:
    rng = random.Random(20240)
    file = tmp_path / "fuzz.yaml"
    trees = [plain(_extended(LIBRARY / f"{name}.yaml", name, ()).data) for name in TEXTS]
    loaded = 0
    for _ in range(500):
        tree = copied(rng.choice(trees))
        for _ in range(rng.choice([1, 1, 1, 2, 4])):
            if tree:
                mutated_tree(tree, rng)
        file.write_text(dump(tree), encoding="utf-8")
        loaded += attempt(file)
    assert 20 < loaded < 450  # some mutations are harmless, most are not


def test_mutated_texts(tmp_path: Path) -> None:
    rng = random.Random(20241)
    file = tmp_path / "fuzz.yaml"
    for _ in range(500):
        text = rng.choice(list(TEXTS.values()))
        for _ in range(rng.choice([1, 1, 2, 5])):
            start = rng.randrange(len(text) + 1)
            end = min(len(text), start + rng.choice([0, 0, 1, 3, 40]))
            text = text[:start] + rng.choice(SNIPPETS) * rng.choice([1, 1, 1, 60]) + text[end:]
        file.write_bytes(text.encode("utf-8", "surrogatepass"))
        attempt(file)


def test_random_bytes(tmp_path: Path) -> None:
    rng = random.Random(20242)
    file = tmp_path / "fuzz.yaml"
    for _ in range(100):
        file.write_bytes(rng.randbytes(rng.choice([1, 5, 200])))
        assert not attempt(file)


def test_mutated_overrides() -> None:
    rng = random.Random(20243)
    tree = arch.load("ddr3_1600").tree
    places = [path for path in paths(dict(tree)) if path]
    loaded = 0
    for _ in range(400):
        path = rng.choice(places)
        here = tree
        for part in path:
            here = here[part]
        value = rng.choice([here, rng.choice(ODD), rng.choice(ODD)])
        text = dump({"v": value}).partition(":")[2] if not isinstance(value, dict) else "{}"
        if rng.random() < 0.3:
            text = text.strip() + rng.choice(SNIPPETS)
        key = ".".join(map(str, path)) + rng.choice(["", "", "", ".x"])
        loaded += attempt("ddr3_1600", [f"{key}={text}"])
    assert 20 < loaded < 380
