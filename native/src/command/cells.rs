//! `cells`: lists the grid cells of a catalog, or those that a geometry touches.

use earthcatalog_core::catalog::stats::{CellStats, top_cells};
use earthcatalog_core::grid::{Cover, cell_list_sql};
use serde_json::json;

use super::{Exit, Failure, Opened, area};
use crate::cli::{Cells, Common};
use crate::report::{self, Out};

pub(super) async fn run(arguments: Cells, common: &Common) -> Result<Exit, Failure> {
    let shape = area::shape(&arguments.area)?;
    if arguments.sql && shape.is_none() {
        return Err(Failure::usage("--sql needs --bbox or --intersects"));
    }
    let opened = Opened::open(&arguments.catalog, common).await?;
    let mut out = Out::new();
    match shape {
        Some(shape) => {
            let cover = match opened.catalog.grid().listed_cells(&shape) {
                // What cannot be listed can be asked of each cell that there is.
                test @ Cover::Tested(_) => Cover::Cells(
                    opened
                        .partitions()
                        .await?
                        .into_iter()
                        .map(|one| one.grid_partition)
                        .filter(|cell| test.contains(cell))
                        .collect(),
                ),
                listed => listed,
            };
            print_cover(&cover, arguments.sql, common.json, &mut out)?;
        }
        None => print_counts(&opened, arguments.top, common.json, &mut out).await?,
    }
    out.flush()?;
    Ok(Exit::Done)
}

fn print_cover(cover: &Cover, sql: bool, json: bool, out: &mut Out) -> Result<(), Failure> {
    let condition = cell_list_sql(cover);
    match (json, cover) {
        (true, Cover::All | Cover::Tested(_)) => out.json(&json!({ "cells": null, "sql": condition }))?,
        (true, Cover::Cells(cells)) => out.json(&json!({ "cells": cells, "sql": condition }))?,
        (false, _) if sql => out.line(&condition)?,
        (false, Cover::All | Cover::Tested(_)) => report::say("the geometry may touch every cell"),
        (false, Cover::Cells(cells)) => {
            for cell in cells {
                out.line(cell)?;
            }
        }
    }
    Ok(())
}

async fn print_counts(opened: &Opened, top: Option<usize>, json: bool, out: &mut Out) -> Result<(), Failure> {
    let cells = top_cells(&opened.partitions().await?, top.unwrap_or(usize::MAX));
    if json {
        return Ok(out.json(&json!({ "cells": cells }))?);
    }
    let row = |cell: &CellStats| {
        vec![
            cell.grid_partition.clone(),
            report::number(cell.row_count),
            report::number(cell.file_count),
            report::bytes(cell.total_bytes),
        ]
    };
    let rows: Vec<_> = cells.iter().map(row).collect();
    Ok(out.text(&report::table(&["cell", "rows", "files", "size"], &rows))?)
}
