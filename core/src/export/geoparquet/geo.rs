//! What the `geo` key of the file says of its geometries (GeoParquet 1.1), gathered row by row.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use super::rows::{BoxKind, sides_of};
use crate::geometry::wkb;
use crate::stac::geoparquet::geometry_type;
use crate::stac::json_column::PROJECTED_GEOMETRY;
use crate::stac::schema;
use crate::stac::validate::{plain_geometry, positions, three_dimensional};
use crate::{Error, Result};

/// The geometries that were written.
#[derive(Debug)]
pub(super) struct Geo {
    types: BTreeSet<&'static str>,
    /// Least and greatest of x, y and z.
    least: [f64; 3],
    most: [f64; 3],
    all_have_z: bool,
    /// Every geometry lies within the bbox of its row, in the plane.
    boxes_cover: bool,
}

impl Default for Geo {
    fn default() -> Self {
        let (least, most) = ([f64::INFINITY; 3], [f64::NEG_INFINITY; 3]);
        Self { types: BTreeSet::new(), least, most, all_have_z: true, boxes_cover: true }
    }
}

impl Geo {
    /// The footprint of an item as WKB that every reader takes: rings closed, one dimension.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Invalid`] that names the item whose `geometry` is none.
    pub(super) fn wkb(&mut self, item: &Value) -> Result<Option<Vec<u8>>> {
        let Some(geometry) = item.get(schema::GEOMETRY).filter(|geometry| !geometry.is_null()) else {
            return Ok(None);
        };
        let invalid = || {
            let id = item.get(schema::ID).and_then(Value::as_str).unwrap_or_default();
            Error::invalid("`geometry` is none that WKB can say").with("id", id)
        };
        let has_z = three_dimensional(geometry);
        let plain = plain_geometry(geometry, has_z).ok_or_else(invalid)?;
        let bytes = wkb::encode_geojson(&plain).map_err(|error| invalid().caused_by(error))?;
        self.types.extend(geometry_type(&bytes));
        self.all_have_z &= has_z;
        self.observe(&plain, item.get(schema::BBOX).and_then(sides_of));
        Ok(Some(bytes))
    }

    fn observe(&mut self, geometry: &Value, sides: Option<[Option<f64>; 6]>) {
        let (mut least, mut most) = ([f64::INFINITY; 3], [f64::NEG_INFINITY; 3]);
        positions(geometry, &mut |position| {
            for ((number, least), most) in position.iter().filter_map(Value::as_f64).zip(&mut least).zip(&mut most) {
                (*least, *most) = (least.min(number), most.max(number));
            }
        });
        let ([x, y, _], [east, north, _]) = (least, most);
        self.boxes_cover &= match sides {
            Some([Some(xmin), Some(ymin), _, Some(xmax), Some(ymax), _]) => {
                xmin <= x && ymin <= y && xmax >= east && ymax >= north
            }
            _ => false,
        };
        for axis in 0..3 {
            if let (Some(all), Some(one)) = (self.least.get_mut(axis), least.get(axis)) {
                *all = all.min(*one);
            }
            if let (Some(all), Some(one)) = (self.most.get_mut(axis), most.get(axis)) {
                *all = all.max(*one);
            }
        }
    }

    /// The value of the `geo` key. Coordinates are OGC:CRS84, the default; those of `proj:geometry` are of many systems.
    ///
    /// A covering is named only if it is one: where the bbox of an item is wrong, absent or crosses the antimeridian,
    /// readers that prune by it would lose the item.
    pub(super) fn metadata(&self, bbox: BoxKind, with_projected: bool) -> Value {
        let mut column = Map::new();
        column.insert("encoding".into(), json!("WKB"));
        column.insert("geometry_types".into(), json!(self.types));
        let bounds: Vec<f64> = match (self.least, self.most, self.all_have_z) {
            ([x, y, z], [east, north, top], true) => vec![x, y, z, east, north, top],
            ([x, y, _], [east, north, _], false) => vec![x, y, east, north],
        };
        if bounds.iter().all(|bound| bound.is_finite()) {
            column.insert("bbox".into(), json!(bounds));
        }
        if self.boxes_cover && bbox != BoxKind::Json {
            let sides = super::rows::FLAT_SIDES.map(|side| (side.to_owned(), json!([schema::BBOX, side])));
            column.insert("covering".into(), json!({ "bbox": Map::from_iter(sides) }));
        }
        let mut columns = Map::new();
        columns.insert(schema::GEOMETRY.into(), column.into());
        if with_projected {
            let projected = json!({ "encoding": "WKB", "geometry_types": [], "crs": null });
            columns.insert(PROJECTED_GEOMETRY.into(), projected);
        }
        json!({ "version": "1.1.0", "primary_column": schema::GEOMETRY, "columns": columns })
    }
}
