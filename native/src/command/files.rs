//! `files`: lists the data files that a search would read.

use earthcatalog::read;
use serde_json::json;

use super::{Exit, Failure, Opened, area};
use crate::cli::{Common, Files};
use crate::report::Out;

pub(super) async fn run(arguments: Files, common: &Common) -> Result<Exit, Failure> {
    let query = area::filtered(area::query(&arguments.area, &arguments.time)?, &arguments.filter)?;
    let opened = Opened::open(&arguments.catalog, common).await?;
    let (files, _) = read::list_files(&opened.driver, &opened.catalog, Some(query)).await?;
    let mut out = Out::new();
    if common.json {
        let files: Vec<_> = files
            .iter()
            .map(|file| {
                json!({
                    "location": file.location.as_str(),
                    "rows": file.data_file.record_count,
                    "bytes": file.data_file.file_size_bytes,
                })
            })
            .collect();
        out.json(&json!({ "files": files }))?;
    } else {
        for file in &files {
            out.line(file.location.as_str())?;
        }
    }
    out.flush()?;
    Ok(Exit::Done)
}
