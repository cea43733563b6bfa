//! Items to rows of the STAC GeoParquet specification.

use std::sync::Arc;

use arrow_array::{ArrayRef, BinaryArray, Float64Array, RecordBatch, StructArray};
use arrow_buffer::NullBuffer;
use arrow_schema::{DataType, Field, FieldRef, Fields, Schema, SchemaRef};
use serde_json::Value;

use super::geo::Geo;
use super::seen::Kind;
use crate::stac::schema;
use crate::{Error, Result};

/// The members of a bbox column, in the order of the numbers of a bbox with heights.
pub(super) const SIDES: [&str; 6] = ["xmin", "ymin", "zmin", "xmax", "ymax", "zmax"];
/// Those of a bbox without heights.
pub(super) const FLAT_SIDES: [&str; 4] = ["xmin", "ymin", "xmax", "ymax"];

/// The columns of a file, in the order of the members of an item.
#[derive(Debug)]
pub(super) struct Columns {
    pub(super) members: Vec<(&'static str, Kind)>,
    pub(super) bbox: BoxKind,
    pub(super) properties: Vec<(String, Kind)>,
}

/// What holds the bboxes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum BoxKind {
    /// Four numbers.
    Flat,
    /// Six numbers, or four in some rows.
    Solid,
    /// Something else in some row: JSON text.
    Json,
}

impl BoxKind {
    /// The names of a bbox struct's members.
    pub(super) fn sides(self) -> &'static [&'static str] {
        match self {
            Self::Flat => &FLAT_SIDES,
            Self::Solid => &SIDES,
            Self::Json => &[],
        }
    }

    fn field(self) -> FieldRef {
        if self == Self::Json {
            return Kind::Json.field(schema::BBOX);
        }
        Arc::new(Field::new(schema::BBOX, DataType::Struct(self.fields()), true))
    }

    fn fields(self) -> Fields {
        self.sides().iter().map(|side| Field::new(*side, DataType::Float64, true)).collect()
    }

    fn array(self, values: &[Option<&Value>]) -> Result<ArrayRef> {
        if self == Self::Json {
            return Kind::Json.array(values);
        }
        let boxes: Vec<Option<[Option<f64>; 6]>> = values.iter().map(|value| sides_of((*value)?)).collect();
        let column = |side: &&str| {
            let position = SIDES.iter().position(|name| name == side).unwrap_or_default();
            let values = boxes.iter().map(|sides| sides.as_ref()?.get(position).copied().flatten());
            Arc::new(values.collect::<Float64Array>()) as ArrayRef
        };
        let columns = self.sides().iter().map(column).collect();
        let present: NullBuffer = boxes.iter().map(Option::is_some).collect();
        let array = StructArray::try_new(self.fields(), columns, Some(present));
        Ok(Arc::new(array.map_err(|error| Error::internal("bboxes do not fit their schema").caused_by(error))?))
    }
}

/// The numbers of a bbox in the order of [`SIDES`].
pub(super) fn sides_of(bbox: &Value) -> Option<[Option<f64>; 6]> {
    let number = |at: usize| bbox.get(at).and_then(Value::as_f64);
    match bbox.as_array()?.len() {
        4 => Some([number(0), number(1), None, number(2), number(3), None]),
        6 => Some([number(0), number(1), number(2), number(3), number(4), number(5)]),
        _ => None,
    }
}

impl Columns {
    pub(super) fn schema(&self) -> SchemaRef {
        let mut fields = Vec::with_capacity(self.members.len() + self.properties.len() + 2);
        for (name, kind) in &self.members {
            // Footprint and bbox stand where an item has them.
            if *name == schema::LINKS {
                fields.push(Arc::new(Field::new(schema::GEOMETRY, DataType::Binary, true)));
                fields.push(self.bbox.field());
            }
            fields.push(kind.field(name));
        }
        fields.extend(self.properties.iter().map(|(name, kind)| kind.field(name)));
        Arc::new(Schema::new(fields))
    }

    /// The rows of items; what is said of their geometries goes into `geo`.
    ///
    /// # Errors
    /// As [`Geo::wkb`].
    pub(super) fn rows(&self, items: &[Value], schema: &SchemaRef, geo: &mut Geo) -> Result<RecordBatch> {
        let member = |name: &str| items.iter().map(|item| item.get(name)).collect::<Vec<_>>();
        let mut arrays = Vec::with_capacity(schema.fields().len());
        for (name, kind) in &self.members {
            if *name == schema::LINKS {
                let geometries = items.iter().map(|item| geo.wkb(item)).collect::<Result<Vec<_>>>()?;
                arrays.push(Arc::new(geometries.iter().map(Option::as_deref).collect::<BinaryArray>()) as ArrayRef);
                arrays.push(self.bbox.array(&member(schema::BBOX))?);
            }
            arrays.push(kind.array(&member(name))?);
        }
        let properties = member("properties");
        for (name, kind) in &self.properties {
            let values: Vec<_> = properties.iter().map(|properties| properties.and_then(|all| all.get(name))).collect();
            arrays.push(kind.array(&values)?);
        }
        RecordBatch::try_new(Arc::clone(schema), arrays)
            .map_err(|error| Error::internal("rows do not fit their own schema").caused_by(error))
    }

    /// Where JSON text stands for values, as paths.
    pub(super) fn json_places(&self) -> Vec<String> {
        let mut places = Vec::new();
        if self.bbox == BoxKind::Json {
            places.push(schema::BBOX.to_owned());
        }
        let members = self.members.iter().map(|(name, kind)| (*name, kind));
        for (name, kind) in members.chain(self.properties.iter().map(|(name, kind)| (name.as_str(), kind))) {
            kind.push_json_places(name, &mut places);
        }
        places
    }
}
