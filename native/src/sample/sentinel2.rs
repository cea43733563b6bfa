//! Sentinel-2 scenes of level 2A on their MGRS tiles, over glaciers.

use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use serde_json::{Map, Value, json};

use super::Sampled;
use super::projection::Projection;
use super::random::{Random, rounded, whole};

const BUCKET_URL: &str = "https://sentinel-cogs.s3.us-west-2.amazonaws.com";
/// The side of a tile, in metres: 100 km and an overlap.
const TILE_METRES: f64 = 109_800.0;

/// Boxes of places, west, south, east, north, and how many of a hundred.
const REGIONS: [(u64, [f64; 4]); 12] = [
    (22, [-55.0, 60.0, -22.0, 82.0]),
    (16, [-152.0, 58.5, -134.0, 62.5]),
    (12, [80.0, 27.3, 92.0, 30.0]),
    (12, [71.0, 34.5, 79.0, 38.5]),
    (10, [-75.0, -52.0, -72.5, -46.5]),
    (7, [11.0, 76.8, 25.0, 80.3]),
    (6, [6.2, 45.6, 12.5, 47.2]),
    (5, [-20.3, 63.5, -15.8, 65.6]),
    (3, [169.0, -44.5, 171.3, -42.8]),
    (3, [-69.0, -72.0, -58.0, -63.5]),
    (2, [177.0, 65.0, 180.0, 71.5]),
    (2, [-180.0, 65.0, -176.0, 71.5]),
];

const BANDS: [(&str, &str, &str, f64, f64); 6] = [
    ("blue", "B02", "Blue (band 2) - 10m", 0.49, 10.0),
    ("green", "B03", "Green (band 3) - 10m", 0.56, 10.0),
    ("red", "B04", "Red (band 4) - 10m", 0.665, 10.0),
    ("nir", "B08", "NIR 1 (band 8) - 10m", 0.842, 10.0),
    ("swir16", "B11", "SWIR 1 (band 11) - 20m", 1.61, 20.0),
    ("scl", "SCL", "Scene classification map (SCL)", 0.0, 20.0),
];

/// The tile of a place in the UTM grid: zone, band and 100 km square.
struct Tile {
    projection: Projection,
    zone: u8,
    band: char,
    square: String,
    left: f64,
    top: f64,
}

impl Tile {
    fn at(lon: f64, lat: f64) -> Self {
        let projection = Projection::utm_of(lon, lat);
        let Projection::Utm { zone, .. } = projection else {
            return Self { projection, zone: 0, band: 'Z', square: String::new(), left: 0.0, top: 0.0 };
        };
        let (x, y) = projection.forward(lon, lat);
        let (column, row) = (whole(x / 100_000.0), whole(y / 100_000.0));
        let hundred_km = |number: i64| f64::from(i32::try_from(number).unwrap_or(0)) * 100_000.0;
        Self {
            projection,
            zone,
            band: band(lat),
            square: square(zone, column, row),
            left: hundred_km(column) - 20.0,
            top: hundred_km(row + 1) + 20.0,
        }
    }

    fn name(&self) -> String {
        format!("{:02}{}{}", self.zone, self.band, self.square)
    }
}

/// The name of the tile at a place, such as `07VDG`.
pub(super) fn tile_name(lon: f64, lat: f64) -> String {
    Tile::at(lon, lat).name()
}

/// The MGRS latitude band: 8 degrees each from 80° south, X up to 84° north.
fn band(lat: f64) -> char {
    let place = usize::try_from(whole((lat + 80.0) / 8.0)).unwrap_or(0).min(19);
    "CDEFGHJKLMNPQRSTUVWX".chars().nth(place).unwrap_or('X')
}

/// The MGRS 100 km square: columns in three sets of letters, rows in a cycle of twenty that starts at F in even zones.
fn square(zone: u8, column: i64, row: i64) -> String {
    let set = ["ABCDEFGH", "JKLMNPQR", "STUVWXYZ"].into_iter().nth(usize::from((zone.max(1) - 1) % 3)).unwrap_or("");
    let column = usize::try_from(column - 1).ok().and_then(|place| set.chars().nth(place)).unwrap_or('A');
    let shift = if zone.is_multiple_of(2) { 5 } else { 0 };
    let place = usize::try_from((row + shift).rem_euclid(20)).unwrap_or(0);
    let row = "ABCDEFGHJKLMNPQRSTUV".chars().nth(place).unwrap_or('A');
    format!("{column}{row}")
}

/// Draws an item.
pub(super) fn draw(random: &mut Random) -> Option<Sampled> {
    let (_, [west, south, east, north]) = random.weighted(&REGIONS, |(weight, _)| *weight)?;
    let tile = Tile::at(random.between(*west, *east), random.between(*south, *north));
    let satellite = if random.once_in(2) { 'A' } else { 'B' };
    // From mid 2017, when both flew, to the end of 2025.
    let taken = DateTime::from_timestamp(random.whole_between(1_498_867_200, 1_767_225_599), 0)?;
    let created = taken + TimeDelta::seconds(random.whole_between(20_000, 200_000));
    let name = tile.name();
    let id = format!("S2{satellite}_T{name}_{}_L2A", taken.format("%Y%m%dT%H%M%S"));
    let folder = format!("sentinel-s2-l2a-cogs/{}/{}/{}", tile.zone, tile.band, tile.square);
    let path = format!("{folder}/{}/{id}", taken.format("%Y/%-m"));
    let item = json!({
        "type": "Feature",
        "stac_version": "1.0.0",
        "stac_extensions": [
            "https://stac-extensions.github.io/eo/v1.1.0/schema.json",
            "https://stac-extensions.github.io/projection/v1.1.0/schema.json",
            "https://stac-extensions.github.io/view/v1.0.0/schema.json",
            "https://stac-extensions.github.io/mgrs/v1.0.0/schema.json",
            "https://stac-extensions.github.io/grid/v1.1.0/schema.json",
            "https://stac-extensions.github.io/raster/v1.1.0/schema.json",
        ],
        "id": id,
        "geometry": null,
        "bbox": null,
        "properties": properties(random, &tile, satellite, taken, created),
        "links": [
            { "rel": "self", "href": format!("{BUCKET_URL}/{path}/{id}.json"), "type": "application/geo+json" },
            {
                "rel": "collection",
                "href": "https://earth-search.aws.element84.com/v1/collections/sentinel-2-l2a",
                "type": "application/json",
            },
        ],
        "assets": assets(&tile, &path),
        "collection": "sentinel-2-l2a",
    });
    let ring = footprint(random, &tile);
    Some(Sampled { key: format!("{path}/{id}.json"), item: super::with_footprint(item, &ring), modified: created })
}

fn properties(
    random: &mut Random,
    tile: &Tile,
    satellite: char,
    taken: DateTime<Utc>,
    created: DateTime<Utc>,
) -> Value {
    let millis =
        |time: DateTime<Utc>| (time + TimeDelta::milliseconds(24)).to_rfc3339_opts(SecondsFormat::Millis, true);
    let stamp = taken.format("%Y%m%dT%H%M%S");
    let orbit = random.whole_between(1, 143);
    let cloud = random.between(0.0, 100.0).min(random.between(0.0, 100.0));
    let snow = random.between(0.0, 100.0 - cloud);
    let epsg = tile.projection.code().trim_start_matches("EPSG:").parse::<u32>().unwrap_or_default();
    let six = |number| rounded(number, 6);
    json!({
        "created": millis(created),
        "updated": millis(created),
        "datetime": millis(taken),
        "platform": format!("sentinel-2{}", satellite.to_ascii_lowercase()),
        "constellation": "sentinel-2",
        "instruments": ["msi"],
        "eo:cloud_cover": six(cloud),
        "proj:epsg": epsg,
        "mgrs:utm_zone": tile.zone,
        "mgrs:latitude_band": tile.band.to_string(),
        "mgrs:grid_square": tile.square,
        "grid:code": format!("MGRS-{}", tile.name()),
        "view:sun_azimuth": rounded(random.between(140.0, 200.0), 8),
        "view:sun_elevation": rounded(random.between(5.0, 60.0), 8),
        "s2:degraded_msi_data_percentage": 0,
        "s2:nodata_pixel_percentage": six(random.between(0.0, 60.0)),
        "s2:saturated_defective_pixel_percentage": 0,
        "s2:high_proba_clouds_percentage": six(cloud * 0.6),
        "s2:medium_proba_clouds_percentage": six(cloud * 0.3),
        "s2:thin_cirrus_percentage": six(cloud * 0.1),
        "s2:snow_ice_percentage": six(snow),
        "s2:water_percentage": six((100.0 - cloud - snow) / 2.0),
        "s2:product_type": "S2MSI2A",
        "s2:processing_baseline": "05.11",
        "s2:product_uri": format!("S2{satellite}_MSIL2A_{stamp}_N0511_R{orbit:03}_T{}_{stamp}.SAFE", tile.name()),
        "s2:generation_time": millis(created),
        "s2:datatake_type": "INS-NOBS",
        "s2:reflectance_conversion_factor": rounded(random.between(0.96, 1.04), 12),
        "s2:sequence": "0",
    })
}

fn assets(tile: &Tile, path: &str) -> Value {
    let mut assets = Map::new();
    for (name, band, title, wavelength, resolution) in BANDS {
        let side = whole(TILE_METRES / resolution);
        let mut asset = json!({
            "href": format!("{BUCKET_URL}/{path}/{band}.tif"),
            "type": "image/tiff; application=geotiff; profile=cloud-optimized",
            "title": title,
            "proj:shape": [side, side],
            "proj:transform": [resolution, 0, tile.left, 0, -resolution, tile.top],
            "roles": ["data", "reflectance"],
        });
        if wavelength > 0.0 {
            asset["eo:bands"] = json!([{ "name": name, "common_name": name, "center_wavelength": wavelength }]);
            asset["raster:bands"] =
                json!([{ "nodata": 0, "data_type": "uint16", "spatial_resolution": resolution, "scale": 0.0001 }]);
        }
        assets.insert(name.to_owned(), asset);
    }
    assets.insert(
        "thumbnail".to_owned(),
        json!({ "href": format!("{BUCKET_URL}/{path}/thumbnail.jpg"), "type": "image/jpeg", "roles": ["thumbnail"] }),
    );
    Value::Object(assets)
}

/// The tile's square, or what the swath left of it.
fn footprint(random: &mut Random, tile: &Tile) -> Vec<(f64, f64)> {
    let (cut_top, cut_bottom) = match random.below(3) {
        0 => (random.between(0.1, 0.9), random.between(0.1, 0.9)),
        _ => (0.0, 0.0),
    };
    let corners = [(cut_top, 0.0), (cut_bottom, 1.0), (1.0, 1.0), (1.0, 0.0)];
    let place = |(right, down): (f64, f64)| {
        tile.projection.inverse(tile.left + right * TILE_METRES, tile.top - down * TILE_METRES)
    };
    corners.into_iter().map(place).map(|(lon, lat)| (rounded(lon, 12), rounded(lat, 12))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tiles_have_their_mgrs_names() {
        for (lon, lat, name) in [
            (9.5, 46.5, "32TNS"),
            (-49.9, 69.2, "22WEB"),
            (86.9, 28.0, "45RVL"),
            (4.9, 52.4, "31UFU"),
            (145.1, 14.6, "55PBS"),
            (-70.6, -33.4, "19HCD"),
        ] {
            assert_eq!(tile_name(lon, lat), name, "{lon} {lat}");
        }
    }
}
