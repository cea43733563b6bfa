//! Instants, periods and intervals of time as STAC and RFC 3339 write them, in µs since 1970.

use chrono::{DateTime, NaiveDate, NaiveDateTime, NaiveTime, Utc};

use crate::{Error, Result};

/// First and last µs of the years 0 to 9999 in UTC. An offset or leap second may name an instant beyond, which RFC 3339
/// cannot say in UTC: it is taken for the nearest that it can, in items and in queries.
const FIRST_INSTANT: i64 = -62_167_219_200_000_000;
const LAST_INSTANT: i64 = 253_402_300_799_999_999;
const MICROS_OF_SECOND: i64 = 1_000_000;
const SECONDS_OF_DAY: i64 = 86_400;
/// A day in µs.
pub(crate) const DAY_MICROS: i64 = SECONDS_OF_DAY * MICROS_OF_SECOND;

/// An interval of time with inclusive ends, in µs since 1970; an absent end is open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Interval {
    /// First instant.
    pub start: Option<i64>,
    /// Last instant.
    pub end: Option<i64>,
}

impl Interval {
    /// Reads `datetime` of a STAC search: an instant, a period, or two of them around a slash.
    ///
    /// An instant is an RFC 3339 date-time. A period is a year `2021`, a month `2021-06` or a day `2021-06-15` in UTC
    /// and stands for all of it. One end of an interval may be `..` or empty: open (STAC API, Item Search, `datetime`).
    ///
    /// # Errors
    /// [`crate::ErrorKind::Invalid`] for anything else, for two open ends, and for a start after the end.
    pub fn parse(text: &str) -> Result<Self> {
        let invalid = |reason: &str| Error::invalid(format!("{reason}: `{text}`"));
        let Some((first, last)) = text.split_once('/') else {
            let (start, end) = period(text).ok_or_else(|| invalid("not a datetime"))?;
            return Ok(Self { start: Some(start), end: Some(end) });
        };
        let side = |side: &str| match side {
            "" | ".." => Ok(None),
            side => period(side).map(Some).ok_or_else(|| invalid("not a datetime interval")),
        };
        let (start, end) = (side(first)?.map(|(start, _)| start), side(last)?.map(|(_, end)| end));
        match (start, end) {
            (None, None) => Err(invalid("a datetime interval must not be open at both ends")),
            (Some(start), Some(end)) if start > end => {
                Err(invalid("a datetime interval must not end before it starts"))
            }
            _ => Ok(Self { start, end }),
        }
    }

    /// Whether `[start, end]` shares an instant with this interval.
    #[must_use]
    pub fn overlaps(&self, start: i64, end: i64) -> bool {
        self.start.is_none_or(|first| end >= first) && self.end.is_none_or(|last| start <= last)
    }
}

/// Reads an RFC 3339 §5.6 date-time, in µs since 1970; what is finer than a µs is cut off.
///
/// A leap second is the first second of the next minute, as in POSIX time.
///
/// # Errors
/// [`crate::ErrorKind::Invalid`] for anything else, a missing offset included.
pub fn parse_instant(text: &str) -> Result<i64> {
    instant(text).ok_or_else(|| Error::invalid(format!("not an RFC 3339 datetime: `{text}`")))
}

/// An item's date-time in µs since 1970.
///
/// More is taken than RFC 3339 §5.6 allows, because whole archives write it: a space for the `T`, no offset (read as
/// UTC, as the Python program does), and a date alone (its first instant). The text itself is kept as it is.
pub(crate) fn instant_of_item(text: &str) -> Result<i64> {
    lenient(text).ok_or_else(|| Error::invalid(format!("not an RFC 3339 datetime: `{text}`")))
}

fn lenient(text: &str) -> Option<i64> {
    let text = text.replacen(' ', "T", 1);
    instant(&text).or_else(|| instant(&format!("{text}Z"))).or_else(|| instant(&format!("{text}T00:00:00Z")))
}

/// The first and last µs of what an item's text says: of a day, or an instant.
pub(crate) fn moment_of_item(text: &str) -> Option<(i64, i64)> {
    // No date is shorter, and most texts are no times.
    text.starts_with(|letter: char| letter.is_ascii_digit()).then_some(())?;
    let first = lenient(text)?;
    Some((first, if text.len() == 10 { first + DAY_MICROS - 1 } else { first }))
}

/// Writes µs since 1970 as RFC 3339 in UTC, with 0, 3 or 6 digits of a second's fraction: the fewest that say all.
///
/// Years beyond 9999, which RFC 3339 cannot say, get a sign as in ISO 8601; beyond ±262,000 years the last
/// one that the calendar knows is written.
#[must_use]
pub fn format_instant(micros: i64) -> String {
    let form = match micros.rem_euclid(MICROS_OF_SECOND) {
        0 => "%Y-%m-%dT%H:%M:%SZ",
        fraction if fraction % 1000 == 0 => "%Y-%m-%dT%H:%M:%S%.3fZ",
        _ => "%Y-%m-%dT%H:%M:%S%.6fZ",
    };
    let nearest = if micros < 0 { DateTime::<Utc>::MIN_UTC } else { DateTime::<Utc>::MAX_UTC };
    DateTime::from_timestamp_micros(micros).unwrap_or(nearest).format(form).to_string()
}

/// First and last µs of an instant or period.
fn period(text: &str) -> Option<(i64, i64)> {
    if text.len() > 10 {
        return instant(text).map(|instant| (instant, instant));
    }
    let mut fields = text.split('-');
    let year = i32::try_from(number(fields.next()?, 4)?).ok()?;
    let month = fields.next().map(|month| number(month, 2)).map_or(Some(None), |month| month.map(Some))?;
    let day = fields.next().map(|day| number(day, 2)).map_or(Some(None), |day| day.map(Some))?;
    if fields.next().is_some() {
        return None;
    }
    let start = NaiveDate::from_ymd_opt(year, month.unwrap_or(1), day.unwrap_or(1))?;
    let next = match (month, day) {
        (None, _) | (Some(12), None) => NaiveDate::from_ymd_opt(year + 1, 1, 1)?,
        (Some(month), None) => NaiveDate::from_ymd_opt(year, month + 1, 1)?,
        (Some(_), Some(_)) => start.succ_opt()?,
    };
    let midnight = |date: NaiveDate| date.and_time(NaiveTime::MIN).and_utc().timestamp_micros();
    Some((midnight(start), midnight(next) - 1))
}

/// `YYYY-MM-DD T hh:mm:ss[.f…] (Z | ±hh:mm)`, letters in either case.
fn instant(text: &str) -> Option<i64> {
    let (date, rest) = text.split_at_checked(10)?;
    let rest = rest.strip_prefix(['T', 't'])?;
    let (time, rest) = rest.split_at_checked(8)?;
    let date = match date.split('-').collect::<Vec<_>>()[..] {
        [year, month, day] => {
            NaiveDate::from_ymd_opt(i32::try_from(number(year, 4)?).ok()?, number(month, 2)?, number(day, 2)?)?
        }
        _ => return None,
    };
    let [hour, minute, second] = match time.split(':').collect::<Vec<_>>()[..] {
        [hour, minute, second] => [number(hour, 2)?, number(minute, 2)?, number(second, 2)?],
        _ => return None,
    };
    if second > 60 || (second == 60 && minute != 59) {
        return None;
    }
    let start_of_minute = NaiveDateTime::new(date, NaiveTime::from_hms_opt(hour, minute, 0)?).and_utc().timestamp();
    let (micros, rest) = fraction(rest)?;
    let seconds = start_of_minute + i64::from(second) - offset(rest)?;
    Some((seconds * MICROS_OF_SECOND + micros).clamp(FIRST_INSTANT, LAST_INSTANT))
}

/// The µs of `.f…`, if there is one, and what follows.
fn fraction(text: &str) -> Option<(i64, &str)> {
    let Some(digits) = text.strip_prefix('.') else { return Some((0, text)) };
    let end = digits.find(|letter: char| !letter.is_ascii_digit())?;
    let (digits, rest) = digits.split_at_checked(end)?;
    let micros: String = digits.chars().chain("000000".chars()).take(6).collect();
    if digits.is_empty() { None } else { Some((micros.parse().ok()?, rest)) }
}

/// The seconds east of UTC of `Z` or `±hh:mm`.
fn offset(text: &str) -> Option<i64> {
    if matches!(text, "Z" | "z") {
        return Some(0);
    }
    let (sign, rest) = match text.split_at_checked(1)? {
        ("+", rest) => (1, rest),
        ("-", rest) => (-1, rest),
        _ => return None,
    };
    let (hours, minutes) = rest.split_once(':')?;
    let seconds = i64::from(number(hours, 2)?) * 3600 + i64::from(number(minutes, 2)?) * 60;
    let in_range = seconds < SECONDS_OF_DAY && number(minutes, 2)? < 60;
    in_range.then_some(sign * seconds)
}

/// A number of exactly so many digits.
fn number(text: &str, digits: usize) -> Option<u32> {
    let all_digits = text.len() == digits && text.bytes().all(|byte| byte.is_ascii_digit());
    all_digits.then(|| text.parse().ok())?
}
