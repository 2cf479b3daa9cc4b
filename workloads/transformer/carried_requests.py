"""The request trace that comes along as ``azure_like``: our own numbers in the layout of the Azure traces.

Not the public trace: prompts and answers are drawn from wide distributions with whole-number arithmetic,
so that the bytes are the same everywhere.
"""

from datetime import datetime, timedelta

import numpy as np

from workloads.transformer.request_trace import COLUMNS

REQUESTS = 200
SEED = 2023


def azure_like() -> bytes:
    """The file's bytes: 200 requests over about half a minute, up to 1,535 prompt and 255 other tokens."""
    draw = np.random.Generator(np.random.PCG64(SEED))
    # A number of bits first, then a number of that many bits: as many short ones as long ones.
    prompt_bits, token_bits = draw.integers(4, 11, REQUESTS), draw.integers(1, 9, REQUESTS)
    prompts = (1 << prompt_bits - 1) + draw.integers(0, 1 << 62, REQUESTS) % (1 << prompt_bits)
    tokens = (1 << token_bits - 1) + draw.integers(0, 1 << 62, REQUESTS) % (1 << token_bits - 1)
    gaps = draw.integers(0, 3_000_000, REQUESTS)  # in ticks of 100 ns
    ticks = np.cumsum(gaps)
    begin = datetime(2026, 1, 5, 9, 0, 0)
    lines = [",".join(COLUMNS)]
    for tick, prompt, count in zip(ticks.tolist(), prompts.tolist(), tokens.tolist(), strict=True):
        second = begin + timedelta(seconds=tick // 10**7)
        lines.append(f"{second:%Y-%m-%d %H:%M:%S}.{tick % 10**7:07d},{prompt},{count}")
    return "\r\n".join(lines).encode()
