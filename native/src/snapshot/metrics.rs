//! Which metrics of a data file go into a manifest: as the table's `write.metadata.metrics.*` properties say.

use std::collections::HashMap;

use earthcatalog_core::iceberg::value::Value;
use earthcatalog_core::write::bounds;
use iceberg::spec::{Datum, PrimitiveLiteral, PrimitiveType, Schema};

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
    /// Counts and bounds: texts cut to so many characters, times and doubles rounded.
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

/// A leaf column that has metrics.
pub(super) struct MetricsColumn {
    mode: MetricsMode,
    path: String,
    pub(super) kind: PrimitiveType,
}

/// Every leaf column that has metrics, by field id.
pub(super) struct MetricsModes(HashMap<i32, MetricsColumn>);

impl MetricsModes {
    /// Modes of a schema's leaves, from table properties. A leaf without a mode of its own takes that of the nearest
    /// column around it.
    pub(super) fn new(schema: &Schema, properties: &HashMap<String, String>) -> Self {
        let said = |key: &str| properties.get(key).and_then(|text| MetricsMode::parse(text));
        let default = said(DEFAULT_KEY).unwrap_or(DEFAULT_MODE);
        let leaves = schema.field_id_to_fields().iter().filter_map(|(id, field)| {
            let kind = field.field_type.as_primitive_type()?.clone();
            let path = schema.name_by_field_id(*id)?;
            let mode = std::iter::successors(Some(path), |path| path.rsplit_once('.').map(|(around, _)| around))
                .find_map(|path| said(&format!("{COLUMN_KEY_PREFIX}{path}")));
            Some((*id, MetricsColumn { mode: mode.unwrap_or(default), path: path.to_owned(), kind }))
        });
        Self(leaves.filter(|(_, column)| column.mode != MetricsMode::None).collect())
    }

    pub(super) fn columns(&self) -> impl Iterator<Item = (i32, &MetricsColumn)> {
        self.0.iter().map(|(id, column)| (*id, column))
    }
}

impl MetricsColumn {
    /// The bounds as the mode allows: what is cut or rounded still has the values between.
    pub(super) fn bounds(&self, lower: Option<&Datum>, upper: Option<&Datum>) -> (Option<Datum>, Option<Datum>) {
        let length = match self.mode {
            MetricsMode::None | MetricsMode::Counts => return (None, None),
            MetricsMode::Full => return (lower.cloned(), upper.cloned()),
            MetricsMode::Truncate(length) => length,
        };
        let (low, high) = (lower.and_then(value), upper.and_then(value));
        if low.is_none() && high.is_none() {
            return (lower.cloned(), upper.cloned());
        }
        match bounds::rounded(&self.path, low.as_ref(), high.as_ref()) {
            (Some(Value::String(low)), Some(Value::String(high))) => {
                let low = Datum::string(bounds::lower_text(&low, length));
                (Some(low), bounds::upper_text(&high, length).map(Datum::string))
            }
            (low, high) => (low.and_then(datum), high.and_then(datum)),
        }
    }
}

/// A bound that can be rounded; `None` for one that stays as it is.
fn value(bound: &Datum) -> Option<Value> {
    match (bound.data_type(), bound.literal()) {
        (PrimitiveType::Timestamptz, PrimitiveLiteral::Long(micros)) => Some(Value::Timestamptz(*micros)),
        (PrimitiveType::Timestamp, PrimitiveLiteral::Long(micros)) => Some(Value::Timestamp(*micros)),
        (PrimitiveType::Double, PrimitiveLiteral::Double(double)) => Some(Value::Double(double.0)),
        (PrimitiveType::String, PrimitiveLiteral::String(text)) => Some(Value::String(text.clone())),
        _ => None,
    }
}

fn datum(bound: Value) -> Option<Datum> {
    match bound {
        Value::Timestamptz(micros) => Some(Datum::timestamptz_micros(micros)),
        Value::Timestamp(micros) => Some(Datum::timestamp_micros(micros)),
        Value::Double(double) => Some(Datum::double(double)),
        Value::String(text) => Some(Datum::string(text)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn modes_are_read_as_iceberg_spells_them() {
        assert_eq!(MetricsMode::parse("truncate(16)"), Some(MetricsMode::Truncate(16)));
        assert_eq!(MetricsMode::parse("None"), Some(MetricsMode::None));
        assert_eq!(MetricsMode::parse("counts"), Some(MetricsMode::Counts));
        assert_eq!(MetricsMode::parse("truncate(0)"), None);
        assert_eq!(MetricsMode::parse("lots"), None);
    }

    #[test]
    fn bounds_are_as_the_mode_says() {
        let bounds = |mode, least: Datum, greatest: Datum| {
            MetricsColumn { mode, path: "p".into(), kind: PrimitiveType::String }.bounds(Some(&least), Some(&greatest))
        };
        let some = |least: Datum, greatest: Datum| (Some(least), Some(greatest));
        let text = Datum::string::<&str>;
        let cut = MetricsMode::Truncate(2);
        assert_eq!(bounds(cut, text("abc"), text("xyz")), some(text("ab"), text("xz")));
        assert_eq!(bounds(MetricsMode::Full, text("abc"), text("xyz")), some(text("abc"), text("xyz")));
        assert_eq!(bounds(MetricsMode::Counts, text("abc"), text("xyz")), (None, None));
        let (least, greatest) = (Datum::double(0.1), Datum::double(99.99));
        assert_eq!(bounds(MetricsMode::Full, least.clone(), greatest.clone()), some(least.clone(), greatest.clone()));
        assert_eq!(bounds(cut, least, greatest), some(Datum::double(0.0625), Datum::double(100.0)));
        assert_eq!(bounds(cut, Datum::long(3), Datum::long(1_001)), some(Datum::long(3), Datum::long(1_001)));
    }
}
