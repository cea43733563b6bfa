//! Parsers of bytes that others wrote, given damaged ones: an error or a value, never a panic, a hang or a great deal of
//! memory. The mutator is deterministic; `FUZZ_ROUNDS` makes it run longer.

#![expect(clippy::unwrap_used, reason = "the helpers of a test fail by panicking")]

use std::path::{Path, PathBuf};

use bytes::Bytes;
use earthcatalog_core::catalog::sqlite::Pages;
use earthcatalog_core::cql2::Expression;
use earthcatalog_core::geometry::{Shape, wkb};
use earthcatalog_core::iceberg::avro::read_object_container;
use earthcatalog_core::iceberg::manifest::{ManifestFile, parse_manifest, parse_manifest_list};
use earthcatalog_core::iceberg::metadata::TableMetadata;
use earthcatalog_core::scan::footer;
use earthcatalog_core::stac::ValidItem;
use earthcatalog_core::write::inventory::{CsvReader, parse_inventory_manifest};
use earthcatalog_core::write::lock::LockRecord;
use earthcatalog_tests::place::{Place, item, undated};
use serde_json::json;

/// Mutations of each seed, unless `FUZZ_ROUNDS` says otherwise.
const ROUNDS: u64 = 300;

/// Marsaglia's xorshift: the same damage in every run.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, most: usize) -> usize {
        usize::try_from(self.next() % u64::try_from(most.max(1)).unwrap()).unwrap()
    }
}

/// One to four pieces of damage: flipped, extreme, doubled, cut or foreign bytes.
fn damaged(seed: &[u8], other: &[u8], random: &mut Random) -> Vec<u8> {
    const EXTREMES: [u8; 6] = [0, 1, 0x7f, 0x80, 0xfe, 0xff];
    let mut bytes = seed.to_vec();
    for _ in 0..=random.below(4) {
        let at = random.below(bytes.len());
        match random.below(7) {
            0 if !bytes.is_empty() => bytes[at] ^= 1 << random.below(8),
            1 if !bytes.is_empty() => bytes[at] = EXTREMES[random.below(EXTREMES.len())],
            2 => {
                let number = random.next().to_le_bytes();
                let end = (at + 1 + random.below(8)).min(bytes.len());
                let length = end - at;
                bytes[at..end].copy_from_slice(&number[..length]);
            }
            3 => bytes.truncate(at),
            4 => {
                let end = (at + random.below(64)).min(bytes.len());
                let piece = bytes[at..end].to_vec();
                bytes.splice(at..at, piece);
            }
            5 => {
                let from = random.below(other.len());
                let to = (from + random.below(64)).min(other.len());
                bytes.splice(at..at, other[from..to].iter().copied());
            }
            _ => {
                let end = (at + random.below(16)).min(bytes.len());
                bytes.drain(at..end);
            }
        }
    }
    bytes
}

/// Runs a target on its seeds as they are and damaged. A seed that is not taken would make the rest prove little.
fn fuzz(seeds: &[Vec<u8>], target: impl Fn(&[u8]) -> bool) {
    let rounds = std::env::var("FUZZ_ROUNDS").ok().and_then(|text| text.parse().ok()).unwrap_or(ROUNDS);
    assert!(seeds.iter().any(|seed| target(seed)), "no seed is taken as it is");
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    for (place, seed) in seeds.iter().enumerate() {
        let other = &seeds[(place + 1) % seeds.len()];
        for _ in 0..rounds {
            target(&damaged(seed, other, &mut random));
        }
    }
}

/// The objects of a catalog with this end to their names: ours, and those of the Python program where they are there.
fn objects(end: &str) -> Vec<Vec<u8>> {
    let place = Place::local(1);
    place.ingest(&[item("a", 1), undated("b", "x")]);
    place.ingest(&[item("a", 2)]);
    let mut found = Vec::new();
    gather(&place.beside("catalog"), end, &mut found);
    gather(&PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/polar")), end, &mut found);
    if let Some(fixtures) = earthcatalog_tests::fixtures() {
        gather(&fixtures.join("iceberg"), end, &mut found);
    }
    found.retain(|seed| seed.len() <= 64 << 10);
    found.truncate(12);
    found
}

fn gather(folder: &Path, end: &str, found: &mut Vec<Vec<u8>>) {
    let mut paths: Vec<PathBuf> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    for path in paths {
        if path.is_dir() {
            gather(&path, end, found);
        } else if path.to_str().is_some_and(|path| path.ends_with(end)) {
            found.push(std::fs::read(path).unwrap());
        }
    }
}

#[test]
fn a_database_image() {
    fuzz(&objects("earthcatalog.db"), |bytes| {
        Pages::new(&Bytes::copy_from_slice(bytes), true).and_then(|pages| pages.table_rows()).is_ok()
    });
}

#[test]
fn an_avro_container() {
    fuzz(&objects(".avro"), |bytes| {
        let Ok(mut container) = read_object_container(bytes) else { return false };
        loop {
            match container.next_block() {
                Ok(Some(_)) => {}
                end => return end.is_ok(),
            }
        }
    });
}

#[test]
fn a_manifest_list_and_a_manifest() {
    let metadata = objects(".metadata.json");
    let metadata = TableMetadata::parse(&metadata[0]).unwrap();
    let wanted: Vec<i32> = (1..40).collect();
    fuzz(&objects(".avro"), |bytes| {
        let list = parse_manifest_list(bytes).is_ok();
        parse_manifest(bytes, &metadata, &ManifestFile::inline("m", 1), &wanted).is_ok() || list
    });
}

#[test]
fn table_metadata() {
    fuzz(&objects(".metadata.json"), |bytes| TableMetadata::parse(bytes).is_ok());
}

#[test]
fn a_parquet_footer() {
    fuzz(&objects(".parquet"), |bytes| {
        let size = bytes.len() as u64;
        let range = footer::metadata_range(bytes, size).ok();
        let part = range
            .and_then(|range| bytes.get(usize::try_from(range.start).unwrap()..usize::try_from(range.end).unwrap()));
        let _ = footer::rows(bytes);
        part.is_some_and(|part| footer::parse_metadata(part, size).is_ok())
    });
}

#[test]
fn a_stac_item() {
    let mut wide = item("a", 1);
    wide["geometry"] = json!({ "type": "MultiPolygon", "coordinates": [[[[170, 0], [-170, 0], [-170, 9], [170, 0]]]] });
    let seeds = [item("a", 1), undated("b", "x"), wide].map(|item| item.to_string().into_bytes());
    fuzz(&seeds, |bytes| ValidItem::parse(bytes).is_ok());
}

#[test]
fn well_known_binary() {
    let geometries = [
        json!({ "type": "Point", "coordinates": [1, 2] }),
        json!({ "type": "Polygon", "coordinates": [[[0, 0], [9, 0], [9, 9], [0, 0]]] }),
        json!({ "type": "MultiPolygon", "coordinates": [[[[0, 0], [9, 0], [9, 9], [0, 0]]]] }),
    ];
    let seeds = geometries.map(|geometry| wkb::encode_geojson(&geometry).unwrap());
    fuzz(&seeds, |bytes| wkb::decode_to_geojson(bytes).is_ok() && Shape::from_wkb(bytes).is_ok());
}

#[test]
fn an_inventory() {
    let csv =
        b"\"archive\",\"a/b.stac.json\",\"12\",\"2024-01-01T00:00:00.000Z\"\n\"archive\",\"a%20b.json\"\n".to_vec();
    fuzz(&[csv], |bytes| {
        let mut reader = CsvReader::new(None);
        reader.push(bytes).is_ok() && reader.finish().is_ok()
    });
    let manifest = json!({
        "sourceBucket": "b", "destinationBucket": "arn:aws:s3:::d", "version": "2016-11-30", "fileFormat": "CSV",
        "fileSchema": "Bucket, Key, Size", "files": [{ "key": "k.csv.gz", "size": 1, "MD5checksum": "00" }]
    });
    fuzz(&[manifest.to_string().into_bytes()], |bytes| parse_inventory_manifest(bytes).is_ok());
}

#[test]
fn a_lock() {
    let lock = json!({
        "owner": "o", "pid": 1, "hostname": "h", "acquired": "2026-11-22T07:43:56.173531+00:00", "ttl_hours": 12,
        "token": "t", "nonce": 1, "fence": 2
    });
    fuzz(&[lock.to_string().into_bytes()], |bytes| LockRecord::parse(bytes).is_some());
}

#[test]
fn a_cql2_filter() {
    let texts = ["a = 1 AND (b LIKE 'x%' OR c IS NULL)", "S_INTERSECTS(geometry, POINT(1 2)) AND d IN (1, 2.5)"];
    let seeds = texts.map(|text| text.as_bytes().to_vec());
    fuzz(&seeds, |bytes| std::str::from_utf8(bytes).is_ok_and(|text| Expression::parse(text).is_ok()));
}
