//! What answers of web servers mean: statuses and lengths, as a table of cases.

use std::ops::Range;

use earthcatalog_core::{Error, ErrorKind, Span, limits};

/// What is asked of a server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Wanted {
    /// The object, by a plain GET.
    Whole,
    /// `Range: bytes=a-b`, the one kind of range that needs no CORS preflight (Fetch, "CORS-safelisted request-header").
    Range(Range<u64>),
    /// The object by a plain GET, unless it is declared to be larger than this: then its size alone. `Content-Length`
    /// is one of the few headers that CORS shows.
    WholeOrSize(u64),
}

impl Wanted {
    /// How to ask for a span whose `slack_bytes` more cost less than another request.
    pub(crate) fn of(span: &Span, slack_bytes: u64) -> Self {
        match span {
            Span::Whole => Self::Whole,
            Span::Prefix(most) => Self::Range(0..*most),
            Span::Bytes(range) => Self::Range(range.clone()),
            Span::Tail(most) => Self::WholeOrSize(most.saturating_add(slack_bytes)),
        }
    }

    /// The value of the header `Range`.
    pub(crate) fn header(&self) -> Option<String> {
        match self {
            Self::Whole | Self::WholeOrSize(_) => None,
            Self::Range(range) => Some(format!("bytes={}-{}", range.start, range.end.saturating_sub(1))),
        }
    }

    /// Longest body that can be of use.
    pub(crate) fn most_bytes(&self) -> u64 {
        match self {
            Self::Whole | Self::WholeOrSize(_) => limits::OBJECT_BYTES,
            Self::Range(range) => range.end - range.start,
        }
    }

    /// Whether a body of `length` bytes that came with status 200 is taken for the range alone. Some servers send ranges
    /// so, and an object that is as long as its first bytes is one part as well.
    pub(crate) fn is_range_of(&self, length: u64) -> bool {
        matches!(self, Self::Range(range) if range.end - range.start == length)
    }
}

/// What a status means before the body is read.
#[derive(Debug)]
pub(crate) enum Verdict {
    /// The body is what was asked for.
    Part,
    /// The body is the whole object.
    Whole,
    /// The object is this large, and its body is not wanted.
    Sized(u64),
    /// There is nothing at the place that was asked for, in an object that is there.
    Beyond,
    /// Ask again, later.
    Again(Error),
    /// Do not ask again.
    Stop(Error),
}

/// Judges a status. `declared_bytes` is the body's length if the server says it and does not say that it compresses.
pub(crate) fn judge(wanted: &Wanted, status: u16, declared_bytes: Option<u64>) -> Verdict {
    let failed = |kind, message: &str| Error::new(kind, message).with("status", status);
    match (status, declared_bytes) {
        (206, _) if matches!(wanted, Wanted::Range(_)) => Verdict::Part,
        (200 | 203, Some(bytes)) if wanted.is_range_of(bytes) => Verdict::Part,
        (200 | 203, Some(bytes)) if matches!(wanted, Wanted::WholeOrSize(most) if bytes > *most) => {
            Verdict::Sized(bytes)
        }
        (200 | 203, Some(bytes)) if bytes > limits::OBJECT_BYTES => Verdict::Stop(too_large(wanted)),
        // RFC 9110 §14.2: a server may ignore `Range`.
        (200 | 203, _) => Verdict::Whole,
        (204 | 205, _) => Verdict::Stop(failed(ErrorKind::Corrupt, "the server answers without a body")),
        (404 | 410, _) => Verdict::Stop(failed(ErrorKind::NotFound, "no such object")),
        (401 | 403 | 407 | 451, _) => Verdict::Stop(failed(ErrorKind::Denied, "the server denies access")),
        (416, _) => Verdict::Beyond,
        // 520 and more are those of a proxy that cannot reach its server.
        (408 | 425 | 429 | 500 | 502..=504 | 520..=530, _) => {
            Verdict::Again(failed(ErrorKind::Unavailable, "the server fails"))
        }
        _ => Verdict::Stop(failed(ErrorKind::Unavailable, "the server gives no usable answer")),
    }
}

/// The error for a whole object beyond [`limits::OBJECT_BYTES`].
pub(crate) fn too_large(wanted: &Wanted) -> Error {
    Error::unsupported(match wanted {
        Wanted::Range(_) => "the server ignores range requests, and the object is too large to be read whole",
        Wanted::Whole | Wanted::WholeOrSize(_) => "the object is too large to be read whole",
    })
}

/// What to ask for next of an object whose bodies come to nothing: the same past all caches, and then all of it. What a
/// server does to ranges (cut, compress, shift them) it does not do to whole objects.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Ladder {
    /// What to ask for; `None` when nothing is left to try.
    pub(crate) wanted: Option<Wanted>,
    /// Whether caches are to be passed by.
    pub(crate) fresh: bool,
    /// Bodies that broke off.
    pub(crate) broken: u32,
    /// The server is known to spoil ranges.
    spoils: bool,
}

impl Ladder {
    /// Bodies that may break off before the whole object is asked for: connections break too, and it may be large.
    const BROKEN: u32 = 3;

    pub(crate) fn new(wanted: Wanted, fresh: bool, spoils: bool) -> Self {
        Self { wanted: Some(wanted), fresh, broken: 0, spoils }
    }

    /// After a body that cannot be right, or none where there should be one.
    pub(crate) fn wrong(&mut self) {
        let last = self.fresh || self.spoils;
        self.wanted = match self.wanted.take() {
            Some(Wanted::Range(_)) if last => Some(Wanted::Whole),
            wanted if !self.fresh => wanted,
            _ => None,
        };
        self.fresh = true;
    }

    /// After requests that got no answer.
    pub(crate) fn silent(&mut self) {
        (self.wanted, self.fresh) = (Some(Wanted::Whole), true);
    }

    /// After a body that broke off, or could not be inflated: nothing tells which.
    pub(crate) fn broke(&mut self) {
        self.broken += 1;
        let last = self.broken == Self::BROKEN || self.spoils;
        match &self.wanted {
            Some(Wanted::Range(_)) if last => self.wanted = Some(Wanted::Whole),
            _ if self.broken > Self::BROKEN => self.wanted = None,
            _ => {}
        }
        self.fresh = true;
    }
}

/// How long to wait before asking again, in ms: doubled each time, up to half of it by chance so that many readers do
/// not come back together. What the server says counts, within bounds.
pub(crate) fn pause_ms(attempt: u32, chance: f64, retry_after_s: Option<f64>) -> f64 {
    const FIRST_MS: f64 = 250.0;
    const MOST_MS: f64 = 10_000.0;
    let said = retry_after_s.filter(|seconds| *seconds >= 0.0).map_or(0.0, |seconds| seconds * 1000.0);
    let own = FIRST_MS * f64::from(1_u32 << attempt.min(6)) * (0.5 + chance / 2.0);
    own.max(said).min(MOST_MS)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(verdict: &Verdict) -> String {
        match verdict {
            Verdict::Part => "part".into(),
            Verdict::Whole => "whole".into(),
            Verdict::Sized(bytes) => format!("sized {bytes}"),
            Verdict::Beyond => "beyond".into(),
            Verdict::Again(error) => format!("again {}", error.kind().as_str()),
            Verdict::Stop(error) => format!("stop {}", error.kind().as_str()),
        }
    }

    #[test]
    fn statuses_mean_what_the_table_says() {
        let huge = limits::OBJECT_BYTES + 1;
        let table = [
            (Wanted::Range(0..9), 206, None, "part"),
            (Wanted::Range(0..9), 206, Some(5), "part"),
            (Wanted::Range(0..9), 200, None, "whole"),
            (Wanted::Range(0..9), 200, Some(100), "whole"),
            (Wanted::Range(0..9), 200, Some(9), "part"),
            (Wanted::Range(20..29), 200, Some(9), "part"),
            (Wanted::Range(0..9), 200, Some(huge), "stop unsupported"),
            (Wanted::Range(0..9), 416, None, "beyond"),
            (Wanted::Whole, 200, None, "whole"),
            (Wanted::Whole, 203, Some(9), "whole"),
            (Wanted::Whole, 200, Some(huge), "stop unsupported"),
            (Wanted::WholeOrSize(9), 200, Some(9), "whole"),
            (Wanted::WholeOrSize(9), 200, Some(10), "sized 10"),
            (Wanted::WholeOrSize(9), 200, Some(huge), &format!("sized {huge}")),
            (Wanted::WholeOrSize(9), 200, None, "whole"),
            (Wanted::WholeOrSize(9), 404, Some(10), "stop not_found"),
            (Wanted::Whole, 206, None, "stop unavailable"),
            (Wanted::Whole, 204, None, "stop corrupt"),
            (Wanted::Whole, 404, None, "stop not_found"),
            (Wanted::Whole, 410, None, "stop not_found"),
            (Wanted::Whole, 403, None, "stop denied"),
            (Wanted::Whole, 401, None, "stop denied"),
            (Wanted::Whole, 429, None, "again unavailable"),
            (Wanted::Whole, 503, None, "again unavailable"),
            (Wanted::Whole, 522, None, "again unavailable"),
            (Wanted::Whole, 400, None, "stop unavailable"),
            (Wanted::Whole, 304, None, "stop unavailable"),
        ];
        for (wanted, status, declared, expected) in table {
            assert_eq!(name(&judge(&wanted, status, declared)), expected, "{status} to {wanted:?}, {declared:?} bytes");
        }
    }

    #[test]
    fn a_body_with_the_wrong_status_is_a_part_if_it_is_as_long() {
        assert!(Wanted::Range(10..20).is_range_of(10));
        assert!(Wanted::Range(0..20).is_range_of(20));
        assert!(!Wanted::Range(10..20).is_range_of(20));
        assert!(!Wanted::Whole.is_range_of(5));
    }

    #[test]
    fn ranges_are_plain_and_ends_inclusive() {
        let header = |span| Wanted::of(&span, 4).header();
        assert_eq!(header(Span::Bytes(5..10)).as_deref(), Some("bytes=5-9"));
        assert_eq!(header(Span::Prefix(64)).as_deref(), Some("bytes=0-63"));
        assert_eq!(header(Span::Whole), None);
        assert_eq!(header(Span::Tail(8)), None);
        assert_eq!(Wanted::of(&Span::Tail(8), 4), Wanted::WholeOrSize(12));
    }

    /// What is asked for, with `!` past all caches, if every answer fails: `w`rong or `b`roken.
    fn climbed(wanted: Wanted, spoils: bool, failures: &str) -> String {
        let mut ladder = Ladder::new(wanted, false, spoils);
        let mut asked = String::new();
        for failure in failures.chars() {
            let Some(wanted) = &ladder.wanted else { break };
            asked += if wanted.header().is_some() { "part" } else { "whole" };
            asked += if ladder.fresh { "! " } else { " " };
            if failure == 'w' { ladder.wrong() } else { ladder.broke() }
        }
        asked + if ladder.wanted.is_none() { "end" } else { "…" }
    }

    #[test]
    fn the_whole_object_is_the_last_that_is_asked_for() {
        let part = || Wanted::Range(0..9);
        assert_eq!(climbed(part(), false, "wwwww"), "part part! whole! end");
        assert_eq!(climbed(part(), false, "bbbbbb"), "part part! part! whole! end");
        assert_eq!(climbed(part(), false, "bww"), "part part! whole! end");
        assert_eq!(climbed(part(), true, "www"), "part whole! end");
        assert_eq!(climbed(part(), true, "bw"), "part whole! end");
        assert_eq!(climbed(Wanted::Whole, false, "www"), "whole whole! end");
        assert_eq!(climbed(Wanted::Whole, true, "www"), "whole whole! end");
        assert_eq!(climbed(Wanted::Whole, false, "bbbbb"), "whole whole! whole! whole! end");
    }

    #[test]
    fn pauses_double_within_bounds() {
        let pauses: Vec<f64> = (0..8).map(|attempt| pause_ms(attempt, 1.0, None)).collect();
        assert_eq!(pauses, [250.0, 500.0, 1000.0, 2000.0, 4000.0, 8000.0, 10_000.0, 10_000.0]);
        let others = [pause_ms(0, 0.0, None), pause_ms(0, 0.0, Some(2.0)), pause_ms(0, 0.0, Some(3600.0))];
        assert_eq!(Vec::from(others), [125.0, 2000.0, 10_000.0]);
    }
}
