"""Peak memory of ingest and delta, which must not grow with what they read.

EARTHCATALOG_NIGHTLY measures 5,000,000 keys, not one million, and 200,000 items.
"""

import os
import subprocess

import pytest
from conftest import BINARY, earthcatalog

NIGHTLY = "EARTHCATALOG_NIGHTLY" in os.environ
KEYS = 5_000_000 if NIGHTLY else 1_000_000
ITEMS = 200_000
MEBIBYTE = 1 << 20


def peak_bytes(*arguments):
    """What a run of the command took at most: its own report at its end (getrusage)."""
    process = subprocess.Popen([BINARY, *map(str, arguments)], stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    assert os.waitstatus_to_exitcode(status) == 0, arguments
    return usage.ru_maxrss * 1024


@pytest.fixture(scope="module")
def catalog(tmp_path_factory):
    folder = tmp_path_factory.mktemp("catalog")
    earthcatalog("init", folder / "catalog")
    earthcatalog("sample", folder / "archive", "--items", 50)
    earthcatalog("ingest", folder / "catalog", folder / "archive")
    return folder / "catalog"


def inventory(path, keys):
    with path.open("w") as rows:
        for number in range(keys):
            # Sorted as S3 lists them, unlike their hashes.
            rows.write(f'"archive","velocity/{number:09}/item-{number:09}.stac.json","1234","2024-01-01T00:00:00.000Z"\n')


def test_a_delta_takes_no_more_memory_for_more_keys(catalog, tmp_path):
    """Sorts of 48 MiB, whatever there is to sort; a set of the ids alone would take 90 bytes for each."""
    inventory(tmp_path / "inventory.csv", KEYS)
    peak = peak_bytes("delta", catalog, tmp_path / "inventory.csv", "-o", tmp_path / "delta.parquet")
    print(f"delta over {KEYS:,} keys: {peak / MEBIBYTE:.0f} MiB")
    assert peak < 200 * MEBIBYTE


@pytest.mark.skipif(not NIGHTLY, reason="EARTHCATALOG_NIGHTLY is not set")
def test_an_ingest_takes_no_more_memory_for_more_items(tmp_path):
    """The rows wait in 256 MiB; beyond these it makes no difference how many there are."""
    earthcatalog("sample", tmp_path / "archive", "--items", ITEMS)
    earthcatalog("init", tmp_path / "catalog")
    peak = peak_bytes("ingest", tmp_path / "catalog", tmp_path / "archive/items.ndjson.gz")
    print(f"ingest of {ITEMS:,} items: {peak / MEBIBYTE:.0f} MiB")
    assert peak < 800 * MEBIBYTE
