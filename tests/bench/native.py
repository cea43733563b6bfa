"""What the command line costs, beside the Python earthcatalog doing the same on the same items, in one run.

CPU seconds are of the whole process for ours; for theirs without the start of Python and the imports. Run by
`make bench`; prints Markdown. BENCH_ITEMS (5000) are ingested by both, BENCH_MANY (50000) by ours alone, and catalogs of
BENCH_FILES (5000,100000,1000000) data files that are not there are planned over HTTP.
"""

import http.server
import json
import os
import pathlib
import re
import resource
import subprocess
import sys
import tempfile
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
BINARY = ROOT / "target/release/earthcatalog"
MANY_FILES = ROOT / "target/debug/examples/many_files"
GREENLAND = [-60, 60, -20, 84]
POINT = {"type": "Point", "coordinates": [-45, 70]}
YEAR = "2019-01-01T00:00:00Z/2019-12-31T23:59:59Z"
FILTER = "percent_valid_pixels >= 90"
FILTER_JSON = {"op": ">=", "args": [{"property": "percent_valid_pixels"}, 90]}


def ours(*arguments):
    """Runs the command: standard output, CPU seconds, wall seconds, peak memory in MB."""
    with tempfile.TemporaryFile() as out:
        began = time.perf_counter()
        child = subprocess.Popen([BINARY, *map(str, arguments)], stdout=out, stderr=subprocess.DEVNULL)
        _, status, usage = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
        wall = time.perf_counter() - began
        assert child.returncode in (0, 3), f"{arguments}: exit {child.returncode}"
        out.seek(0)
        return out.read().decode(), usage.ru_utime + usage.ru_stime, wall, usage.ru_maxrss / 1024


def theirs(*arguments):
    """Runs this file's `step` in a process of its own: what it returns, CPU and wall seconds, peak memory in MB."""
    done = subprocess.run([sys.executable, __file__, "step", *map(str, arguments)], capture_output=True, text=True)
    assert done.returncode == 0, f"{arguments}: {done.stderr[-2000:]}"
    return json.loads(done.stdout.splitlines()[-1])


def step(name, *arguments):
    """One step of the Python earthcatalog."""
    import contextlib

    steps = {"ingest": ingest_theirs, "search": search_theirs}
    with contextlib.redirect_stdout(sys.stderr):
        work = steps[name](*arguments)
        began, cpu = time.perf_counter(), time.process_time()
        value = work()
        cpu, wall = time.process_time() - cpu, time.perf_counter() - began
    print(json.dumps([value, cpu, wall, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024]))


def ingest_theirs(archive, catalog):
    from earthcatalog.pipelines import incremental

    archive, catalog = pathlib.Path(archive), pathlib.Path(catalog)
    catalog.mkdir(parents=True)
    incremental._fetch_item = lambda bucket, key: json.loads((archive / "items" / key).read_bytes())
    incremental.download_catalog = incremental.upload_catalog = lambda path: None
    database, warehouse = str(catalog / "earthcatalog.db"), str(catalog / "warehouse")
    return lambda: incremental.run(
        str(archive / "inventory.csv"), database, warehouse, use_lock=False, batch_add_files=True
    )


def search_theirs(catalog, how):
    import earthcatalog
    import shapely
    from obstore.store import LocalStore

    sys.path.append(str(ROOT / "tests/python"))
    from duckdb_home import place_extensions

    home = pathlib.Path(catalog).parent / "home"
    place_extensions(home)
    os.environ["HOME"] = str(home)
    opened = earthcatalog.open(store=LocalStore(), base=str(catalog))
    if how == "plan":
        return lambda: len(opened.search_files(shapely.box(*GREENLAND)))
    query = {
        "box": {"bbox": GREENLAND},
        "point": {"intersects": POINT},
        "box, one year": {"bbox": GREENLAND, "datetime": YEAR},
        "box, filter": {"bbox": GREENLAND, "filter": FILTER_JSON},
        "box, first 100": {"bbox": GREENLAND, "max_items": 100},
    }[how]
    return lambda: sum(1 for _ in opened.search(**query).items())


IN_BOX = "--bbox=" + ",".join(map(str, GREENLAND))
AT_POINT = f"--intersects={json.dumps(POINT)}"
OURS = {
    "plan": ["files", IN_BOX],
    "box": ["search", IN_BOX],
    "point": ["search", AT_POINT],
    "box, one year": ["search", IN_BOX, "--datetime", YEAR],
    "box, filter": ["search", IN_BOX, "--filter", FILTER],
    "box, first 100": ["search", IN_BOX, "--max-items", "100"],
}


class Counting(http.server.SimpleHTTPRequestHandler):
    """A static host that answers ranges and counts what it is asked."""

    protocol_version = "HTTP/1.1"
    requests = bytes_sent = 0

    def do_GET(self):
        path = pathlib.Path(self.translate_path(self.path))
        if not path.is_file():
            self.send_error(404)
            return
        size, span = path.stat().st_size, re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range", ""))
        start, end = (int(span[1]), min(int(span[2] or size), size - 1)) if span else (0, size - 1)
        with path.open("rb") as file:
            file.seek(start)
            body = file.read(end - start + 1)
        self.send_response(206 if span else 200)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("ETag", f'"{path.stat().st_mtime_ns}"')
        if span:
            self.send_header("Content-Range", f"bytes {start}-{end}/{size}")
        self.end_headers()
        self.wfile.write(body)
        Counting.requests += 1
        Counting.bytes_sent += len(body)

    def log_message(self, *_):
        pass


def table(head, rows):
    print("| " + " | ".join(head) + " |")
    print("|" + "---|" * len(head))
    for row in rows:
        print("| " + " | ".join(str(cell) for cell in row) + " |")
    print(flush=True)


def compare_ingest(place, items):
    archive = place / "archive"
    ours("sample", archive, "--items", items)
    ours("init", place / "ours")
    inventory, bucket = archive / "inventory.csv", f"sample-archive={archive / 'items'}"
    _, cpu, wall, memory = ours("ingest", place / "ours", inventory, "--bucket", bucket)
    _, their_cpu, their_wall, their_memory = theirs("ingest", archive, place / "theirs")
    print(f"### Ingest of {items:,} objects of an S3 Inventory\n")
    rows = [
        ("earthcatalog", f"{items / cpu:,.0f}", f"{wall:.1f}", f"{memory:,.0f}"),
        ("Python earthcatalog 0.6.1", f"{items / their_cpu:,.0f}", f"{their_wall:.1f}", f"{their_memory:,.0f}"),
        ("ratio", f"{their_cpu / cpu:.1f}", f"{their_wall / wall:.1f}", f"{their_memory / memory:.1f}"),
    ]
    table(["", "items per CPU second", "wall seconds", "peak MB"], rows)


def ingest_many(place, items):
    ours("sample", place / "many", "--items", items)
    ours("init", place / "many-catalog")
    report, cpu, wall, memory = ours("ingest", place / "many-catalog", place / "many/items.ndjson.gz", "--json")
    report = json.loads(report)
    manifests = sum(
        path.stat().st_size for path in (place / "many-catalog/warehouse/earthcatalog/stac_items/metadata").glob("*-m*.avro")
    )
    files = report["files_registered"]
    print(f"### Ingest of {items:,} items of an NDJSON.gz\n")
    head = ["items per CPU second", "wall seconds", "peak MB", "rows", "files", "manifest bytes a file"]
    table(head, [(f"{items / cpu:,.0f}", f"{wall:.1f}", f"{memory:,.0f}", report["rows_written"], files, f"{manifests / files:.1f}")])


def compare_searches(place):
    rows = []
    cells = lambda found, cpu, wall, memory: [found, f"{cpu:.3f}", f"{wall:.3f}", f"{memory:.0f}"]  # noqa: E731
    for name, (command, *rest) in OURS.items():
        text, cpu, *more = ours(command, place / "theirs", *rest)
        found, their_cpu, *their_more = theirs("search", place / "theirs", name)
        both = cells(text.count("\n"), cpu, *more) + cells(found, their_cpu, *their_more)
        rows.append([name, *both, f"{their_cpu / cpu:.0f}"])
        text, *more = ours(command, place / "ours", *rest)
        rows.append([f"{name}, our catalog", *cells(text.count("\n"), *more), *[""] * 5])
    print("### Searches\n")
    head = ["query", "found", "CPU s", "wall s", "peak MB", "theirs found", "CPU s", "wall s", "peak MB", "CPU ratio"]
    table(head, rows)


def growth(place, sizes):
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), lambda *given: Counting(*given, directory=str(place)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    rows = []
    for size in sizes:
        subprocess.run([MANY_FILES, place / f"grown-{size}", str(size)], check=True)
        for name, area in (("point", AT_POINT), ("box", IN_BOX)):
            Counting.requests = Counting.bytes_sent = 0
            url = f"http://127.0.0.1:{server.server_address[1]}/grown-{size}"
            text, cpu, wall, memory = ours("files", url, area)
            rows.append((f"{size:,}", name, text.count("\n"), Counting.requests, f"{Counting.bytes_sent / 1e6:.2f}", f"{cpu:.3f}", f"{memory:.0f}"))
    server.shutdown()
    print("### Planning as a catalog grows, over HTTP\n")
    table(["data files", "area", "files left", "requests", "MB", "CPU s", "peak MB"], rows)


def main():
    numbers = lambda name, default: [int(text) for text in os.environ.get(name, default).split(",")]  # noqa: E731
    (items,), (many,) = numbers("BENCH_ITEMS", "5000"), numbers("BENCH_MANY", "50000")
    with tempfile.TemporaryDirectory(prefix="earthcatalog-bench-") as folder:
        place = pathlib.Path(folder)
        compare_ingest(place, items)
        compare_searches(place)
        ingest_many(place, many)
        growth(place, numbers("BENCH_FILES", "5000,100000,1000000"))


if __name__ == "__main__":
    step(*sys.argv[2:]) if sys.argv[1:2] == ["step"] else main()
