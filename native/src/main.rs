//! The `earthcatalog` command: arguments to command to exit code.

mod cli;
mod command;
mod report;

use clap::Parser as _;
use std::process::ExitCode;

use crate::cli::Cli;
use crate::command::Exit;

fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return refuse(&error),
    };
    let json = cli.common.json;
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            report::say(&format!("error: cannot start: {error}"));
            return Exit::Error.into();
        }
    };
    let exit = match runtime.block_on(command::run(cli)) {
        Ok(exit) => exit,
        Err(failure) => failure.report(json),
    };
    // Reads still under way are of no use to anybody.
    runtime.shutdown_background();
    exit.into()
}

/// Prints what clap says; with `--json` a usage error is an object like every other error.
fn refuse(error: &clap::Error) -> ExitCode {
    if !error.use_stderr() {
        // Help and version: data, so a closed pipe is no error.
        let _ = error.print();
        return Exit::Done.into();
    }
    if std::env::args().any(|argument| argument == "--json") {
        command::Failure::usage(error.render().to_string().trim_end()).report(true);
    } else {
        let _ = error.print();
    }
    Exit::Usage.into()
}
