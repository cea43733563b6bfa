//! The command as a script sees it: what stands on stdout and stderr, and the exit code.
#![cfg(test)]

use std::collections::BTreeSet;
use std::fs;
use std::io::Read as _;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

use serde_json::{Value, json};

/// All commands.
const COMMANDS: [&str; 21] = [
    "init", "ingest", "search", "compact", "delete", "delta", "expire", "gc", "index", "lock", "check", "relocate",
    "repair", "files", "stats", "info", "cells", "sample", "serve", "publish", "optimize",
];

/// A folder of its own for each test, with the command to run in it.
struct Place(tempfile::TempDir);

/// What a run of the command left.
struct Ran {
    code: i32,
    stdout: String,
    stderr: String,
}

impl Ran {
    fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error} in {}", self.stdout))
    }

    fn lines(&self) -> Vec<&str> {
        self.stdout.lines().collect()
    }

    fn succeeded(self) -> Self {
        assert_eq!(self.code, 0, "stderr: {}", self.stderr);
        self
    }
}

impl Place {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    /// A place with `catalog`, which holds the items of [`items`].
    fn with_catalog() -> Self {
        let place = Self::new();
        place.write("items.ndjson", &ndjson(&items()));
        place.run(&["init", "catalog"]).succeeded();
        place.run(&["ingest", "catalog", "items.ndjson"]).succeeded();
        place
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn write(&self, name: &str, text: &str) {
        fs::write(self.path(name), text).unwrap();
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_earthcatalog"));
        command.args(arguments).current_dir(self.0.path()).stdin(Stdio::null());
        command
    }

    fn run(&self, arguments: &[&str]) -> Ran {
        let Output { status, stdout, stderr } = self.command(arguments).output().unwrap();
        Ran {
            code: status.code().unwrap_or(-1),
            stdout: String::from_utf8(stdout).unwrap(),
            stderr: String::from_utf8(stderr).unwrap(),
        }
    }
}

/// Four items on three continents in three years; `d` has no `data`.
fn items() -> Vec<Value> {
    [("a", -45.0, 70.0, 2019), ("b", -45.5, 70.5, 2020), ("c", 10.0, 47.0, 2020), ("d", 100.0, -5.0, 2021)]
        .into_iter()
        .map(|(id, west, south, year)| {
            let (east, north) = (west + 0.25, south + 0.25);
            let ring = [[west, south], [east, south], [east, north], [west, north], [west, south]];
            let mut item = json!({
                "type": "Feature", "stac_version": "1.0.0", "id": id, "collection": "things",
                "geometry": { "type": "Polygon", "coordinates": [ring] },
                "bbox": [west, south, east, north],
                "properties": { "datetime": format!("{year}-06-01T12:00:00Z"), "platform": "one" },
                "links": [],
                "assets": { "data": { "href": format!("https://example.com/{id}.nc") } },
            });
            if id == "d" {
                item["assets"] = json!({});
            }
            item
        })
        .collect()
}

fn ndjson(items: &[Value]) -> String {
    items.iter().map(|item| format!("{item}\n")).collect::<Vec<_>>().concat()
}

fn ids(items: &[Value]) -> BTreeSet<String> {
    items.iter().map(|item| item["id"].as_str().unwrap().to_owned()).collect()
}

fn set(ids: &[&str]) -> BTreeSet<String> {
    ids.iter().map(|id| (*id).to_owned()).collect()
}

#[test]
fn what_goes_in_comes_out_equal() {
    let place = Place::with_catalog();
    let ran = place.run(&["search", "catalog"]).succeeded();
    let mut found: Vec<Value> = ran.lines().iter().map(|line| serde_json::from_str(line).unwrap()).collect();
    found.sort_by_key(|item| item["id"].as_str().unwrap().to_owned());
    assert_eq!(found, items());
    assert_eq!(ran.stderr, "", "a search that went well has nothing to say");
}

#[test]
fn a_search_finds_by_area_time_and_ids() {
    let place = Place::with_catalog();
    let found = |arguments: &[&str]| {
        let all = [&["search", "catalog"], arguments].concat();
        let ran = place.run(&all).succeeded();
        ids(&ran.lines().iter().map(|line| serde_json::from_str(line).unwrap()).collect::<Vec<_>>())
    };
    place.write(
        "area.geojson",
        &json!({ "type": "FeatureCollection", "features": [
            { "type": "Feature", "properties": {}, "geometry": { "type": "Point", "coordinates": [10.1, 47.1] } },
            { "type": "Feature", "properties": {}, "geometry": { "type": "Point", "coordinates": [100.1, -4.9] } },
        ]})
        .to_string(),
    );
    assert_eq!(found(&["--bbox", "-60,60,-40,72"]), set(&["a", "b"]));
    assert_eq!(found(&["--intersects", "POINT (10.1 47.1)"]), set(&["c"]));
    assert_eq!(found(&["--intersects", "@area.geojson"]), set(&["c", "d"]));
    assert_eq!(found(&["--datetime", "2020"]), set(&["b", "c"]));
    assert_eq!(found(&["--datetime", "2020-06-02T00:00:00Z/.."]), set(&["d"]));
    assert_eq!(found(&["--bbox=-60,60,-40,72", "--datetime", "2020", "--temporal", "datetime"]), set(&["b"]));
    assert_eq!(found(&["--ids", "a,d,x"]), set(&["a", "d"]));
    assert_eq!(found(&["-n", "3"]).len(), 3);
}

#[test]
fn every_format_holds_the_same_items() {
    let place = Place::with_catalog();
    let all = set(&["a", "b", "c", "d"]);
    for arguments in [&["--format", "geojson"][..], &["--format", "json"], &["--json"]] {
        let collection = place.run(&[&["search", "catalog"], arguments].concat()).succeeded().json();
        assert_eq!(collection["type"], "FeatureCollection");
        assert_eq!(ids(collection["features"].as_array().unwrap()), all);
    }
    let rows = place.run(&["search", "catalog", "--format", "csv", "--ids", "c"]).succeeded();
    let [header, row] = rows.lines()[..] else { panic!("{}", rows.stdout) };
    assert!(header.starts_with("id,collection,datetime,start_datetime,end_datetime,west,south,east,north,"));
    assert!(row.starts_with("c,things,2020-06-01T12:00:00Z,,,10.0,47.0,10.25,47.25,one,"), "{row}");
    let urls = place.run(&["search", "catalog", "--format", "url"]).succeeded();
    assert_eq!(urls.lines().len(), 3);
    assert!(urls.lines().contains(&"https://example.com/a.nc"));
    assert_eq!(urls.stderr.trim(), "1 of 4 items have no asset `data`");
}

#[test]
fn a_search_counts_and_explains() {
    let place = Place::with_catalog();
    assert_eq!(place.run(&["search", "catalog", "--count"]).succeeded().stdout, "4\n");
    let counted = place.run(&["search", "catalog", "--count", "--json", "--datetime", "2020"]).succeeded();
    assert_eq!(counted.json(), json!({ "count": 2 }));
    let explained = place.run(&["search", "catalog", "--explain", "--json", "--datetime", "2020"]).succeeded().json();
    assert_eq!(explained["count"], 2);
    let plan = &explained["plan"];
    assert!(plan["files_total"].as_u64() > plan["after_time"].as_u64(), "{explained}");
    assert!(explained["requests"].as_u64() > Some(0));
    let table = place.run(&["search", "catalog", "--explain", "-n", "1"]).succeeded();
    assert_eq!(table.lines().len(), 1, "the item alone is on stdout");
    assert!(table.stderr.contains("left by the time"), "{}", table.stderr);
}

#[test]
fn a_search_orders_items_and_prints_the_members_asked_for() {
    let place = Place::with_catalog();
    let sorted = place.run(&["search", "catalog", "--sortby", "-datetime,id", "-n", "3", "--fields", "id,-collection"]);
    assert_eq!(sorted.succeeded().lines(), [r#"{"id":"d"}"#, r#"{"id":"b"}"#, r#"{"id":"c"}"#]);
    let some = place.run(&["search", "catalog", "--collections", "things,others", "--fields", "-assets,-links"]);
    let some: Vec<Value> = some.succeeded().lines().iter().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(ids(&some), set(&["a", "b", "c", "d"]));
    assert!(some.iter().all(|item| item.get("assets").is_none() && item["properties"]["platform"] == "one"));
    assert_eq!(place.run(&["search", "catalog", "--collections", "others"]).succeeded().stdout, "");
    let refused = place.run(&["search", "catalog", "--sortby", "-"]);
    assert_eq!(refused.code, 2, "{}", refused.stderr);
}

#[test]
fn an_estimate_is_not_exceeded() {
    let place = Place::with_catalog();
    let at_most = |arguments: &[&str]| {
        let words = [&["search", "catalog", "--estimate"], arguments].concat();
        place.run(&words).succeeded().stdout.trim().parse::<u64>().unwrap()
    };
    assert!(at_most(&[]) >= 4);
    assert!(at_most(&["--datetime", "2020"]) < at_most(&[]));
    assert_eq!(at_most(&["-n", "1"]), 1);
    assert_eq!(place.run(&["search", "catalog", "--estimate", "--json", "-n", "1"]).json(), json!({ "atMost": 1 }));
}

#[test]
fn files_stats_info_and_cells_agree() {
    let place = Place::with_catalog();
    let files = place.run(&["files", "catalog"]).succeeded();
    for file in files.lines() {
        assert!(fs::metadata(place.path(file)).is_ok(), "{file} is there");
    }
    let listed = place.run(&["files", "catalog", "--json"]).succeeded().json();
    assert_eq!(listed["files"].as_array().unwrap().len(), files.lines().len());

    let stats = place.run(&["stats", "catalog", "--json"]).succeeded().json();
    assert_eq!(stats["total"]["file_count"], files.lines().len());
    let info = place.run(&["info", "catalog", "--json"]).succeeded().json();
    assert_eq!(info["rows"], stats["total"]["row_count"]);
    assert_eq!(info["files"], stats["total"]["file_count"]);
    assert_eq!(info["unique_items"], 4);
    assert!(info["snapshot"]["snapshot_id"].is_string(), "snapshot ids do not fit a JSON number everywhere");

    let cells = place.run(&["cells", "catalog", "--json"]).succeeded().json();
    let rows: u64 = cells["cells"].as_array().unwrap().iter().map(|cell| cell["row_count"].as_u64().unwrap()).sum();
    assert_eq!(stats["total"]["row_count"], rows);
    assert_eq!(place.run(&["cells", "catalog", "--json", "-n", "1"]).json()["cells"].as_array().unwrap().len(), 1);
    let sql = place.run(&["cells", "catalog", "--intersects", "POINT (10 47)", "--sql"]).succeeded();
    assert!(sql.stdout.starts_with("grid_partition IN ('"), "{}", sql.stdout);
    for command in ["stats", "info", "cells"] {
        assert!(!place.run(&[command, "catalog"]).succeeded().stdout.is_empty());
    }
}

#[test]
fn an_ingest_in_which_items_fail_says_which_and_exits_with_3() {
    let place = Place::new();
    place.write("items.ndjson", &format!("{}{{\"type\":\"Feature\",\"id\":7}}\n", ndjson(&items())));
    place.run(&["init", "catalog"]).succeeded();
    let ran = place.run(&["ingest", "catalog", "items.ndjson", "--json"]);
    assert_eq!(ran.code, 3, "{}", ran.stderr);
    let report = ran.json();
    assert_eq!(report["items_processed"], 4);
    assert_eq!(report["failed"].as_array().unwrap().len(), 1);
    assert!(report["failed"][0]["reason"].as_str().is_some_and(|reason| !reason.is_empty()));
    assert_eq!(place.run(&["search", "catalog", "--count"]).succeeded().stdout, "4\n");
}

#[test]
fn a_dry_run_changes_nothing() {
    let place = Place::new();
    place.write("items.ndjson", &ndjson(&items()));
    place.run(&["init", "catalog"]).succeeded();
    let report = place.run(&["ingest", "catalog", "items.ndjson", "--dry-run", "--json"]).succeeded().json();
    assert_eq!(report["items_processed"], 4);
    assert_eq!(place.run(&["search", "catalog", "--count"]).succeeded().stdout, "0\n");
}

#[test]
fn a_sample_archive_goes_through_its_inventory() {
    let place = Place::new();
    place.run(&["sample", "archive", "--items", "30"]).succeeded();
    place.run(&["init", "catalog", "--resolution", "2"]).succeeded();
    for manifest in ["archive/inventory/manifest.json", "archive/inventory-csv/manifest.json"] {
        place
            .run(&["ingest", "catalog", manifest, "--bucket", "sample-archive=archive/items", "--mode", "full"])
            .succeeded();
        assert_eq!(place.run(&["search", "catalog", "--count"]).succeeded().stdout, "30\n");
    }
}

#[test]
fn a_database_whose_table_metadata_is_gone_is_a_damaged_catalog_and_not_a_missing_one() {
    let place = Place::with_catalog();
    fs::remove_dir_all(place.path("catalog/warehouse/earthcatalog/stac_items/metadata")).unwrap();
    let ran = place.run(&["search", "catalog", "--count"]);
    assert_eq!(ran.code, 1, "{}", ran.stderr);
    assert!(ran.stderr.contains(".metadata.json") && !ran.stderr.contains("init"), "{}", ran.stderr);
}

#[test]
fn exit_codes_tell_usage_missing_catalogs_and_errors_apart() {
    let place = Place::with_catalog();
    let code = |arguments: &[&str]| place.run(arguments).code;
    assert_eq!(code(&["search"]), 2);
    assert_eq!(code(&["search", "catalog", "--bbox", "1,2,3"]), 2);
    assert_eq!(code(&["search", "catalog", "--bbox", "1,2,3,4", "--intersects", "POINT (1 2)"]), 2);
    assert_eq!(code(&["search", "catalog", "--datetime", "yesterday"]), 2);
    assert_eq!(code(&["search", "catalog", "--intersects", "{\"type\":\"Point\"}"]), 2);
    assert_eq!(code(&["init", "other", "--grid", "h3", "--boundaries", "x"]), 2);
    assert_eq!(code(&["cells", "catalog", "--sql"]), 2);
    assert_eq!(code(&["search", "nowhere"]), 10);
    assert_eq!(code(&["info", "nowhere/earthcatalog.db"]), 10);
    assert_eq!(code(&["ingest", "nowhere", "items.ndjson"]), 10);
    assert_eq!(code(&["ingest", "catalog", "nothing.ndjson"]), 1);
    assert_eq!(code(&["init", "catalog"]), 1, "a catalog that is there is not overwritten");
    assert_eq!(code(&["--help"]), 0);
    assert_eq!(code(&["--version"]), 0);
}

#[test]
fn errors_go_to_stderr_with_a_cure_and_as_json_when_asked() {
    let place = Place::new();
    let ran = place.run(&["search", "nowhere"]);
    assert_eq!(ran.stdout, "");
    assert!(ran.stderr.starts_with("error: no catalog at `nowhere`"), "{}", ran.stderr);
    assert!(ran.stderr.contains("\nhint: "), "{}", ran.stderr);
    let error: Value = serde_json::from_str(&place.run(&["search", "nowhere", "--json"]).stderr).unwrap();
    assert_eq!(error["error"]["kind"], "not_found");
    assert_eq!(error["error"]["exit_code"], 10);
    let usage: Value = serde_json::from_str(&place.run(&["search", "--json"]).stderr).unwrap();
    assert_eq!(usage["error"]["exit_code"], 2);
}

#[test]
fn a_reader_that_has_enough_ends_the_command_without_an_error() {
    let place = Place::new();
    // More than a pipe holds.
    let many: Vec<_> = (0..400)
        .map(|number| {
            let mut item = items().swap_remove(0);
            item["id"] = json!(format!("item-{number}"));
            item["properties"]["title"] = json!("long ".repeat(200));
            item
        })
        .collect();
    place.write("items.ndjson", &ndjson(&many));
    place.run(&["init", "catalog"]).succeeded();
    place.run(&["ingest", "catalog", "items.ndjson"]).succeeded();
    let mut search = place.command(&["search", "catalog"]);
    let mut child = search.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut first = [0; 16];
    child.stdout.take().unwrap().read_exact(&mut first).unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(String::from_utf8(output.stderr).unwrap(), "");
}

#[test]
fn a_catalog_opens_by_its_folder_its_database_and_its_url() {
    let place = Place::with_catalog();
    let folder = place.path("catalog");
    let spellings = [
        folder.display().to_string(),
        format!("{}/", folder.display()),
        format!("{}/earthcatalog.db", folder.display()),
        format!("file://{}", folder.display()),
        "./catalog".to_owned(),
    ];
    for spelling in spellings {
        assert_eq!(place.run(&["search", &spelling, "--count"]).succeeded().stdout, "4\n", "{spelling}");
    }
    fs::rename(&folder, place.path("moved")).unwrap();
    assert_eq!(place.run(&["search", "moved", "--count"]).succeeded().stdout, "4\n");
}

#[test]
fn a_region_grid_is_made_from_its_boundaries() {
    let place = Place::new();
    let half = |name: &str, west: i32, east: i32| {
        let ring = [[west, -90], [east, -90], [east, 90], [west, 90], [west, -90]];
        json!({ "type": "Feature", "properties": { "name": name },
                "geometry": { "type": "Polygon", "coordinates": [ring] } })
    };
    let halves = json!({ "type": "FeatureCollection", "features": [half("west", -180, 0), half("east", 0, 180)] });
    place.write("halves.geojson", &halves.to_string());
    place.write("items.ndjson", &ndjson(&items()));
    let init = |boundaries: &str| {
        place.run(&["init", "catalog", "--grid", "geojson", "--boundaries", boundaries, "--id-field", "name"])
    };
    let missing = init("file:///there/is/none.geojson");
    assert_eq!(missing.code, 2);
    assert!(missing.stderr.contains("--boundaries") && missing.stderr.contains("/there/is/none"), "{}", missing.stderr);
    init(&format!("file://{}", place.path("halves.geojson").display())).succeeded();
    fs::remove_file(place.path("halves.geojson")).unwrap();
    place.run(&["ingest", "catalog", "items.ndjson"]).succeeded();
    let cells = place.run(&["cells", "catalog", "--json"]).succeeded().json();
    let names: BTreeSet<_> = cells["cells"]
        .as_array()
        .unwrap()
        .iter()
        .map(|cell| cell["grid_partition"].clone())
        .map(|cell| cell.to_string())
        .collect();
    assert_eq!(names, set(&["\"east\"", "\"west\""]));
    assert_eq!(place.run(&["search", "catalog", "--count", "--bbox", "-50,60,-40,80"]).succeeded().stdout, "2\n");
}

#[test]
fn the_time_bins_of_a_catalog_are_made_and_shown() {
    let place = Place::new();
    place.write("items.ndjson", &ndjson(&items()));
    place.run(&["init", "catalog", "--time-bin", "month"]).succeeded();
    place.run(&["ingest", "catalog", "items.ndjson"]).succeeded();
    let json = |arguments: &[&str]| place.run(&[arguments, &["--json"]].concat()).succeeded().json();
    let info = json(&["info", "catalog"]);
    assert_eq!(info["time_bin"], "month");
    assert_eq!(info["properties"]["earthcatalog.time_bin"], "month");
    assert_eq!(info["partition_fields"][1], json!({"name": "month", "source": "datetime", "transform": "month"}));
    assert_eq!(info["times"], json!(["2019-06", "2020-06", "2021-06"]));
    let stats = json(&["stats", "catalog"]);
    assert!(stats["partitions"].as_array().unwrap().iter().any(|one| one["year"] == "2019-06"), "{stats}");
    let files = json(&["files", "catalog", "--datetime", "2019"]);
    let location = files["files"][0]["location"].as_str().unwrap();
    assert!(location.contains("/month=2019-06/part_"), "{location}");
    let text = place.run(&["info", "catalog"]).succeeded().stdout;
    assert!(text.contains("time bins") && text.contains("month"), "{text}");
}

#[test]
fn the_plan_tells_how_many_cells_touch_the_area() {
    let place = Place::with_catalog();
    let explained = place.run(&["search", "catalog", "--bbox=-46,69,-44,71", "--explain", "--json"]).succeeded().json();
    let cells = [&explained["plan"]["cells_touched"], &explained["plan"]["cells_looked_at"]];
    assert!(cells[0] == cells[1] && *cells[0] != json!(0), "{explained}");
}

#[test]
fn a_writer_is_told_who_holds_the_lock_and_how_to_break_it() {
    let place = Place::with_catalog();
    assert_eq!(place.run(&["lock", "status", "catalog", "--json"]).succeeded().json(), json!({ "locked": false }));
    let theirs = r#"{"owner": "incremental", "pid": 7, "hostname": "h", "acquired": "2026-01-02T03:04:05+00:00", "ttl_hours": 12}"#;
    place.write("catalog/.lock", theirs);
    for command in [&["compact", "catalog"][..], &["ingest", "catalog", "items.ndjson"], &["gc", "catalog"]] {
        let refused = place.run(command);
        assert_eq!(refused.code, 11, "{command:?}");
        assert!(refused.stderr.contains("incremental") && refused.stderr.contains("lock break"), "{}", refused.stderr);
    }
    place.run(&["compact", "catalog", "--dry-run"]).succeeded();
    let status = place.run(&["lock", "status", "catalog", "--json"]).succeeded().json();
    assert_eq!(
        (&status["owner"], &status["host"], &status["locked"]),
        (&json!("incremental"), &json!("h"), &json!(true))
    );
    place.run(&["lock", "break", "catalog"]).succeeded();
    place.run(&["compact", "catalog"]).succeeded();
    assert!(!place.path("catalog/.lock").exists(), "it is given back");
}

#[test]
fn garbage_is_as_old_as_its_store_says_and_stays_if_the_store_does_not_say() {
    let place = Place::with_catalog();
    let orphan = "catalog/boundaries-old.geojson";
    place.write(orphan, "x");
    // The machine's clock may be fast, and what another writer has just put would look old to it.
    drop(fs::remove_dir(place.path("catalog/_ec/clock")));
    place.write("catalog/_ec/clock", "in the way");
    assert_ne!(place.run(&["gc", "catalog", "--grace", "0s"]).code, 0);
    assert!(place.path(orphan).exists());
    place.run(&["gc", "catalog", "--grace", "0s", "--dry-run"]).succeeded();
    fs::remove_file(place.path("catalog/_ec/clock")).unwrap();
    place.run(&["gc", "catalog", "--grace", "0s"]).succeeded();
    assert!(!place.path(orphan).exists());
}

#[test]
fn items_are_deleted_by_a_filter() {
    let place = Place::with_catalog();
    let before = place.run(&["search", "catalog"]).succeeded().lines().len();
    assert_eq!(place.run(&["delete", "catalog"]).code, 2, "a deletion says what");
    assert_eq!(place.run(&["delete", "catalog", "--filter", "id = "]).code, 2);
    let id = items()[0]["id"].as_str().unwrap().to_owned();
    let filter = format!("id = '{id}'");
    let report = place.run(&["delete", "catalog", "--filter", &filter, "--json"]).succeeded().json();
    assert_eq!(report["items_deleted"], 1);
    assert_eq!(place.run(&["search", "catalog"]).succeeded().lines().len(), before - 1);
    place.write("filter.json", r#"{"op": "isNull", "args": [{"property": "no_such"}]}"#);
    place.run(&["delete", "catalog", "--filter", "@filter.json"]).succeeded();
    assert!(place.run(&["search", "catalog"]).succeeded().stdout.is_empty());
}

#[cfg(unix)]
#[test]
fn a_writer_that_is_interrupted_gives_the_lock_back() {
    let place = Place::with_catalog();
    // A source that never ends, so that the writer is at work when the signal comes.
    let pipe = place.path("pipe.ndjson");
    assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let mut writer = place.command(&["ingest", "catalog", "pipe.ndjson"]).spawn().unwrap();
    let lock = place.path("catalog/.lock");
    while !lock.exists() {
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    assert!(Command::new("kill").args(["-INT", &writer.id().to_string()]).status().unwrap().success());
    assert_eq!(writer.wait().unwrap().code(), Some(130));
    assert!(!lock.exists());
}

/// Documentation of others named commands and flags that were not there.
#[test]
fn c15_every_command_line_of_the_readme_is_accepted() {
    let readme = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../README.md")).unwrap();
    let shell =
        |line: &'_ str| line.trim().trim_start_matches("$ ").split(" # ").next().map(str::trim_end).map(str::to_owned);
    let lines =
        readme.lines().filter_map(shell).filter_map(|line| line.strip_prefix("earthcatalog ").map(str::to_owned));
    let named = readme.split('`').filter_map(|text| text.split(' ').next()).filter(|word| COMMANDS.contains(word));
    assert_eq!(named.collect::<BTreeSet<_>>(), COMMANDS.iter().copied().collect());
    let mut seen = 0;
    for line in lines {
        let name = line.split(' ').next().unwrap_or_default();
        let help = Command::new(env!("CARGO_BIN_EXE_earthcatalog")).args([name, "--help"]).output().unwrap();
        assert!(help.status.success(), "{line}");
        let help = String::from_utf8(help.stdout).unwrap();
        for flag in line.split([' ', '=']).filter(|word| word.starts_with("--")) {
            assert!(help.contains(flag), "{line}: no {flag}");
        }
        seen += 1;
    }
    assert!(seen > 0);
}
