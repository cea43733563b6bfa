//! An opened catalog, as JavaScript sees it.

use std::cell::RefCell;
use std::rc::Rc;

use earthcatalog_core::catalog::Catalog as Opened;
use earthcatalog_core::export::Format;
use earthcatalog_core::geometry::Shape;
use earthcatalog_core::grid::{Cover, cell_list_sql};
use earthcatalog_core::query::Query;
use earthcatalog_core::{Error, Result};
use serde_json::json;
use wasm_bindgen::JsValue;
use wasm_bindgen::prelude::wasm_bindgen;

use crate::convert::{error_to_js, json_to_js, object_to_js, value_from_js};
use crate::host::Host;
use crate::run::Run;
use crate::task::Job;

/// A catalog and how it is read: shared by its runs, of which one may find that it was replaced.
#[derive(Debug)]
pub(crate) struct State {
    pub(crate) catalog: Opened,
    pub(crate) host: Rc<Host>,
}

/// An opened catalog.
#[wasm_bindgen]
pub struct Catalog {
    state: Rc<RefCell<State>>,
}

impl Catalog {
    pub(crate) fn opened(catalog: Opened, host: Rc<Host>) -> Self {
        Self { state: Rc::new(RefCell::new(State { catalog, host })) }
    }

    fn run(&self, job: Result<Job>) -> Result<Run, JsValue> {
        job.and_then(|job| Run::of(job, &self.state)).map_err(|error| error_to_js(&error))
    }

    fn cells(&self, geometry: JsValue) -> Result<Cover> {
        let shape = Shape::from_geojson(&value_from_js(geometry, "geometry")?)?;
        Ok(self.state.borrow().catalog.grid().cells(&shape))
    }
}

/// What stands before the name of a format.
const EXPORT: &str = "export:";

fn query(value: JsValue) -> Result<Query> {
    Query::from_json(&value_from_js(value, "query")?)
}

#[wasm_bindgen]
impl Catalog {
    /// What there is to say about the catalog without reading more.
    pub fn info(&self) -> Result<JsValue, JsValue> {
        object_to_js(&self.state.borrow().catalog.info()).map_err(|error| error_to_js(&error))
    }

    /// The grid cells that a GeoJSON geometry touches.
    #[wasm_bindgen(js_name = cellsForGeometry)]
    pub fn cells_for_geometry(&self, geometry: JsValue) -> Result<JsValue, JsValue> {
        let listed = self.cells(geometry).and_then(|cover| match cover {
            Cover::Cells(cells) => json_to_js(&cells),
            Cover::All | Cover::Tested(_) => {
                Err(Error::unsupported("the cells cannot be listed: too many, or a grid that is not known"))
            }
        });
        listed.map_err(|error| error_to_js(&error))
    }

    /// The same as an SQL condition on `grid_partition`.
    #[wasm_bindgen(js_name = cellListSql)]
    pub fn cell_list_sql(&self, geometry: JsValue) -> Result<String, JsValue> {
        self.cells(geometry).map(|cover| cell_list_sql(&cover)).map_err(|error| error_to_js(&error))
    }

    /// The outlines of cells as a GeoJSON `FeatureCollection`; `cut` at the antimeridian or as they run.
    #[wasm_bindgen(js_name = cellBoundaries)]
    pub fn cell_boundaries(&self, cells: JsValue, cut: bool) -> Result<JsValue, JsValue> {
        let features = value_from_js(cells, "cells").and_then(|cells| {
            let cells: Vec<String> = serde_json::from_value(cells)
                .map_err(|error| Error::invalid("`cells` is no array of strings").caused_by(error))?;
            let state = self.state.borrow();
            let grid = state.catalog.grid();
            let outline = |cell: &String| if cut { grid.cell_boundary(cell) } else { grid.uncut_cell_boundary(cell) };
            let feature =
                |cell| json!({ "type": "Feature", "id": cell, "properties": null, "geometry": outline(cell) });
            let features: Vec<_> = cells.iter().map(feature).collect();
            json_to_js(&json!({ "type": "FeatureCollection", "features": features }))
        });
        features.map_err(|error| error_to_js(&error))
    }

    /// A GeoJSON geometry as parts of which none crosses the antimeridian.
    #[wasm_bindgen(js_name = cutAtAntimeridian)]
    pub fn cut_at_antimeridian(&self, geometry: JsValue) -> Result<JsValue, JsValue> {
        let cut = value_from_js(geometry, "geometry")
            .and_then(|geometry| json_to_js(&Shape::from_geojson(&geometry)?.to_geojson()));
        cut.map_err(|error| error_to_js(&error))
    }

    /// A search. `output` is what its run yields: `items`, `ids` (how many), `uris` (of `asset`), `plan`,
    /// or `export:` and the name of a format, whose bytes it then yields.
    pub fn search(&self, parameters: JsValue, output: &str, asset: Option<String>) -> Result<Run, JsValue> {
        self.run(query(parameters).and_then(|query| {
            Ok(match (output, asset) {
                ("items", _) => Job::Items(query),
                ("ids" | "count", _) => Job::Count(query),
                ("uris", Some(asset)) => Job::Uris(query, asset),
                ("uris", None) => return Err(Error::invalid("which asset's addresses? name it, such as `data`")),
                ("plan", _) => Job::Plan(query),
                (output, asset) if output.starts_with(EXPORT) => {
                    Job::Export(query, Format::parse(output.trim_start_matches(EXPORT))?, asset)
                }
                _ => return Err(Error::invalid(format!("a search has no output `{output}`"))),
            })
        }))
    }

    /// The addresses of the data files that might hold an answer.
    #[wasm_bindgen(js_name = searchFiles)]
    pub fn search_files(&self, parameters: JsValue) -> Result<Run, JsValue> {
        self.run(query(parameters).map(Job::Files))
    }

    /// Rows, files and bytes of every partition.
    pub fn stats(&self) -> Result<Run, JsValue> {
        self.run(Ok(Job::Stats))
    }

    /// What manifests tell of every column that can be filtered by.
    #[wasm_bindgen(js_name = columnStats)]
    pub fn column_stats(&self) -> Result<Run, JsValue> {
        self.run(Ok(Job::ColumnStats))
    }

    /// The cells with the most rows.
    #[wasm_bindgen(js_name = topCells)]
    pub fn top_cells(&self, most: u32) -> Result<Run, JsValue> {
        self.run(Ok(Job::TopCells(usize::try_from(most).unwrap_or(usize::MAX))))
    }

    /// How many different items there are; null if nothing tells.
    #[wasm_bindgen(js_name = uniqueItemCount)]
    pub fn unique_item_count(&self) -> Result<Run, JsValue> {
        self.run(Ok(Job::UniqueItems))
    }
}
