//! `search`: finds items and writes them.

use std::ops::ControlFlow;
use std::time::Instant;

use earthcatalog::read::{self, SearchReport};
use earthcatalog::spool::FileSpool;
use earthcatalog_core::cql2::Filter;
use earthcatalog_core::export::{Export, ExportOptions};
use earthcatalog_core::query::{Fields, Query};
use serde_json::json;

use super::output::{self, Output};
use super::plan::Explained;
use super::{Exit, Failure, Opened, area, plan};
use crate::cli::{Common, Search};
use crate::report::{Bar, Out, say};

pub(super) async fn run(arguments: Search, common: &Common) -> Result<Exit, Failure> {
    let query = query(&arguments)?;
    let place = arguments.output.as_deref();
    let format = output::format(arguments.format, place, common.json)?;
    let started = Instant::now();
    let opened = Opened::open(&arguments.catalog, common).await?;
    if let Some(filter) = &query.filter {
        Filter::new(filter, opened.catalog.metadata().schema()).map_err(Failure::of_flag("--filter"))?;
    }
    if arguments.estimate {
        return estimate(&opened, query, common).await;
    }
    let mut remarks = Vec::new();
    // Items and the plan are not printed on one stdout.
    let to_stdout = place.is_none_or(|place| place == "-");
    let report = if arguments.count || (common.json && arguments.explain && to_stdout) {
        read::count(&opened.driver, &opened.catalog, query).await?
    } else {
        let spool: Box<FileSpool> = Box::default();
        let options = ExportOptions { asset: arguments.asset, spool: Some(spool), page_items: arguments.limit };
        let mut export = Export::new(&opened.catalog, query, format, options)?;
        let report = write(&opened, &mut export, Output::open(place)?).await?;
        remarks = export.remarks();
        report
    };
    let count = report.scan.items;
    let explained = Explained { report: &report, opening: opened.requests, items: count, took: started.elapsed() };
    let mut out = Out::new();
    match (common.json, arguments.explain, arguments.count) {
        (true, true, _) => out.json(&explained.json())?,
        (true, false, true) => out.json(&json!({ "count": count }))?,
        (false, _, true) => out.line(&count.to_string())?,
        (_, _, false) => {}
    }
    out.flush()?;
    for remark in &remarks {
        say(remark);
    }
    if let Some(warning) = plan::warning(&report.scan) {
        say(&warning);
    }
    for warning in &report.warnings {
        say(&format!("warning: {warning}"));
    }
    if arguments.explain && !common.json {
        say(explained.table().trim_end());
    }
    Ok(Exit::Done)
}

fn query(arguments: &Search) -> Result<Query, Failure> {
    let mut query = area::filtered(area::query(&arguments.area, &arguments.time)?, &arguments.filter)?;
    if !arguments.ids.is_empty() {
        query = query.ids(arguments.ids.iter().cloned());
    }
    if !arguments.collections.is_empty() {
        query = query.collections(arguments.collections.iter().cloned());
    }
    if !arguments.sortby.is_empty() {
        query = query.sortby(&arguments.sortby).map_err(Failure::of_flag("--sortby"))?;
    }
    if !arguments.fields.is_empty() {
        query = query.fields(Fields::parse(&arguments.fields).map_err(Failure::of_flag("--fields"))?);
    }
    if let Some(most) = arguments.max_items {
        query = query.max_items(most);
    }
    Ok(query)
}

/// Prints a number of items that is surely not exceeded: the rows of the files that would be read.
async fn estimate(opened: &Opened, query: Query, common: &Common) -> Result<Exit, Failure> {
    let most = query.max_items;
    let (_, plan) = read::list_files(&opened.driver, &opened.catalog, Some(query)).await?;
    let at_most = most.map_or(plan.rows_upper_bound, |most| most.min(plan.rows_upper_bound));
    let mut out = Out::new();
    if common.json {
        out.json(&json!({ "atMost": at_most }))?;
    } else {
        out.line(&at_most.to_string())?;
    }
    out.flush()?;
    Ok(Exit::Done)
}

/// Writes all pieces, and makes the file visible when it is whole.
async fn write(opened: &Opened, export: &mut Export, mut output: Output) -> Result<SearchReport, Failure> {
    let mut failure = None;
    // On stdout the items tell of themselves.
    let mut progress = (!output.is_stdout()).then(|| Bar::new("items", None));
    let report = read::export(&opened.driver, export, |piece| {
        if let Some(progress) = &mut progress {
            progress.set(piece.items);
        }
        match output.write(&piece.bytes) {
            Ok(()) => Ok(ControlFlow::Continue(())),
            Err(error) => {
                failure = Some(error);
                Ok(ControlFlow::Break(()))
            }
        }
    })
    .await?;
    if let Some(failure) = failure {
        return Err(failure);
    }
    output.finish(&opened.driver.stores).await?;
    Ok(report)
}
