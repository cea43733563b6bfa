//! Searches a catalog once and prints what came of it and what was read, for comparison with other hosts.
//!
//! Usage: reads CATALOG QUERY CONCURRENCY

use std::ops::ControlFlow;

use earthcatalog::driver::Driver;
use earthcatalog::read;
use earthcatalog::store::Stores;
use earthcatalog_core::catalog::OpenOptions;
use earthcatalog_core::query::Query;
use earthcatalog_core::reads::Sent;
use earthcatalog_core::{Error, Location, Result, Span};
use serde_json::{Value, json};

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [catalog, query, concurrency] = arguments.as_slice() else {
        return Err(Error::invalid("usage: reads CATALOG QUERY CONCURRENCY"));
    };
    let query: Value =
        serde_json::from_str(query).map_err(|error| Error::invalid("the query is no JSON").caused_by(error))?;
    let concurrency = concurrency.parse().map_err(|_| Error::invalid("the concurrency is no number"))?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| Error::internal("no runtime").caused_by(error))?;
    println!("{}", runtime.block_on(run(catalog, &query, concurrency))?);
    Ok(())
}

async fn run(catalog: &str, query: &Value, concurrency: usize) -> Result<Value> {
    let mut driver = Driver::new(Stores::default());
    driver.options.reads.concurrency = concurrency;
    let (catalog, opening) = read::open_with(&driver, &Location::parse(catalog)?, OpenOptions::default()).await?;
    let mut ids = Vec::new();
    let report = read::search(&driver, &catalog, Query::from_json(query)?, |item| {
        ids.push(item.get("id").cloned().unwrap_or_default());
        Ok(ControlFlow::Continue(()))
    });
    let report = report.await?;
    Ok(json!({
        "ids": ids,
        "opening": opening,
        "plan": report.plan,
        "rowGroups": report.scan.row_groups,
        "requests": report.requests.requests,
        "bytes": report.requests.bytes,
        "roundTrips": report.requests.round_trips,
        "log": report.sent.iter().map(entry).collect::<Vec<_>>(),
    }))
}

fn entry(sent: &Sent) -> Value {
    let (start, end) = match &sent.span {
        Span::Whole | Span::Tail(_) => (0, None),
        Span::Prefix(most) => (0, Some(*most)),
        Span::Bytes(range) => (range.start, Some(range.end)),
    };
    json!({ "url": sent.location.as_str(), "start": start, "end": end, "roundTrip": sent.round_trip })
}
