//! Reading a catalog from Rust: open, search, count, list, sum up.

use std::ops::ControlFlow;

use earthcatalog_core::catalog::hash_index::UniqueItems;
use earthcatalog_core::catalog::{Catalog, Open, OpenOptions};
use earthcatalog_core::export::{Export, Piece};
use earthcatalog_core::plan::PlanSummary;
use earthcatalog_core::query::Query;
use earthcatalog_core::reads::{RequestLog, Sent};
use earthcatalog_core::search::{FileScanTask, ListFiles, ScanSummary, Search};
use earthcatalog_core::{Error, Location, Machine, Result};
use serde_json::Value;

use crate::driver::Driver;
use crate::store::Stores;

/// What a search found out beside its items.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct SearchReport {
    /// What was pruned and what remained.
    pub plan: PlanSummary,
    /// What was read.
    pub scan: ScanSummary,
    /// What is odd about the answer.
    pub warnings: Vec<String>,
    /// What it cost.
    pub requests: RequestLog,
    /// The reads it sent, in order.
    #[serde(skip)]
    pub sent: Vec<Sent>,
}

/// Opens the catalog at `location`: its folder, its `earthcatalog.db` or a table's `.metadata.json`.
///
/// # Errors
/// [`earthcatalog_core::ErrorKind::NotFound`] if there is none, and whatever reading it meets.
pub async fn open(stores: &Stores, location: &str) -> Result<Catalog> {
    let location = Location::parse(location)?;
    Ok(open_with(&Driver::new(stores.clone()), &location, OpenOptions::default()).await?.0)
}

/// Opens a catalog, and says what that cost.
///
/// # Errors
/// As [`open`].
pub async fn open_with(driver: &Driver, location: &Location, options: OpenOptions) -> Result<(Catalog, RequestLog)> {
    only(driver, &mut Open::new(location, options)).await
}

/// Hands each item that matches `query` to `on_item`, until that breaks.
///
/// # Errors
/// Those of reading and decoding, and `on_item`'s.
pub async fn search(
    driver: &Driver,
    catalog: &Catalog,
    query: Query,
    on_item: impl FnMut(Value) -> Result<ControlFlow<()>>,
) -> Result<SearchReport> {
    drive_search(driver, Search::new(catalog, query)?, on_item).await
}

/// Hands the bytes of an export to `on_piece`, in order, until that breaks.
///
/// # Errors
/// Those of reading and writing, and `on_piece`'s.
pub async fn export(
    driver: &Driver,
    export: &mut Export,
    on_piece: impl FnMut(Piece) -> Result<ControlFlow<()>>,
) -> Result<SearchReport> {
    let reads = driver.run(export, on_piece).await?;
    Ok(SearchReport {
        plan: export.plan().cloned().unwrap_or_default(),
        scan: export.summary(),
        requests: reads.log(),
        sent: reads.list().to_vec(),
        warnings: export.warnings(),
    })
}

/// How many items match `query`.
///
/// # Errors
/// Those of reading.
pub async fn count(driver: &Driver, catalog: &Catalog, query: Query) -> Result<SearchReport> {
    let search = Search::new(catalog, query)?.ids_only();
    drive_search(driver, search, |_| Ok(ControlFlow::Continue(()))).await
}

async fn drive_search(
    driver: &Driver,
    mut search: Search,
    on_item: impl FnMut(Value) -> Result<ControlFlow<()>>,
) -> Result<SearchReport> {
    let reads = driver.run(&mut search, on_item).await?;
    Ok(SearchReport {
        plan: search.plan().cloned().unwrap_or_default(),
        scan: search.summary(),
        warnings: search.warnings(),
        requests: reads.log(),
        sent: reads.list().to_vec(),
    })
}

/// The data files that might hold an answer; all without a query.
///
/// # Errors
/// Those of reading.
pub async fn list_files(
    driver: &Driver,
    catalog: &Catalog,
    query: Option<Query>,
) -> Result<(Vec<FileScanTask>, PlanSummary)> {
    let mut list = match query {
        Some(query) => ListFiles::matching(catalog, query)?,
        None => ListFiles::all(catalog),
    };
    let (files, _) = only(driver, &mut list).await?;
    Ok((files, list.plan().cloned().unwrap_or_default()))
}

/// How many different items the catalog holds, by its hash index; `None` if it has none.
///
/// # Errors
/// Those of reading.
pub async fn unique_items(driver: &Driver, catalog: &Catalog) -> Result<Option<u64>> {
    let (values, _) = driver.collect(&mut UniqueItems::new(catalog)).await?;
    Ok(values.into_iter().next())
}

/// The one value of a machine.
async fn only<M: Machine>(driver: &Driver, machine: &mut M) -> Result<(M::Output, RequestLog)> {
    let (mut values, log) = driver.collect(machine).await?;
    match (values.pop(), values.is_empty()) {
        (Some(value), true) => Ok((value, log)),
        _ => Err(Error::internal("machine did not yield one value")),
    }
}
