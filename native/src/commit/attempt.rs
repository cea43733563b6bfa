//! One commit on its way: what is planned on which base, and what does not have to be made again when the base moves.

use std::collections::BTreeMap;

use bytes::Bytes;
use earthcatalog_core::catalog::Catalog;
use earthcatalog_core::catalog::properties::{self, GridDefinition};
use earthcatalog_core::{Error, ErrorKind, Result};
use futures::{StreamExt as _, TryStreamExt as _, stream};
use object_store::ObjectStoreExt as _;

use super::doubt::{ATTEMPTS, READ_BACKS, is_final, pause, refuses_everything, state_unknown};
use super::target::Target;
use super::{Change, CommitOutcome, Mode, Revise, Stamp};
use crate::conditional::{Answer, Version, Versioned};
use crate::objects;
use crate::read;
use crate::record::{self, CommitRecord};
use crate::snapshot::{Addition, Base, Object};
use crate::store::{Stores, store_error};

/// Manifests read at once.
const READS: usize = 8;

/// Refusals of an unchanged database after which it is the store's fault.
const REFUSALS: u32 = 10;

pub(super) struct Attempt<'a> {
    stores: &'a Stores,
    target: Target,
    pub(super) commit_id: String,
    /// The catalog that the change was planned on.
    planned: Catalog,
    change: Change,
    stamp: Stamp,
    addition: Option<Addition>,
    prepared: Option<Prepared>,
    /// The states that the database was asked to name.
    sent: Vec<CommitRecord>,
    doubt: Option<Doubt>,
}

/// A state that is put, all but the database.
#[derive(Clone)]
struct Prepared {
    /// The metadata that it follows.
    base: String,
    snapshot_id: Option<i64>,
    record: CommitRecord,
}

/// A write of which nobody knows what became of it. It can only have been made, or still be made, on this version.
struct Doubt {
    version: Version,
    /// What was answered; `None` for a refusal.
    error: Option<Error>,
    refusals: u32,
}

impl<'a> Attempt<'a> {
    pub(super) fn new(stores: &'a Stores, planned: &Catalog, mut change: Change) -> Result<Self> {
        let commit_id = change.commit_id.get_or_insert_with(|| stores.host().draw().to_string()).clone();
        Ok(Self {
            stores,
            target: Target::of(planned)?,
            commit_id,
            planned: planned.clone(),
            change,
            stamp: Stamp::drawn(stores.host()),
            addition: None,
            prepared: None,
            sent: Vec::new(),
            doubt: None,
        })
    }

    /// Reads the table, looks whether the commit is in it, and if not tries to put it there. `None` to begin anew.
    pub(super) async fn step(&mut self, reviser: Option<&mut dyn Revise>) -> Result<Option<CommitOutcome>> {
        let (seen, base) = self.read().await?;
        if let Some(outcome) = self.found(&base) {
            return Ok(Some(outcome));
        }
        self.settle(&seen)?;
        if let Some(reviser) = reviser
            && !self.revise(&base, reviser).await?
        {
            return Ok(None);
        }
        self.check(&base)?;
        let next = self.prepare(&base).await?;
        let moved = self.target.moved(&seen, &next.base, &next.record.metadata_location)?;
        self.stores.confirm_lease().await?;
        self.sent.push(next.record.clone());
        let answer = self.target.publish(self.stores, &seen, moved).await;
        if let Ok(Answer::Written) = answer {
            let Prepared { snapshot_id, record, .. } = next;
            let CommitRecord { commit_id, metadata_location, .. } = record;
            return Ok(Some(CommitOutcome { snapshot_id, metadata_location, commit_id, already: false }));
        }
        let refusals = 1 + self.doubt.as_ref().map_or(0, |doubt| doubt.refusals);
        self.doubt = Some(Doubt { version: seen.version, error: answer.err(), refusals });
        Ok(None)
    }

    /// The state of the table; with patience where a write is in doubt.
    async fn read(&self) -> Result<(Versioned, Base)> {
        let mut number = 1;
        loop {
            match self.target.read(self.stores).await {
                Err(error) if self.doubt.is_some() && number < READ_BACKS && !is_final(&error) => {
                    pause(&self.commit_id, number).await;
                    number += 1;
                }
                read => return read,
            }
        }
    }

    /// The outcome, if the table has the commit.
    fn found(&self, base: &Base) -> Option<CommitOutcome> {
        if !self.stores.protocol().looks_for_itself {
            return None;
        }
        let here = self.sent.iter().any(|sent| base.descends_from(std::slice::from_ref(&sent.metadata_location)));
        let snapshot_id = match base.snapshot_of_commit(&self.commit_id) {
            Some(made) => Some(made),
            None if here => base.snapshot_id(),
            None => return None,
        };
        let (metadata_location, commit_id) = (base.metadata_location().to_owned(), self.commit_id.clone());
        Some(CommitOutcome { snapshot_id, metadata_location, commit_id, already: !here })
    }

    /// What a doubt comes to when the table does not have the commit: nothing if another version is there, on which
    /// the write can no longer be made; the error itself if the store will say the same again.
    fn settle(&mut self, seen: &Versioned) -> Result<()> {
        let Some(doubt) = self.doubt.take_if(|doubt| doubt.version != seen.version || doubt.ends()) else {
            return Ok(());
        };
        match doubt.error {
            _ if doubt.version != seen.version => Ok(()),
            Some(error) => Err(error),
            None => Err(refuses_everything().with("location", &self.target.database)),
        }
    }

    /// Leaves a record of the commit, as others will look for it. The commit stands without: then it is only not noticed
    /// if another program undoes it.
    pub(super) async fn finish(&self, outcome: &CommitOutcome) {
        // If it was found in a later state, it is the last that was sent.
        let made = self.sent.iter().find(|sent| sent.metadata_location == outcome.metadata_location);
        if let Some(made) = made.or(self.sent.last()) {
            drop(record::put(self.stores, &self.planned, made).await);
        }
        if let Some(index) = self.change.properties.get(properties::HASH_INDEX_PATH) {
            drop(self.copy_index(index).await);
        }
    }

    /// The Python program's jobs look for the hash index under a fixed name: where there is one, it is kept true.
    async fn copy_index(&self, stored: &str) -> Result<()> {
        let base = self.planned.base();
        let (fixed, index) =
            (base.join(&format!("warehouse{}", properties::HASH_INDEX_SUFFIX)), self.target.resolve(stored)?);
        let ((store, to), (_, from)) = (self.stores.get(&fixed)?, self.stores.get(&index)?);
        let failed = |error| store_error(error, &fixed);
        match store.head(&to).await {
            Err(object_store::Error::NotFound { .. }) => Ok(()),
            Ok(_) => store.copy(&from, &to).await.map_err(failed),
            Err(error) => Err(failed(error)),
        }
    }

    /// An error that ended the commit: while a write is in doubt, that is what counts.
    pub(super) fn explained(&self, error: Error) -> Error {
        if self.doubt.is_none() {
            return error;
        }
        state_unknown(error).with("commit", &self.commit_id).with("location", &self.target.database)
    }

    /// Looks for the commit once more after the last attempt.
    pub(super) async fn last_look(&self) -> Result<CommitOutcome> {
        let (seen, base) = self.read().await.map_err(|error| self.explained(error))?;
        if let Some(outcome) = self.found(&base) {
            return Ok(outcome);
        }
        match &self.doubt {
            Some(Doubt { version, error: Some(error), .. }) if *version == seen.version => {
                let error = Error::new(error.kind(), error.to_string());
                Err(state_unknown(error).with("commit", &self.commit_id).with("location", &self.target.database))
            }
            _ => {
                let message = format!("other writers were faster {ATTEMPTS} times");
                Err(Error::new(ErrorKind::Conflict, message).with("location", &self.target.database))
            }
        }
    }

    /// Asks for a revised change if `base` is not what the change was planned on; `false` if `base` is outdated.
    async fn revise(&mut self, base: &Base, reviser: &mut dyn Revise) -> Result<bool> {
        if lies_at(&self.planned, base) {
            return Ok(true);
        }
        let present = read::open(self.stores, self.target.database.as_str()).await?;
        if !lies_at(&present, base) {
            return Ok(false);
        }
        let Some(change) = reviser.revise(&present, &self.change).await? else {
            return Ok(true);
        };
        self.change = Change { commit_id: self.change.commit_id.clone(), ..change };
        // New names: what was put for the change before stays as it is.
        (self.planned, self.stamp, self.addition, self.prepared) =
            (present, Stamp::drawn(self.stores.host()), None, None);
        Ok(true)
    }

    /// Refuses a table that is another one than was opened, whose grid changed (its cells would not be ours), or of
    /// which another writer set a property that the change sets too, such as where the hash index lies.
    fn check(&self, base: &Base) -> Result<()> {
        let opened = self.planned.metadata();
        let present: BTreeMap<String, String> = base.properties().clone().into_iter().collect();
        let conflict =
            |message: String| Err(Error::new(ErrorKind::Conflict, message).with("location", &self.target.database));
        if !opened.table_uuid.eq_ignore_ascii_case(&base.table_uuid()) {
            return conflict("another writer made the catalog anew".into());
        }
        if GridDefinition::from_properties(&opened.properties)? != GridDefinition::from_properties(&present)? {
            return conflict("another writer changed the grid".into());
        }
        let planned = self.planned.snapshot().map(|snapshot| snapshot.snapshot_id);
        if self.change.mode == Mode::Replace && base.snapshot_id() != planned {
            return conflict("another writer changed the catalog that was to be replaced".into());
        }
        match self.change.properties.keys().find(|key| opened.properties.get(*key) != present.get(*key)) {
            Some(key) => conflict(format!("another writer changed the property `{key}`")),
            None => Ok(()),
        }
    }

    /// Puts everything but the database.
    async fn prepare(&mut self, base: &Base) -> Result<Prepared> {
        if let Some(prepared) = self.prepared.as_ref().filter(|prepared| prepared.base == base.metadata_location()) {
            return Ok(prepared.clone());
        }
        let addition = if let Some(addition) = self.addition.clone() {
            addition
        } else {
            let addition = base.add(&self.change, &self.stamp).await?;
            self.put_all(addition.objects()).await?;
            self.addition.insert(addition).clone()
        };
        let uuid = self.stores.host().draw();
        let manifests = if self.change.mode == Mode::Append { Vec::new() } else { self.manifests(base).await? };
        let removal = base.remove(&self.change.mode, &manifests, &self.stamp, uuid).await?;
        if let Some(removal) = &removal {
            self.put_all(removal.objects()).await?;
        }
        let next = base.next(&self.change, &addition, removal.as_ref(), uuid).await?;
        self.put_all(next.objects.iter()).await?;
        let base = base.metadata_location().to_owned();
        let record = CommitRecord {
            commit_id: self.commit_id.clone(),
            table_uuid: self.planned.metadata().table_uuid.clone(),
            sequence_number: next.sequence_number,
            metadata_location: next.metadata_location,
            timestamp_ms: next.timestamp_ms,
        };
        Ok(self.prepared.insert(Prepared { base, snapshot_id: next.snapshot_id, record }).clone())
    }

    async fn manifests(&self, base: &Base) -> Result<Vec<Bytes>> {
        let places = base.manifest_locations().map(|stored| self.target.resolve(stored)).collect::<Result<Vec<_>>>()?;
        let read = |place| async move { objects::read(self.stores, &place).await };
        stream::iter(places).map(read).buffered(READS).try_collect().await
    }

    async fn put_all(&self, made: impl Iterator<Item = &Object>) -> Result<()> {
        for object in made {
            let location = self.target.resolve(&object.location)?;
            objects::put(self.stores, &location, object.bytes.clone()).await?;
        }
        Ok(())
    }
}

impl Doubt {
    /// Whether trying again is of no use, given that the database did not change.
    fn ends(&self) -> bool {
        self.error.as_ref().map_or(self.refusals >= REFUSALS, is_final)
    }
}

/// Whether the catalog is this state of its table.
fn lies_at(catalog: &Catalog, base: &Base) -> bool {
    catalog.table_row().is_some_and(|row| row.metadata_location == base.metadata_location())
}
