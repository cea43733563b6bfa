//! Ice velocity image pairs as ITS_LIVE publishes them: footprints, times, names and assets of the same shapes.

use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use serde_json::{Value, json};

use super::Sampled;
use super::projection::Projection;
use super::random::{Random, rounded, whole};

const BUCKET_URL: &str = "https://its-live-data.s3.amazonaws.com";
const DAY_SECONDS: i64 = 86_400;

/// Where pairs lie: a box of centres, its projection, and how many of a thousand.
struct Region {
    weight: u64,
    projection: Projection,
    lon: (f64, f64),
    lat: (f64, f64),
}

const fn region(weight: u64, projection: Projection, lon: (f64, f64), lat: (f64, f64)) -> Region {
    Region { weight, projection, lon, lat }
}

const fn utm(zone: u8, south: bool) -> Projection {
    Projection::Utm { zone, south }
}

const REGIONS: [Region; 17] = [
    // Greenland, Canadian Arctic, Svalbard, Franz Josef Land, Novaya Zemlya, Severnaya Zemlya.
    region(230, Projection::North, (-56.0, -20.0), (60.0, 83.0)),
    region(50, Projection::North, (-95.0, -62.0), (68.0, 83.0)),
    region(35, Projection::North, (10.0, 27.0), (76.5, 80.5)),
    region(15, Projection::North, (45.0, 65.0), (79.5, 81.8)),
    region(15, Projection::North, (54.0, 68.0), (72.5, 77.0)),
    region(10, Projection::North, (92.0, 106.0), (78.0, 81.3)),
    // Antarctica: all round, the Ross Sea across the antimeridian, the pole.
    region(205, Projection::South, (-180.0, 180.0), (-84.0, -66.0)),
    region(30, Projection::South, (177.0, 183.0), (-86.0, -71.0)),
    region(6, Projection::South, (-180.0, 180.0), (-90.0, -89.3)),
    // Alaska, Himalaya, Karakoram, Patagonia, Iceland, Alps, New Zealand, Chukotka across the antimeridian.
    region(140, utm(7, false), (-153.0, -133.0), (58.0, 63.0)),
    region(80, utm(45, false), (80.0, 92.0), (27.0, 30.5)),
    region(70, utm(43, false), (70.5, 79.0), (34.0, 39.0)),
    region(60, utm(18, true), (-74.5, -72.5), (-52.0, -46.0)),
    region(22, utm(27, false), (-20.5, -15.5), (63.4, 66.0)),
    region(22, utm(32, false), (6.5, 11.5), (45.5, 47.2)),
    region(6, utm(59, true), (169.3, 171.2), (-44.4, -43.0)),
    region(4, utm(60, false), (177.5, 181.5), (64.5, 69.5)),
];

/// A satellite: its share, its first and last full years, days between passes, and half the footprint in kilometres.
struct Platform {
    name: &'static str,
    weight: u64,
    years: (i64, i64),
    pass_days: i64,
    half_km: (f64, f64),
}

const fn platform(name: &'static str, weight: u64, years: (i64, i64), pass_days: i64, half_km: (f64, f64)) -> Platform {
    Platform { name, weight, years, pass_days, half_km }
}

const PLATFORMS: [Platform; 8] = [
    platform("LC08", 300, (2013, 2025), 16, (92.0, 92.0)),
    platform("LC09", 105, (2022, 2025), 16, (92.0, 92.0)),
    platform("LE07", 100, (1999, 2021), 16, (92.0, 92.0)),
    platform("LT05", 60, (1985, 2011), 16, (92.0, 92.0)),
    platform("S1A", 120, (2014, 2025), 12, (125.0, 85.0)),
    platform("S1B", 45, (2016, 2021), 12, (125.0, 85.0)),
    platform("S2A", 155, (2015, 2025), 5, (55.0, 55.0)),
    platform("S2B", 115, (2017, 2025), 5, (55.0, 55.0)),
];

/// The two scenes of a pair.
struct Pair {
    first: DateTime<Utc>,
    second: DateTime<Utc>,
    /// Whole days between them.
    days: i64,
    scenes: [String; 2],
    frame: String,
    orbit_state: &'static str,
    folder: &'static str,
}

/// Draws an item.
pub(super) fn draw(random: &mut Random) -> Option<Sampled> {
    let region = random.weighted(&REGIONS, |region| region.weight)?;
    let platform = random.weighted(&PLATFORMS, |platform| platform.weight)?;
    let lon = super::projection::turn(random.between(region.lon.0, region.lon.1));
    let lat = random.between(region.lat.0, region.lat.1);
    let pair = draw_pair(random, platform, lon, lat)?;
    let percent = random.whole_between(1, 99);
    let [first, second] = &pair.scenes;
    let id = format!("{first}_X_{second}_G0120V02_P{percent:03}");
    let path = format!("velocity_image_pair/{}/v02/{}/{id}", pair.folder, ten_degrees(lon, lat));
    let created = DateTime::from_timestamp(random.whole_between(1_735_689_600, 1_759_276_800), 0)?;
    let item = json!({
        "type": "Feature",
        "stac_version": "1.1.0",
        "stac_extensions": [
            "https://stac-extensions.github.io/projection/v2.0.0/schema.json",
            "https://stac-extensions.github.io/alternate-assets/v1.2.0/schema.json",
            "https://stac-extensions.github.io/version/v1.2.0/schema.json",
            "https://stac-extensions.github.io/sat/v1.1.0/schema.json",
        ],
        "id": id,
        "geometry": null,
        "bbox": null,
        "properties": properties(&pair, platform, region.projection, (lon, lat), percent, created),
        "links": [{
            "rel": "collection",
            "href": "https://stac.itslive.cloud/collections/itslive-granules",
            "type": "application/json",
        }],
        "assets": assets(&path),
        "collection": "itslive-granules",
    });
    let ring = footprint(region.projection, lon, lat, platform.half_km);
    Some(Sampled { key: format!("{path}.stac.json"), item: super::with_footprint(item, &ring), modified: created })
}

fn draw_pair(random: &mut Random, platform: &Platform, lon: f64, lat: f64) -> Option<Pair> {
    let start = |year: i64| i32::try_from(year).ok().and_then(|year| chrono::NaiveDate::from_ymd_opt(year, 1, 1));
    let seconds = |year| start(year).and_then(|day| day.and_hms_opt(0, 0, 0)).map(|time| time.and_utc().timestamp());
    let (begin, end) = (seconds(platform.years.0)?, seconds(platform.years.1 + 1)?);
    // Short separations are the most frequent, a year and a bit the longest.
    let longest = 384 / platform.pass_days;
    let passes = random.whole_between(1, longest).min(random.whole_between(1, longest));
    let days = passes * platform.pass_days;
    let first = DateTime::from_timestamp(random.whole_between(begin, end - days * DAY_SECONDS - 1), 0)?;
    let second = first + TimeDelta::days(days);
    let (scenes, frame, orbit_state, folder) = match platform.name.get(..1)? {
        "L" => landsat_scenes(random, platform.name, [first, second], lon, lat),
        _ if platform.name.starts_with("S1") => radar_scenes(random, platform.name, [first, second]),
        _ => optical_scenes(random, platform.name, [first, second], lon, lat),
    };
    Some(Pair { first, second, days, scenes, frame, orbit_state, folder })
}

type Scenes = ([String; 2], String, &'static str, &'static str);

fn landsat_scenes(random: &mut Random, platform: &str, times: [DateTime<Utc>; 2], lon: f64, lat: f64) -> Scenes {
    let path = 1 + whole((180.0 - lon) / 360.0 * 233.0).clamp(0, 232);
    let row = 1 + whole((90.0 - lat) / 180.0 * 247.0).clamp(0, 247);
    let frame = format!("{path:03}{row:03}");
    let level = if random.once_in(5) { "L1GT" } else { "L1TP" };
    let tier = if level == "L1GT" { "T2" } else { "T1" };
    let processed = random.whole_between(8, 20);
    let scene = |time: DateTime<Utc>| {
        let later = time + TimeDelta::days(processed);
        format!("{platform}_{level}_{frame}_{}_{}_02_{tier}", time.format("%Y%m%d"), later.format("%Y%m%d"))
    };
    (times.map(scene), frame, "N/A", "landsatOLI")
}

fn radar_scenes(random: &mut Random, platform: &str, times: [DateTime<Utc>; 2]) -> Scenes {
    let orbit = random.whole_between(1, 175);
    let state = if random.once_in(2) { "ascending" } else { "descending" };
    let mut absolute = random.whole_between(10_000, 40_000);
    let scenes = times.map(|time| {
        absolute += random.whole_between(1, 5_000);
        let (take, unique) = (random.below(0xFF_FFFF), random.below(0xFFFF));
        let (start, end) = (time, time + TimeDelta::seconds(27));
        let (start, end) = (start.format("%Y%m%dT%H%M%S"), end.format("%Y%m%dT%H%M%S"));
        format!("{platform}_IW_SLC__1SSH_{start}_{end}_{absolute:06}_{take:06X}_{unique:04X}")
    });
    (scenes, orbit.to_string(), state, "sentinel1")
}

fn optical_scenes(random: &mut Random, platform: &str, times: [DateTime<Utc>; 2], lon: f64, lat: f64) -> Scenes {
    let tile = super::sentinel2::tile_name(lon, lat.clamp(-79.9, 83.9));
    let orbit = random.whole_between(1, 143);
    let scene = |time: DateTime<Utc>| {
        let made = time + TimeDelta::days(30);
        let (taken, made) = (time.format("%Y%m%dT%H%M%S"), made.format("%Y%m%dT%H%M%S"));
        format!("{platform}_MSIL1C_{taken}_N0500_R{orbit:03}_T{tile}_{made}")
    };
    (times.map(scene), format!("T{tile}"), "N/A", "sentinel2")
}

fn properties(
    pair: &Pair,
    platform: &Platform,
    projection: Projection,
    (lon, lat): (f64, f64),
    percent: i64,
    created: DateTime<Utc>,
) -> Value {
    let text = |time: DateTime<Utc>| time.to_rfc3339_opts(SecondsFormat::Secs, true);
    let middle = text(pair.first + TimeDelta::seconds(pair.days * DAY_SECONDS / 2));
    // A whole number of days, written as the products write it: 12.0.
    let separation = f64::from(i32::try_from(pair.days).unwrap_or(0));
    json!({
        "mid_datetime": middle,
        "created": text(created),
        "updated": text(created),
        "latitude": rounded(lat, 4),
        "longitude": rounded(lon, 4),
        "date_dt": separation,
        "platform": platform.name,
        "scene_1_id": pair.scenes[0],
        "scene_2_id": pair.scenes[1],
        "scene_1_frame": pair.frame,
        "scene_2_frame": pair.frame,
        "sat:orbit_state": pair.orbit_state,
        "start_datetime": text(pair.first),
        "end_datetime": text(pair.second),
        "percent_valid_pixels": percent,
        "proj:code": projection.code(),
        "version": "002",
        "datetime": middle,
    })
}

fn assets(path: &str) -> Value {
    json!({
        "data": {
            "href": format!("{BUCKET_URL}/{path}.nc"),
            "type": "application/netcdf",
            "alternate": { "s3": { "href": format!("s3://its-live-data/{path}.nc"), "alternate:name": "S3" } },
            "roles": ["data"],
        },
        "overview": { "href": format!("{BUCKET_URL}/{path}.png"), "type": "image/png", "roles": ["overview"] },
        "thumbnail": {
            "href": format!("{BUCKET_URL}/{path}_thumb.png"), "type": "image/png", "roles": ["thumbnail"]
        },
    })
}

/// A rectangle of the projection, four points a side, counter-clockwise from the lower left, as the products have it.
/// Longitudes jump at the antimeridian, and the ring may run round a pole: so they are published.
fn footprint(projection: Projection, lon: f64, lat: f64, half_km: (f64, f64)) -> Vec<(f64, f64)> {
    const STEPS: [f64; 4] = [-1.0, -0.5, 0.0, 0.5];
    let (x, y) = projection.forward(lon, lat);
    let (width, height) = (half_km.0 * 1000.0, half_km.1 * 1000.0);
    let south = STEPS.map(|step| (step, -1.0));
    let east = STEPS.map(|step| (1.0, step));
    let north = STEPS.map(|step| (-step, 1.0));
    let west = STEPS.map(|step| (-1.0, -step));
    let sides = [south, east, north, west].concat();
    let place = |(right, up): (f64, f64)| projection.inverse(x + right * width, y + up * height);
    sides.into_iter().map(place).map(|(lon, lat)| (rounded(lon, 4), rounded(lat, 4))).collect()
}

/// The folder of a place: its ten degrees towards zero, as `N60W040`.
fn ten_degrees(lon: f64, lat: f64) -> String {
    let tens = |degrees: f64| whole(degrees.abs() / 10.0) * 10;
    let (north, east) = (if lat < 0.0 { 'S' } else { 'N' }, if lon < 0.0 { 'W' } else { 'E' });
    format!("{north}{:02}{east}{:03}", tens(lat), tens(lon))
}
