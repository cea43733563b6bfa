//! Bounds as a manifest keeps them: not tighter than the values, and as few bytes as pruning needs.
//!
//! Iceberg asks of a bound only that no value is beyond it (Manifests, `lower_bounds`). Digits that hardly ever decide
//! whether a file is read are most of a manifest, which every search reads: they are rounded away.

use crate::iceberg::value::Value;
use crate::stac::schema::{GEOMETRY_BBOX, GEOMETRY_BBOX_FIELDS};

/// The range of a file's times, or of its boxes, grows by this part of it at most on each side, as a power of two; or
/// by what follows.
const SHARE_BITS: u32 = 4;
/// The finest step of times, as a power of two: 2^32 µs are 72 minutes.
const TIME_BITS: u32 = 32;
/// The finest step of doubles, as a power of two and a part of the greatest: a tenth of a per cent.
const DOUBLE_BITS: i32 = 10;

/// The least of values that begin with `text` and its like, in at most so many characters.
#[must_use]
pub fn lower_text(text: &str, characters: usize) -> String {
    text.chars().take(characters).collect()
}

/// The least text of at most so many characters that is not less than `text` and everything it begins (Iceberg,
/// Manifests: upper bounds); `None` if there is none.
#[must_use]
pub fn upper_text(text: &str, characters: usize) -> Option<String> {
    let mut kept: Vec<char> = text.chars().take(characters.saturating_add(1)).collect();
    if kept.len() <= characters {
        return Some(text.to_owned());
    }
    kept.truncate(characters);
    while let Some(last) = kept.pop() {
        // Code points, not UTF-16 units: their order is that of the bytes. Surrogates between are no characters.
        let next = if last == '\u{D7FF}' { Some('\u{E000}') } else { char::from_u32(u32::from(last) + 1) };
        if let Some(next) = next {
            kept.push(next);
            return Some(kept.into_iter().collect());
        }
    }
    None
}

/// The bounds of the column `path`, rounded outwards to a power of two: times and boxes to the greatest one within a
/// sixteenth of the file's range, but 72 minutes or a thousandth of the value at least; other doubles to a thousandth
/// of the value. Of the sides of `geometry_bbox` only the outer bounds are left, which tell how far the file reaches.
#[must_use]
pub fn rounded(path: &str, lower: Option<&Value>, upper: Option<&Value>) -> (Option<Value>, Option<Value>) {
    let side = path.strip_prefix(GEOMETRY_BBOX).and_then(|side| side.strip_prefix('.'));
    let (low, high) = match (lower, upper) {
        (Some(Value::Timestamptz(low)), Some(Value::Timestamptz(high))) => {
            let (low, high) = times(*low, *high);
            (Some(Value::Timestamptz(low)), Some(Value::Timestamptz(high)))
        }
        (Some(Value::Timestamp(low)), Some(Value::Timestamp(high))) => {
            let (low, high) = times(*low, *high);
            (Some(Value::Timestamp(low)), Some(Value::Timestamp(high)))
        }
        (Some(Value::Double(low)), Some(Value::Double(high))) => {
            let (low, high) = doubles(*low, *high, side.is_some());
            (Some(Value::Double(low)), Some(Value::Double(high)))
        }
        (lower, upper) => (lower.cloned(), upper.cloned()),
    };
    match side {
        Some(side) if GEOMETRY_BBOX_FIELDS[..2].contains(&side) => (low, None),
        Some(_) => (None, high),
        None => (low, high),
    }
}

/// µs since 1970.
fn times(low: i64, high: i64) -> (i64, i64) {
    let range = high.saturating_sub(low).max(1).cast_unsigned();
    let step = 1_i64 << range.ilog2().saturating_sub(SHARE_BITS).max(TIME_BITS);
    let down = low.div_euclid(step).checked_mul(step);
    let up = high.checked_add(step - 1).map(|high| high.div_euclid(step) * step);
    (down.unwrap_or(low), up.unwrap_or(high))
}

fn doubles(low: f64, high: f64, by_range: bool) -> (f64, f64) {
    let of_value = exponent(low.abs().max(high.abs())).map(|exponent| exponent - DOUBLE_BITS);
    let of_range = exponent(high - low).filter(|_| by_range).map(|exponent| exponent - SHARE_BITS.cast_signed());
    let step = of_value.max(of_range).and_then(power_of_two);
    // Divided by a power of two and multiplied with it again: exact, but for what is too small or too large.
    let round = |value: f64, to: fn(f64) -> f64| step.map_or(value, |step| to(value / step) * step);
    let (down, up) = (round(low, f64::floor), round(high, f64::ceil));
    let holds = down.is_finite() && up.is_finite() && down <= low && up >= high;
    if holds { (down, up) } else { (low, high) }
}

/// The exponent of the greatest power of two that is not above a normal positive number.
fn exponent(value: f64) -> Option<i32> {
    let biased = i32::try_from(value.to_bits() >> 52 & 0x7ff).ok()?;
    value.is_normal().then_some(biased - 1_023)
}

/// `None` for one that is no normal number.
fn power_of_two(exponent: i32) -> Option<f64> {
    let biased = u64::try_from(exponent.checked_add(1_023)?).ok()?;
    (1..2_047).contains(&biased).then(|| f64::from_bits(biased << 52))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn upper_bounds_of_cut_texts_are_rounded_up() {
        assert_eq!(upper_text("short", 16), Some("short".into()));
        assert_eq!(upper_text("0123456789abcdef", 16), Some("0123456789abcdef".into()));
        assert_eq!(upper_text("0123456789abcdef0", 16), Some("0123456789abcdeg".into()));
        assert_eq!(upper_text(&"\u{10FFFF}".repeat(17), 16), None);
        assert_eq!(upper_text(&format!("a{}", "\u{10FFFF}".repeat(17)), 16), Some("b".into()));
        assert_eq!(upper_text("a\u{D7FF}b", 2), Some("a\u{E000}".into()));
    }

    #[test]
    fn a_range_is_rounded_to_its_size() {
        let day = 86_400_000_000;
        let (low, high) = times(18_262 * day + 5_000_000, 18_627 * day - 5_000_000);
        assert!(low > 18_262 * day - 23 * day && high < 18_627 * day + 23 * day);
        assert!(low.trailing_zeros() >= 40 && high.trailing_zeros() >= 40);
        let (low, high) = times(18_262 * day + 5, 18_262 * day + 5);
        assert!(18_262 * day - low <= 1 << 32 && high - 18_262 * day <= 1 << 32);
        assert_eq!(doubles(-44.7, -12.3, true), (-46.0, -12.0));
        assert_eq!(doubles(70.01, 70.01, true), (70.0, 70.0625));
        assert_eq!(doubles(0.0, 100.0, false), (0.0, 100.0));
        assert_eq!(doubles(3.3, 99.999, false), (3.25, 100.0));
        assert_eq!(doubles(0.0, 0.0, true), (0.0, 0.0));
        assert_eq!(doubles(f64::NEG_INFINITY, 1.0, true), (f64::NEG_INFINITY, 1.0));
        assert_eq!(doubles(-f64::MAX, f64::MAX, true), (-f64::MAX, f64::MAX));
    }

    #[test]
    fn a_box_keeps_how_far_it_reaches() {
        let bounds = |path| rounded(path, Some(&Value::Double(-7.5)), Some(&Value::Double(9.25)));
        assert_eq!(bounds("geometry_bbox.ymin"), (Some(Value::Double(-8.0)), None));
        assert_eq!(bounds("geometry_bbox.xmax"), (None, Some(Value::Double(10.0))));
        assert_eq!(bounds("xmax"), (Some(Value::Double(-7.5)), Some(Value::Double(9.25))));
    }

    #[test]
    fn no_value_is_beyond_its_bounds() {
        let whole =
            [0, 1, -1, 1 << 31, 1 << 32, -(1 << 40) - 1, 1_600_000_000_123_456, i64::MAX, i64::MIN, i64::MAX - 7];
        for (a, b) in whole.iter().flat_map(|a| whole.map(|b| (*a.min(&b), *a.max(&b)))) {
            let (low, high) = times(a, b);
            assert!(low <= a && high >= b, "{a} {b}: {low} {high}");
        }
        let real = [
            0.0,
            -0.0,
            1e-320,
            -1e-320,
            f64::MIN_POSITIVE,
            0.1,
            -0.3,
            1e9 + 0.5,
            -170.123_456,
            1e300,
            f64::MAX,
            -f64::MAX,
        ];
        for (a, b) in real.iter().flat_map(|a| real.map(|b| (a.min(b), a.max(b)))) {
            for by_range in [false, true] {
                let (low, high) = doubles(a, b, by_range);
                assert!(low <= a && high >= b, "{a} {b}: {low} {high}");
            }
        }
    }
}
