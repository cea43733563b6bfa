//! Opens a catalog: database, then table metadata.

use bytes::Bytes;
use std::collections::VecDeque;
use std::ops::Range;
use std::sync::Arc;

use super::place::{Place, beside_metadata, boundaries, reachable, table_of_metadata};
use super::properties::GridDefinition;
use super::sqlite::{self, Found, HEADER_BYTES, Pages, TableRow};
use super::{Catalog, Inner, Writer, resolve};
use crate::grid::Grid;
use crate::iceberg::avro;
use crate::iceberg::metadata::TableMetadata;
use crate::location::{Rebase, base_of_table};
use crate::machine::{Inflight, Magic};
use crate::{Error, ErrorKind, Location, Machine, Request, RequestId, Result, Span, Step, limits};

/// The table that is opened unless the caller names another.
pub const DEFAULT_TABLE: (&str, &str) = ("earthcatalog", "stac_items");
/// The SQL catalog whose table is taken where several in one database have it.
const DEFAULT_CATALOG: &str = "earthcatalog";

/// How often reading starts anew because the database was overwritten meanwhile.
const MOST_RESTARTS: usize = 3;
/// After so many rounds of page ranges the rest is read as a whole: a long overflow chain costs a round a page.
const MOST_ROUNDS: usize = 12;
/// Page ranges are widened to this, since pages that are near are often wanted next.
const RANGE_BYTES: u64 = 64 << 10;

/// What to open.
#[derive(Clone, Debug, Default)]
pub struct OpenOptions {
    /// Namespace and name of the table; without it `earthcatalog.stac_items`, otherwise the only table there is.
    pub table: Option<(String, String)>,
}

/// The machine that opens a catalog and yields it.
#[derive(Debug)]
pub struct Open {
    place: Place,
    options: OpenOptions,
    inflight: Inflight<Purpose>,
    requests: Vec<Request>,
    answers: VecDeque<(Purpose, Request, Result<Bytes>)>,
    database: Option<Database>,
    restarts: usize,
    row: Option<TableRow>,
    rebase: Option<Rebase>,
    unmoved: Option<Error>,
    warnings: Vec<String>,
    /// The catalog while its regions are read.
    pending: Option<Inner>,
    boundaries: Option<Bytes>,
    state: State,
}

#[derive(Clone, Copy, Debug, Default)]
enum Purpose {
    /// The start of the database.
    #[default]
    Start,
    /// Pages of the database.
    Pages,
    /// All of the database.
    Whole,
    /// The header again, to see that the pages belong together.
    Header,
    /// The table metadata, where it should be after a move.
    Metadata,
    /// The table metadata, where the database says it is.
    UnmovedMetadata,
    /// The regions of the grid.
    Boundaries,
    /// The manifest list, which nearly every use of the catalog needs next: beside the regions it costs no round trip.
    ManifestList,
}

#[derive(Debug)]
struct Database {
    pages: Pages,
    rounds: usize,
    /// What the pages said, while it is not known whether they belong together.
    rows: Option<Result<Vec<TableRow>>>,
}

#[derive(Debug)]
enum State {
    Fresh,
    Reading,
    Open(Catalog),
    Finished,
}

impl Open {
    /// Opens a folder, a database (`*.db`, `*.sqlite`, `*.sqlite3`) or a table metadata object (`*.metadata.json`,
    /// gzipped or not).
    #[must_use]
    pub fn new(location: &Location, options: OpenOptions) -> Self {
        Self {
            place: Place::of(location),
            options,
            inflight: Inflight::default(),
            requests: Vec::new(),
            answers: VecDeque::new(),
            database: None,
            restarts: 0,
            row: None,
            rebase: None,
            unmoved: None,
            warnings: Vec::new(),
            pending: None,
            boundaries: None,
            state: State::Fresh,
        }
    }

    fn start(&mut self) {
        match &self.place {
            Place::Database { .. } => self.ask_database(Span::Prefix(limits::DATABASE_PREFIX_BYTES), Purpose::Start),
            Place::Metadata(location) => {
                let location = location.clone();
                self.ask_metadata(location, Purpose::Metadata);
            }
        }
    }

    fn ask_database(&mut self, span: Span, purpose: Purpose) {
        if let Place::Database { database, .. } = &self.place {
            let starts = matches!(&span, Span::Whole | Span::Prefix(_) | Span::Bytes(Range { start: 0, .. }));
            let request = self.inflight.request_volatile(database.clone(), span, purpose);
            self.requests.push(if starts { request.with_magic(Magic::Start(sqlite::MAGIC)) } else { request });
        }
    }

    fn answered(&mut self, purpose: Purpose, request: &Request, answer: Result<Bytes>) -> Result<()> {
        match (purpose, answer) {
            (Purpose::Start, Ok(bytes)) => self.database_started(&bytes),
            (Purpose::Whole, Ok(bytes)) => {
                self.database = Some(Database { pages: Pages::new(&bytes, true)?, rounds: 0, rows: None });
                self.read_rows()
            }
            (Purpose::Pages, Ok(bytes)) => {
                if let (Some(database), Span::Bytes(range)) = (&mut self.database, &request.range) {
                    database.pages.supply(range.start, &bytes);
                }
                // The others of this round may complete the picture.
                if self.inflight.is_empty() && self.answers.is_empty() { self.read_rows() } else { Ok(()) }
            }
            (Purpose::Header, Ok(bytes)) => self.header_again(&bytes),
            (Purpose::Metadata | Purpose::UnmovedMetadata, Ok(bytes)) => self.metadata(purpose, request, &bytes),
            (Purpose::Metadata, Err(error)) => self.ask_unmoved(request, error),
            (Purpose::UnmovedMetadata, Err(error)) => Err(without_metadata(self.unmoved.take().unwrap_or(error))),
            (Purpose::Boundaries, Ok(bytes)) => {
                self.boundaries = Some(bytes);
                self.finish()
            }
            (Purpose::Boundaries, Err(error)) => self.without_boundaries(request, error),
            (Purpose::ManifestList, answer) => {
                if let Some(inner) = &mut self.pending {
                    // One that cannot be read is asked for again by who needs it.
                    inner.manifest_list = answer.ok();
                }
                self.finish()
            }
            (_, Err(error)) => Err(error),
        }
    }

    fn database_started(&mut self, bytes: &Bytes) -> Result<()> {
        let length = bytes.len() as u64;
        let mut pages = Pages::new(bytes, length < limits::DATABASE_PREFIX_BYTES)?;
        match pages.size_bytes() {
            Some(size) if size > limits::DATABASE_BYTES => {
                return Err(Error::corrupt(format!("database of {size} bytes exceeds the limit")));
            }
            Some(size) if size <= length => pages.finish(),
            // The header does not say how large the database is.
            None if length == limits::DATABASE_PREFIX_BYTES => {
                self.ask_database(Span::Whole, Purpose::Whole);
                return Ok(());
            }
            _ => {}
        }
        self.database = Some(Database { pages, rounds: 0, rows: None });
        self.read_rows()
    }

    fn read_rows(&mut self) -> Result<()> {
        let database = self.database.as_mut().ok_or_else(|| Error::internal("no database to read"))?;
        let pieces = database.rounds > 0;
        let rows = match database.pages.table_rows() {
            Ok(Found::Missing(_)) if database.rounds >= MOST_ROUNDS => {
                self.ask_database(Span::Whole, Purpose::Whole);
                return Ok(());
            }
            Ok(Found::Missing(missing)) => {
                database.rounds += 1;
                let size = database.pages.size_bytes().unwrap_or(limits::DATABASE_BYTES);
                for range in widened(missing, size) {
                    self.ask_database(Span::Bytes(range), Purpose::Pages);
                }
                return Ok(());
            }
            Ok(Found::Whole(rows)) => Ok(rows),
            Err(error) => Err(error),
        };
        if !pieces {
            return self.choose(rows?);
        }
        database.rows = Some(rows);
        self.ask_database(Span::Bytes(0..HEADER_BYTES), Purpose::Header);
        Ok(())
    }

    /// Pages that were read one by one belong together if the header is still the same.
    fn header_again(&mut self, header: &Bytes) -> Result<()> {
        let database = self.database.take().ok_or_else(|| Error::internal("no database to compare"))?;
        if database.pages.header() == header {
            return self.choose(database.rows.unwrap_or_else(|| Ok(Vec::new()))?);
        }
        self.restarts += 1;
        if self.restarts > MOST_RESTARTS {
            return Err(Error::new(ErrorKind::Changed, "the database is overwritten again and again while it is read"));
        }
        self.start();
        Ok(())
    }

    fn choose(&mut self, rows: Vec<TableRow>) -> Result<()> {
        let row = choose(rows, self.options.table.as_ref())?;
        let old = table_of_metadata(&row.metadata_location)
            .and_then(|table| base_of_table(table, &row.table_namespace, &row.table_name));
        if let (Some(old), Place::Database { base, .. }) = (old, &self.place) {
            self.rebase = Some(Rebase::new(old, base.clone()));
        }
        let location = resolve(self.rebase.as_ref(), &row.metadata_location)?;
        self.row = Some(row);
        self.ask_metadata(location, Purpose::Metadata);
        Ok(())
    }

    fn ask_metadata(&mut self, location: Location, purpose: Purpose) {
        let is_gzip = location.as_str().ends_with(".gz.metadata.json");
        let magic = if is_gzip { Magic::Any } else { Magic::Start(b"{") };
        self.requests.push(self.inflight.request(location, Span::Whole, purpose).with_magic(magic));
    }

    /// Metadata that is not in the folder that was opened may be where the database says: a database of its own.
    fn ask_unmoved(&mut self, request: &Request, error: Error) -> Result<()> {
        let stored = self.row.as_ref().map(|row| Location::parse(&row.metadata_location)).transpose()?;
        let Place::Database { base, .. } = &self.place else { return Err(error) };
        match stored {
            Some(stored)
                if reachable(base, stored.clone()).is_ok()
                    && stored.normal() != request.location.normal()
                    && matches!(error.kind(), ErrorKind::NotFound | ErrorKind::Denied) =>
            {
                self.unmoved = Some(error);
                self.ask_metadata(stored, Purpose::UnmovedMetadata);
                Ok(())
            }
            Some(_) => Err(without_metadata(error)),
            None => Err(error),
        }
    }

    fn metadata(&mut self, purpose: Purpose, request: &Request, bytes: &Bytes) -> Result<()> {
        let metadata = TableMetadata::parse(bytes)?;
        let (base, database) = match (&self.place, purpose) {
            (Place::Metadata(location), _) => {
                let (base, rebase) = beside_metadata(&metadata.location, location);
                self.rebase = rebase;
                let database = base.join(super::DATABASE_NAME);
                (base, database)
            }
            (Place::Database { base, database }, Purpose::UnmovedMetadata) => {
                self.rebase = None;
                self.warnings
                    .push(format!("the table lies elsewhere: its metadata was read from {}", request.location));
                (base.clone(), database.clone())
            }
            (Place::Database { base, database }, _) => {
                let row = self.row.as_ref();
                let old = row.and_then(|row| base_of_table(&metadata.location, &row.table_namespace, &row.table_name));
                if let Some(old) = old {
                    self.rebase = Some(Rebase::new(old, base.clone()));
                }
                (base.clone(), database.clone())
            }
        };
        let definition = GridDefinition::from_properties(&metadata.properties)?;
        let inner = Inner {
            grid: Grid::Unknown(definition.name().to_owned()),
            base,
            database,
            row: self.row.take(),
            metadata_location: request.location.clone(),
            metadata,
            rebase: self.rebase.take(),
            definition,
            manifest_list: None,
            warnings: std::mem::take(&mut self.warnings),
        };
        self.ask_boundaries(inner)
    }

    fn ask_boundaries(&mut self, mut inner: Inner) -> Result<()> {
        let wanted = match &inner.definition {
            GridDefinition::GeoJson { boundaries_path, .. } if boundaries_path.is_empty() => {
                inner.warnings.push("the table does not say where the regions of its grid lie".to_owned());
                None
            }
            GridDefinition::GeoJson { boundaries_path, .. } => {
                match boundaries(inner.rebase.as_ref(), &inner.base, boundaries_path) {
                    Err(error) if error.kind() == ErrorKind::Denied => {
                        inner.warnings.push(unread_regions(&error));
                        None
                    }
                    location => Some(location?),
                }
            }
            _ => None,
        };
        if let Some(location) = wanted {
            self.requests.push(self.inflight.request(location, Span::Whole, Purpose::Boundaries));
            let list = inner.metadata.current_snapshot().and_then(|snapshot| snapshot.manifest_list.as_deref());
            let list = list.map(|stored| reachable(&inner.base, resolve(inner.rebase.as_ref(), stored)?));
            if let Some(Ok(location)) = list {
                let request = self.inflight.request(location, Span::Whole, Purpose::ManifestList);
                self.requests.push(request.with_magic(Magic::Start(avro::MAGIC)));
            }
        }
        self.pending = Some(inner);
        self.finish()
    }

    /// Searches go without the regions, looking at every cell, rather than not at all.
    fn without_boundaries(&mut self, request: &Request, error: Error) -> Result<()> {
        match error.kind() {
            ErrorKind::NotFound | ErrorKind::Denied | ErrorKind::Invalid | ErrorKind::Unsupported => {
                self.warnings.push(unread_regions(&at(error, &request.location)));
                self.finish()
            }
            _ => Err(error),
        }
    }

    /// Once everything is there.
    fn finish(&mut self) -> Result<()> {
        if !self.inflight.is_empty() || !self.answers.is_empty() {
            return Ok(());
        }
        let boundaries = self.boundaries.take();
        let mut inner = self.pending.take().ok_or_else(|| Error::internal("no catalog to finish"))?;
        inner.warnings.append(&mut self.warnings);
        inner.grid = Grid::from_definition(&inner.definition, boundaries.as_deref())?;
        if inner.writer() == Writer::Foreign {
            inner.grid = inner.grid.of_another_writer();
        }
        self.state = State::Open(Catalog(Arc::new(inner)));
        Ok(())
    }
}

fn unread_regions(error: &Error) -> String {
    format!("the regions of the grid cannot be read, so every search looks at every cell: {error}")
}

impl Machine for Open {
    type Output = Catalog;

    fn step(&mut self) -> Result<Step<Catalog>> {
        if matches!(self.state, State::Fresh) {
            self.state = State::Reading;
            self.start();
        }
        while let Some((purpose, request, answer)) = self.answers.pop_front() {
            self.answered(purpose, &request, answer).map_err(|error| at(error, &request.location))?;
        }
        match std::mem::replace(&mut self.state, State::Reading) {
            State::Open(catalog) => {
                self.state = State::Finished;
                Ok(Step::Data(catalog))
            }
            State::Finished => {
                self.state = State::Finished;
                Ok(Step::Finished)
            }
            State::Fresh | State::Reading => Ok(Step::NeedsData(std::mem::take(&mut self.requests))),
        }
    }

    fn supply(&mut self, id: RequestId, bytes: Bytes) -> Result<()> {
        let (request, purpose) = self.inflight.answer(id, &bytes)?;
        self.answers.push_back((purpose, request, Ok(bytes)));
        Ok(())
    }

    fn fail(&mut self, id: RequestId, error: Error) -> Result<()> {
        let (request, purpose) = self.inflight.take(id)?;
        self.answers.push_back((purpose, request, Err(error)));
        Ok(())
    }
}

/// A database that names an object which is not there is a damaged catalog, not a missing one.
fn without_metadata(error: Error) -> Error {
    if error.kind() != ErrorKind::NotFound {
        return error;
    }
    Error::corrupt("the table metadata that the database names is not there").caused_by(error)
}

/// Adds the location unless the host already did.
fn at(error: Error, location: &Location) -> Error {
    let known = error.context().iter().any(|(key, _)| *key == "location");
    if known { error } else { error.with("location", location) }
}

fn choose(rows: Vec<TableRow>, wanted: Option<&(String, String)>) -> Result<TableRow> {
    let (namespace, name) = wanted.map_or(DEFAULT_TABLE, |(namespace, name)| (namespace, name));
    let names = rows.iter().map(|row| format!("`{}.{}`", row.table_namespace, row.table_name));
    let names = names.collect::<Vec<_>>().join(", ");
    let (mut matching, others): (Vec<_>, Vec<_>) =
        rows.into_iter().partition(|row| row.table_namespace == namespace && row.table_name == name);
    // Several SQL catalogs may share one database.
    if matching.iter().any(|row| row.catalog_name == DEFAULT_CATALOG) {
        matching.retain(|row| row.catalog_name == DEFAULT_CATALOG);
    }
    let mut candidates = if matching.is_empty() && wanted.is_none() { others } else { matching };
    match (candidates.pop(), candidates.is_empty()) {
        (Some(only), true) => Ok(only),
        (Some(_), false) => {
            let message = format!("the database has several tables that `{namespace}.{name}` may mean: {names}");
            Err(Error::invalid(message))
        }
        (None, _) if names.is_empty() => Err(Error::new(ErrorKind::NotFound, "the catalog has no table")),
        (None, _) => {
            let message = format!("the catalog has no table `{namespace}.{name}`; it has: {names}");
            Err(Error::new(ErrorKind::NotFound, message))
        }
    }
}

/// Ranges widened to whole chunks, none twice.
fn widened(ranges: Vec<Range<u64>>, size: u64) -> Vec<Range<u64>> {
    let mut wide: Vec<Range<u64>> = Vec::new();
    for range in ranges {
        let start = range.start / RANGE_BYTES * RANGE_BYTES;
        let end = range.end.div_ceil(RANGE_BYTES).saturating_mul(RANGE_BYTES).min(size);
        match wide.last_mut() {
            Some(last) if start <= last.end => last.end = last.end.max(end),
            _ => wide.push(start..end),
        }
    }
    wide
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(catalog: &str, table: &str) -> TableRow {
        TableRow {
            catalog_name: catalog.to_owned(),
            table_namespace: "earthcatalog".to_owned(),
            table_name: table.to_owned(),
            metadata_location: format!("/{catalog}/{table}/metadata/v1.metadata.json"),
            previous_metadata_location: None,
        }
    }

    fn chosen(rows: &[(&str, &str)]) -> Result<String> {
        let rows = rows.iter().map(|(catalog, table)| row(catalog, table)).collect();
        choose(rows, None).map(|row| format!("{} {}", row.catalog_name, row.table_name))
    }

    #[test]
    fn of_tables_of_one_name_that_of_the_catalog_earthcatalog_is_taken() {
        let rows = [("a", "stac_items"), ("earthcatalog", "stac_items"), ("z", "stac_items"), ("earthcatalog", "b")];
        assert_eq!(chosen(&rows).unwrap(), "earthcatalog stac_items");
        assert_eq!(chosen(&[("a", "stac_items"), ("a", "b")]).unwrap(), "a stac_items");
        assert_eq!(chosen(&[("a", "b")]).unwrap(), "a b");
    }

    #[test]
    fn no_table_is_guessed_among_several() {
        for rows in [[("a", "stac_items"), ("b", "stac_items")], [("earthcatalog", "a"), ("earthcatalog", "b")]] {
            assert_eq!(chosen(&rows).unwrap_err().kind(), ErrorKind::Invalid, "{rows:?}");
        }
        assert_eq!(chosen(&[]).unwrap_err().kind(), ErrorKind::NotFound);
    }
}
