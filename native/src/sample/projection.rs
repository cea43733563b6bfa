//! The map projections of the sampled products: polar stereographic and UTM, on the WGS 84 ellipsoid.
//!
//! After J. P. Snyder, "Map Projections: A Working Manual" (USGS 1395), chapters 8 and 21.

use std::f64::consts::{FRAC_PI_2, FRAC_PI_4, PI};

const A: f64 = 6_378_137.0;
const E2: f64 = 0.006_694_379_990_141_3;
/// Second eccentricity squared.
const EP2: f64 = E2 / (1.0 - E2);
const UTM_SCALE: f64 = 0.9996;
const FALSE_EASTING: f64 = 500_000.0;
const FALSE_NORTHING: f64 = 10_000_000.0;

/// A projection between degrees and metres.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Projection {
    /// EPSG:3413, NSIDC north polar stereographic.
    North,
    /// EPSG:3031, Antarctic polar stereographic.
    South,
    /// EPSG:326zz and 327zz.
    Utm {
        /// 1 to 60.
        zone: u8,
        /// South of the equator.
        south: bool,
    },
}

impl Projection {
    /// The UTM zone of a place, without the exceptions of Norway and Svalbard.
    pub(super) fn utm_of(lon: f64, lat: f64) -> Self {
        let zone = super::random::whole((lon + 180.0) / 6.0).rem_euclid(60) + 1;
        Self::Utm { zone: u8::try_from(zone).unwrap_or(1), south: lat < 0.0 }
    }

    pub(super) fn code(self) -> String {
        match self {
            Self::North => "EPSG:3413".to_owned(),
            Self::South => "EPSG:3031".to_owned(),
            Self::Utm { zone, south } => format!("EPSG:32{}{zone:02}", if south { 7 } else { 6 }),
        }
    }

    /// Longitude and latitude in degrees to x and y in metres.
    pub(super) fn forward(self, lon: f64, lat: f64) -> (f64, f64) {
        let latitude = lat.to_radians();
        match self {
            Self::North | Self::South => {
                let (origin, true_scale, sign) = self.polar();
                let distance = polar_radius(true_scale) * polar_t(sign * latitude) / polar_t(true_scale);
                let angle = (lon - origin).to_radians();
                (distance * angle.sin(), -sign * distance * angle.cos())
            }
            Self::Utm { south, .. } => {
                let (x, y) = transverse_forward(turn(lon - self.central_meridian()).to_radians(), latitude);
                (x + FALSE_EASTING, if south { y + FALSE_NORTHING } else { y })
            }
        }
    }

    /// x and y in metres to longitude, within ±180, and latitude in degrees.
    pub(super) fn inverse(self, x: f64, y: f64) -> (f64, f64) {
        let (lon, latitude) = match self {
            Self::North | Self::South => {
                let (origin, true_scale, sign) = self.polar();
                let t = x.hypot(y) * polar_t(true_scale) / polar_radius(true_scale);
                (origin + x.atan2(-sign * y).to_degrees(), sign * conformal_inverse(FRAC_PI_2 - 2.0 * t.atan()))
            }
            Self::Utm { south, .. } => {
                let y = if south { y - FALSE_NORTHING } else { y };
                let (longitude, latitude) = transverse_inverse(x - FALSE_EASTING, y);
                (self.central_meridian() + longitude.to_degrees(), latitude)
            }
        };
        (turn(lon), latitude.to_degrees())
    }

    /// Central longitude, latitude of true scale (in the north), and the sign of the pole.
    fn polar(self) -> (f64, f64, f64) {
        if self == Self::North { (-45.0, 70_f64.to_radians(), 1.0) } else { (0.0, 71_f64.to_radians(), -1.0) }
    }

    fn central_meridian(self) -> f64 {
        match self {
            Self::Utm { zone, .. } => f64::from(zone) * 6.0 - 183.0,
            Self::North | Self::South => 0.0,
        }
    }
}

/// Longitude within ±180.
pub(super) fn turn(lon: f64) -> f64 {
    if lon.abs() <= 180.0 { lon } else { (lon + 180.0).rem_euclid(360.0) - 180.0 }
}

/// Snyder (15-9).
fn polar_t(latitude: f64) -> f64 {
    let e = E2.sqrt();
    let sine = e * latitude.sin();
    (FRAC_PI_4 - latitude / 2.0).tan() / ((1.0 - sine) / (1.0 + sine)).powf(e / 2.0)
}

/// Snyder (14-15), times the equatorial radius.
fn polar_radius(latitude: f64) -> f64 {
    A * latitude.cos() / (1.0 - E2 * latitude.sin().powi(2)).sqrt()
}

/// Snyder (3-5).
fn conformal_inverse(chi: f64) -> f64 {
    let (e4, e6, e8) = (E2.powi(2), E2.powi(3), E2.powi(4));
    chi + (E2 / 2.0 + 5.0 * e4 / 24.0 + e6 / 12.0 + 13.0 * e8 / 360.0) * (2.0 * chi).sin()
        + (7.0 * e4 / 48.0 + 29.0 * e6 / 240.0 + 811.0 * e8 / 11_520.0) * (4.0 * chi).sin()
        + (7.0 * e6 / 120.0 + 81.0 * e8 / 1_120.0) * (6.0 * chi).sin()
        + (4_279.0 * e8 / 161_280.0) * (8.0 * chi).sin()
}

/// The meridian's length from the equator: Snyder (3-21).
fn meridian(latitude: f64) -> f64 {
    let (e4, e6) = (E2.powi(2), E2.powi(3));
    A * ((1.0 - E2 / 4.0 - 3.0 * e4 / 64.0 - 5.0 * e6 / 256.0) * latitude
        - (3.0 * E2 / 8.0 + 3.0 * e4 / 32.0 + 45.0 * e6 / 1024.0) * (2.0 * latitude).sin()
        + (15.0 * e4 / 256.0 + 45.0 * e6 / 1024.0) * (4.0 * latitude).sin()
        - (35.0 * e6 / 3072.0) * (6.0 * latitude).sin())
}

/// Snyder (8-9) and (8-10).
#[expect(clippy::many_single_char_names, reason = "the letters are Snyder's")]
fn transverse_forward(longitude: f64, latitude: f64) -> (f64, f64) {
    let (sine, cosine, t) = (latitude.sin(), latitude.cos(), latitude.tan().powi(2));
    let n = A / (1.0 - E2 * sine * sine).sqrt();
    let c = EP2 * cosine * cosine;
    let a = longitude * cosine;
    let x = a + (1.0 - t + c) * a.powi(3) / 6.0 + (5.0 - 18.0 * t + t * t + 72.0 * c - 58.0 * EP2) * a.powi(5) / 120.0;
    let y = a.powi(2) / 2.0
        + (5.0 - t + 9.0 * c + 4.0 * c * c) * a.powi(4) / 24.0
        + (61.0 - 58.0 * t + t * t + 600.0 * c - 330.0 * EP2) * a.powi(6) / 720.0;
    (UTM_SCALE * n * x, UTM_SCALE * (meridian(latitude) + n * latitude.tan() * y))
}

/// Snyder (8-17) and (8-18).
#[expect(clippy::many_single_char_names, reason = "the letters are Snyder's")]
fn transverse_inverse(x: f64, y: f64) -> (f64, f64) {
    let (e4, e6) = (E2.powi(2), E2.powi(3));
    let mu = y / UTM_SCALE / (A * (1.0 - E2 / 4.0 - 3.0 * e4 / 64.0 - 5.0 * e6 / 256.0));
    let e1 = (1.0 - (1.0 - E2).sqrt()) / (1.0 + (1.0 - E2).sqrt());
    let foot = mu
        + (1.5 * e1 - 27.0 * e1.powi(3) / 32.0) * (2.0 * mu).sin()
        + (21.0 * e1.powi(2) / 16.0 - 55.0 * e1.powi(4) / 32.0) * (4.0 * mu).sin()
        + (151.0 * e1.powi(3) / 96.0) * (6.0 * mu).sin();
    let (sine, cosine, t) = (foot.sin(), foot.cos(), foot.tan().powi(2));
    let c = EP2 * cosine * cosine;
    let n = A / (1.0 - E2 * sine * sine).sqrt();
    let r = A * (1.0 - E2) / (1.0 - E2 * sine * sine).powf(1.5);
    let d = x / (n * UTM_SCALE);
    let latitude = foot
        - (n * foot.tan() / r)
            * (d.powi(2) / 2.0 - (5.0 + 3.0 * t + 10.0 * c - 4.0 * c * c - 9.0 * EP2) * d.powi(4) / 24.0
                + (61.0 + 90.0 * t + 298.0 * c + 45.0 * t * t - 252.0 * EP2 - 3.0 * c * c) * d.powi(6) / 720.0);
    let longitude = (d - (1.0 + 2.0 * t + c) * d.powi(3) / 6.0
        + (5.0 - 2.0 * c + 28.0 * t - 3.0 * c * c + 8.0 * EP2 + 24.0 * t * t) * d.powi(5) / 120.0)
        / cosine;
    (longitude.clamp(-PI, PI), latitude)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn close(left: (f64, f64), right: (f64, f64), within: f64) -> bool {
        (left.0 - right.0).abs() < within && (left.1 - right.1).abs() < within
    }

    #[test]
    fn places_come_back_through_every_projection() {
        for (projection, lon, lat) in [
            (Projection::North, -45.0, 70.0),
            (Projection::North, 170.5, 81.25),
            (Projection::South, -178.0, -73.0),
            (Projection::South, 12.0, -89.5),
            (Projection::Utm { zone: 7, south: false }, -143.0, 61.5),
            (Projection::Utm { zone: 18, south: true }, -73.2, -49.0),
            (Projection::Utm { zone: 60, south: false }, -179.5, 66.0),
        ] {
            let (x, y) = projection.forward(lon, lat);
            let back = projection.inverse(x, y);
            assert!(close(back, (lon, lat), 1e-6), "{projection:?} {back:?}");
        }
    }

    #[test]
    fn known_places_have_their_known_coordinates() {
        // The north-west corner of Sentinel-2 tile 32TNS, and the corner of the NSIDC grid.
        let tile = Projection::Utm { zone: 32, south: false }.inverse(499_980.0, 5_200_020.0);
        assert!(close(tile, (8.999_737, 46.953_636), 1e-4), "{tile:?}");
        let corner = Projection::North.inverse(-3_850_000.0, 5_850_000.0);
        assert!(close(corner, (168.35, 30.98), 0.02), "{corner:?}");
    }
}
