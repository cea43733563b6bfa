//! A catalog that begins: boundaries, first metadata, database.

use std::collections::BTreeMap;

use bytes::Bytes;
use earthcatalog_core::catalog::properties::{self, GridDefinition, Layout};
use earthcatalog_core::error::ResultExt as _;
use earthcatalog_core::grid::RegionGrid;
use earthcatalog_core::stac::schema::initial_fields;
use earthcatalog_core::{Error, Location, Result};
use md5::{Digest as _, Md5};
use uuid::Uuid;

use super::doubt::{ATTEMPTS, is_final, pause, read_back, refuses_everything, state_unknown};
use crate::catalog_db::{DATABASE_NAME, TableName, create_database};
use crate::conditional::{self, Answer};
use crate::fetch::local_path;
use crate::objects::{self, folder_error};
use crate::snapshot::{self, Stamp};
use crate::store::Stores;
use crate::trial;

/// Makes an empty catalog at `base`: boundaries file (for a grid of regions), table metadata, database.
///
/// The boundaries are kept below `base` under a name made of their content, and the table's property points there.
///
/// # Errors
/// [`earthcatalog_core::ErrorKind::Invalid`] if a catalog is there already or the boundaries are no named regions,
/// [`earthcatalog_core::ErrorKind::Unsupported`] for places that cannot be written
/// (`http`), otherwise the store's.
pub async fn init(
    stores: &Stores,
    base: &Location,
    layout: impl Into<Layout>,
    boundaries: Option<Bytes>,
) -> Result<()> {
    let Layout { grid, time_bin } = layout.into();
    let base = canonical_base(base)?;
    let database = base.join(DATABASE_NAME);
    if conditional::read(stores, &database).await?.is_some() {
        return Err(exists().with("location", &database));
    }
    trial::ensure(stores, &base).await?;
    let layout = Layout { grid: place_boundaries(stores, &base, grid, boundaries).await?, time_bin };
    let name = TableName::default();
    let location = base.join("warehouse").join(&name.namespace).join(&name.table);
    let table = snapshot::create_table(
        location.as_str(),
        &initial_fields(),
        &new_properties(&layout),
        &Stamp::drawn(stores.host()),
    )?;
    let image = Bytes::from(create_database(&name, &table.location)?);
    objects::put(stores, &Location::parse(&table.location)?, table.bytes).await?;
    create(stores, &database, image).await.context("catalog", &base)
}

/// Makes the database that a catalog at `base` lost: it points to the table metadata stored at `metadata_location`.
///
/// # Errors
/// [`ErrorKind::Invalid`](earthcatalog_core::ErrorKind::Invalid) if a database is there, otherwise the store's.
pub(crate) async fn adopt(stores: &Stores, base: &Location, metadata_location: &str) -> Result<()> {
    let database = canonical_base(base)?.join(DATABASE_NAME);
    let image = Bytes::from(create_database(&TableName::default(), metadata_location)?);
    create(stores, &database, image).await.context("catalog", base)
}

/// Puts the first database unless one is there. What an answer leaves open is read back: it is there or it is not.
async fn create(stores: &Stores, database: &Location, image: Bytes) -> Result<()> {
    let mut doubt = None;
    for number in 1..=ATTEMPTS {
        let answer = conditional::write(stores, database, None, image.clone()).await;
        match answer {
            Ok(Answer::Written) => return Ok(()),
            Ok(Answer::Refused) => {}
            Err(error) => doubt = Some(error),
        }
        match read_back(stores, database).await {
            Err(error) => return Err(state_unknown(error)),
            Ok(Some(present)) if present.bytes == image => return Ok(()),
            Ok(Some(_)) => return Err(exists().with("location", database)),
            Ok(None) => {}
        }
        if let Some(error) = doubt.take_if(|error| is_final(error)) {
            return Err(error);
        }
        pause(&database.to_string(), number).await;
    }
    Err(doubt.map_or_else(refuses_everything, state_unknown).with("location", database))
}

fn exists() -> Error {
    Error::invalid("there is a catalog already")
}

/// The base as it is stored: what Iceberg calls an absolute location.
fn canonical_base(base: &Location) -> Result<Location> {
    let folder = if base.name() == DATABASE_NAME { base.parent() } else { None };
    let base = folder.unwrap_or_else(|| base.clone());
    if base.is_web() {
        return Err(Error::unsupported("catalogs are not written over http").with("location", &base));
    }
    let Some(path) = local_path(&base) else { return Location::parse(&base.normal()) };
    let made = std::fs::create_dir_all(&path).and_then(|()| path.canonicalize());
    let path = made.map_err(folder_error).context("location", &base)?;
    let text = path.to_str().ok_or_else(|| Error::invalid("path is not UTF-8").with("location", &base))?;
    // Windows canonicalises to `\\?\C:\…`, which no other reader takes.
    Location::parse(&Location::parse(text.trim_start_matches(r"\\?\"))?.normal())
}

/// Puts the boundaries below the base and points the definition there.
async fn place_boundaries(
    stores: &Stores,
    base: &Location,
    definition: GridDefinition,
    boundaries: Option<Bytes>,
) -> Result<GridDefinition> {
    match (definition, boundaries) {
        (GridDefinition::GeoJson { id_field, .. }, Some(bytes)) => {
            check_regions(&bytes, &id_field)?;
            let digest = Uuid::from_bytes(Md5::digest(&bytes).into()).simple();
            let place = base.join(&format!("boundaries-{digest}.geojson"));
            objects::put(stores, &place, bytes).await?;
            Ok(GridDefinition::GeoJson { boundaries_path: place.to_string(), id_field })
        }
        (GridDefinition::GeoJson { .. }, None) => Err(Error::invalid("a grid of regions needs a boundaries file")),
        (other, None) => Ok(other),
        (_, Some(_)) => Err(Error::invalid("only a grid of regions takes a boundaries file")),
    }
}

/// Refuses boundaries that no later ingest could place an item by.
fn check_regions(boundaries: &[u8], id_field: &str) -> Result<()> {
    let regions = RegionGrid::new(boundaries, id_field).context("id field", id_field)?;
    if regions.names().is_empty() {
        return Err(Error::invalid("the boundaries hold no region"));
    }
    Ok(())
}

fn new_properties(layout: &Layout) -> BTreeMap<String, String> {
    let mut all = layout.to_properties();
    let writer = format!("{}{}", properties::WRITER_PREFIX, env!("CARGO_PKG_VERSION"));
    all.insert(properties::WRITER.to_owned(), writer);
    all
}
