"""How long the report of a suite with 1,000 records takes to build and to open in headless Chromium, and how large it is.

    python tests/performance/report.py [--runs 1000]

The records are made up, of 6 variants, three tasks and 40 epochs. Prints the times and exits 1 where building takes over 30 s or
opening over 3 s (until the page is loaded and its first figure is drawn), or where the page of 144 runs is above 6 MB.
"""

import argparse
import shutil
import statistics
import sys
import tempfile
import time
from pathlib import Path

from playwright.sync_api import sync_playwright

sys.path.insert(0, str(Path(__file__).parents[1] / "bench"))
from fake_records import realistic

from bench.report import report

BUILD_S, OPEN_S, SIZE = 30, 3, 6e6


def built(runs: int, folder: Path) -> tuple[float, Path]:
    """Seconds that the report of so many runs takes, and the page."""
    plan, records = realistic(seeds=-(-runs // 18), epochs=40)
    start = time.perf_counter()
    report(plan, records, folder)
    return time.perf_counter() - start, folder / "report.html"


def opened(page: Path, repeats: int = 5) -> float:
    """The median of seconds from a blank tab to a loaded page with its first live figure drawn."""
    times = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        for _ in range(repeats):
            tab = browser.new_page()
            start = time.perf_counter()
            tab.goto(page.as_uri())
            tab.locator("figure[data-plot]").first.scroll_into_view_if_needed()
            tab.locator("figure[data-plot] .main-svg").first.wait_for()
            times.append(time.perf_counter() - start)
            tab.close()
        browser.close()
    return statistics.median(times)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=1000)
    runs = parser.parse_args().runs
    runs = parser.parse_args().runs
    with tempfile.TemporaryDirectory() as folder:
        _, flagship = built(144, Path(folder) / "flagship")
        seconds, page = built(runs, Path(folder) / "many")
        wait = opened(page)
        sizes = flagship.stat().st_size, page.stat().st_size
    print(f"144 runs: {sizes[0] / 1e6:.2f} MB")
    print(f"{runs} runs: built in {seconds:.1f} s, {sizes[1] / 1e6:.2f} MB, opened in {wait:.2f} s (median of 5)")
    return int(seconds > BUILD_S or wait > OPEN_S or sizes[0] > SIZE)


if __name__ == "__main__":
    sys.exit(main())
