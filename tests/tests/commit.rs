//! Commits seen from outside: what a reader opens after them, in place, moved, raced and cut short.
#![expect(clippy::unwrap_used, reason = "the helpers of a test fail by panicking")]

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use earthcatalog::commit::{self, Change, Mode, NewDataFile, Revise};
use earthcatalog::driver::Driver;
use earthcatalog::store::Stores;
use earthcatalog_core::catalog::TimeBin;
use earthcatalog_core::catalog::properties::GridDefinition;
use earthcatalog_core::catalog::{Catalog, Open, OpenOptions};
use earthcatalog_core::iceberg::metadata::{Field, PrimitiveType, Type};
use earthcatalog_core::search::ListFiles;
use earthcatalog_core::write::metrics::Metrics;
use earthcatalog_core::write::partition::PartitionKey;
use earthcatalog_core::{ErrorKind, Location, Result};
use earthcatalog_tests::folder::copy_folder;
use futures::future::BoxFuture;
use object_store::ObjectStoreExt as _;
use object_store::memory::InMemory;

const H3: GridDefinition = GridDefinition::H3 { resolution: 2 };

async fn open(stores: &Stores, base: &Location) -> Catalog {
    let mut machine = Open::new(base, OpenOptions::default());
    Driver::new(stores.clone()).collect(&mut machine).await.unwrap().0.pop().unwrap()
}

async fn files(stores: &Stores, catalog: &Catalog) -> Vec<String> {
    let (tasks, _) = Driver::new(stores.clone()).collect(&mut ListFiles::all(catalog)).await.unwrap();
    tasks.into_iter().flatten().map(|task| task.location.to_string()).collect()
}

fn file(catalog: &Catalog, cell: &str, name: &str) -> NewDataFile {
    let partition = PartitionKey { cell: cell.into(), time_bin: TimeBin::Year, bin: Some(51) };
    NewDataFile {
        location: commit::stored_location(catalog, &partition.data_file_key(name)).unwrap(),
        partition,
        record_count: 2,
        file_size_bytes: 10,
        metrics: Metrics::default(),
    }
}

fn append(catalog: &Catalog, names: &[&str]) -> Change {
    Change { files: names.iter().map(|name| file(catalog, "cell", name)).collect(), ..Change::default() }
}

/// The same place in a folder and in a store of objects.
fn everywhere() -> Vec<(Stores, Location, Option<tempfile::TempDir>)> {
    let folder = tempfile::tempdir().unwrap();
    let local = Location::parse(folder.path().join("made/by init").to_str().unwrap()).unwrap();
    let objects = Stores::default();
    objects.mount("memory://bucket", Arc::new(InMemory::new()));
    let remote = Location::parse("memory://bucket/some/catalog").unwrap();
    vec![(Stores::default(), local, Some(folder)), (objects, remote, None)]
}

fn names(locations: &[String]) -> Vec<&str> {
    locations.iter().map(|location| location.rsplit('/').next().unwrap()).collect()
}

#[tokio::test]
async fn a_new_catalog_opens_and_is_not_made_twice() {
    for (stores, base, _folder) in everywhere() {
        commit::init(&stores, &base, H3, None).await.unwrap();
        let catalog = open(&stores, &base).await;
        assert_eq!(catalog.grid_definition(), &H3);
        assert!(catalog.snapshot().is_none());
        assert!(files(&stores, &catalog).await.is_empty());
        let error = commit::init(&stores, &base, H3, None).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Invalid);
        assert!(error.to_string().contains("earthcatalog.db"), "{error}");
    }
}

#[tokio::test]
async fn http_is_not_written_to() {
    let base = Location::parse("https://example.org/catalog").unwrap();
    let error = commit::init(&Stores::default(), &base, H3, None).await.unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::Unsupported | ErrorKind::Denied), "{error}");
}

#[tokio::test]
async fn regions_are_kept_with_the_catalog() {
    let regions = Bytes::from_static(
        br#"{"type":"FeatureCollection","features":[{"type":"Feature","properties":{"name":"a"},
        "geometry":{"type":"Polygon","coordinates":[[[0,0],[1,0],[1,1],[0,1],[0,0]]]}}]}"#,
    );
    let grid = || GridDefinition::GeoJson { boundaries_path: String::new(), id_field: "name".into() };
    for (stores, base, _folder) in everywhere() {
        commit::init(&stores, &base, grid(), Some(regions.clone())).await.unwrap();
        let catalog = open(&stores, &base).await;
        let GridDefinition::GeoJson { boundaries_path, id_field } = catalog.grid_definition() else { panic!() };
        assert_eq!(id_field, "name");
        let place = catalog.resolve(boundaries_path).unwrap();
        assert!(place.as_str().starts_with(&catalog.base().normal()) && place.name().starts_with("boundaries-"));
        let (store, path) = stores.get(&place).unwrap();
        assert_eq!(store.get(&path).await.unwrap().bytes().await.unwrap(), regions);
    }
    let error = commit::init(&Stores::default(), &Location::parse("/nowhere").unwrap(), grid(), None).await;
    assert_eq!(error.unwrap_err().kind(), ErrorKind::Invalid);
}

#[tokio::test]
async fn boundaries_without_named_regions_make_no_catalog() {
    let grid = |field: &str| GridDefinition::GeoJson { boundaries_path: String::new(), id_field: field.into() };
    let nameless = r#"{"type":"FeatureCollection","features":[{"type":"Feature","properties":{"name":"a"},
        "geometry":{"type":"Point","coordinates":[0,0]}}]}"#;
    let empty = r#"{"type":"FeatureCollection","features":[]}"#;
    for (stores, base, _folder) in everywhere() {
        for boundaries in [nameless, empty, "[]", "nonsense"] {
            let made = commit::init(&stores, &base, grid("title"), Some(Bytes::from(boundaries))).await;
            assert_eq!(made.unwrap_err().kind(), ErrorKind::Invalid, "{boundaries}");
        }
        let opened = Driver::new(stores.clone()).collect(&mut Open::new(&base, OpenOptions::default())).await;
        assert_eq!(opened.err().map(|error| error.kind()), Some(ErrorKind::NotFound));
    }
}

#[tokio::test]
async fn a_file_in_the_way_of_a_new_catalog_is_no_lack_of_permission() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("file");
    std::fs::write(&path, "x").unwrap();
    for place in [path.clone(), path.join("below")] {
        let base = Location::parse(place.to_str().unwrap()).unwrap();
        let error = commit::init(&Stores::default(), &base, H3, None).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Invalid, "{error}");
    }
}

#[tokio::test]
async fn appends_add_up_and_a_replacement_leaves_only_the_new() {
    for (stores, base, _folder) in everywhere() {
        commit::init(&stores, &base, H3, None).await.unwrap();
        let empty = open(&stores, &base).await;
        let outcome = commit::commit(&stores, &empty, append(&empty, &["1", "2"])).await.unwrap();
        let one = open(&stores, &base).await;
        assert_eq!(one.snapshot().map(|snapshot| snapshot.snapshot_id), outcome.snapshot_id);
        commit::commit(&stores, &one, append(&one, &["3"])).await.unwrap();
        let two = open(&stores, &base).await;
        assert_eq!(names(&files(&stores, &two).await), ["part_1.parquet", "part_2.parquet", "part_3.parquet"]);
        let replace = Change { mode: Mode::Replace, ..append(&two, &["4"]) };
        commit::commit(&stores, &two, replace).await.unwrap();
        assert_eq!(names(&files(&stores, &open(&stores, &base).await).await), ["part_4.parquet"]);
        // A catalog that was opened stays what it was.
        assert_eq!(files(&stores, &one).await.len(), 2);
    }
}

#[tokio::test]
async fn an_append_is_built_anew_on_what_another_writer_left() {
    for (stores, base, _folder) in everywhere() {
        commit::init(&stores, &base, H3, None).await.unwrap();
        let seen = open(&stores, &base).await;
        commit::commit(&stores, &seen, append(&seen, &["1"])).await.unwrap();
        commit::commit(&stores, &seen, append(&seen, &["2"])).await.unwrap();
        let catalog = open(&stores, &base).await;
        assert_eq!(files(&stores, &catalog).await.len(), 2);
        assert_eq!(catalog.metadata().snapshots.len(), 2);

        let replace = Change { mode: Mode::Replace, ..append(&seen, &["3"]) };
        let error = commit::commit(&stores, &seen, replace).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Conflict);
        assert_eq!(files(&stores, &open(&stores, &base).await).await.len(), 2);
    }
}

#[tokio::test]
async fn what_cannot_be_built_on_is_a_conflict() {
    let (stores, base, _folder) = everywhere().remove(1);
    commit::init(&stores, &base, H3, None).await.unwrap();
    let seen = open(&stores, &base).await;
    let id = seen.metadata().last_column_id + 1;
    let column = |name: &str| vec![Field::optional(id, name, Type::Primitive(PrimitiveType::Double))];
    let property = |value: &str| BTreeMap::from([("earthcatalog.hash_index_path".to_owned(), value.to_owned())]);
    let change = Change { new_fields: column("a"), properties: property("1"), ..append(&seen, &["1"]) };
    commit::commit(&stores, &seen, change).await.unwrap();
    for change in [
        Change { new_fields: column("b"), ..append(&seen, &["2"]) },
        Change { properties: property("2"), ..append(&seen, &["3"]) },
    ] {
        assert_eq!(commit::commit(&stores, &seen, change).await.unwrap_err().kind(), ErrorKind::Conflict);
    }
    // The same column by another writer is no conflict.
    commit::commit(&stores, &seen, Change { new_fields: column("a"), ..append(&seen, &["4"]) }).await.unwrap();
    let catalog = open(&stores, &base).await;
    assert_eq!(names(&files(&stores, &catalog).await), ["part_1.parquet", "part_4.parquet"]);
    assert_eq!(catalog.metadata().schema().field_by_name("a").map(|field| field.id), Some(id));
}

#[tokio::test]
async fn files_that_go_must_still_be_live() {
    for (stores, base, _folder) in everywhere() {
        commit::init(&stores, &base, H3, None).await.unwrap();
        let empty = open(&stores, &base).await;
        commit::commit(&stores, &empty, append(&empty, &["1", "2", "3"])).await.unwrap();
        let seen = open(&stores, &base).await;
        let merge = |inputs: &[&str], output: &str| Change {
            mode: Mode::Rewrite(inputs.iter().map(|name| file(&seen, "cell", name).location).collect()),
            ..append(&seen, &[output])
        };
        commit::commit(&stores, &seen, merge(&["1", "2"], "12")).await.unwrap();
        let error = commit::commit(&stores, &seen, merge(&["2", "3"], "23")).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Conflict);
        assert!(error.to_string().contains("part_2.parquet"), "{error}");
        // Inputs that nobody touched are no conflict, and what arrived meanwhile stays.
        commit::commit(&stores, &seen, append(&seen, &["4"])).await.unwrap();
        commit::commit(&stores, &seen, merge(&["3"], "33")).await.unwrap();
        let now = files(&stores, &open(&stores, &base).await).await;
        assert_eq!(names(&now), ["part_12.parquet", "part_33.parquet", "part_4.parquet"]);
    }
}

/// Leaves out the files that arrived meanwhile, as an ingest leaves out ids.
struct LeavesOut(Stores, usize);

impl Revise for LeavesOut {
    fn revise<'a>(&'a mut self, base: &'a Catalog, change: &'a Change) -> BoxFuture<'a, Result<Option<Change>>> {
        Box::pin(async move {
            self.1 += 1;
            let present = files(&self.0, base).await;
            let kept = change.files.iter().filter(|file| !present.contains(&file.location)).cloned().collect();
            let properties = change.properties.keys().map(|key| (key.clone(), format!("revised {}", self.1))).collect();
            Ok(Some(Change { files: kept, properties, commit_id: None, ..change.clone() }))
        })
    }
}

#[tokio::test]
async fn an_append_is_revised_when_another_writer_was_faster() {
    for (stores, base, _folder) in everywhere() {
        commit::init(&stores, &base, H3, None).await.unwrap();
        let seen = open(&stores, &base).await;
        let index = |value: &str| BTreeMap::from([("earthcatalog.hash_index_path".to_owned(), value.to_owned())]);
        let change = |names: &[&str]| Change { properties: index("planned"), ..append(&seen, names) };
        let mut reviser = LeavesOut(stores.clone(), 0);
        commit::commit_revised(&stores, &seen, change(&["1", "2"]), &mut reviser).await.unwrap();
        assert_eq!(reviser.1, 0);
        let change = Change { commit_id: Some("second".into()), ..change(&["2", "3"]) };
        let outcome = commit::commit_revised(&stores, &seen, change.clone(), &mut reviser).await.unwrap();
        assert_eq!((reviser.1, outcome.commit_id.as_str()), (1, "second"));
        let now = open(&stores, &base).await;
        assert_eq!(names(&files(&stores, &now).await), ["part_1.parquet", "part_2.parquet", "part_3.parquet"]);
        assert_eq!(now.metadata().properties["earthcatalog.hash_index_path"], "revised 1");
        // Found by its id before anybody is asked.
        let again = commit::commit_revised(&stores, &seen, change, &mut reviser).await.unwrap();
        assert_eq!((again.already, again.snapshot_id, reviser.1), (true, outcome.snapshot_id, 1));
    }
}

#[tokio::test]
async fn old_snapshots_are_forgotten_in_a_commit_of_their_own() {
    for (stores, base, _folder) in everywhere() {
        commit::init(&stores, &base, H3, None).await.unwrap();
        for name in ["1", "2", "3"] {
            let seen = open(&stores, &base).await;
            commit::commit(&stores, &seen, append(&seen, &[name])).await.unwrap();
        }
        let seen = open(&stores, &base).await;
        let ids: Vec<i64> = seen.metadata().snapshots.iter().map(|snapshot| snapshot.snapshot_id).collect();
        let expire = |ids: &[i64]| Change { expired_snapshots: ids.iter().copied().collect(), ..Change::default() };
        let outcome = commit::commit(&stores, &seen, expire(&ids[..2])).await.unwrap();
        assert_eq!(outcome.snapshot_id, Some(ids[2]));
        let now = open(&stores, &base).await;
        assert_eq!(now.metadata().snapshots.len(), 1);
        assert_eq!(files(&stores, &now).await.len(), 3);
        // Again, from the older state: gone already.
        commit::commit(&stores, &seen, expire(&ids[..2])).await.unwrap();
        let error = commit::commit(&stores, &seen, expire(&ids[2..])).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Conflict);
    }
}

#[tokio::test]
async fn a_commit_that_is_repeated_is_made_once() {
    let (stores, base, _folder) = everywhere().remove(1);
    commit::init(&stores, &base, H3, None).await.unwrap();
    let seen = open(&stores, &base).await;
    let change = Change { commit_id: Some("job 7".into()), ..append(&seen, &["1"]) };
    let first = commit::commit(&stores, &seen, change.clone()).await.unwrap();
    let second = commit::commit(&stores, &seen, change).await.unwrap();
    assert!(!first.already && second.already);
    assert_eq!((first.snapshot_id, first.metadata_location), (second.snapshot_id, second.metadata_location));
    let catalog = open(&stores, &base).await;
    assert_eq!(catalog.metadata().snapshots.len(), 1);
    assert_eq!(catalog.snapshot().unwrap().summary.get("earthcatalog.commit-id").map(String::as_str), Some("job 7"));
}

#[tokio::test]
async fn many_writers_of_one_process_lose_nothing_when_they_take_turns() {
    let (stores, base, _folder) = everywhere().remove(0);
    commit::init(&stores, &base, H3, None).await.unwrap();
    for number in 0..5 {
        let seen = open(&stores, &base).await;
        commit::commit(&stores, &seen, append(&seen, &[&number.to_string()])).await.unwrap();
    }
    let catalog = open(&stores, &base).await;
    assert_eq!(files(&stores, &catalog).await.len(), 5);
    let sequence: Vec<i64> = catalog.metadata().snapshots.iter().map(|snapshot| snapshot.sequence_number).collect();
    assert_eq!(sequence, [1, 2, 3, 4, 5]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn d6_writers_on_one_disk_lose_nothing_when_they_do_not_take_turns() {
    let (stores, base, _folder) = everywhere().remove(0);
    commit::init(&stores, &base, H3, None).await.unwrap();
    let seen = open(&stores, &base).await;
    let writers = (0..4).map(|number| {
        let (stores, seen) = (stores.clone(), seen.clone());
        tokio::spawn(async move { commit::commit(&stores, &seen, append(&seen, &[&number.to_string()])).await })
    });
    for writer in writers.collect::<Vec<_>>() {
        writer.await.unwrap().unwrap();
    }
    assert_eq!(files(&stores, &open(&stores, &base).await).await.len(), 4);
}

#[tokio::test]
async fn a_copy_grows_by_itself_and_records_the_old_place() {
    let (stores, base, folder) = everywhere().remove(0);
    let folder = folder.unwrap();
    commit::init(&stores, &base, H3, None).await.unwrap();
    let catalog = open(&stores, &base).await;
    commit::commit(&stores, &catalog, append(&catalog, &["1"])).await.unwrap();

    let copy = folder.path().join("copy");
    copy_folder(Path::new(base.as_str()), &copy);
    let copy = Location::parse(copy.to_str().unwrap()).unwrap();
    let moved = open(&stores, &copy).await;
    commit::commit(&stores, &moved, append(&moved, &["2"])).await.unwrap();

    let moved = open(&stores, &copy).await;
    let of_copy = files(&stores, &moved).await;
    assert_eq!(names(&of_copy), ["part_1.parquet", "part_2.parquet"]);
    assert!(of_copy.iter().all(|location| location.starts_with(copy.as_str())), "{of_copy:?}");
    let list = moved.snapshot().unwrap().manifest_list.clone().unwrap();
    assert!(list.starts_with(base.as_str()), "stored below the place it was made at: {list}");
    assert_eq!(names(&files(&stores, &open(&stores, &base).await).await), ["part_1.parquet"]);
}

#[tokio::test]
async fn local_objects_are_whole_readable_by_others_and_leave_nothing_behind() {
    let (stores, base, _folder) = everywhere().remove(0);
    commit::init(&stores, &base, H3, None).await.unwrap();
    let catalog = open(&stores, &base).await;
    let odd = catalog.base().join("warehouse/grid_partition=..%2Fa b/year=2021/part_é.parquet");
    commit::put(&stores, &odd, Bytes::from_static(b"rows")).await.unwrap();
    let (store, path) = stores.get(&odd).unwrap();
    assert_eq!(store.get(&path).await.unwrap().bytes().await.unwrap(), "rows");
    commit::commit(&stores, &catalog, append(&catalog, &["1"])).await.unwrap();
    let mut left = Vec::new();
    walk(Path::new(base.as_str()), &mut left);
    assert!(left.iter().all(|path| !path.contains(".earthcatalog-")), "{left:?}");
    #[cfg(unix)]
    for path in &left {
        use std::os::unix::fs::PermissionsExt as _;
        let mode = std::fs::metadata(path).unwrap().permissions().mode();
        assert_eq!(mode & 0o600, 0o600, "{path}");
        assert_eq!(mode & 0o111, 0, "{path}");
    }
}

fn walk(folder: &Path, found: &mut Vec<String>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            walk(&path, found);
        } else {
            found.push(path.to_str().unwrap().to_owned());
        }
    }
}

/// What a writer leaves that stops before any of its puts: a reader sees the old state, and the next writer goes on.
#[tokio::test]
async fn a_commit_cut_short_before_the_database_shows_nothing() {
    let whole = Arc::new(InMemory::new());
    let stores = Stores::default();
    stores.mount("memory://bucket", whole.clone());
    let base = Location::parse("memory://bucket/catalog").unwrap();
    commit::init(&stores, &base, H3, None).await.unwrap();
    let (store, database) = stores.get(&base.join("earthcatalog.db")).unwrap();
    let before = store.get(&database).await.unwrap().bytes().await.unwrap();
    let catalog = open(&stores, &base).await;
    commit::commit(&stores, &catalog, append(&catalog, &["1"])).await.unwrap();
    // All that was put stays; the database alone is taken back.
    whole.put(&database, before.into()).await.unwrap();
    let catalog = open(&stores, &base).await;
    assert!(files(&stores, &catalog).await.is_empty());
    commit::commit(&stores, &catalog, append(&catalog, &["2"])).await.unwrap();
    assert_eq!(names(&files(&stores, &open(&stores, &base).await).await), ["part_2.parquet"]);
}

#[tokio::test]
async fn a_catalog_of_the_python_program_grows() {
    let Some(fixtures) = earthcatalog_tests::fixtures() else { return };
    let folder = tempfile::tempdir().unwrap();
    let base = folder.path().join("catalog");
    let source = fixtures.join("upstream/itslive-5k-s3");
    copy_folder(&source.join("warehouse/earthcatalog"), &base.join("warehouse/earthcatalog"));
    std::fs::copy(source.join("earthcatalog.db"), base.join("earthcatalog.db")).unwrap();
    let base = Location::parse(base.to_str().unwrap()).unwrap();
    let stores = Stores::default();
    let catalog = open(&stores, &base).await;
    assert_eq!(files(&stores, &catalog).await.len(), 1459);
    let change = append(&catalog, &["ours"]);
    assert!(
        change.files[0]
            .location
            .starts_with("s3://its-live-data/test-space/stac/catalog/warehouse/grid_partition=cell/")
    );
    commit::commit(&stores, &catalog, change).await.unwrap();
    let catalog = open(&stores, &base).await;
    let now = files(&stores, &catalog).await;
    assert_eq!(now.len(), 1460);
    assert!(now.iter().all(|location| location.starts_with(base.as_str())));
    assert_eq!(catalog.snapshot().unwrap().summary.get("total-records").map(String::as_str), Some("8813"));
}

#[tokio::test]
async fn a_catalog_opened_by_its_metadata_is_not_written_to() {
    let (stores, base, _folder) = everywhere().remove(1);
    commit::init(&stores, &base, H3, None).await.unwrap();
    let by_metadata = open(&stores, open(&stores, &base).await.metadata_location()).await;
    let error = commit::commit(&stores, &by_metadata, Change::default()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Invalid);
    assert_eq!(commit::stored_location(&by_metadata, "x").unwrap_err().kind(), ErrorKind::Invalid);
}
