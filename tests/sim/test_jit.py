"""Kernels are cached under a hash of all sources, and nowhere else."""

import os
import subprocess
import sys
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[2]


def test_an_unwritable_cache_does_not_fall_back_to_one_beside_the_sources(tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("")
    code = "import sim.jit, numba; print(sim.jit.is_cached(numba.njit(lambda x: x)), numba.config.CACHE_DIR)"
    environment = {**os.environ, "CYCLEWISE_CACHE": str(blocked), "PYTHONPATH": str(CHECKOUT)}
    words = [sys.executable, "-c", code]
    done = subprocess.run(words, env=environment, capture_output=True, text=True, check=True, cwd=tmp_path)
    cached, directory = done.stdout.split()
    assert cached == "False"
    assert "cyclewise-kernels-" in directory
    assert not Path(directory).exists()  # gone with the process


def test_the_cache_follows_the_sources(tmp_path: Path) -> None:
    environment = {**os.environ, "CYCLEWISE_CACHE": str(tmp_path), "PYTHONPATH": str(CHECKOUT)}
    code = "import sim.jit, numba; print(numba.config.CACHE_DIR); print(sim.jit.cache_directory())"
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True
    )
    used, expected = done.stdout.split()
    assert used == expected and used.startswith(str(tmp_path / "kernels"))
