//! `serve`: shows a catalog in the explorer.

use earthcatalog::explorer;
use earthcatalog::serve::Server;
use serde_json::json;

use super::{Exit, Failure, Opened};
use crate::cli::{Common, Serve};
use crate::report::{Out, say};

/// Where it serves unless it is told, or another program is there.
const PORT: u16 = 8080;

pub(super) async fn run(arguments: &Serve, common: &Common) -> Result<Exit, Failure> {
    let opened = Opened::open(&arguments.catalog, common).await?;
    let (stores, base) = (opened.driver.stores, opened.catalog.base().clone());
    let server = match arguments.port {
        Some(port) => Server::bind(stores, base, port).await?,
        None => match Server::bind(stores.clone(), base.clone(), PORT).await {
            Ok(server) => server,
            Err(_) => Server::bind(stores, base, 0).await?,
        },
    };
    let url = server.url();
    let mut out = Out::new();
    if common.json {
        out.json(&json!({ "url": url }))?;
    } else {
        out.line(&url)?;
    }
    out.flush()?;
    drop(out);
    if explorer::file(explorer::PAGE).is_none() {
        say(&format!("warning: {}", explorer::MISSING));
    }
    say("Control-C ends it");
    if arguments.open && !open(&url) {
        say(&format!("cannot start a browser: open {url} in one"));
    }
    tokio::select! {
        () = server.run() => {}
        // Where the signal cannot be had, the system ends the program.
        Ok(()) = tokio::signal::ctrl_c() => {}
    }
    Ok(Exit::Done)
}

/// Starts the system's browser; false if it does not start.
fn open(url: &str) -> bool {
    let (program, arguments): (&str, &[&str]) = match std::env::consts::OS {
        "macos" => ("open", &[]),
        "windows" => ("rundll32", &["url.dll,FileProtocolHandler"]),
        _ => ("xdg-open", &[]),
    };
    let mut command = std::process::Command::new(program);
    command.args(arguments).arg(url).stdout(std::process::Stdio::null()).stderr(std::process::Stdio::null());
    command.spawn().is_ok()
}
