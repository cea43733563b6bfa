//! The lock object: what its bytes say, and whether somebody else holds it. Pure: the time is an argument.
//!
//! The lock keeps writers out of each other's way, the Python program's jobs among them; what keeps a catalog whole is
//! the conditional write of its database. So a lock is a lease: it ends by itself, and nobody has to clean up after a
//! writer that died.

use serde::{Deserialize, Serialize};

/// The object's name below a catalog's base.
pub const LOCK_NAME: &str = ".lock";
/// The lease of a lock that does not say how long it is: the Python program's default.
pub const FOREIGN_TTL_MS: i64 = 12 * HOUR_MS;
/// Longest lease that is believed.
const LONGEST_TTL_MS: i64 = 7 * 24 * HOUR_MS;
/// Largest lock object that is taken for one.
const LOCK_BYTES: usize = 64 << 10;
const HOUR_MS: i64 = 3_600_000;

/// A lock's content: five members that the Python program reads and writes, then ours.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LockRecord {
    /// Who: a program and what it does.
    pub owner: String,
    /// The process.
    pub pid: u64,
    /// Its machine.
    pub hostname: String,
    /// When the lease began, RFC 3339 with an offset; a renewal writes it anew.
    pub acquired: String,
    /// How long the lease is.
    pub ttl_hours: f64,
    /// Names this holding of the lock: drawn at random by whoever takes it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token: Option<String>,
    /// Makes every body of the lock a different one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nonce: Option<u64>,
    /// Grows when the lock is taken over from a holder that let it expire.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fence: Option<u64>,
    /// When the holder took the lock first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub started: Option<String>,
    /// The program and its version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tool: Option<String>,
}

impl LockRecord {
    /// Reads a body; `None` for anything that is no lock, such as an empty object or one of a program that died.
    ///
    /// Members of other types than ours are tolerated where they do not matter.
    #[must_use]
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        if bytes.len() > LOCK_BYTES {
            return None;
        }
        let value: serde_json::Value = serde_json::from_slice(bytes).ok()?;
        let text = |name: &str| value.get(name).and_then(serde_json::Value::as_str).map(str::to_owned);
        let number = |name: &str| value.get(name).and_then(serde_json::Value::as_u64);
        Some(Self {
            owner: text("owner")?,
            pid: number("pid").unwrap_or_default(),
            hostname: text("hostname").unwrap_or_default(),
            acquired: text("acquired").unwrap_or_default(),
            ttl_hours: value.get("ttl_hours").and_then(serde_json::Value::as_f64).unwrap_or(f64::NAN),
            token: text("token"),
            nonce: number("nonce"),
            fence: number("fence"),
            started: text("started"),
            tool: text("tool"),
        })
    }

    /// The lease in milliseconds; the Python program's default if it does not say, or what it says is none.
    #[must_use]
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_precision_loss,
        reason = "a week of milliseconds is exact, and more is cut off before"
    )]
    pub fn ttl_ms(&self) -> i64 {
        if self.ttl_hours.is_finite() && self.ttl_hours > 0.0 {
            (self.ttl_hours * HOUR_MS as f64).min(LONGEST_TTL_MS as f64) as i64
        } else {
            FOREIGN_TTL_MS
        }
    }
}

/// A lock object as it was found.
#[derive(Clone, Debug, PartialEq)]
pub struct FoundLock {
    /// What it says; `None` if its bytes are no lock.
    pub record: Option<LockRecord>,
    /// When it was last written, by the store's clock: milliseconds since 1970.
    pub last_modified_ms: i64,
}

impl FoundLock {
    /// When the lease ends, by the store's clock.
    #[must_use]
    pub fn until_ms(&self) -> i64 {
        let ttl_ms = self.record.as_ref().map_or(FOREIGN_TTL_MS, LockRecord::ttl_ms);
        self.last_modified_ms.saturating_add(ttl_ms)
    }
}

/// What whoever wants the lock is to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decision {
    /// Put it, if it is still absent.
    Take,
    /// It is held under this token already: the answer to an earlier put was lost.
    Held,
    /// The holder let it expire: replace it, if it is still the same object, with this fence.
    TakeOver {
        /// One more than the earlier holder's.
        fence: u64,
    },
    /// Somebody else holds it.
    Wait {
        /// Until then at most, by the store's clock.
        until_ms: i64,
    },
}

/// Decides, for whoever would hold the lock under `token`, when it is `now_ms` by the store's clock.
///
/// The clock of the holder's machine does not count, nor that of the reader's: either may be hours off.
#[must_use]
pub fn decide(found: Option<&FoundLock>, token: &str, now_ms: i64) -> Decision {
    let Some(found) = found else {
        return Decision::Take;
    };
    if found.record.as_ref().is_some_and(|record| record.token.as_deref() == Some(token)) {
        return Decision::Held;
    }
    let until_ms = found.until_ms();
    if now_ms < until_ms {
        return Decision::Wait { until_ms };
    }
    let fence = found.record.as_ref().and_then(|record| record.fence).unwrap_or_default();
    Decision::TakeOver { fence: fence.saturating_add(1) }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As the Python program writes it.
    const THEIRS: &str = r#"{"owner": "incremental", "pid": 7, "hostname": "h", "acquired": "2026-01-02T03:04:05.678901+00:00", "ttl_hours": 12}"#;

    fn found(body: &str, last_modified_ms: i64) -> FoundLock {
        FoundLock { record: LockRecord::parse(body.as_bytes()), last_modified_ms }
    }

    #[test]
    fn an_absent_lock_is_taken_and_our_own_is_held() {
        assert_eq!(decide(None, "a", 0), Decision::Take);
        let mut record = LockRecord::parse(THEIRS.as_bytes()).unwrap();
        record.token = Some("a".into());
        let ours = FoundLock { record: Some(record), last_modified_ms: 0 };
        assert_eq!(decide(Some(&ours), "a", 100 * HOUR_MS), Decision::Held);
        assert_eq!(decide(Some(&ours), "b", 0), Decision::Wait { until_ms: 12 * HOUR_MS });
    }

    #[test]
    fn a_lock_ends_by_the_stores_clock_alone() {
        let theirs = found(THEIRS, 1_000);
        let end = 1_000 + 12 * HOUR_MS;
        assert_eq!(decide(Some(&theirs), "a", end - 1), Decision::Wait { until_ms: end });
        assert_eq!(decide(Some(&theirs), "a", end), Decision::TakeOver { fence: 1 });
        let fenced = found(&THEIRS.replace('}', r#", "fence": 4}"#), 0);
        assert_eq!(decide(Some(&fenced), "a", end), Decision::TakeOver { fence: 5 });
    }

    #[test]
    fn bytes_that_are_no_lock_expire_by_when_they_were_written() {
        let naive = THEIRS.replace("+00:00", "");
        let long = " ".repeat(LOCK_BYTES + 1);
        for body in ["", "{}", "[]", "null", "nonsense", "{\"owner\": 1}", &long] {
            assert_eq!(found(body, 0).record, None, "{body}");
            assert_eq!(decide(Some(&found(body, 5)), "a", 6), Decision::Wait { until_ms: 5 + FOREIGN_TTL_MS });
            assert_eq!(decide(Some(&found(body, 5)), "a", 5 + FOREIGN_TTL_MS), Decision::TakeOver { fence: 1 });
        }
        assert!(found(&naive, 0).record.is_some(), "a time without an offset does not matter");
    }

    #[test]
    fn a_lease_that_is_none_counts_as_the_default_and_one_without_end_has_an_end() {
        for (ttl, expected) in [
            ("0.25", HOUR_MS / 4),
            ("0", FOREIGN_TTL_MS),
            ("-3", FOREIGN_TTL_MS),
            ("\"x\"", FOREIGN_TTL_MS),
            ("1e300", LONGEST_TTL_MS),
        ] {
            let body = THEIRS.replace(": 12}", &format!(": {ttl}}}"));
            assert_eq!(LockRecord::parse(body.as_bytes()).unwrap().ttl_ms(), expected, "{ttl}");
        }
        assert_eq!(found(&THEIRS.replace(", \"ttl_hours\": 12", ""), 0).until_ms(), FOREIGN_TTL_MS);
    }

    #[test]
    fn a_record_survives_its_bytes_and_has_the_five_members() {
        let mut record = LockRecord::parse(THEIRS.as_bytes()).unwrap();
        assert_eq!(
            serde_json::to_string(&record).unwrap(),
            THEIRS.replace(": ", ":").replace(", ", ",").replace(":12}", ":12.0}")
        );
        record.token = Some("t".into());
        record.nonce = Some(3);
        record.fence = Some(1);
        let bytes = serde_json::to_vec(&record).unwrap();
        assert_eq!(LockRecord::parse(&bytes), Some(record));
    }
}
