//! `init`: creates an empty catalog.

use std::fs;

use bytes::Bytes;
use earthcatalog::commit;
use earthcatalog_core::catalog::TimeBin;
use earthcatalog_core::catalog::properties::{GridDefinition, Layout};
use earthcatalog_core::{Error, ErrorKind, Location};
use serde_json::json;

use super::{Exit, Failure, stores};
use crate::cli::{Common, GridKind, Init, TimeBinArgument};
use crate::report::{Out, say};

/// The resolution of the Python program: 842 cells of about 600,000 km².
const DEFAULT_RESOLUTION: u8 = 1;

pub(super) async fn run(arguments: Init, common: &Common) -> Result<Exit, Failure> {
    let (grid, boundaries) = grid(&arguments)?;
    let time_bin = match arguments.time_bin {
        TimeBinArgument::Year => TimeBin::Year,
        TimeBinArgument::Month => TimeBin::Month,
        TimeBinArgument::Day => TimeBin::Day,
    };
    let base = Location::parse(&arguments.catalog).map_err(Failure::of_flag("CATALOG"))?;
    commit::init(&stores(common), &base, Layout { grid, time_bin }, boundaries).await?;
    if common.json {
        let mut out = Out::new();
        out.json(&json!({ "catalog": base.as_str(), "created": true }))?;
        out.flush()?;
    } else {
        say(&format!("created an empty catalog at {base}"));
    }
    Ok(Exit::Done)
}

fn grid(arguments: &Init) -> Result<(GridDefinition, Option<Bytes>), Failure> {
    match (arguments.grid, &arguments.boundaries, &arguments.id_field) {
        (GridKind::H3, None, None) => {
            let resolution = arguments.resolution.unwrap_or(DEFAULT_RESOLUTION);
            Ok((GridDefinition::H3 { resolution }, None))
        }
        (GridKind::H3, ..) => Err(Failure::usage("--boundaries and --id-field go with --grid geojson")),
        (GridKind::Geojson, Some(_), Some(_)) if arguments.resolution.is_some() => {
            Err(Failure::usage("--resolution goes with --grid h3"))
        }
        (GridKind::Geojson, Some(path), Some(id_field)) => {
            let read = fs::read(path).map_err(|error| {
                Error::new(ErrorKind::NotFound, format!("cannot read `{}`", path.display())).caused_by(error)
            });
            let boundaries = read.map_err(Failure::of_flag("--boundaries"))?;
            let boundaries_path = path.display().to_string();
            Ok((GridDefinition::GeoJson { boundaries_path, id_field: id_field.clone() }, Some(boundaries.into())))
        }
        (GridKind::Geojson, ..) => Err(Failure::usage("--grid geojson needs --boundaries and --id-field")),
    }
}
