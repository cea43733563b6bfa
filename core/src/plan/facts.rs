//! What manifests and footers tell of the properties that a filter names.

use parquet::basic::{ConvertedType, LogicalType, Type as PhysicalType};
use parquet::schema::types::{ColumnDescriptor, SchemaDescriptor};

use crate::cql2::{Facts, Filter, Known};
use crate::iceberg::manifest::DataFile;
use crate::iceberg::metadata::{PrimitiveType, Schema};
use crate::iceberg::value::Value;
use crate::plan::bounds::{ColumnBounds, Nulls, RowsBounds};
use crate::plan::row_group_evaluator::LeafBounds;
use crate::property::{Property, Scalar};
use crate::query::datetime::DAY_MICROS;
use crate::scan::columns::FileColumns;
use crate::stac::schema;

/// What is known of a filter's properties by the bounds of all queries alone.
pub(super) fn rows_facts(filter: &Filter, rows: &RowsBounds) -> Facts {
    facts(filter, rows, |_| Known::Anything)
}

/// What a manifest entry tells.
pub(super) fn file_facts(filter: &Filter, table: &Schema, file: &DataFile, rows: &RowsBounds) -> Facts {
    // A column that a patch completes has no count of nulls (FORMAT.md, "Columns").
    let patched = table.field_by_name(schema::JSON_PATCH).is_some();
    facts(filter, rows, |property| {
        let Some((column, kind)) = property.column().and_then(|column| Some((column, column.kind?))) else {
            return if property.column().is_none() && !patched { Known::Null } else { Known::Anything };
        };
        let Some(metrics) = file.metrics.get(&column.field_id) else { return Known::Anything };
        let bound = |value: &Option<Value>| value.as_ref().and_then(scalar);
        let nulls = match metrics.null_count {
            None if patched => return Known::Anything,
            Some(0) if metrics.value_count.is_none_or(|count| count == file.record_count) => Nulls::None,
            Some(nulls) if nulls >= file.record_count => Nulls::All,
            _ => Nulls::Unknown,
        };
        known(
            bound(&metrics.lower),
            bound(&metrics.upper),
            nulls,
            matches!(kind, PrimitiveType::Float | PrimitiveType::Double),
        )
    })
}

fn facts(filter: &Filter, rows: &RowsBounds, column: impl Fn(&Property) -> Known) -> Facts {
    let properties = filter.properties().map(|property| {
        if let Some(of_all) = of_every_query(property, rows) {
            return of_all;
        }
        // Part of a column's value, or JSON text.
        let whole = property.column().is_none_or(|column| column.below.is_empty());
        if whole && property.is_item_property() { column(property) } else { Known::Anything }
    });
    Facts { properties: properties.collect(), area: rows.area }
}

/// The properties that every query knows.
fn of_every_query(property: &Property, rows: &RowsBounds) -> Option<Known> {
    property.column()?;
    let time = |name: &str, bounds: &ColumnBounds<i64>| {
        let instant = |bound: Option<i64>| bound.map(Scalar::Instant);
        let known = || known(instant(bounds.lower), instant(bounds.upper), bounds.nulls, false);
        property.is_property(name).then(known)
    };
    let text = |name: &str, bounds: &ColumnBounds<String>, nulls: Nulls| {
        let text = |bound: &Option<String>| bound.as_deref().map(|text| Scalar::Text(text.into()));
        property.is_member(name).then(|| known(text(&bounds.lower), text(&bounds.upper), nulls, false))
    };
    time(schema::DATETIME, &rows.datetime)
        .or_else(|| time(schema::START_DATETIME, &rows.start_datetime))
        .or_else(|| time(schema::END_DATETIME, &rows.end_datetime))
        .or_else(|| text(schema::ID, &rows.id, rows.id.nulls))
        // One that is no text stands in a patch, and its column is null.
        .or_else(|| text(schema::COLLECTION, &rows.collection, Nulls::Unknown))
}

/// Doubles that are NaN count as null, and are not counted as such.
fn known(lower: Option<Scalar>, upper: Option<Scalar>, nulls: Nulls, doubles: bool) -> Known {
    match nulls {
        Nulls::All => Known::Null,
        nulls => Known::Between { lower, upper, nulls: doubles || nulls != Nulls::None },
    }
}

/// A bound as values of its column are compared; NaN bounds nothing.
pub(crate) fn scalar(value: &Value) -> Option<Scalar> {
    Some(match value {
        Value::Boolean(value) => Scalar::Boolean(*value),
        Value::Int(value) => Scalar::Long(i64::from(*value)),
        Value::Long(value) => Scalar::Long(*value),
        Value::Float(value) if !value.is_nan() => Scalar::Double(f64::from(*value)),
        Value::Double(value) if !value.is_nan() => Scalar::Double(*value),
        Value::Date(days) => Scalar::Instant(i64::from(*days).checked_mul(DAY_MICROS)?),
        Value::Timestamp(micros) | Value::Timestamptz(micros) => Scalar::Instant(*micros),
        Value::String(text) => Scalar::Text(text.as_str().into()),
        _ => return None,
    })
}

/// Where one file keeps the properties that a filter names.
#[derive(Clone, Debug)]
pub struct FilterLeaves {
    columns: Vec<Kept>,
    /// The leaf of `json_patch`, if the file has it.
    pub(super) patch: Option<usize>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kept {
    /// Not where bounds could tell of it.
    Somewhere,
    /// No column of the file.
    Nowhere,
    /// A leaf; whether the manifest says that no patch completes it, and whether it holds doubles.
    Leaf { leaf: usize, complete: bool, doubles: bool },
}

impl FilterLeaves {
    /// Finds the properties in a file that a manifest entry describes.
    #[must_use]
    pub fn new(filter: &Filter, columns: &FileColumns, file: &SchemaDescriptor, entry: &DataFile) -> Self {
        let kept = |property: &Property| {
            let Some(column) = property.column() else { return Kept::Nowhere };
            let Some(root) = columns.root(&column.root) else { return Kept::Nowhere };
            let leaf = columns.leaf_of(root).filter(|_| column.below.is_empty());
            let Some((leaf, descriptor)) = leaf.and_then(|leaf| Some((leaf, file.columns().get(leaf)?))) else {
                return Kept::Somewhere;
            };
            if !is_value(descriptor) {
                return Kept::Somewhere;
            }
            let counted = entry.metrics.get(&column.field_id).is_some_and(|metrics| metrics.null_count.is_some());
            let complete = counted && property.is_item_property();
            let doubles = matches!(descriptor.physical_type(), PhysicalType::FLOAT | PhysicalType::DOUBLE);
            Kept::Leaf { leaf, complete, doubles }
        };
        let patch = columns.root(schema::JSON_PATCH).and_then(|root| columns.leaf_of(root));
        Self { columns: filter.properties().map(kept).collect(), patch }
    }

    /// The leaf columns with bounds.
    pub(super) fn leaves(&self) -> impl Iterator<Item = usize> {
        self.columns.iter().filter_map(|kept| if let Kept::Leaf { leaf, .. } = kept { Some(*leaf) } else { None })
    }

    /// The leaf column of a property, where it alone holds the property's values in rows whose patches may be
    /// `patched`.
    pub(crate) fn complete_leaf(&self, position: usize, patched: bool) -> Option<usize> {
        match self.columns.get(position)? {
            Kept::Leaf { leaf, complete, .. } if *complete || !patched => Some(*leaf),
            _ => None,
        }
    }

    /// Whether a row's patch can say of a property what its columns do not.
    #[must_use]
    pub fn wants_patches(&self, filter: &Filter) -> bool {
        let complete = |kept: &Kept| matches!(kept, Kept::Leaf { complete: true, .. });
        filter.properties().zip(&self.columns).any(|(property, kept)| property.patched() && !complete(kept))
    }

    /// What is known of rows whose patches may be `patched`, from the bounds of leaves.
    pub(super) fn facts(
        &self,
        filter: &Filter,
        rows: &RowsBounds,
        patched: bool,
        bounds: impl Fn(usize) -> Option<LeafBounds>,
    ) -> Facts {
        let mut positions = self.columns.iter();
        let of_columns: Vec<Known> = filter
            .properties()
            .map(|property| match positions.next() {
                Some(Kept::Nowhere) if !patched || !property.patched() => Known::Null,
                Some(Kept::Leaf { leaf, complete, doubles }) if *complete || !patched => {
                    bounds(*leaf).map_or(Known::Anything, |of| known(of.lower, of.upper, of.nulls, *doubles))
                }
                _ => Known::Anything,
            })
            .collect();
        let of_column = |property: &Property| {
            let position = filter.properties().position(|other| other == property);
            position.and_then(|position| of_columns.get(position).cloned()).unwrap_or_default()
        };
        facts(filter, rows, of_column)
    }
}

/// Whether a column's values are what they are stored as; binary columns are not.
fn is_value(descriptor: &ColumnDescriptor) -> bool {
    let text = match descriptor.logical_type_ref() {
        Some(logical) => *logical == LogicalType::String,
        None => descriptor.converted_type() == ConvertedType::UTF8,
    };
    descriptor.physical_type() != PhysicalType::BYTE_ARRAY || text
}
