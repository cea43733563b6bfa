//! `sample`: makes an archive of STAC items to try things on.

use earthcatalog::sample::{SAMPLE_BUCKET, SampleKind, sample};
use serde_json::json;

use super::{Exit, Failure};
use crate::cli::{Common, KindArgument, Sample};
use crate::report::{self, Bar, Out, say};

pub(super) fn run(arguments: &Sample, common: &Common) -> Result<Exit, Failure> {
    let kind = match arguments.kind {
        KindArgument::Itslive => SampleKind::Itslive,
        KindArgument::Sentinel2 => SampleKind::Sentinel2,
    };
    let mut bar = Bar::new("items made", Some(arguments.items));
    let made = sample(&arguments.dir, arguments.items, arguments.seed, kind, |items| bar.set(items))?;
    drop(bar);
    let dir = arguments.dir.display().to_string();
    if common.json {
        let mut out = Out::new();
        out.json(&json!({
            "dir": dir, "kind": kind, "seed": arguments.seed, "items": made.items, "item_bytes": made.item_bytes,
            "bucket": SAMPLE_BUCKET,
        }))?;
        out.flush()?;
        return Ok(Exit::Done);
    }
    say(&format!("made {} items ({}) in {dir}", report::number(made.items), report::bytes(made.item_bytes)));
    say(&format!("ingest them with:  earthcatalog ingest CATALOG {dir}/items.ndjson.gz"));
    let bucket = format!("--bucket {SAMPLE_BUCKET}={dir}/items");
    say(&format!("or by inventory:   earthcatalog ingest CATALOG {dir}/inventory/manifest.json {bucket}"));
    Ok(Exit::Done)
}
