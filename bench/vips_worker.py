"""Renditions by pyvips, for `bench_renditions`: run by a Python that has it, one order a line.

An order is JSON: {"folder", "sizes", "times", "format", "options"}; the answer the processor seconds that a
picture took. The last copies stay in the folder as `<picture>.vips.<size>`.
"""

import json
import os
import sys
import time
from pathlib import Path

os.environ["VIPS_CONCURRENCY"] = "1"
import pyvips

pyvips.cache_set_max(0)


def main() -> None:
    for line in sys.stdin:
        order = json.loads(line)
        pictures = sorted(Path(order["folder"]).glob("*.picture"))
        data = {path: path.read_bytes() for path in pictures}
        began = time.process_time()
        for _ in range(order["times"]):
            for path in pictures:
                copies = render(data[path], order["sizes"], order["format"], order["options"])
        seconds = (time.process_time() - began) / order["times"] / len(pictures)
        for path in pictures:
            copies = render(data[path], order["sizes"], order["format"], order["options"])
            for size, copy in copies.items():
                path.with_suffix(f".vips.{size}").write_bytes(copy)
        print(json.dumps(seconds), flush=True)


def render(data: bytes, sizes: list[int], suffix: str, options: dict[str, int]) -> dict[int, bytes]:
    """One decode, each size from the one before, as Easel does it."""
    image = pyvips.Image.new_from_buffer(data, "", access="sequential").copy_memory()
    longer = max(image.width, image.height)
    copies = {}
    for size in sizes:
        if size < longer:
            image = image.resize(size / max(image.width, image.height)).copy_memory()
            copies[size] = image.write_to_buffer(suffix, strip=True, **options)
    return copies


main()
