//! A curve through the globe along which neighbours lie together (Hilbert 1891).

/// Bits of each coordinate on the curve: cells of 0.005°.
const ORDER: u32 = 16;

/// The place on the curve of the middle of a box in degrees: west, south, east, north.
#[must_use]
pub fn hilbert_of_bounds([west, south, east, north]: [f64; 4]) -> u32 {
    hilbert(cell(f64::midpoint(west, east), -180.0, 360.0), cell(f64::midpoint(south, north), -90.0, 180.0))
}

/// The number of a coordinate's cell, those beyond the ends taken for the ends.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped to 0..65535")]
fn cell(degrees: f64, from: f64, width: f64) -> u32 {
    let cells = f64::from(1_u32 << ORDER);
    ((degrees - from) / width * cells).clamp(0.0, cells - 1.0) as u32
}

/// The distance of a cell along the curve: each level takes the quarter the cell lies in, and turns the square so that
/// the curve enters the next level where it left this one.
fn hilbert(mut x: u32, mut y: u32) -> u32 {
    let mut distance = 0;
    for level in (0..ORDER).rev() {
        let (right, top) = (x >> level & 1, y >> level & 1);
        distance = distance << 2 | ((3 * right) ^ top);
        if top == 0 {
            if right == 1 {
                let mask = (1 << level) - 1;
                (x, y) = (!x & mask, !y & mask);
            }
            (x, y) = (y, x);
        }
    }
    distance
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_along_the_curve_are_steps_to_neighbours_and_each_cell_comes_once() {
        // The last levels alone: the curve of order 16 restricted to a corner of 16 x 16 cells.
        let mut cells: Vec<_> = (0..16).flat_map(|x| (0..16).map(move |y| (hilbert(x, y), (x, y)))).collect();
        cells.sort_unstable();
        assert!(cells.iter().map(|(distance, _)| *distance).eq(0..256));
        for pair in cells.windows(2) {
            let ((_, (x, y)), (_, (next_x, next_y))) = (pair[0], pair[1]);
            assert_eq!(u32::abs_diff(x, next_x) + u32::abs_diff(y, next_y), 1, "{pair:?}");
        }
    }

    #[test]
    fn the_ends_of_the_globe_are_on_the_curve() {
        for bounds in [[-180.0, -90.0, -180.0, -90.0], [180.0, 90.0, 180.0, 90.0], [200.0, 99.0, 400.0, 99.0]] {
            let _ = hilbert_of_bounds(bounds);
        }
        assert_eq!(hilbert_of_bounds([-180.0, -90.0, -180.0, -90.0]), 0);
    }
}
