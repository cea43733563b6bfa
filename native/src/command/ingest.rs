//! `ingest`: adds STAC items to a catalog.

use std::sync::{Mutex, PoisonError};

use earthcatalog::ingest::{self, Counts, IngestMode, IngestOptions, IngestReport, Stage};
use earthcatalog::store::Stores;
use earthcatalog_core::Error;
use earthcatalog_core::query::datetime::Interval;
use serde_json::{Value, json};

use super::{Exit, Failure, Opened};
use crate::cli::{Common, Ingest, ModeArgument};
use crate::report::{self, Bar, Out, say};

/// Failures shown as text; with `--json` all are listed.
const FAILURES_SHOWN: usize = 20;
/// Names of new columns shown in the table; `--json` has them all.
const COLUMNS_SHOWN: usize = 8;

pub(super) async fn run(arguments: Ingest, common: &Common) -> Result<Exit, Failure> {
    let options = options(arguments)?;
    // Opened here first: what the ingest then does not find is a source.
    let opened = Opened::open(&options.catalog, common).await?;
    let progress = Progress::default();
    let work = async |stores: &Stores| ingest::ingest(stores, &options, &progress).await;
    let report = opened.write("ingest", options.dry_run, work).await;
    progress.finish();
    let report = report?;
    let mut out = Out::new();
    if common.json {
        out.json(&as_json(&report)?)?;
    } else {
        out.text(&text(&report))?;
        say_failures(&report);
    }
    out.flush()?;
    for warning in &report.warnings {
        say(&format!("warning: {warning}"));
    }
    Ok(if report.items_failed > 0 { Exit::Partial } else { Exit::Done })
}

fn options(arguments: Ingest) -> Result<IngestOptions, Failure> {
    let since = arguments.since.as_deref().map(since).transpose()?;
    Ok(IngestOptions {
        mode: match arguments.mode {
            ModeArgument::Auto => IngestMode::Auto,
            ModeArgument::Full => IngestMode::Full,
            ModeArgument::Delta => IngestMode::Delta,
        },
        since_us: since,
        limit: arguments.limit,
        concurrency: arguments.concurrency,
        update_hash_index: arguments.update_hash_index,
        retry_failed: arguments.retry_failed,
        dry_run: arguments.dry_run,
        buckets: arguments.buckets.into_iter().collect(),
        ..IngestOptions::new(arguments.catalog, arguments.sources)
    })
}

/// The start of an instant, day, month or year.
pub(super) fn since(text: &str) -> Result<i64, Failure> {
    let interval = Interval::parse(text).map_err(Failure::of_flag("--since"))?;
    match interval.start {
        Some(start) if !text.contains('/') => Ok(start),
        _ => Err(Failure::of_flag("--since")(Error::invalid(format!("`{text}` is not one point in time")))),
    }
}

/// The report as one object; the snapshot's id as text, because a JSON number does not hold it everywhere.
fn as_json(report: &IngestReport) -> Result<Value, Failure> {
    let mut value =
        serde_json::to_value(report).map_err(|error| Error::internal("the report is not JSON").caused_by(error))?;
    value["snapshot_id"] = json!(report.snapshot_id.map(|id| id.to_string()));
    Ok(value)
}

fn text(report: &IngestReport) -> String {
    let (rows, files) = if report.dry_run {
        ("rows that would be written", "files that would be registered")
    } else {
        ("rows written", "files registered")
    };
    let mut pairs = vec![
        ("items processed", report::number(report.items_processed)),
        (rows, report::number(report.rows_written)),
        (files, report::number(report.files_registered)),
        ("bytes", report::bytes(report.bytes_written)),
        ("items failed", report::number(report.items_failed)),
    ];
    let skipped: Vec<_> =
        report.items_skipped.iter().map(|(reason, count)| format!("{} ({reason})", report::number(*count))).collect();
    if !skipped.is_empty() {
        pairs.push(("items skipped", skipped.join(", ")));
    }
    if report.items_known > 0 {
        pairs.push(("items there already", report::number(report.items_known)));
    }
    if report.items_replaced > 0 {
        pairs.push(("items replaced", report::number(report.items_replaced)));
    }
    if report.duplicates > 0 {
        pairs.push(("older copies left out", report::number(report.duplicates)));
    }
    if !report.columns_added.is_empty() {
        pairs.push(("columns added", some_of(&report.columns_added)));
    }
    report::pairs(&pairs)
}

/// The first names, and how many more there are: an archive of many collections brings some hundred.
fn some_of(names: &[String]) -> String {
    let shown = names.get(..COLUMNS_SHOWN).unwrap_or(names).join(", ");
    match names.len().saturating_sub(COLUMNS_SHOWN) {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}

fn say_failures(report: &IngestReport) {
    for failure in report.failed.iter().take(FAILURES_SHOWN) {
        say(&format!("failed: {}: {}", failure.key, failure.reason));
    }
    if report.listed_failed > 0 && !report.dry_run {
        say(&format!("{} objects are listed: --retry-failed tries them again", report::number(report.listed_failed)));
    }
    let shown = u64::try_from(report.failed.len().min(FAILURES_SHOWN)).unwrap_or(u64::MAX);
    if report.items_failed > shown {
        say(&format!("… and {} more: --json lists them", report::number(report.items_failed - shown)));
    }
}

/// The ingest's stages, each with a bar of its own.
#[derive(Default)]
struct Progress(Mutex<Option<(Stage, Bar)>>);

impl Progress {
    fn finish(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }
}

impl ingest::Progress for Progress {
    fn update(&self, stage: Stage, counts: &Counts) {
        let (what, position, total) = match stage {
            Stage::Writing => ("rows written", counts.rows_written, Some(counts.rows_total)),
            Stage::Committing => return self.finish(),
            _ => ("items read", counts.items_processed + counts.items_failed, None),
        };
        let mut shown = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match &mut *shown {
            Some((of, bar)) if *of == stage => bar.set(position),
            _ => shown.insert((stage, Bar::new(what, total))).1.set(position),
        }
    }
}
