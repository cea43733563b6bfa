"""Catalogs made by the command under test, and how to ask it."""

import json
import os
import pathlib
import subprocess

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
BINARY = os.environ.get("EARTHCATALOG_BIN", str(ROOT / "target/debug/earthcatalog"))


def earthcatalog(*arguments):
    """Standard output of the command; a failure shows what it said."""
    done = subprocess.run([BINARY, *map(str, arguments)], capture_output=True, text=True)
    assert done.returncode == 0, f"{arguments}: exit {done.returncode}\n{done.stderr}"
    return done.stdout


class Catalog:
    """A catalog of ours on a local disk."""

    def __init__(self, base, items):
        self.base = base
        self.items = items

    @property
    def metadata(self):
        """The current table metadata, as the database names it."""
        import sqlite3

        with sqlite3.connect(f"file:{self.base}/earthcatalog.db?mode=ro", uri=True) as connection:
            ((location,),) = connection.execute("SELECT metadata_location FROM iceberg_tables").fetchall()
        return location

    def files(self, *arguments):
        return sorted(earthcatalog("files", self.base, *arguments).split())

    def count(self, *arguments):
        return int(earthcatalog("search", self.base, "--count", *arguments).strip())

    def cells(self, *arguments):
        return earthcatalog("cells", self.base, *arguments).split()

    def stats(self):
        return json.loads(earthcatalog("stats", self.base, "--json"))

    def data_files(self):
        return sorted(str(path) for path in (self.base / "warehouse").glob("grid_partition=*/**/*.parquet"))


def make(folder, kind, items):
    archive = folder / "archive"
    earthcatalog("sample", archive, "--items", items, "--seed", 7, "--kind", kind)
    catalog = Catalog(folder / "catalog", items)
    earthcatalog("init", catalog.base)
    earthcatalog("ingest", catalog.base, archive)
    return catalog


@pytest.fixture(scope="session", params=["itslive", "sentinel-2"])
def catalog(request, tmp_path_factory):
    """Read only: 300 items."""
    return make(tmp_path_factory.mktemp(request.param), request.param, 300)


@pytest.fixture
def own_catalog(tmp_path):
    """To be written to: 30 items."""
    return make(tmp_path, "itslive", 30)
