//! How a command ends: exit codes, and errors as a person or a program reads them.

use earthcatalog_core::{Error, ErrorKind};
use serde_json::{Map, Value, json};
use std::process::ExitCode;

use crate::report;

/// The exit codes, a part of the command line's contract.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Exit {
    /// All was done.
    Done = 0,
    /// It failed.
    Error = 1,
    /// The arguments are wrong.
    Usage = 2,
    /// Some items failed, the others were done.
    Partial = 3,
    /// There is no catalog at that place.
    NoCatalog = 10,
    /// Another writer holds the lock.
    Locked = 11,
    /// Credentials or permissions forbid it.
    Denied = 12,
    /// A commit may or may not have happened; `EX_TEMPFAIL` of `sysexits.h`.
    CommitStateUnknown = 75,
    /// Interrupted by a signal, as shells say it.
    Interrupted = 130,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

/// Why a command ended early.
#[derive(Debug)]
pub(crate) enum Failure {
    /// Whoever read stdout has read enough: no error.
    ClosedPipe,
    /// Whoever runs the program wants it to end.
    Interrupted,
    /// Something failed.
    Failed {
        /// The exit code.
        exit: Exit,
        /// What failed.
        error: Error,
        /// What the user can do about it.
        hint: Option<String>,
    },
}

impl Failure {
    /// The arguments are wrong.
    pub(crate) fn usage(message: impl Into<String>) -> Self {
        Self::Failed { exit: Exit::Usage, error: Error::invalid(message), hint: None }
    }

    /// An error in the value of `flag`.
    pub(crate) fn of_flag(flag: &'static str) -> impl FnOnce(Error) -> Self {
        move |error| Self::Failed { exit: Exit::Usage, error: error.with("flag", flag), hint: None }
    }

    /// An error with something better to do about it than its kind says.
    pub(crate) fn with_hint(error: Error, better: Option<String>) -> Self {
        match Self::from(error) {
            Self::Failed { exit, error, hint } => Self::Failed { exit, error, hint: better.or(hint) },
            other => other,
        }
    }

    /// An error met while opening the catalog: there, what is not found is the catalog itself.
    pub(crate) fn of_opening(catalog: &str) -> impl FnOnce(Error) -> Self {
        move |error| match error.kind() {
            ErrorKind::NotFound => Self::Failed {
                exit: Exit::NoCatalog,
                error: Error::new(ErrorKind::NotFound, format!("no catalog at `{catalog}`")).caused_by(error),
                // Nothing can be made over HTTP.
                hint: (!catalog.starts_with("http")).then(|| format!("`earthcatalog init {catalog}` makes one")),
            },
            _ => Self::from(error),
        }
    }

    /// Prints the error on stderr and says how to exit.
    pub(crate) fn report(self, json: bool) -> Exit {
        let (exit, error, hint) = match self {
            Self::ClosedPipe => return Exit::Done,
            Self::Interrupted => return Exit::Interrupted,
            Self::Failed { exit, error, hint } => (exit, error, hint),
        };
        if json {
            report::say(&object(exit, &error, hint.as_deref()).to_string());
        } else {
            report::say(&format!("error: {error}"));
            if let Some(hint) = hint {
                report::say(&format!("hint: {hint}"));
            }
        }
        exit
    }
}

fn object(exit: Exit, error: &Error, hint: Option<&str>) -> Value {
    let context: Map<_, _> = error.context().iter().map(|(key, value)| ((*key).to_owned(), json!(value))).collect();
    let cause = std::error::Error::source(error).map(ToString::to_string);
    json!({ "error": {
        "kind": error.kind().as_str(), "message": error.message(), "context": context, "cause": cause,
        "hint": hint, "exit_code": exit as u8,
    }})
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        let (exit, hint) = match error.kind() {
            ErrorKind::Denied if is_local(&error) => {
                (Exit::Denied, Some("look at the permissions of the file or folder"))
            }
            ErrorKind::Denied => (
                Exit::Denied,
                Some("give credentials (AWS_… variables or --opt KEY=VALUE), or --no-sign-request for a public bucket"),
            ),
            ErrorKind::Locked => (
                Exit::Locked,
                Some("what was committed stays; run this again when no other writer is at work: nothing is done twice"),
            ),
            ErrorKind::CommitStateUnknown => {
                (Exit::CommitStateUnknown, Some("run the same command again: it finds out, and does nothing twice"))
            }
            ErrorKind::Unavailable => (Exit::Error, Some("the store or the network failed: run this again")),
            ErrorKind::Changed | ErrorKind::Conflict => {
                (Exit::Error, Some("the catalog changed in the meantime: run this again"))
            }
            ErrorKind::Internal => (Exit::Error, Some("this is a defect of earthcatalog: please report it")),
            _ => (Exit::Error, None),
        };
        Self::Failed { exit, error, hint: hint.map(str::to_owned) }
    }
}

/// Whether an error is about a local path, for which there are no credentials.
fn is_local(error: &Error) -> bool {
    error.context().iter().any(|(key, place)| *key == "location" && !place.contains("://"))
}

/// An error in writing to stdout.
impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Self {
        if error.kind() == std::io::ErrorKind::BrokenPipe {
            return Self::ClosedPipe;
        }
        Error::new(ErrorKind::Unavailable, "cannot write to stdout").caused_by(error).into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn exit(failure: &Failure) -> Exit {
        match failure {
            Failure::ClosedPipe => Exit::Done,
            Failure::Interrupted => Exit::Interrupted,
            Failure::Failed { exit, .. } => *exit,
        }
    }

    #[test]
    fn kinds_that_a_script_can_act_on_have_their_own_exit_code() {
        let of = |kind| exit(&Failure::from(Error::new(kind, "x")));
        assert_eq!(of(ErrorKind::Denied), Exit::Denied);
        assert_eq!(of(ErrorKind::Locked), Exit::Locked);
        assert_eq!(of(ErrorKind::CommitStateUnknown) as u8, 75);
        assert_eq!(of(ErrorKind::NotFound), Exit::Error);
        assert_eq!(of(ErrorKind::Corrupt), Exit::Error);
    }

    #[test]
    fn credentials_are_no_help_with_a_local_folder() {
        let hint = |place: &str| match Failure::from(Error::new(ErrorKind::Denied, "x").with("location", place)) {
            Failure::Failed { hint, .. } => hint.unwrap_or_default(),
            Failure::ClosedPipe | Failure::Interrupted => String::new(),
        };
        assert!(hint("/data/catalog").contains("permissions"), "{}", hint("/data/catalog"));
        assert!(hint("s3://bucket/catalog").contains("AWS_"));
    }

    #[test]
    fn only_a_catalog_that_is_not_found_is_no_catalog() {
        let missing = Error::new(ErrorKind::NotFound, "x");
        assert_eq!(exit(&Failure::of_opening("c")(missing)), Exit::NoCatalog);
        assert_eq!(exit(&Failure::of_opening("c")(Error::corrupt("x"))), Exit::Error);
    }

    #[test]
    fn a_closed_pipe_is_no_error() {
        let closed = std::io::Error::from(std::io::ErrorKind::BrokenPipe);
        assert_eq!(exit(&closed.into()), Exit::Done);
    }

    #[test]
    fn an_error_as_json_keeps_kind_context_and_cause() {
        let error = Error::corrupt("bad").with("location", "a/b").caused_by(Error::corrupt("worse"));
        let printed = object(Exit::Error, &error, None);
        assert_eq!(printed["error"]["kind"], "corrupt");
        assert_eq!(printed["error"]["context"]["location"], "a/b");
        assert_eq!(printed["error"]["cause"], "worse");
        assert_eq!(printed["error"]["exit_code"], 1);
    }
}
