//! Named regions from a GeoJSON file, as cells.

use std::collections::{BTreeMap, BTreeSet};

use geo::{Geometry, Intersects as _, Rect};
use rstar::primitives::{GeomWithData, Rectangle};
use rstar::{AABB, RTree};
use serde_json::Value;

use super::NONE_CELL;
use super::foreign::is_near_antimeridian;
use crate::error::ResultExt as _;
use crate::geometry::{Shape, first_vertex, holds, lines_near, parts_to_geojson};
use crate::{Error, Result, limits};

type Placed = GeomWithData<Rectangle<[f64; 2]>, usize>;

/// A grid whose cells are named regions; they may overlap, and need not cover the world.
#[derive(Clone, Debug)]
pub struct RegionGrid {
    names: Vec<String>,
    /// Each part is a shape of its own, of the region with that number.
    parts: Vec<(usize, Shape)>,
    tree: RTree<Placed>,
    outside_is_marked: bool,
}

impl RegionGrid {
    /// Reads a `FeatureCollection`; `id_field` names the property that holds a region's name.
    ///
    /// A name may be any JSON scalar; a number or boolean is named by its JSON text. A feature without that property is
    /// named by its own `id` (RFC 7946 §3.2). Features of one name are one region. One without geometry is skipped.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Invalid`] if it is no such collection, a feature has no name or a bad geometry, or there are
    /// more than [`limits::CELLS`] regions or [`limits::GEOMETRY_POINTS`] parts.
    pub fn new(boundaries: &[u8], id_field: &str) -> Result<Self> {
        let collection: Value = serde_json::from_slice(boundaries)
            .map_err(|error| Error::invalid("the boundaries are not JSON").caused_by(error))?;
        let features = collection.get("features").and_then(Value::as_array);
        let features = features.filter(|_| collection.get("type").is_some_and(|name| name == "FeatureCollection"));
        let features =
            features.ok_or_else(|| Error::invalid("the boundaries are not a GeoJSON `FeatureCollection`"))?;
        let mut regions: BTreeMap<String, Vec<Shape>> = BTreeMap::new();
        for (position, feature) in features.iter().enumerate() {
            let name = name(feature, id_field).context("feature", position)?;
            let shapes = regions.entry(name).or_default();
            if let Some(geometry) = feature.get("geometry").filter(|geometry| !geometry.is_null()) {
                shapes.push(Shape::from_geojson(geometry).context("feature", position)?);
            }
        }
        Self::from_regions(regions)
    }

    fn from_regions(regions: BTreeMap<String, Vec<Shape>>) -> Result<Self> {
        if regions.len() > limits::CELLS {
            return Err(Error::invalid(format!("the boundaries hold more than {} regions", limits::CELLS)));
        }
        let mut names = Vec::with_capacity(regions.len());
        let mut parts = Vec::new();
        for (number, (name, shapes)) in regions.into_iter().enumerate() {
            names.push(name);
            parts.extend(shapes.iter().flat_map(Shape::single_parts).map(|part| (number, part)));
        }
        if parts.len() > limits::GEOMETRY_POINTS {
            return Err(Error::invalid(format!("the boundaries hold more than {} parts", limits::GEOMETRY_POINTS)));
        }
        let placed = parts.iter().enumerate().map(|(at, (_, part))| {
            let bounds = part.bounds();
            GeomWithData::new(Rectangle::from_corners(bounds.min().into(), bounds.max().into()), at)
        });
        let tree = RTree::bulk_load(placed.collect());
        Ok(Self { names, parts, tree, outside_is_marked: true })
    }

    /// The same regions as another program uses them: an item that sticks out of all regions it touches is not in
    /// [`NONE_CELL`] too, so that a query beyond the regions has to look at every cell; and one over ±180 is in the regions
    /// that it touches the other way round the world, so a query there has to as well.
    #[must_use]
    pub fn of_another_writer(self) -> Self {
        Self { outside_is_marked: false, ..self }
    }

    /// The regions' names, sorted.
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// A region's geometry as GeoJSON; `None` for a name that none has.
    pub(super) fn boundary(&self, name: &str) -> Option<Value> {
        let region = self.names.binary_search_by(|other| other.as_str().cmp(name)).ok()?;
        let parts = self.parts.iter().filter(|(number, _)| *number == region);
        Some(parts_to_geojson(parts.flat_map(|(_, part)| part.parts())))
    }

    /// Every region that shares a point with the shape; only [`NONE_CELL`] if none does.
    pub(super) fn cells(&self, shape: &Shape) -> BTreeSet<String> {
        let regions = self.touched(shape).into_iter();
        let mut cells: BTreeSet<String> = regions.filter_map(|region| self.names.get(region).cloned()).collect();
        if cells.is_empty() {
            cells.insert(NONE_CELL.to_owned());
        }
        cells
    }

    /// The regions to look at for a shape; `None` for all.
    pub(super) fn query_cells(&self, shape: &Shape) -> Option<BTreeSet<String>> {
        if !self.outside_is_marked && (self.might_stick_out(shape) || is_near_antimeridian(shape)) {
            return None;
        }
        Some(self.cells(shape))
    }

    /// The regions an item belongs to, and [`NONE_CELL`] if part of it might lie in none.
    ///
    /// Without that an item half in a region would be missed by a query that meets its other half only.
    pub(super) fn item_cells(&self, shape: &Shape) -> BTreeSet<String> {
        let mut cells = self.cells(shape);
        if self.might_stick_out(shape) {
            cells.insert(NONE_CELL.to_owned());
        }
        cells
    }

    fn touched(&self, shape: &Shape) -> BTreeSet<usize> {
        let mut regions = BTreeSet::new();
        for rect in shape.rects() {
            // What ends at ±180 also meets what begins on the other side.
            let across = [-180.0, 180.0].into_iter().filter(|side| reaches(rect, -side));
            let across = across.map(|x| AABB::from_corners([x, rect.min().y], [x, rect.max().y]));
            for near in std::iter::once(envelope(rect)).chain(across) {
                for (region, part) in self.near(near) {
                    if !regions.contains(&region) && part.intersects(shape) {
                        regions.insert(region);
                    }
                }
            }
        }
        regions
    }

    fn might_stick_out(&self, shape: &Shape) -> bool {
        shape.single_parts().any(|part| !self.near(envelope(&part.bounds())).any(|(_, region)| covers(region, &part)))
    }

    fn near(&self, envelope: AABB<[f64; 2]>) -> impl Iterator<Item = (usize, &Shape)> {
        let placed = self.tree.locate_in_envelope_intersecting(&envelope);
        placed.filter_map(|placed| self.parts.get(placed.data)).map(|(region, part)| (*region, part))
    }
}

/// Whether a region's part holds all of another part, surely: a shape that touches its boundary may be refused.
fn covers(region: &Shape, part: &Shape) -> bool {
    let (bounds, near) = (part.bounds(), region.bounds());
    region.parts().iter().zip(part.parts()).all(|(region, part)| {
        let edges: Vec<_> = lines_near(region, &bounds).collect();
        let boundaries_meet = || lines_near(part, &near).any(|line| edges.iter().any(|edge| line.intersects(edge)));
        let a_hole_is_inside = || match region {
            Geometry::Polygon(polygon) => {
                polygon.interiors().iter().filter_map(|hole| hole.0.first()).any(|vertex| holds(part, *vertex))
            }
            _ => true,
        };
        first_vertex(part).is_some_and(|vertex| holds(region, vertex)) && !boundaries_meet() && !a_hole_is_inside()
    })
}

fn name(feature: &Value, id_field: &str) -> Result<String> {
    let property = feature.get("properties").and_then(|properties| properties.get(id_field));
    let name = property.filter(|value| !value.is_null()).or_else(|| feature.get("id"));
    let name = match name {
        Some(Value::String(name)) => name.clone(),
        Some(value @ (Value::Number(_) | Value::Bool(_))) => value.to_string(),
        _ => return Err(Error::invalid(format!("a region has no name in `{id_field}`"))),
    };
    if name.is_empty() || name == NONE_CELL {
        return Err(Error::invalid(format!("a region must not be named `{name}`")));
    }
    Ok(name)
}

/// Whether the rectangle reaches ±180.
fn reaches(rect: &Rect<f64>, side: f64) -> bool {
    (rect.min().x..=rect.max().x).contains(&side)
}

fn envelope(rect: &Rect<f64>) -> AABB<[f64; 2]> {
    AABB::from_corners([rect.min().x, rect.min().y], [rect.max().x, rect.max().y])
}
