"""Run xz on a file, and say how long that took and what came out."""

import argparse
import subprocess
import time

parser = argparse.ArgumentParser()
parser.add_argument("file")
parser.add_argument("--preset", type=int)
parser.add_argument("--dict-kib", type=int)
given = parser.parse_args()
filters = f"--lzma2=preset={given.preset},dict={given.dict_kib}KiB"
started = time.perf_counter()
packed = subprocess.run(["xz", "--stdout", filters, given.file], stdout=subprocess.PIPE, check=True).stdout
print(f"took {1e3 * (time.perf_counter() - started):.6g} ms")
print(f"packed {len(packed)} B")
