"""The whole life of a catalog in stores that others wrote, by several writers, and one that only seems to be one."""

import concurrent.futures
import json
import os
import subprocess

import pytest
from conftest import BINARY, earthcatalog
from servers import Azurite, Ceph, Moto, S3rver, request

NIGHTLY = "EARTHCATALOG_NIGHTLY"


@pytest.fixture(
    scope="module",
    params=[
        Moto,
        Azurite,
        pytest.param(Ceph, marks=pytest.mark.skipif(NIGHTLY not in os.environ, reason=f"{NIGHTLY} is not set")),
    ],
    ids=lambda server: server.__name__,
)
def store(request, tmp_path_factory):
    server = request.param(tmp_path_factory.mktemp("server"))
    yield server
    server.stop()


@pytest.fixture(scope="module")
def archive(tmp_path_factory):
    folder = tmp_path_factory.mktemp("archive")
    for seed in (1, 2, 3, 4):
        earthcatalog("sample", folder / str(seed), "--items", 40, "--seed", seed)
    return folder


def run(store, *arguments):
    return subprocess.run([BINARY, *map(str, arguments), *store.options], capture_output=True, text=True)


def done(store, *arguments):
    ran = run(store, *arguments)
    assert ran.returncode == 0, f"{arguments}: {ran.stderr}"
    return ran.stdout


def ids(store):
    found = [json.loads(line)["id"] for line in done(store, "search", store.catalog).splitlines()]
    assert len(found) == len(set(found))
    return set(found)


def test_the_whole_life_of_a_catalog(store, archive):
    done(store, "init", store.catalog)
    done(store, "ingest", store.catalog, archive / "1")
    done(store, "ingest", store.catalog, archive / "2")
    first = ids(store)
    assert len(first) == 80
    # A second writer is kept out while the first one is at work, and goes on after it.
    with concurrent.futures.ThreadPoolExecutor() as pool:
        ran = list(pool.map(lambda seed: run(store, "ingest", store.catalog, archive / seed), ("3", "4")))
    assert {one.returncode for one in ran} <= {0, 11}, [one.stderr for one in ran]
    for seed in ("3", "4"):
        done(store, "ingest", store.catalog, archive / seed)
    assert len(ids(store)) == 160
    merged = json.loads(done(store, "compact", store.catalog, "--json"))
    assert merged["files_after"] < merged["files_before"]
    gone = sorted(first)[0]
    done(store, "delete", store.catalog, "--ids", gone)
    done(store, "expire", store.catalog, "--older-than", "0s")
    collected = json.loads(done(store, "gc", store.catalog, "--grace", "0s", "--json"))
    assert collected["deleted"]["data"] > 0
    left = ids(store)
    assert len(left) == 159 and gone not in left
    done(store, "check", store.catalog, "--deep")
    assert json.loads(done(store, "lock", "status", store.catalog, "--json")) == {"locked": False}


def test_anybody_reads_it_over_plain_http(store):
    assert request("GET", f"{store.web}/earthcatalog.db")[0] == 200
    assert earthcatalog("search", store.web, "--count").strip() == "159"


def test_a_trial_tells_that_the_store_keeps_writers_apart(store):
    report = json.loads(done(store, "check", store.catalog, "--store", "--json"))
    assert report["update_races"] > 0


def test_no_secret_is_written_down(store):
    wrong = [word.replace("testtest", "canary-key").replace("Eby8vdM02xN", "Y2FuYXJ5a2V5") for word in store.options]
    ran = subprocess.run([BINARY, "ingest", store.catalog, "nowhere.ndjson", *wrong], capture_output=True, text=True)
    assert "canary-key" not in ran.stderr + ran.stdout and "Y2FuYXJ5a2V5" not in ran.stderr + ran.stdout
    for name in ("earthcatalog.db", "_ec/store.json"):
        status, body = request("GET", f"{store.web}/{name}")
        assert status == 200 and b"testtest" not in body and b"Eby8vdM02xN" not in body


def test_a_store_that_only_seems_to_keep_writers_apart_is_refused(tmp_path):
    store = S3rver(tmp_path)
    try:
        refused = run(store, "init", store.catalog)
        assert refused.returncode == 1 and "--single-writer" in refused.stderr, refused.stderr
        assert request("GET", f"{store.web}/earthcatalog.db")[0] in (403, 404)
        done(store, "init", store.catalog, "--single-writer")
    finally:
        store.stop()
