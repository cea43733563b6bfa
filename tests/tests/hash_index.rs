//! The hash index against vectors and an index of the Python program.

use std::fs::File;

use earthcatalog_core::write::hash_index::{IdHash, hash_id, merge_hashes, read_hashes, write_hashes};
use earthcatalog_tests::fixtures;
use serde_json::Value;

fn hex(hash: IdHash) -> String {
    format!("{:032x}", u128::from_be_bytes(hash))
}

#[test]
fn ids_hash_as_in_the_python_program() {
    let Some(fixtures) = fixtures() else { return };
    let text = std::fs::read(fixtures.join("upstream/golden/hash_vectors.json")).unwrap();
    let vectors: Vec<Value> = serde_json::from_slice(&text).unwrap();
    assert!(vectors.len() > 4);
    for vector in vectors {
        let id = vector["id"].as_str().unwrap();
        assert_eq!(hex(hash_id(id)), vector["xxh3_128_seed42_hex"].as_str().unwrap(), "{id}");
    }
}

#[test]
fn the_index_of_the_python_program_is_read_and_comes_back_unchanged() {
    let Some(fixtures) = fixtures() else { return };
    let open = || File::open(fixtures.join("upstream/itslive-5k-s3/warehouse_id_hashes.parquet")).unwrap();
    let theirs: Vec<IdHash> = read_hashes(open()).unwrap().map(Result::unwrap).collect();
    assert_eq!(theirs.len(), 5000);
    assert!(theirs.is_sorted());
    let known =
        hash_id("LC08_L1TP_092158_20171031_20171112_02_T1_X_LC08_L1TP_092158_20171112_20171124_02_T1_G0120V02_P030");
    assert!(theirs.binary_search(&known).is_ok());

    let added = [hash_id("one more"), known];
    let mut sorted = added;
    sorted.sort_unstable();
    let mut written = Vec::new();
    let merged = merge_hashes(read_hashes(open()).unwrap(), sorted.into_iter().map(Ok));
    assert_eq!(write_hashes(&mut written, merged).unwrap(), 5001);
    let ours: Vec<IdHash> = read_hashes(bytes::Bytes::from(written)).unwrap().map(Result::unwrap).collect();
    assert_eq!(ours.len(), 5001);
    assert!(ours.is_sorted() && added.iter().all(|hash| ours.binary_search(hash).is_ok()));
}
