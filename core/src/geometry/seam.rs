//! Polygons whose holes reach ±180: what is left of them on one side of a meridian, in rings without the hole.
//!
//! Rings cut one by one would each be closed along the meridian, and the hole's stretch of it would count as boundary of
//! the polygon. So the parts of all rings on the one side are joined together: along the meridian the polygon is inside
//! between the first and the second of the places where rings cross it, between the third and the fourth, and so on.

use geo::Coord;

use super::antimeridian::crossing;

/// A closed ring.
#[derive(Clone, Debug)]
pub(super) struct Ring {
    pub(super) coords: Vec<Coord<f64>>,
    /// Whether it bounds a hole alone.
    pub(super) is_hole: bool,
}

/// The rings of what a polygon covers on one side of a meridian: `x * sign <= limit * sign`. What lies along the meridian is
/// joined anew too, since it may be boundary only in part.
pub(super) fn clip(rings: Vec<Ring>, limit: f64, sign: f64) -> Vec<Ring> {
    let within = |coord: &Coord<f64>| coord.x * sign < limit * sign;
    let (mut whole, cut): (Vec<Ring>, Vec<Ring>) = rings.into_iter().partition(|ring| ring.coords.iter().all(within));
    let arcs: Vec<Ring> = cut.iter().flat_map(|ring| arcs(ring, limit, within)).collect();
    whole.extend(join(&arcs));
    whole
}

/// The stretches of a ring within, each from the meridian to the meridian.
fn arcs(ring: &Ring, limit: f64, within: impl Fn(&Coord<f64>) -> bool) -> Vec<Ring> {
    let edges = ring.coords.iter().zip(ring.coords.iter().skip(1));
    let edges: Vec<(Coord<f64>, Coord<f64>)> = edges.map(|(from, to)| (*from, *to)).collect();
    let outside = edges.iter().position(|(from, _)| !within(from)).unwrap_or_default();
    let mut arcs: Vec<Ring> = Vec::new();
    for (from, to) in edges.iter().cycle().skip(outside).take(edges.len()) {
        match (within(from), within(to)) {
            (false, true) => {
                arcs.push(Ring { coords: vec![meeting(*from, *to, limit), *to], is_hole: ring.is_hole });
            }
            (true, ends_within) => {
                let next = if ends_within { *to } else { meeting(*from, *to, limit) };
                arcs.last_mut().into_iter().for_each(|arc| arc.coords.push(next));
            }
            (false, false) => {}
        }
    }
    arcs
}

/// Where an edge meets the meridian: exactly in its end, if that lies there.
fn meeting(from: Coord<f64>, to: Coord<f64>, limit: f64) -> Coord<f64> {
    let there = |coord: &Coord<f64>| (limit..=limit).contains(&coord.x);
    [from, to].into_iter().find(there).unwrap_or_else(|| crossing(from, to, limit))
}

/// Joins arcs along the meridian into rings.
fn join(arcs: &[Ring]) -> Vec<Ring> {
    let latitude = |coord: Option<&Coord<f64>>| coord.map_or(0.0, |coord| coord.y);
    let ends = |(arc, Ring { coords, .. }): (usize, &Ring)| {
        [(latitude(coords.first()), arc, false), (latitude(coords.last()), arc, true)]
    };
    let mut ends: Vec<(f64, usize, bool)> = arcs.iter().enumerate().flat_map(ends).collect();
    ends.sort_by(|left, right| left.0.total_cmp(&right.0));
    // The end of an arc at which the polygon goes on along the meridian.
    let partner = |arc: usize, at_end: bool| {
        let position = ends.iter().position(|(_, other, is_end)| (*other, *is_end) == (arc, at_end))?;
        ends.get(position ^ 1).map(|(_, arc, is_end)| (*arc, *is_end))
    };
    let mut open: Vec<bool> = vec![true; arcs.len()];
    let mut rings = Vec::new();
    for first in 0..arcs.len() {
        let mut ring = Ring { coords: Vec::new(), is_hole: true };
        // The arc to follow, and whether backwards.
        let mut next = Some((first, false));
        while let Some((number, backwards)) = next.filter(|(number, _)| open.get(*number) == Some(&true)) {
            let (Some(arc), Some(is_open)) = (arcs.get(number), open.get_mut(number)) else { break };
            *is_open = false;
            ring.is_hole &= arc.is_hole;
            if backwards {
                ring.coords.extend(arc.coords.iter().rev());
            } else {
                ring.coords.extend(&arc.coords);
            }
            next = partner(number, !backwards);
        }
        ring.coords.extend(ring.coords.first().copied());
        if ring.coords.len() > 3 {
            rings.push(ring);
        }
    }
    rings
}
