//! The files that a search writes: their formats, and that they are whole or not there.
#![cfg(test)]

use std::fs;
use std::io::Read as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use serde_json::{Value, json};

/// A folder with a catalog of three items.
struct Place(tempfile::TempDir);

struct Ran {
    code: i32,
    stdout: Vec<u8>,
    stderr: String,
}

impl Ran {
    fn succeeded(self) -> Self {
        assert_eq!(self.code, 0, "stderr: {}", self.stderr);
        self
    }
}

impl Place {
    fn new() -> Self {
        let place = Self(tempfile::tempdir().unwrap());
        let lines: Vec<String> = items().iter().map(|item| format!("{item}\n")).collect();
        fs::write(place.path("items.ndjson"), lines.concat()).unwrap();
        place.run(&["init", "catalog"]).succeeded();
        place.run(&["ingest", "catalog", "items.ndjson"]).succeeded();
        place
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_earthcatalog"));
        command.args(arguments).current_dir(self.0.path()).stdin(Stdio::null());
        command
    }

    fn run(&self, arguments: &[&str]) -> Ran {
        let output = self.command(arguments).output().unwrap();
        let stderr = String::from_utf8(output.stderr).unwrap();
        Ran { code: output.status.code().unwrap_or(-1), stdout: output.stdout, stderr }
    }

    /// What a search of everything prints in this format.
    fn printed(&self, format: &str) -> Vec<u8> {
        self.run(&["search", "catalog", "--format", format]).succeeded().stdout
    }

    /// The names in the folder.
    fn names(&self) -> Vec<String> {
        let entries = fs::read_dir(self.0.path()).unwrap();
        let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }
}

fn items() -> Vec<Value> {
    ["a", "b", "c"]
        .into_iter()
        .map(|id| {
            json!({
                "type": "Feature", "stac_version": "1.0.0", "id": id, "collection": "things",
                "geometry": { "type": "Point", "coordinates": [10.0, 47.0] }, "bbox": [10.0, 47.0, 10.0, 47.0],
                "properties": { "datetime": "2020-06-01T12:00:00Z", "cover": 12.5 },
                "links": [], "assets": { "data": { "href": format!("https://example.com/{id}.nc") } },
            })
        })
        .collect()
}

#[test]
fn a_file_has_the_bytes_of_stdout_and_the_format_of_its_ending() {
    let place = Place::new();
    let formats = [
        ("x.ndjson", "ndjson"),
        ("x.jsonl", "ndjson"),
        ("x.GeoJSON", "geojson"),
        ("x.json", "json"),
        ("x.csv", "csv"),
        ("x.txt", "url"),
        ("x.arrows", "arrow"),
        ("x.parquet", "geoparquet"),
    ];
    for (file, format) in formats {
        let ran = place.run(&["search", "catalog", "-o", file]).succeeded();
        assert!(ran.stdout.is_empty() && ran.stderr.is_empty(), "{file}: {}", ran.stderr);
        assert_eq!(fs::read(place.path(file)).unwrap(), place.printed(format), "{file}");
    }
    place.run(&["search", "catalog", "--format", "csv", "--output", "x.xyz"]).succeeded();
    assert_eq!(fs::read(place.path("x.xyz")).unwrap(), place.printed("csv"));
    assert_eq!(place.run(&["search", "catalog", "-o", "-"]).succeeded().stdout, place.printed("ndjson"));
    assert!(!place.names().concat().contains(".part"), "{:?}", place.names());
}

#[test]
fn binary_formats_begin_and_end_as_their_readers_expect() {
    let place = Place::new();
    let parquet = place.printed("geoparquet");
    assert!(parquet.starts_with(b"PAR1") && parquet.ends_with(b"PAR1"));
    assert!(place.printed("arrow").starts_with(&[0xff; 4]), "the mark of a message of an Arrow stream");
    for arguments in [&["-o", "x.arrow"][..], &["-o", "y.feather"], &["--format", "arrow", "-o", "z.arrow"]] {
        place.run(&[&["search", "catalog"], arguments].concat()).succeeded();
        let file = fs::read(place.path(arguments.last().unwrap())).unwrap();
        assert!(file.starts_with(b"ARROW1") && file.ends_with(b"ARROW1"), "{arguments:?}");
    }
}

#[test]
fn csv_has_a_column_for_each_property_of_the_catalog() {
    let place = Place::new();
    let text = String::from_utf8(
        place.run(&["search", "catalog", "-o", "-", "--format", "csv", "--asset", "data"]).succeeded().stdout,
    )
    .unwrap();
    let rows: Vec<Vec<&str>> = text.lines().map(|line| line.split(',').collect()).collect();
    assert_eq!(
        rows[0][..10].join(","),
        "id,collection,datetime,start_datetime,end_datetime,west,south,east,north,href"
    );
    let cover = rows[0].iter().position(|name| *name == "cover").unwrap();
    assert!(rows[1..].iter().all(|row| row[cover] == "12.5" && row.len() == rows[0].len()), "{text}");
    assert!(!rows[0][1..].contains(&"id") && !rows[0][3..].contains(&"datetime"), "{text}");
}

#[test]
fn an_item_collection_links_to_its_catalog_and_counts() {
    let place = Place::new();
    let collection: Value = serde_json::from_slice(&place.printed("json")).unwrap();
    assert_eq!((&collection["numberReturned"], &collection["numberMatched"]), (&json!(3), &json!(3)));
    assert_eq!(collection["links"][0]["href"], "catalog");
    let some = place.run(&["search", "catalog", "--format", "json", "-n", "2"]).succeeded();
    let some: Value = serde_json::from_slice(&some.stdout).unwrap();
    assert_eq!((&some["numberReturned"], &some["numberMatched"]), (&json!(2), &Value::Null));
}

#[test]
fn an_address_is_written_whatever_members_are_asked_for() {
    let place = Place::new();
    let whole = place.run(&["search", "catalog", "--format", "url"]).succeeded().stdout;
    assert!(!whole.is_empty());
    assert_eq!(place.run(&["search", "catalog", "--format", "url", "--fields", "id"]).succeeded().stdout, whole);
    let csv = place.run(&["search", "catalog", "--format", "csv", "--fields", "id,-collection", "--asset", "data"]);
    assert!(csv.succeeded().stdout.starts_with(&["id,href"[..].as_bytes(), b"\r\n"].concat()[..]));
}

#[test]
fn what_is_asked_for_wrongly_is_refused_before_anything_is_read() {
    let place = Place::new();
    let refused = |arguments: &[&str]| {
        let ran = place.run(&[&["search", "nowhere"], arguments].concat());
        assert_eq!(ran.code, 2, "{arguments:?}: {}", ran.stderr);
        ran.stderr
    };
    assert!(refused(&["-o", "x.xyz"]).contains("--format"));
    refused(&["-o", "x.json", "--count"]);
    refused(&["--format", "shapefile"]);
    let on_the_web = place.run(&["search", "catalog", "-o", "https://example.com/x.json"]);
    assert_eq!(on_the_web.code, 2);
    let folder = place.run(&["search", "catalog", "--format", "csv", "-o", "catalog"]);
    assert!(folder.code == 2 && folder.stderr.contains("folder"), "{}", folder.stderr);
}

#[test]
fn a_search_that_fails_leaves_no_file_and_the_one_before_as_it_was() {
    let place = Place::new();
    fs::write(place.path("old.json"), "old").unwrap();
    // The plan is read, then a data file is not there.
    fs::remove_dir_all(place.path("catalog/warehouse")).unwrap_or_default();
    let before = place.names();
    for file in ["old.json", "new.json", "new.parquet"] {
        let ran = place.run(&["search", "catalog", "-o", file]);
        assert_ne!(ran.code, 0);
    }
    let damaged = Place::new();
    let mut folders = vec![damaged.path("catalog/warehouse")];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
            match entry.path() {
                path if path.is_dir() => folders.push(path),
                path if path.extension().is_some_and(|end| end == "parquet") => {
                    let length = fs::metadata(&path).unwrap().len();
                    fs::write(&path, vec![7; usize::try_from(length).unwrap()]).unwrap();
                }
                _ => {}
            }
        }
    }
    for file in ["new.ndjson", "new.parquet"] {
        let ran = damaged.run(&["search", "catalog", "-o", file]);
        assert_ne!(ran.code, 0, "{file}");
    }
    assert_eq!(fs::read_to_string(place.path("old.json")).unwrap(), "old");
    assert_eq!(place.names(), before);
    assert_eq!(damaged.names(), ["catalog", "items.ndjson"]);
}

#[test]
fn a_file_that_is_there_is_replaced_and_a_link_to_it_stays() {
    let place = Place::new();
    fs::write(place.path("real.ndjson"), "a longer text than any that will follow it".repeat(1000)).unwrap();
    #[cfg(unix)]
    std::os::unix::fs::symlink(place.path("real.ndjson"), place.path("link.ndjson")).unwrap();
    let name = if cfg!(unix) { "link.ndjson" } else { "real.ndjson" };
    place.run(&["search", "catalog", "-o", name]).succeeded();
    assert_eq!(fs::read(place.path("real.ndjson")).unwrap(), place.printed("ndjson"));
    #[cfg(unix)]
    assert!(fs::symlink_metadata(place.path("link.ndjson")).unwrap().is_symlink());
}

#[cfg(unix)]
#[test]
fn what_is_no_regular_file_is_written_to_as_it_is() {
    let place = Place::new();
    place.run(&["search", "catalog", "--format", "geoparquet", "-o", "/dev/null"]).succeeded();
    assert!(fs::metadata("/dev/null").unwrap().file_type() != fs::metadata("/etc").unwrap().file_type());
    assert!(!fs::metadata("/dev/null").unwrap().is_file());
}

#[cfg(unix)]
#[test]
fn a_new_file_can_be_read_as_any_new_file_and_one_that_is_replaced_as_before() {
    use std::os::unix::fs::PermissionsExt as _;
    let place = Place::new();
    place.run(&["search", "catalog", "-o", "x.csv"]).succeeded();
    fs::write(place.path("plain"), "").unwrap();
    let mode = |name: &str| fs::metadata(place.path(name)).unwrap().permissions().mode();
    assert_eq!(mode("x.csv"), mode("plain"));
    fs::set_permissions(place.path("x.csv"), fs::Permissions::from_mode(0o600)).unwrap();
    place.run(&["search", "catalog", "-o", "x.csv"]).succeeded();
    assert_eq!(mode("x.csv") & 0o777, 0o600);
}

#[test]
fn bytes_that_a_terminal_cannot_show_are_refused_there() {
    let place = Place::new();
    // util-linux runs a command on a terminal of its own.
    let run = |format: &str| {
        let line = format!("'{}' search catalog --format {format}", env!("CARGO_BIN_EXE_earthcatalog"));
        Command::new("script")
            .args(["--quiet", "--return", "--command", &line, "/dev/null"])
            .current_dir(place.0.path())
            .stdin(Stdio::null())
            .output()
    };
    let Ok(refused) = run("geoparquet") else {
        eprintln!("skipped: the command `script` is not there");
        return;
    };
    let said = String::from_utf8_lossy(&refused.stdout).into_owned();
    assert!(refused.status.code() == Some(2) && said.contains("-o"), "{said}");
    assert_eq!(run("arrow").unwrap().status.code(), Some(2));
    assert_eq!(run("csv").unwrap().status.code(), Some(0));
}

/// Seen elsewhere: datetimes rewritten, fractions of seconds cut, columns of the catalog added, versions rewritten, the id
/// taken from a property, assets of other items as null, empty assets and foreign members gone, a bbox without heights.
#[test]
fn a21_results_are_the_items_that_went_in() {
    let place = Place::new();
    let mut odd: Vec<Value> = items();
    odd[0]["id"] = json!("odd-1");
    odd[0]["stac_version"] = json!("1.0.0-rc.2");
    odd[0]["properties"] = json!({
        "datetime": "2020-06-01T12:00:00.123456Z", "created": "2020-06-01T14:00:00+02:00", "date_dt": 80.5, "id": "other",
        "updated": "2020-06-02T00:00:00Z", "nothing": null,
    });
    odd[0]["bbox"] = json!([10.0, 47.0, -5.5, 10.0, 47.0, 120.25]);
    odd[0]["foreign"] = json!({ "member": [1, null] });
    odd[1]["id"] = json!("odd-2");
    odd[1]["assets"] = json!({});
    odd[2]["id"] = json!("odd-3");
    odd[2]["assets"] = json!({ "only-here": { "href": "x", "roles": [] } });
    let lines: Vec<String> = odd.iter().map(|item| format!("{item}\n")).collect();
    fs::write(place.path("odd.ndjson"), lines.concat()).unwrap();
    place.run(&["ingest", "catalog", "odd.ndjson"]).succeeded();
    let search = |format: &str| {
        place.run(&["search", "catalog", "--ids", "odd-1,odd-2,odd-3", "--format", format]).succeeded().stdout
    };
    let by_id = |mut items: Vec<Value>| {
        items.sort_by_key(|item| item["id"].as_str().map(str::to_owned));
        items
    };
    let lines = String::from_utf8(search("ndjson")).unwrap();
    let found = by_id(lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect());
    assert_eq!(found, odd);
    for format in ["json", "geojson"] {
        let collection: Value = serde_json::from_slice(&search(format)).unwrap();
        assert_eq!(by_id(collection["features"].as_array().unwrap().clone()), odd, "{format}");
    }
}

#[test]
fn an_explanation_as_json_stands_beside_a_file() {
    let place = Place::new();
    let ran = place.run(&["search", "catalog", "--explain", "--json", "-o", "x.ndjson"]).succeeded();
    let explained: Value = serde_json::from_slice(&ran.stdout).unwrap();
    assert_eq!(explained["count"], 3);
    assert_eq!(fs::read(place.path("x.ndjson")).unwrap(), place.printed("ndjson"));
}

#[test]
fn a_reader_that_has_enough_of_any_format_ends_the_command_without_an_error() {
    let place = Place::new();
    let mut many = Vec::new();
    for number in 0..400 {
        let mut item = items().swap_remove(0);
        item["id"] = json!(format!("item-{number}"));
        item["properties"]["title"] = json!("long ".repeat(200 + number));
        many.push(format!("{item}\n"));
    }
    fs::write(place.path("many.ndjson"), many.concat()).unwrap();
    place.run(&["ingest", "catalog", "many.ndjson"]).succeeded();
    for format in ["csv", "geojson", "arrow"] {
        let mut search = place.command(&["search", "catalog", "--format", format]);
        let mut child = search.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut first = [0; 16];
        child.stdout.take().unwrap().read_exact(&mut first).unwrap();
        let output = child.wait_with_output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{format}");
        assert_eq!(String::from_utf8(output.stderr).unwrap(), "", "{format}");
    }
}
