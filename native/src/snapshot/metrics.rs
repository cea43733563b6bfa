//! Which metrics of a data file go into a manifest: as the table's `write.metadata.metrics.*` properties say.

use std::collections::HashMap;

use iceberg::spec::{PrimitiveType, Schema};

/// Iceberg, Write properties: the mode of columns that have none of their own.
pub(crate) const DEFAULT_KEY: &str = "write.metadata.metrics.default";
/// Iceberg, Write properties: followed by a column's dotted name.
pub(crate) const COLUMN_KEY_PREFIX: &str = "write.metadata.metrics.column.";
/// What Iceberg takes where nothing is said.
const DEFAULT_MODE: MetricsMode = MetricsMode::Truncate(16);

/// How much a manifest says about a column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum MetricsMode {
    None,
    Counts,
    /// Counts and bounds, text and binary bounds cut to so many characters or bytes.
    Truncate(usize),
    Full,
}

impl MetricsMode {
    /// A mode from its text; `None` for one that is not known, which then counts as not said.
    fn parse(text: &str) -> Option<Self> {
        let text = text.trim().to_ascii_lowercase();
        let length = text.strip_prefix("truncate(").and_then(|rest| rest.strip_suffix(')'));
        match (text.as_str(), length) {
            ("none", _) => Some(Self::None),
            ("counts", _) => Some(Self::Counts),
            ("full", _) => Some(Self::Full),
            (_, Some(length)) => length.parse().ok().filter(|length| *length > 0).map(Self::Truncate),
            _ => None,
        }
    }
}

/// The mode and type of every leaf column that has metrics.
pub(super) struct MetricsModes(HashMap<i32, (MetricsMode, PrimitiveType)>);

impl MetricsModes {
    /// Modes of a schema's leaves, from table properties. A leaf without a mode of its own takes that of the nearest
    /// column around it.
    pub(super) fn new(schema: &Schema, properties: &HashMap<String, String>) -> Self {
        let said = |key: &str| properties.get(key).and_then(|text| MetricsMode::parse(text));
        let default = said(DEFAULT_KEY).unwrap_or(DEFAULT_MODE);
        let leaves = schema.field_id_to_fields().iter().filter_map(|(id, field)| {
            let kind = field.field_type.as_primitive_type()?.clone();
            let name = schema.name_by_field_id(*id)?;
            let mode = std::iter::successors(Some(name), |name| name.rsplit_once('.').map(|(around, _)| around))
                .find_map(|name| said(&format!("{COLUMN_KEY_PREFIX}{name}")));
            Some((*id, (mode.unwrap_or(default), kind)))
        });
        Self(leaves.filter(|(_, (mode, _))| *mode != MetricsMode::None).collect())
    }

    pub(super) fn of(&self, field_id: i32) -> Option<(MetricsMode, &PrimitiveType)> {
        self.0.get(&field_id).map(|(mode, kind)| (*mode, kind))
    }
}

/// A lower bound as the mode allows: cut text and binary are still not above the value.
pub(super) fn lower_bound(mode: MetricsMode, kind: &PrimitiveType, bytes: &[u8]) -> Option<Vec<u8>> {
    match (mode, kind) {
        (MetricsMode::None | MetricsMode::Counts, _) => None,
        (MetricsMode::Truncate(length), PrimitiveType::String) => {
            Some(std::str::from_utf8(bytes).ok()?.chars().take(length).collect::<String>().into_bytes())
        }
        (MetricsMode::Truncate(length), PrimitiveType::Binary) => Some(bytes.iter().copied().take(length).collect()),
        _ => Some(bytes.to_vec()),
    }
}

/// An upper bound as the mode allows: what is cut is rounded up; `None` where nothing is above the cut value.
pub(super) fn upper_bound(mode: MetricsMode, kind: &PrimitiveType, bytes: &[u8]) -> Option<Vec<u8>> {
    match (mode, kind) {
        (MetricsMode::None | MetricsMode::Counts, _) => None,
        (MetricsMode::Truncate(length), PrimitiveType::String) => {
            round_up_text(std::str::from_utf8(bytes).ok()?, length).map(String::into_bytes)
        }
        (MetricsMode::Truncate(length), PrimitiveType::Binary) => round_up_bytes(bytes, length),
        _ => Some(bytes.to_vec()),
    }
}

fn round_up_text(text: &str, length: usize) -> Option<String> {
    let mut kept: Vec<char> = text.chars().take(length).collect();
    if kept.len() == text.chars().count() {
        return Some(text.to_owned());
    }
    while let Some(last) = kept.pop() {
        // Code points, not UTF-16 units: their order is that of the UTF-8 bytes.
        let next = if last == '\u{d7ff}' { Some('\u{e000}') } else { char::from_u32(u32::from(last) + 1) };
        if let Some(next) = next {
            kept.push(next);
            return Some(kept.into_iter().collect());
        }
    }
    None
}

fn round_up_bytes(bytes: &[u8], length: usize) -> Option<Vec<u8>> {
    if bytes.len() <= length {
        return Some(bytes.to_vec());
    }
    let mut kept: Vec<u8> = bytes.iter().copied().take(length).collect();
    while let Some(last) = kept.pop() {
        if let Some(next) = last.checked_add(1) {
            kept.push(next);
            return Some(kept);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cut_bounds_still_hold_the_value_between_them() {
        for text in [
            "",
            "short",
            "exactly sixteen.",
            "a text longer than sixteen",
            "\u{10ffff}\u{10ffff}\u{10ffff}",
            "éééééééééé",
        ] {
            let mode = MetricsMode::Truncate(2);
            let lower = lower_bound(mode, &PrimitiveType::String, text.as_bytes()).unwrap();
            assert!(lower.as_slice() <= text.as_bytes(), "{text}");
            if let Some(upper) = upper_bound(mode, &PrimitiveType::String, text.as_bytes()) {
                assert!(upper.as_slice() >= text.as_bytes(), "{text}");
                assert!(String::from_utf8(upper).unwrap().chars().count() <= 2, "{text}");
            } else {
                assert!(text.starts_with("\u{10ffff}\u{10ffff}"));
            }
        }
        assert_eq!(round_up_text("a\u{d7ff}b", 2).unwrap(), "a\u{e000}");
        assert_eq!(round_up_bytes(&[1, 255, 0], 2).unwrap(), [2]);
        assert_eq!(round_up_bytes(&[255, 255, 0], 2), None);
    }

    #[test]
    fn modes_are_read_as_iceberg_spells_them() {
        assert_eq!(MetricsMode::parse("truncate(16)"), Some(MetricsMode::Truncate(16)));
        assert_eq!(MetricsMode::parse("None"), Some(MetricsMode::None));
        assert_eq!(MetricsMode::parse("counts"), Some(MetricsMode::Counts));
        assert_eq!(MetricsMode::parse("truncate(0)"), None);
        assert_eq!(MetricsMode::parse("lots"), None);
    }
}
