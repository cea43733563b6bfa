//! The one place where the visible state of a catalog changes.
//!
//! Order of writes: data files (by the caller), manifests, manifest list, table metadata, and last the database that
//! points to it. Everything before the database is new and unnamed by anything, so a reader sees the old snapshot or
//! the new one and never a part; a commit that stops half-way leaves only objects nobody reads.

mod objects;

use std::collections::BTreeMap;

use bytes::Bytes;
use earthcatalog_core::catalog::Catalog;
use earthcatalog_core::catalog::properties::{self, GridDefinition};
use earthcatalog_core::error::ResultExt as _;
use earthcatalog_core::grid::RegionGrid;
use earthcatalog_core::location::{Rebase, base_of_table};
use earthcatalog_core::stac::schema::initial_fields;
use earthcatalog_core::{Error, ErrorKind, Location, Result};
use md5::{Digest as _, Md5};
use uuid::Uuid;

use crate::catalog_db::{DATABASE_NAME, TableName, create_database, read_pointer, swap_pointer};
use crate::fetch::local_path;
use crate::snapshot::{self, Addition, Base, Object, Removal};
use crate::store::Stores;
use objects::Put;

pub use crate::snapshot::{Change, FieldMetrics, Mode, NewDataFile, Stamp};

/// How often a commit starts over because another writer moved the table.
const ATTEMPTS: u32 = 20;
/// Pause before the second attempt; it doubles up to [`LONGEST_PAUSE_MS`].
const FIRST_PAUSE_MS: u64 = 50;
const LONGEST_PAUSE_MS: u64 = 5_000;

/// What a commit did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CommitOutcome {
    /// The snapshot that is current now; `None` while a table has none.
    pub snapshot_id: Option<i64>,
    /// Where, as stored, its metadata lies.
    pub metadata_location: String,
    /// The commit's name in the snapshot's summary.
    pub commit_id: String,
    /// A commit of this name had been made before; nothing was changed.
    pub already: bool,
}

/// Makes an empty catalog at `base`: boundaries file (for a grid of regions), table metadata, database.
///
/// The boundaries are kept below `base` under a name made of their content, and the table's property points there.
///
/// # Errors
/// [`ErrorKind::Invalid`] if a catalog is there already or the boundaries are no named regions,
/// [`ErrorKind::Unsupported`] for places that cannot be written
/// (`http`), otherwise the store's.
pub async fn init(
    stores: &Stores,
    base: &Location,
    definition: GridDefinition,
    boundaries: Option<Bytes>,
) -> Result<()> {
    let base = canonical_base(base)?;
    let database = base.join(DATABASE_NAME);
    match objects::read(stores, &database).await {
        Ok(_) => return Err(objects::exists().with("location", &database)),
        Err(error) if error.kind() == ErrorKind::NotFound => {}
        Err(error) => return Err(error),
    }
    let definition = place_boundaries(stores, &base, definition, boundaries).await?;
    let name = TableName::default();
    let location = base.join("warehouse").join(&name.namespace).join(&name.table);
    let table =
        snapshot::create_table(location.as_str(), &initial_fields(), &new_properties(&definition), &Stamp::system())?;
    let image = create_database(&name, &table.location)?;
    objects::put(stores, &Location::parse(&table.location)?, table.bytes, Put::Immutable).await?;
    objects::put(stores, &database, image.into(), Put::NewDatabase).await.context("catalog", &base)
}

/// Makes a change to a catalog that was opened before: one new snapshot, or none of it.
///
/// If another writer was faster, an append is built anew on what that writer left; the data files and their manifests
/// are kept. New objects are recorded below the place the table says it lies at, also when the catalog was opened
/// from a copy elsewhere, so that everything moves together: see [`stored_location`].
///
/// # Errors
/// [`ErrorKind::Conflict`] if what another writer did cannot be built on: any commit under [`Mode::Replace`], a new
/// grid, partitioning or clashing columns under [`Mode::Append`]. [`ErrorKind::Unsupported`] for tables this program
/// does not write. After [`ErrorKind::Unavailable`] the commit may or may not have happened; a repeat with the same
/// [`Change::commit_id`] finds out.
pub async fn commit(stores: &Stores, catalog: &Catalog, mut change: Change) -> Result<CommitOutcome> {
    let commit_id = change.commit_id.get_or_insert_with(|| Uuid::new_v4().to_string()).clone();
    let mut attempt = Attempt::new(stores, Target::of(catalog)?, change);
    let mut pause_ms = FIRST_PAUSE_MS;
    for number in 1..=ATTEMPTS {
        let (image, base) = attempt.target.read(stores).await?;
        attempt.target.check_unchanged(catalog, &base, &attempt.change)?;
        if let Some(snapshot_id) = base.snapshot_of_commit(&commit_id) {
            let metadata_location = base.metadata_location().to_owned();
            return Ok(CommitOutcome { snapshot_id: Some(snapshot_id), metadata_location, commit_id, already: true });
        }
        let planned = catalog.snapshot().map(|snapshot| snapshot.snapshot_id);
        if attempt.change.mode == Mode::Replace && base.snapshot_id() != planned {
            return Err(Error::new(ErrorKind::Conflict, "another writer changed the catalog that was to be replaced"));
        }
        let (snapshot_id, metadata_location) = attempt.prepare(&base).await?;
        if attempt.target.publish(stores, &image, base.metadata_location(), &metadata_location).await? {
            return Ok(CommitOutcome { snapshot_id, metadata_location, commit_id, already: false });
        }
        if number < ATTEMPTS {
            tokio::time::sleep(std::time::Duration::from_millis(pause_ms)).await;
            pause_ms = (pause_ms * 2).min(LONGEST_PAUSE_MS);
        }
    }
    Err(Error::new(ErrorKind::Conflict, format!("other writers were faster {ATTEMPTS} times")))
}

/// Puts an immutable object, such as a data file, so that it is there for good once this returns.
///
/// On a local disk that means temporary file, flush, rename, flush of the folder: a commit that names the object
/// never outlives it.
///
/// # Errors
/// The store's.
pub async fn put(stores: &Stores, location: &Location, bytes: Bytes) -> Result<()> {
    objects::put(stores, location, bytes, Put::Immutable).await
}

/// How the object `key` below a catalog's base is recorded in the table.
///
/// Stored locations are absolute: bare paths for local disks, `s3://bucket/key` and the like for stores. For a
/// catalog that was moved or copied they lie below the place it was made at, as all its others do, and are read
/// where the catalog was opened. The object itself is put at `catalog.base().join(key)`.
///
/// # Errors
/// [`ErrorKind::Invalid`] for a catalog that was opened by its table metadata, without its database.
pub fn stored_location(catalog: &Catalog, key: &str) -> Result<String> {
    Ok(Target::of(catalog)?.stored(key))
}

/// One commit on its way: what does not have to be made again when the base moves.
struct Attempt<'a> {
    stores: &'a Stores,
    target: Target,
    change: Change,
    stamp: Stamp,
    addition: Option<Addition>,
    removal: Option<Removal>,
}

impl<'a> Attempt<'a> {
    fn new(stores: &'a Stores, target: Target, change: Change) -> Self {
        Self { stores, target, change, stamp: Stamp::system(), addition: None, removal: None }
    }

    /// Puts everything but the database; the new snapshot and where its metadata lies.
    async fn prepare(&mut self, base: &Base) -> Result<(Option<i64>, String)> {
        let addition = if let Some(addition) = self.addition.clone() {
            addition
        } else {
            let addition = base.add(&self.change, &self.stamp).await?;
            self.put_all(addition.objects()).await?;
            self.addition.insert(addition).clone()
        };
        if self.change.mode == Mode::Replace && self.removal.is_none() {
            let mut manifests = Vec::new();
            for stored in base.manifest_locations() {
                manifests.push(objects::read(self.stores, &self.target.resolve(stored)?).await?);
            }
            let removal = base.remove_all(&manifests, &addition).await?;
            self.put_all(removal.objects()).await?;
            self.removal = Some(removal);
        }
        let next = base.next(&self.change, &addition, self.removal.as_ref(), Uuid::new_v4()).await?;
        self.put_all(next.objects.iter()).await?;
        Ok((next.snapshot_id, next.metadata_location))
    }

    async fn put_all(&self, made: impl Iterator<Item = &Object>) -> Result<()> {
        for object in made {
            let location = self.target.resolve(&object.location)?;
            objects::put(self.stores, &location, object.bytes.clone(), Put::Immutable).await?;
        }
        Ok(())
    }
}

/// The table a commit is about: its database, and how stored locations map to where its objects are reached.
struct Target {
    database: Location,
    name: TableName,
    rebase: Rebase,
    stored_base: String,
}

impl Target {
    fn of(catalog: &Catalog) -> Result<Self> {
        let row = catalog.table_row().ok_or_else(|| {
            let message = "a catalog that was opened by its table metadata cannot be written to: name its folder";
            Error::invalid(message).with("location", catalog.metadata_location())
        })?;
        let name = TableName {
            catalog: row.catalog_name.clone(),
            namespace: row.table_namespace.clone(),
            table: row.table_name.clone(),
        };
        let stored_base = base_of_table(&catalog.metadata().location, &name.namespace, &name.table);
        let stored_base = stored_base.map_or_else(|| catalog.base().normal(), str::to_owned);
        let rebase = Rebase::new(&stored_base, catalog.base().clone());
        Ok(Self { database: catalog.database().clone(), name, rebase, stored_base })
    }

    fn resolve(&self, stored: &str) -> Result<Location> {
        self.rebase.apply(stored)
    }

    fn stored(&self, key: &str) -> String {
        format!("{}/{}", self.stored_base.trim_end_matches('/'), key.trim_start_matches('/'))
    }

    /// The database and the state it points to.
    async fn read(&self, stores: &Stores) -> Result<(Bytes, Base)> {
        let image = objects::read(stores, &self.database).await?;
        let pointer = read_pointer(&image, &self.name).context("location", &self.database)?;
        let metadata = self.resolve(&pointer)?;
        let bytes = objects::read(stores, &metadata).await?;
        let mut base = Base::parse(&pointer, &bytes).context("location", &metadata)?;
        if let Some(stored) = base.manifest_list().map(str::to_owned) {
            let list = self.resolve(&stored)?;
            let bytes = objects::read(stores, &list).await?;
            base.set_manifest_list(&bytes).context("location", &list)?;
        }
        Ok((image, base))
    }

    /// Refuses a table that is another one than was opened, whose grid changed (its cells would not be ours), or of
    /// which another writer set a property that the change sets too, such as where the hash index lies.
    fn check_unchanged(&self, catalog: &Catalog, base: &Base, change: &Change) -> Result<()> {
        let opened = catalog.metadata();
        let present: BTreeMap<String, String> = base.properties().clone().into_iter().collect();
        let conflict = |message: String| Err(Error::new(ErrorKind::Conflict, message).with("location", &self.database));
        if !opened.table_uuid.eq_ignore_ascii_case(&base.table_uuid()) {
            return conflict("another writer made the catalog anew".into());
        }
        if GridDefinition::from_properties(&opened.properties)? != GridDefinition::from_properties(&present)? {
            return conflict("another writer changed the grid".into());
        }
        match change.properties.keys().find(|key| opened.properties.get(*key) != present.get(*key)) {
            Some(key) => conflict(format!("another writer changed the property `{key}`")),
            None => Ok(()),
        }
    }

    /// Moves the pointer, unless another writer moved it: then nothing is written and the answer is `false`.
    ///
    /// This is the commit. On a local disk the look and the put are one step for all processes of the machine. In a store
    /// what another writer does between them is lost; a conditional put goes here.
    async fn publish(&self, stores: &Stores, image: &[u8], old: &str, new: &str) -> Result<bool> {
        let moved = swap_pointer(image, &self.name, old, new).context("location", &self.database)?;
        let _held = objects::hold(&self.database).await;
        let present = objects::read(stores, &self.database).await?;
        if present != image && read_pointer(&present, &self.name)? != old {
            return Ok(false);
        }
        let moved = if present == image { moved } else { swap_pointer(&present, &self.name, old, new)? };
        let Err(error) = objects::put(stores, &self.database, moved.into(), Put::Database).await else {
            return Ok(true);
        };
        // An answer that was lost is no failure: look who is there.
        match objects::read(stores, &self.database).await.and_then(|image| read_pointer(&image, &self.name)) {
            Ok(pointer) if pointer == new => Ok(true),
            _ => Err(error),
        }
    }
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
    let path = made.map_err(objects::folder_error).context("location", &base)?;
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
            objects::put(stores, &place, bytes, Put::Immutable).await?;
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

fn new_properties(definition: &GridDefinition) -> BTreeMap<String, String> {
    let mut all = definition.to_properties();
    let writer = format!("{}{}", properties::WRITER_PREFIX, env!("CARGO_PKG_VERSION"));
    all.insert(properties::WRITER.to_owned(), writer);
    all
}
