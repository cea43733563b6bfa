//! Longitudes that jump: rings and lines are unrolled, closed over a pole they wind round, and cut at ±180.
//!
//! The rule, in the words of RFC 7946 §3.1.9 turned to footprints that were never cut:
//!
//! 1. Edges are straight in longitude and latitude. An edge whose longitudes differ by 180 degrees or less is as it is
//!    written, so a hemisphere drawn in steps of 180 or less stays what it is.
//! 2. An edge whose longitudes differ by more than 180 is a *jump*: it goes the other, shorter way round. Satellite
//!    footprints are written like this (179.9, then -179.8).
//! 3. An edge that is exactly 360 wide (-180 to 180) is no jump but a whole parallel, as in a box round the world,
//!    unless the same ring has another jump, or all such edges go on in the direction in which the ring arrived (…
//!    179, 180, -180, -179 …) and the ring, read so, comes back to its start.
//! 4. A ring that, unrolled, ends a whole turn from its start winds round a pole. It is closed over the North Pole if
//!    its mean latitude is not negative, otherwise over the South Pole.
//! 5. What is unrolled is cut at ±180 and each piece moved into [-180, 180]. Vertices are kept exactly.
//!
//! A ring that re-enters across the antimeridian several times is cut into one piece on each side, joined along the
//! meridian itself: such a shape covers a little more of the line at ±180, and nothing more anywhere else.

use std::ops::RangeInclusive;

use geo::{Coord, LineString, Polygon};

use super::seam::{self, Ring};
use crate::{Error, Result};

/// Each turn is cut by itself, so their number is bounded.
const MOST_TURNS: i32 = 16;

/// A vertex of an unrolled line: it lies at `x + 360 * turn`, with `x` in [-180, 180].
#[derive(Clone, Copy, Debug)]
struct Vertex {
    x: f64,
    y: f64,
    turn: i32,
}

impl Vertex {
    /// The vertex seen from another turn; exact in its own.
    fn seen_from(self, turn: i32) -> Coord<f64> {
        Coord { x: self.x + 360.0 * f64::from(self.turn - turn), y: self.y }
    }
}

/// Cuts a polygon, whose rings are closed, into polygons that stay within [-180, 180].
///
/// # Errors
/// [`crate::ErrorKind::Invalid`] for a ring that goes round the world more than [`MOST_TURNS`] times.
pub(super) fn cut_polygon(exterior: &[Coord<f64>], interiors: &[Vec<Coord<f64>>]) -> Result<Vec<Polygon<f64>>> {
    let holes = interiors.iter().map(|ring| Round::of(ring)).collect::<Result<Vec<_>>>()?;
    let exterior = Round::of(exterior)?;
    if holes.iter().any(|hole| hole.windows.len() > 1 || hole.winds) {
        return Ok(cut_with_holes(&exterior, &holes));
    }
    let holes: Vec<LineString<f64>> = holes.iter().flat_map(Round::pieces).collect();
    let mut pieces = exterior.pieces();
    if pieces.len() == 1
        && let Some(piece) = pieces.pop()
    {
        return Ok(vec![Polygon::new(piece, holes)]);
    }
    let holes_of = |piece: &LineString<f64>| holes.iter().filter(|hole| overlap(piece, hole)).cloned().collect();
    Ok(pieces.into_iter().map(|piece| Polygon::new(piece.clone(), holes_of(&piece))).collect())
}

/// Cuts a polygon of which a hole reaches ±180.
fn cut_with_holes(outer: &Round, holes: &[Round]) -> Vec<Polygon<f64>> {
    let mut polygons = Vec::new();
    for turn in &outer.windows {
        let mut rings = vec![Ring { coords: outer.seen_from(*turn), is_hole: false }];
        let seen = |hole: &Round| hole.windows.iter().map(|turn| hole.seen_from(*turn)).collect::<Vec<_>>();
        rings.extend(holes.iter().flat_map(seen).map(|coords| Ring { coords, is_hole: true }));
        let pieces = seam::clip(seam::clip(rings, 180.0, 1.0), -180.0, -1.0).into_iter();
        let (holes, pieces): (Vec<_>, Vec<_>) = pieces.partition(|ring| ring.is_hole);
        let holes: Vec<LineString<f64>> = holes.into_iter().map(|ring| LineString::new(ring.coords)).collect();
        for piece in pieces.into_iter().map(|ring| LineString::new(ring.coords)).filter(has_area) {
            let within = holes.iter().filter(|hole| overlap(&piece, hole)).cloned().collect();
            polygons.push(Polygon::new(piece, within));
        }
    }
    polygons
}

/// Whether a ring is more than a stretch along a meridian or a pole.
fn has_area(ring: &LineString<f64>) -> bool {
    let same = |of: fn(&Coord<f64>) -> f64| {
        ring.0.windows(2).all(|pair| pair.iter().map(of).is_sorted_by(|a, b| a >= b && b >= a))
    };
    !same(|coord| coord.x) && !same(|coord| coord.y)
}

fn overlap(a: &LineString<f64>, b: &LineString<f64>) -> bool {
    let (a, b) = (longitudes(a), longitudes(b));
    a.start() <= b.end() && b.start() <= a.end()
}

fn longitudes(line: &LineString<f64>) -> RangeInclusive<f64> {
    let start = line.0.iter().map(|coord| coord.x).fold(f64::INFINITY, f64::min);
    start..=line.0.iter().map(|coord| coord.x).fold(f64::NEG_INFINITY, f64::max)
}

/// A closed ring, unrolled and closed over a pole that it winds round, and the turns of which it covers something.
struct Round {
    ring: Vec<Vertex>,
    windows: Vec<i32>,
    winds: bool,
}

impl Round {
    fn of(ring: &[Coord<f64>]) -> Result<Self> {
        let ring = unroll_ring(ring);
        let turns = turns(&ring)?;
        if net_turns(&ring) == 0 {
            return Ok(Self { ring, windows: turns.collect(), winds: false });
        }
        Ok(close_over_pole(&ring, turns))
    }

    fn seen_from(&self, turn: i32) -> Vec<Coord<f64>> {
        self.ring.iter().map(|vertex| vertex.seen_from(turn)).collect()
    }

    /// What it covers of each turn.
    fn pieces(&self) -> Vec<LineString<f64>> {
        let pieces: Vec<LineString<f64>> = self.windows.iter().filter_map(|turn| self.piece(*turn)).collect();
        if self.winds {
            return pieces;
        }
        // A ring that only touches ±180 leaves a piece without width on the other side.
        let has_width = |piece: &LineString<f64>| longitudes(piece).start() < longitudes(piece).end();
        if pieces.iter().any(has_width) {
            return pieces.into_iter().filter(has_width).collect();
        }
        pieces.into_iter().take(1).collect()
    }

    fn piece(&self, turn: i32) -> Option<LineString<f64>> {
        let piece = clip_ring(clip_ring(self.seen_from(turn), 180.0, 1.0), -180.0, -1.0);
        (piece.len() > 3).then(|| LineString::new(piece))
    }
}

/// Cuts a line into lines that stay within [-180, 180].
///
/// # Errors
/// As [`cut_polygon`].
pub(super) fn cut_line(line: &[Coord<f64>]) -> Result<Vec<LineString<f64>>> {
    let unrolled = unroll(line, has_jump(line));
    let turns = turns(&unrolled)?;
    if turns.start() == turns.end() {
        return Ok(vec![LineString::new(unrolled.iter().map(|vertex| vertex.seen_from(vertex.turn)).collect())]);
    }
    Ok(turns.flat_map(|turn| clip_line(&unrolled, turn)).collect())
}

/// Brings a longitude of [-360, 360] into [-180, 180].
pub(super) fn wrap(longitude: f64) -> f64 {
    start(longitude).0
}

fn start(longitude: f64) -> (f64, i32) {
    match longitude {
        east if east > 180.0 => (east - 360.0, 1),
        west if west < -180.0 => (west + 360.0, -1),
        _ => (longitude, 0),
    }
}

fn turns(unrolled: &[Vertex]) -> Result<RangeInclusive<i32>> {
    let least = unrolled.iter().map(|vertex| vertex.turn).min().unwrap_or_default();
    let most = unrolled.iter().map(|vertex| vertex.turn).max().unwrap_or_default();
    if most - least > MOST_TURNS {
        return Err(Error::invalid(format!("a geometry must not go round the world more than {MOST_TURNS} times")));
    }
    Ok(least..=most)
}

fn is_whole_parallel(difference: f64) -> bool {
    (360.0..=360.0).contains(&difference.abs())
}

fn has_jump(line: &[Coord<f64>]) -> bool {
    differences(line).any(|difference| difference.abs() > 180.0 && !is_whole_parallel(difference))
}

fn differences(line: &[Coord<f64>]) -> impl Iterator<Item = f64> {
    line.iter().zip(line.iter().skip(1)).map(|(from, to)| to.x - from.x)
}

fn unroll_ring(ring: &[Coord<f64>]) -> Vec<Vertex> {
    if has_jump(ring) {
        return unroll(ring, true);
    }
    if whole_parallels_go_on(ring) {
        let unrolled = unroll(ring, true);
        if net_turns(&unrolled) == 0 {
            return unrolled;
        }
    }
    unroll(ring, false)
}

/// Whether every edge 360 wide lies between edges that go the other way, as a crossing at exactly ±180 does.
fn whole_parallels_go_on(ring: &[Coord<f64>]) -> bool {
    let steps: Vec<f64> = differences(ring).collect();
    let around = steps.iter().cycle().skip(steps.len().saturating_sub(1)).zip(&steps).zip(steps.iter().cycle().skip(1));
    let mut wide = around.filter(|((_, step), _)| is_whole_parallel(**step)).peekable();
    wide.peek().is_some() && wide.all(|((before, step), after)| before * step < 0.0 && after * step < 0.0)
}

fn unroll(line: &[Coord<f64>], whole_parallels_jump: bool) -> Vec<Vertex> {
    let mut shift = 0;
    let mut previous: Option<f64> = None;
    line.iter()
        .map(|coord| {
            let difference = previous.map_or(0.0, |previous| coord.x - previous);
            if difference.abs() > 180.0 && (whole_parallels_jump || !is_whole_parallel(difference)) {
                // Longitudes up to ±360 differ by up to 720: two turns.
                let turns = if difference.abs() > 540.0 { 2 } else { 1 };
                shift += if difference > 0.0 { -turns } else { turns };
            }
            previous = Some(coord.x);
            let (x, turn) = start(coord.x);
            Vertex { x, y: coord.y, turn: turn + shift }
        })
        .collect()
}

fn net_turns(ring: &[Vertex]) -> i32 {
    ring.last().zip(ring.first()).map_or(0, |(last, first)| last.turn - first.turn)
}

/// A ring that winds round a pole, closed over it; what lies between, from -180 to 180, is a window for each winding.
///
/// So many rounds of the ring are closed over the pole that the turns in the middle see no end of them.
fn close_over_pole(ring: &[Vertex], turns: RangeInclusive<i32>) -> Round {
    let reach = turns.end() - turns.start() + 1;
    let net = net_turns(ring);
    let sum: f64 = ring.iter().skip(1).map(|vertex| vertex.y).sum();
    let pole = if sum >= 0.0 { 90.0 } else { -90.0 };
    let round = |number: i32| ring.iter().map(move |vertex| Vertex { turn: vertex.turn + number * net, ..*vertex });
    let mut rounds: Vec<Vertex> = (-reach..=reach).flat_map(round).collect();
    let (Some(first), Some(last)) = (rounds.first().copied(), rounds.last().copied()) else {
        return Round { ring: Vec::new(), windows: Vec::new(), winds: true };
    };
    rounds.extend([Vertex { y: pole, ..last }, Vertex { y: pole, ..first }, first]);
    let start = first.turn + reach * net;
    let windows = (0..net.abs()).map(|winding| start + winding * net.signum()).collect();
    Round { ring: rounds, windows, winds: true }
}

/// Where the edge crosses the meridian `x`.
pub(super) fn crossing(from: Coord<f64>, to: Coord<f64>, x: f64) -> Coord<f64> {
    let share = (x - from.x) / (to.x - from.x);
    Coord { x, y: from.y + share * (to.y - from.y) }
}

/// The part of a closed ring on one side of a meridian (Sutherland and Hodgman): `x * sign <= limit * sign`.
fn clip_ring(ring: Vec<Coord<f64>>, limit: f64, sign: f64) -> Vec<Coord<f64>> {
    let within = |coord: &Coord<f64>| coord.x * sign <= limit * sign;
    if ring.iter().all(within) {
        return ring;
    }
    let mut kept = Vec::with_capacity(ring.len() + 4);
    for (from, to) in ring.iter().zip(ring.iter().skip(1)) {
        match (within(from), within(to)) {
            (true, true) => kept.push(*to),
            (true, false) => kept.push(crossing(*from, *to, limit)),
            (false, true) => kept.extend([crossing(*from, *to, limit), *to]),
            (false, false) => {}
        }
    }
    kept.extend(kept.first().copied());
    kept
}

/// The stretches of a line within [-180, 180], seen from one turn.
fn clip_line(line: &[Vertex], turn: i32) -> Vec<LineString<f64>> {
    let mut stretches: Vec<Vec<Coord<f64>>> = Vec::new();
    for (a, b) in line.iter().zip(line.iter().skip(1)) {
        let (from, to) = (a.seen_from(turn), b.seen_from(turn));
        if from.x.max(to.x) < -180.0 || from.x.min(to.x) > 180.0 {
            continue;
        }
        let clip = |coord: Coord<f64>| match coord.x {
            east if east > 180.0 => crossing(from, to, 180.0),
            west if west < -180.0 => crossing(from, to, -180.0),
            _ => coord,
        };
        let (start, end) = (clip(from), clip(to));
        // Touching ±180 from outside belongs to the neighbouring turn.
        let has_width = start.x < end.x || end.x < start.x;
        if !has_width && a.turn != turn && b.turn != turn {
            continue;
        }
        match stretches.last_mut() {
            Some(stretch) if stretch.last() == Some(&start) => stretch.push(end),
            _ => stretches.push(vec![start, end]),
        }
    }
    stretches.into_iter().map(LineString::new).collect()
}
