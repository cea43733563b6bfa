//! Arguments of the commands that show a catalog to others.

use clap::Args;

/// Arguments of `serve`.
#[derive(Args, Debug)]
#[command(after_help = "\
The address is printed on stdout. It is the explorer's, and the catalog's to other programs on this machine; objects are
given by range, to pages of any site, with what caches need to know. A catalog in a store is read with the credentials of
this program, so that a private one can be looked at.

Examples:
  earthcatalog serve catalog --open
  earthcatalog serve s3://bucket/catalog --no-sign-request --port 9000")]
pub(crate) struct Serve {
    /// The catalog to show.
    pub(crate) catalog: String,
    /// The port of this machine to serve at, 0 for any [default: 8080, or any if that is taken].
    #[arg(long, value_name = "N")]
    pub(crate) port: Option<u16>,
    /// Open it in the browser.
    #[arg(long)]
    pub(crate) open: bool,
}

/// Arguments of `publish`.
#[derive(Args, Debug)]
#[command(after_help = "\
Written into the catalog's base: index.html, collection.json, version-hint.text beside the table's metadata, and below
iceberg/ a REST catalog made of files. It is of the catalog as it is now: publish again after each change.

Iceberg stores absolute locations. With --url, table metadata and manifests are written once more with locations at that
address, so that readers need nothing but HTTP; without it, readers are sent where the catalog was written.

Examples:
  earthcatalog publish s3://bucket/catalog --explorer --url https://bucket.s3.us-west-2.amazonaws.com/catalog
  duckdb -c \"ATTACH '' AS c (TYPE iceberg, ENDPOINT 'https://…/catalog/iceberg', AUTHORIZATION_TYPE 'none')\"")]
pub(crate) struct Publish {
    /// The catalog to publish.
    pub(crate) catalog: String,
    /// Write the explorer too: it is the page then, and opens the catalog beside it.
    #[arg(long)]
    pub(crate) explorer: bool,
    /// The address at which others read the catalog's base.
    #[arg(long, value_name = "URL")]
    pub(crate) url: Option<String>,
}
