//! `search`: finds items and prints them.

use std::ops::ControlFlow;
use std::time::Instant;

use earthcatalog::read::{self, SearchReport};
use earthcatalog_core::query::{Fields, Query};
use serde_json::json;

use super::items::Printer;
use super::plan::Explained;
use super::{Exit, Failure, Opened, area, plan};
use crate::cli::{Common, Format, Search};
use crate::report::{Out, say};

pub(super) async fn run(arguments: Search, common: &Common) -> Result<Exit, Failure> {
    let query = query(&arguments)?;
    let started = Instant::now();
    let opened = Opened::open(&arguments.catalog, common).await?;
    let mut out = Out::new();
    if arguments.estimate {
        return estimate(&opened, query, common, &mut out).await;
    }
    let mut printer = None;
    let (count, report) = if arguments.count || (common.json && arguments.explain) {
        let report = read::count(&opened.driver, &opened.catalog, query).await?;
        (report.scan.items, report)
    } else {
        let format = arguments.format.unwrap_or(if common.json { Format::Json } else { Format::Ndjson });
        let printer = printer.insert(Printer::new(format, arguments.asset));
        print(&opened, query, printer, &mut out).await?
    };
    let explained = Explained { report: &report, opening: opened.requests, items: count, took: started.elapsed() };
    match (common.json, arguments.explain, arguments.count) {
        (true, true, _) => out.json(&explained.json())?,
        (true, false, true) => out.json(&json!({ "count": count }))?,
        (false, _, true) => out.line(&count.to_string())?,
        (_, _, false) => {}
    }
    out.flush()?;
    if let Some(remark) = printer.and_then(|printer| printer.remark()) {
        say(&remark);
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
async fn estimate(opened: &Opened, query: Query, common: &Common, out: &mut Out) -> Result<Exit, Failure> {
    let most = query.max_items;
    let (_, plan) = read::list_files(&opened.driver, &opened.catalog, Some(query)).await?;
    let at_most = most.map_or(plan.rows_upper_bound, |most| most.min(plan.rows_upper_bound));
    if common.json {
        out.json(&json!({ "atMost": at_most }))?;
    } else {
        out.line(&at_most.to_string())?;
    }
    out.flush()?;
    Ok(Exit::Done)
}

async fn print(
    opened: &Opened,
    query: Query,
    printer: &mut Printer,
    out: &mut Out,
) -> Result<(u64, SearchReport), Failure> {
    let mut count = 0;
    let mut failure = None;
    out.text(&printer.head()?)?;
    let report = read::search(&opened.driver, &opened.catalog, query, |item| {
        count += 1;
        match out.text(&printer.item(&item)?) {
            Ok(()) => Ok(ControlFlow::Continue(())),
            Err(error) => {
                failure = Some(Failure::from(error));
                Ok(ControlFlow::Break(()))
            }
        }
    })
    .await?;
    if let Some(failure) = failure {
        return Err(failure);
    }
    out.text(&printer.tail())?;
    Ok((count, report))
}
