//! The subcommands, one file each: parse, call, print.

mod area;
mod cells;
mod check;
mod compact;
mod delete;
mod delta;
mod expire;
mod failure;
mod files;
mod gc;
mod index;
mod info;
mod ingest;
mod init;
mod lock;
mod locked;
mod optimize;
mod output;
mod plan;
mod publish;
mod relocate;
mod repair;
mod sample;
mod search;
mod serve;
mod stats;

use earthcatalog::driver::Driver;
use earthcatalog::read;
use earthcatalog::store::Stores;
use earthcatalog_core::catalog::stats::{PartitionStats, stats};
use earthcatalog_core::catalog::{Catalog, DATABASE_NAME, OpenOptions};
use earthcatalog_core::reads::RequestLog;
use earthcatalog_core::{Error, ErrorKind, Location};
use serde::Serialize;

use crate::cli::{Cli, Command, Common};
use crate::report::{self, Out, say};
use locked::locked;

pub(crate) use failure::{Exit, Failure};

/// Runs the command that was given.
pub(crate) async fn run(cli: Cli) -> Result<Exit, Failure> {
    let common = cli.common;
    match cli.command {
        Command::Serve(arguments) => serve::run(&arguments, &common).await,
        Command::Publish(arguments) => publish::run(arguments, &common).await,
        Command::Init(arguments) => init::run(arguments, &common).await,
        Command::Ingest(arguments) => ingest::run(arguments, &common).await,
        Command::Search(arguments) => search::run(arguments, &common).await,
        Command::Check(arguments) => check::run(arguments, &common).await,
        Command::Repair(arguments) => repair::run(arguments, &common).await,
        Command::Compact(arguments) => compact::run(arguments, &common).await,
        Command::Optimize(arguments) => optimize::run(arguments, &common).await,
        Command::Delete(arguments) => delete::run(arguments, &common).await,
        Command::Delta(arguments) => delta::run(arguments, &common).await,
        Command::Expire(arguments) => expire::run(arguments, &common).await,
        Command::Gc(arguments) => gc::run(arguments, &common).await,
        Command::Index(arguments) => index::run(arguments, &common).await,
        Command::Relocate(arguments) => relocate::run(arguments, &common).await,
        Command::Lock(arguments) => lock::run(arguments, &common).await,
        Command::Files(arguments) => files::run(arguments, &common).await,
        Command::Stats(arguments) => stats::run(&arguments, &common).await,
        Command::Info(arguments) => info::run(&arguments, &common).await,
        Command::Cells(arguments) => cells::run(arguments, &common).await,
        Command::Sample(arguments) => sample::run(&arguments, &common),
    }
}

/// A catalog that was opened, and what it is read through.
struct Opened {
    driver: Driver,
    catalog: Catalog,
    /// What opening it took.
    requests: RequestLog,
}

impl Opened {
    /// Does what changes the catalog, under its lock; a dry run needs none.
    async fn write<T>(
        &self,
        operation: &str,
        dry_run: bool,
        work: impl AsyncFnOnce(&Stores) -> earthcatalog_core::Result<T>,
    ) -> Result<T, Failure> {
        if dry_run {
            return Ok(work(&self.driver.stores).await?);
        }
        locked(&self.driver.stores, self.catalog.base(), operation, work).await
    }

    async fn open(catalog: &str, common: &Common) -> Result<Self, Failure> {
        let location = Location::parse(catalog).map_err(Failure::of_flag("CATALOG"))?;
        let driver = Driver::new(stores(common));
        let opening = read::open_with(&driver, &location, OpenOptions::default()).await;
        let (opened, requests) = opening.map_err(Failure::of_opening(catalog))?;
        for warning in opened.warnings() {
            say(&format!("warning: {warning}"));
        }
        Ok(Self { driver, catalog: opened, requests })
    }

    /// Rows, files and bytes of every partition.
    async fn partitions(&self) -> Result<Vec<PartitionStats>, Failure> {
        let (files, _) = read::list_files(&self.driver, &self.catalog, None).await?;
        Ok(stats(files.iter().map(|file| &*file.data_file), self.catalog.metadata()))
    }
}

/// The folder of the catalog that a user named, which may have lost its database.
async fn base_of(stores: &Stores, catalog: &str) -> Result<Location, Failure> {
    match read::open(stores, catalog).await {
        Ok(opened) => Ok(opened.base().clone()),
        Err(error) if error.kind() == ErrorKind::NotFound => {
            let location = Location::parse(catalog).map_err(Failure::of_flag("CATALOG"))?;
            let folder = if location.name() == DATABASE_NAME { location.parent() } else { None };
            Ok(folder.unwrap_or(location))
        }
        Err(error) => Err(error.into()),
    }
}

/// Prints a report: as one object with `--json`, else as the pairs of `text`.
fn print<T: Serialize>(report: &T, text: &[(&str, String)], common: &Common) -> Result<(), Failure> {
    let mut out = Out::new();
    if common.json {
        let value =
            serde_json::to_value(report).map_err(|error| Error::internal("the report is not JSON").caused_by(error))?;
        out.json(&value)?;
    } else {
        out.text(&report::pairs(text))?;
    }
    Ok(out.flush()?)
}

/// The stores, with what the environment and the command line say.
fn stores(common: &Common) -> Stores {
    let anonymous = common.no_sign_request.then(|| ("skip_signature".to_owned(), "true".to_owned()));
    let stores = Stores::from_env(common.options.iter().cloned().chain(anonymous));
    stores.with_single_writer(common.single_writer)
}
