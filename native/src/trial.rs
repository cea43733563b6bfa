//! Tries whether a store can keep writers apart, before it is trusted with a catalog.
//!
//! A store may know the conditions and honour them one request at a time, and still let two writers through at once:
//! that shows in a race, and in nothing milder. So the trial races.

use bytes::Bytes;
use earthcatalog_core::error::ResultExt as _;
use earthcatalog_core::{Error, ErrorKind, Location, Result};
use futures::future::join_all;
use md5::{Digest as _, Md5};
use object_store::ObjectStoreExt as _;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::conditional::{self, Answer, Version};
use crate::fetch::hex;
use crate::objects;
use crate::store::{ETags, Stores};

/// Where a catalog keeps what its store has shown.
const RECORD_NAME: &str = "_ec/store.json";
/// Writers that race for one object. Stores that only pretend let most of them through.
const WRITERS: usize = 8;
/// Races of each kind.
const ROUNDS: usize = 5;

/// What a trial has shown.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct TrialReport {
    /// Races for an object that was not there: each had one winner.
    pub create_races: usize,
    /// Races to replace an object: each had one winner.
    pub update_races: usize,
    /// Writers in each race.
    pub writers: usize,
    /// Entity tags are to be sent without their quotes.
    pub bare_e_tags: bool,
}

/// What [`RECORD_NAME`] says: a trial that was passed, and by which store. A copy elsewhere says nothing.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Record {
    version: u32,
    /// A digest of the catalog's place and the store's endpoint.
    place: String,
    bare_e_tags: bool,
    tool: String,
}

/// Lets a store be written to: by what it has shown before, or by a trial now. Places on a local disk and stores that
/// the program mounted itself need none.
pub(crate) async fn ensure(stores: &Stores, base: &Location) -> Result<()> {
    if !stores.is_to_be_tried(base)? {
        return Ok(());
    }
    let location = base.join(RECORD_NAME);
    let place = place(stores, base);
    let known = conditional::read(stores, &location).await?;
    let known = known.and_then(|known| serde_json::from_slice::<Record>(&known.bytes).ok());
    if let Some(record) = known.filter(|record| record.version == 1 && record.place == place) {
        return stores.trust(base, e_tags(record.bare_e_tags));
    }
    let report = run(stores, base).await?;
    let tool = format!("earthcatalog-rs {}", env!("CARGO_PKG_VERSION"));
    let record = Record { version: 1, place, bare_e_tags: report.bare_e_tags, tool };
    let body = serde_json::to_vec(&record).map_err(|error| Error::internal("a record is not JSON").caused_by(error))?;
    objects::put_mutable(stores, &location, body.into()).await
}

/// Races writers against each other below `base`, and leaves the store trusted if it kept them apart.
///
/// # Errors
/// [`ErrorKind::Unsupported`] saying what the store let through; otherwise the store's.
pub async fn run(stores: &Stores, base: &Location) -> Result<TrialReport> {
    if base.is_web() {
        return Err(Error::unsupported("catalogs are not written over http").with("location", base));
    }
    let folder = base.join(&format!("_ec/trial-{}", stores.host().draw()));
    let mut trial = Trial { stores, folder, objects: Vec::new() };
    let report = trial.run(base).await;
    trial.clean_up().await;
    report.context("location", base)
}

struct Trial<'a> {
    stores: &'a Stores,
    folder: Location,
    objects: Vec<Location>,
}

impl Trial<'_> {
    async fn run(&mut self, base: &Location) -> Result<TrialReport> {
        for round in 0..ROUNDS {
            self.race_to_create(round).await?;
        }
        // Tags as the store gives them; without their quotes only if it never takes those.
        self.stores.trust(base, ETags::AsGiven)?;
        let as_given = self.conditions().await;
        let bare_e_tags = match as_given {
            Ok(()) => false,
            Err(Unfit::RefusesItsOwnTag) => {
                self.stores.trust(base, ETags::Bare)?;
                self.conditions().await.map_err(Error::from)?;
                true
            }
            Err(unfit) => {
                self.stores.distrust(base)?;
                return Err(unfit.into());
            }
        };
        for round in 0..ROUNDS {
            if let Err(error) = self.race_to_update(round).await {
                self.stores.distrust(base)?;
                return Err(error);
            }
        }
        Ok(TrialReport { create_races: ROUNDS, update_races: ROUNDS, writers: WRITERS, bare_e_tags })
    }

    fn object(&mut self, name: &str) -> Location {
        let location = self.folder.join(name);
        self.objects.push(location.clone());
        location
    }

    async fn race_to_create(&mut self, round: usize) -> Result<()> {
        let location = self.object(&format!("create-{round}"));
        let written = self.race(&location, None).await?;
        only_one(written, "created one object")
    }

    async fn race_to_update(&mut self, round: usize) -> Result<()> {
        let location = self.object(&format!("update-{round}"));
        conditional::write(self.stores, &location, None, body("before")).await?;
        let version = self.version(&location).await?;
        let written = self.race(&location, Some(&version)).await?;
        only_one(written, "replaced one version")
    }

    /// How many of the writers wrote.
    async fn race(&self, location: &Location, expected: Option<&Version>) -> Result<usize> {
        let writers = (0..WRITERS).map(|writer| {
            let body = body(&format!("writer {writer}"));
            conditional::write(self.stores, location, expected, body)
        });
        let mut written = 0;
        for answer in join_all(writers).await {
            written += usize::from(answer.map_err(unable)? == Answer::Written);
        }
        Ok(written)
    }

    /// One condition after the other: a stale version, the present one, one of an object that is not there.
    async fn conditions(&mut self) -> Result<(), Unfit> {
        let location = self.object(&format!("conditions-{}", self.objects.len()));
        self.write(&location, None, "one").await?;
        let first = self.version(&location).await?;
        if self.write(&location, Some(&first), "two").await? != Answer::Written {
            return Err(Unfit::RefusesItsOwnTag);
        }
        let second = self.version(&location).await?;
        if second == first {
            return Err(pretends("two states of an object have one version").into());
        }
        if self.write(&location, Some(&first), "three").await? == Answer::Written {
            return Err(pretends("an object was replaced on a version that it no longer had").into());
        }
        if self.write(&location, None, "four").await? == Answer::Written {
            return Err(pretends("an object was created that was there").into());
        }
        let absent = self.object(&format!("absent-{}", self.objects.len()));
        if self.write(&absent, Some(&second), "five").await? == Answer::Written {
            return Err(pretends("an object was replaced that was not there").into());
        }
        Ok(())
    }

    async fn write(&self, location: &Location, expected: Option<&Version>, text: &str) -> Result<Answer> {
        conditional::write(self.stores, location, expected, body(text)).await.map_err(unable)
    }

    async fn version(&self, location: &Location) -> Result<Version> {
        let read = conditional::read(self.stores, location).await?;
        let read = read.ok_or_else(|| pretends("an object that was written cannot be read"))?;
        Ok(read.version)
    }

    /// What is left of a trial is of no use, and no harm either.
    async fn clean_up(&self) {
        for location in &self.objects {
            if let Ok((store, path)) = self.stores.get(location) {
                drop(store.delete(&path).await);
            }
        }
    }
}

/// Why a store did not pass.
enum Unfit {
    RefusesItsOwnTag,
    Other(Error),
}

impl From<Error> for Unfit {
    fn from(error: Error) -> Self {
        Self::Other(error)
    }
}

impl From<Unfit> for Error {
    fn from(unfit: Unfit) -> Self {
        match unfit {
            Unfit::RefusesItsOwnTag => pretends("a version that the store gave is refused, with quotes and without"),
            Unfit::Other(error) => error,
        }
    }
}

/// None is possible: a winner whose answer was lost is told to have lost.
fn only_one(written: usize, what: &str) -> Result<()> {
    if written <= 1 { Ok(()) } else { Err(pretends(&format!("{written} of {WRITERS} writers {what}"))) }
}

fn body(text: &str) -> Bytes {
    // No two bodies are equal: a version may be a digest of them.
    Bytes::from(format!("{text} {}", Uuid::new_v4()))
}

/// The error of a store that cannot be trusted with a catalog of several writers.
fn pretends(what: &str) -> Error {
    let message = format!(
        "the store cannot keep writers apart: {what}; `--single-writer` writes to it all the same, if nobody else does"
    );
    Error::unsupported(message)
}

fn unable(error: Error) -> Error {
    match error.kind() {
        ErrorKind::Unsupported => pretends("it knows no conditional writes").caused_by(error),
        _ => error,
    }
}

fn e_tags(bare: bool) -> ETags {
    if bare { ETags::Bare } else { ETags::AsGiven }
}

/// Names catalog and store without telling either: an endpoint is nobody's business.
fn place(stores: &Stores, base: &Location) -> String {
    let mut digest = Md5::new();
    digest.update(base.normal());
    digest.update([0]);
    digest.update(stores.endpoint());
    hex(&digest.finalize())
}
