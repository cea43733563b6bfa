//! `init`: creates an empty catalog.

use bytes::Bytes;
use earthcatalog::commit;
use earthcatalog::store::{Stores, store_error};
use earthcatalog_core::catalog::TimeBin;
use earthcatalog_core::catalog::properties::{GridDefinition, Layout};
use earthcatalog_core::{Location, Result};
use object_store::ObjectStoreExt as _;
use serde_json::json;

use super::{Exit, Failure, stores};
use crate::cli::{Common, GridKind, Init, TimeBinArgument};
use crate::report::{Out, say};

/// The resolution of the Python program: 842 cells of about 600,000 km².
const DEFAULT_RESOLUTION: u8 = 1;

pub(super) async fn run(arguments: Init, common: &Common) -> Result<Exit, Failure> {
    let stores = stores(common);
    let (grid, boundaries) = grid(&arguments, &stores).await?;
    let time_bin = match arguments.time_bin {
        TimeBinArgument::Year => TimeBin::Year,
        TimeBinArgument::Month => TimeBin::Month,
        TimeBinArgument::Day => TimeBin::Day,
    };
    let base = Location::parse(&arguments.catalog).map_err(Failure::of_flag("CATALOG"))?;
    commit::init(&stores, &base, Layout { grid, time_bin }, boundaries).await?;
    if common.json {
        let mut out = Out::new();
        out.json(&json!({ "catalog": base.as_str(), "created": true }))?;
        out.flush()?;
    } else {
        say(&format!("created an empty catalog at {base}"));
    }
    Ok(Exit::Done)
}

async fn grid(arguments: &Init, stores: &Stores) -> Result<(GridDefinition, Option<Bytes>), Failure> {
    match (arguments.grid, &arguments.boundaries, &arguments.id_field) {
        (GridKind::H3, None, None) => {
            let resolution = arguments.resolution.unwrap_or(DEFAULT_RESOLUTION);
            Ok((GridDefinition::H3 { resolution }, None))
        }
        (GridKind::H3, ..) => Err(Failure::usage("--boundaries and --id-field go with --grid geojson")),
        (GridKind::Geojson, Some(_), Some(_)) if arguments.resolution.is_some() => {
            Err(Failure::usage("--resolution goes with --grid h3"))
        }
        (GridKind::Geojson, Some(place), Some(id_field)) => {
            let location = Location::parse(place).map_err(Failure::of_flag("--boundaries"))?;
            let boundaries = read(stores, &location).await.map_err(Failure::of_flag("--boundaries"))?;
            let boundaries_path = location.as_str().to_owned();
            Ok((GridDefinition::GeoJson { boundaries_path, id_field: id_field.clone() }, Some(boundaries)))
        }
        (GridKind::Geojson, ..) => Err(Failure::usage("--grid geojson needs --boundaries and --id-field")),
    }
}

async fn read(stores: &Stores, location: &Location) -> Result<Bytes> {
    let (store, path) = stores.get(location)?;
    let failed = |error| store_error(error, location);
    store.get(&path).await.map_err(failed)?.bytes().await.map_err(failed)
}
