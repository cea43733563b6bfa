//! Files that leave a table: which of them are there, and the manifests that say so.

use std::collections::BTreeSet;

use bytes::Bytes;
use earthcatalog_core::{Error, ErrorKind, Result};
use iceberg::spec::ManifestFile;
use uuid::Uuid;

use super::manifests::NewManifest;
use super::metrics::MetricsModes;
use super::{Base, Mode, Object, Stamp, Totals};

/// The manifests that take files out or are written anew, and the earlier ones that they stand for.
#[derive(Clone, Debug)]
pub struct Removal {
    pub(super) manifests: Vec<NewManifest>,
    /// Locations of the earlier manifests that are not carried on.
    pub(super) replaced: BTreeSet<String>,
    pub(super) totals: Totals,
}

impl Removal {
    /// What is to be put.
    pub fn objects(&self) -> impl Iterator<Item = &Object> {
        self.manifests.iter().map(|manifest| &manifest.object)
    }
}

/// The files that are to leave, less those that were found.
pub(super) enum Leaving {
    All,
    Named(BTreeSet<String>),
}

impl Leaving {
    /// Whether a live file leaves.
    pub(super) fn takes(&mut self, location: &str) -> bool {
        match self {
            Self::All => true,
            Self::Named(files) => files.remove(location),
        }
    }

    fn is_done(&self) -> bool {
        matches!(self, Self::Named(files) if files.is_empty())
    }
}

impl Base {
    /// Manifests that mark the files of `mode` as deleted, or for [`Mode::Cluster`] those that take the place of all;
    /// `None` if all stay as they are. `manifests` are the bytes of [`manifest_locations`](Self::manifest_locations), in
    /// that order, and `uuid` names the new ones.
    ///
    /// # Errors
    /// [`ErrorKind::Conflict`] naming a file that is not live, [`ErrorKind::Corrupt`] for manifests that cannot be
    /// read.
    pub async fn remove(&self, mode: &Mode, manifests: &[Bytes], stamp: &Stamp, uuid: Uuid) -> Result<Option<Removal>> {
        let context = self.context(self.metadata.current_schema(), &Stamp { uuid, ..*stamp });
        let mut leaving = match (mode, mode.named_files()) {
            (_, Some(files)) => Leaving::Named(files.clone()),
            (Mode::Replace, None) => Leaving::All,
            (Mode::Cluster, None) => {
                let metrics = MetricsModes::new(self.metadata.current_schema(), self.metadata.properties());
                return Ok(Some(Removal {
                    manifests: context.clustered(&self.manifests, manifests, &self.metadata, &metrics).await?,
                    replaced: self.manifests.iter().map(|manifest| manifest.manifest_path.clone()).collect(),
                    totals: Totals::default(),
                }));
            }
            (_, None) => return Ok(None),
        };
        let mut removal = Removal { manifests: Vec::new(), replaced: BTreeSet::new(), totals: Totals::default() };
        for (earlier, bytes) in self.manifests.iter().zip(manifests) {
            if leaving.is_done() {
                break;
            }
            let number = removal.manifests.len();
            let written = context.without(number, earlier, bytes, &self.metadata, &mut leaving).await?;
            if let Some((manifest, totals)) = written {
                removal.manifests.push(manifest);
                removal.replaced.insert(earlier.manifest_path.clone());
                removal.totals.add(totals);
            }
        }
        match leaving {
            Leaving::Named(missing) if !missing.is_empty() => Err(gone(&missing)),
            _ => Ok(Some(removal)),
        }
    }

    /// The manifests that stay beside those of `removal`. One without a live file tells nothing any more.
    pub(super) fn carried(&self, removal: Option<&Removal>) -> impl Iterator<Item = &ManifestFile> {
        let live = |manifest: &&ManifestFile| manifest.has_added_files() || manifest.has_existing_files();
        let stays = move |manifest: &&ManifestFile| {
            removal.is_none_or(|removal| !removal.replaced.contains(&manifest.manifest_path))
        };
        self.manifests.iter().filter(live).filter(stays)
    }
}

fn gone(missing: &BTreeSet<String>) -> Error {
    let message = match missing.len() {
        1 => "another writer took out a file that was to be replaced".to_owned(),
        more => format!("another writer took out {more} files that were to be replaced"),
    };
    let first = missing.first().map(String::as_str).unwrap_or_default();
    Error::new(ErrorKind::Conflict, message).with("file", first)
}
