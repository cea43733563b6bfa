//! Tables of the Python program: whatever cells it chose for an item, a search that touches the item looks at one.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeSet;
use std::fs::File;

use earthcatalog_core::catalog::properties::GridDefinition;
use earthcatalog_core::geometry::Shape;
use earthcatalog_core::grid::{Cover, Footprints, Grid, H3Grid, NONE_CELL, Reach, RegionGrid, Tiles};
use earthcatalog_tests::generated::cases;
use earthcatalog_tests::shapes::{Rings, python_h3_keys, samples};
use flate2::read::GzDecoder;
use geo::Coord;
use h3o::Resolution;
use proptest::prelude::*;
use serde_json::{Value, json};

fn h3(resolution: u8) -> Grid {
    Grid::H3(H3Grid::new(resolution).unwrap()).of_another_writer()
}

fn polygon(rings: &Rings) -> Shape {
    Shape::from_geojson(&json!({"type": "Polygon", "coordinates": rings})).unwrap()
}

fn point(coord: Coord<f64>) -> Shape {
    Shape::from_geojson(&json!({"type": "Point", "coordinates": [coord.x, coord.y]})).unwrap()
}

/// Files of polygons without holes, of more positions than a box has.
fn plain_polygons() -> Footprints {
    let bound = [1, 3, 0, 0, 0, 1, 0, 0, 0, 17, 0, 0, 0];
    Footprints::between(Some(&bound), Some(&bound))
}

/// Most points asked for of one item.
const POINTS: usize = 60;

/// Those of the keys that are H3 cells at a place or beside its cell.
fn nearest(place: Coord<f64>, keys: &BTreeSet<String>) -> Vec<&String> {
    let some_cell = keys.first().and_then(|key| key.parse::<h3o::CellIndex>().ok());
    let Some(resolution) = some_cell.map(h3o::CellIndex::resolution) else { return Vec::new() };
    let cell = h3o::LatLng::new(place.y, place.x).unwrap().to_cell(resolution);
    let near: Vec<h3o::CellIndex> = cell.grid_disk(2);
    near.iter().filter_map(|cell| keys.get(&cell.to_string())).collect()
}

/// Every point of an item leads to one of the keys it is stored under.
fn every_point_leads_to_a_key(
    grid: &Grid,
    shape: &Shape,
    keys: &BTreeSet<String>,
    footprints: Footprints,
) -> Result<(), TestCaseError> {
    let places: Vec<Coord<f64>> = shape.parts().iter().flat_map(|part| samples(part, 8)).collect();
    for place in places.iter().step_by(places.len().div_ceil(POINTS)).copied() {
        let cover = grid.query_cells(&point(place));
        let holds = |key: &&String| cover.might_hold(key, footprints);
        // A ring that is walked the long way has thousands of keys: the nearest are asked first.
        let found = nearest(place, keys).iter().any(holds) || keys.iter().any(|key| holds(&key));
        prop_assert!(found, "{:?} of {:?} is in none of {:?}", place, shape, keys);
    }
    Ok(())
}

fn h3_keys(rings: &Rings, resolution: u8) -> BTreeSet<String> {
    let resolution = Resolution::try_from(resolution).unwrap();
    python_h3_keys(rings, resolution).into_iter().map(|cell| cell.to_string()).collect()
}

/// A star around a place, as large as `size` degrees; `twist` is the share of a turn it is turned by.
fn star((longitude, latitude): (f64, f64), (wide, high): (f64, f64), reaches: &[f64], twist: f64) -> Vec<(f64, f64)> {
    let mut ring = Vec::new();
    for (number, reach) in (0_u32..).zip(reaches) {
        let turn = twist + f64::from(number) / f64::from(u32::try_from(reaches.len()).unwrap());
        let (sin, cos) = (turn * std::f64::consts::TAU).sin_cos();
        ring.push((longitude + wide * reach * cos, (latitude + high * reach * sin).clamp(-90.0, 90.0)));
    }
    ring.push(ring[0]);
    ring
}

fn reaches() -> impl Strategy<Value = Vec<f64>> {
    prop::collection::vec(0.05_f64..1.0, 3..9)
}

/// A footprint that keeps away from ±180, a few cells large or small; its resolution.
fn inland() -> impl Strategy<Value = (Rings, u8)> {
    let size = prop_oneof![1 => Just(0.001), 3 => 0.05_f64..1.0, 4 => 1.0_f64..4.0];
    (0_u8..=6, -150.0_f64..150.0, -80.0_f64..80.0, size, 0.02_f64..1.0, reaches(), 0.0_f64..1.0).prop_map(
        |(resolution, longitude, latitude, size, flat, reaches, twist)| {
            let edge = Resolution::try_from(resolution).unwrap().edge_length_rads().to_degrees();
            let high = (edge * size).min(20.0);
            let wide = (high / latitude.to_radians().cos()).min(25.0);
            (vec![star((longitude, latitude), (wide, high * flat), &reaches, twist)], resolution)
        },
    )
}

/// A footprint of at most 4 degrees to each side of ±180, written with its jump, and its resolution.
fn across() -> impl Strategy<Value = (Rings, u8)> {
    (0_u8..=4, -1.0_f64..1.0, -84.0_f64..84.0, 0.1_f64..2.0, 0.05_f64..1.0, reaches(), 0.0_f64..1.0).prop_map(
        |(resolution, offset, latitude, size, flat, reaches, twist)| {
            let shrink = latitude.to_radians().cos();
            let ring = star((180.0 + offset * size / shrink, latitude), (size / shrink, size * flat), &reaches, twist);
            let wrapped = ring.into_iter().map(|(x, y)| (if x > 180.0 { x - 360.0 } else { x }, y)).collect();
            (vec![wrapped], resolution)
        },
    )
}

/// A ring round a pole, at most 4 degrees from it, and its resolution.
fn around_a_pole() -> impl Strategy<Value = (Rings, u8)> {
    (0_u8..=4, any::<bool>(), prop::collection::vec(0.5_f64..4.0, 3..9), 0.0_f64..360.0).prop_map(
        |(resolution, north, distances, start)| {
            let mut ring = Vec::new();
            for (number, distance) in (0_u32..).zip(&distances) {
                let step = 360.0 / f64::from(u32::try_from(distances.len()).unwrap());
                let longitude = (start + f64::from(number) * step).rem_euclid(360.0) - 180.0;
                ring.push((longitude, if north { 90.0 - distance } else { distance - 90.0 }));
            }
            ring.push(ring[0]);
            (vec![ring], resolution)
        },
    )
}

proptest! {
    #![proptest_config(cases(200))]

    #[test]
    fn polygons_are_found_at_each_of_their_points((rings, resolution) in inland()) {
        every_point_leads_to_a_key(&h3(resolution), &polygon(&rings), &h3_keys(&rings, resolution), plain_polygons())?;
    }

    #[test]
    fn polygons_over_the_antimeridian_are_found((rings, resolution) in across()) {
        every_point_leads_to_a_key(&h3(resolution), &polygon(&rings), &h3_keys(&rings, resolution), plain_polygons())?;
    }
}

proptest! {
    #![proptest_config(cases(100))]

    #[test]
    fn rings_round_a_pole_are_found((rings, resolution) in around_a_pole()) {
        every_point_leads_to_a_key(&h3(resolution), &polygon(&rings), &h3_keys(&rings, resolution), plain_polygons())?;
    }

    #[test]
    fn polygons_with_holes_are_found(
        (mut rings, resolution) in inland(),
        share in 0.2_f64..0.95,
    ) {
        let centre = rings[0].iter().skip(1).fold((0.0, 0.0), |sum, place| (sum.0 + place.0, sum.1 + place.1));
        let count = f64::from(u32::try_from(rings[0].len() - 1).unwrap());
        let (x, y) = (centre.0 / count, centre.1 / count);
        let hole = rings[0].iter().map(|place| (x + (place.0 - x) * share, y + (place.1 - y) * share)).collect();
        rings.push(hole);
        let two_rings = [1, 3, 0, 0, 0, 2, 0, 0, 0, 17];
        let footprints = Footprints::between(Some(&[1, 3, 0, 0, 0, 1, 0, 0, 0, 5]), Some(&two_rings));
        every_point_leads_to_a_key(&h3(resolution), &polygon(&rings), &h3_keys(&rings, resolution), footprints)?;
    }

    #[test]
    fn boxes_round_the_world_are_found(resolution in 0_u8..=2, south in -90.0_f64..80.0, high in 0.1_f64..170.0) {
        let north = (south + high).min(90.0);
        let ring = vec![(-180.0, south), (180.0, south), (180.0, north), (-180.0, north), (-180.0, south)];
        let bound = [1, 3, 0, 0, 0, 1, 0, 0, 0, 5, 0, 0, 0];
        let footprints = Footprints::between(Some(&bound), Some(&bound));
        let rings = vec![ring];
        every_point_leads_to_a_key(&h3(resolution), &polygon(&rings), &h3_keys(&rings, resolution), footprints)?;
    }
}

#[test]
fn a_table_of_another_resolution_than_its_properties_say_is_searched_right() {
    let rings = vec![vec![(10.0, 50.0), (11.0, 50.0), (11.0, 51.0), (10.0, 50.0)]];
    let keys = h3_keys(&rings, 3);
    every_point_leads_to_a_key(&h3(1), &polygon(&rings), &keys, plain_polygons()).unwrap();
    every_point_leads_to_a_key(&h3(0), &polygon(&rings), &keys, plain_polygons()).unwrap();
}

#[test]
fn a_query_far_from_what_is_odd_looks_at_no_more_than_its_neighbourhood() {
    let at = |x: f64, y: f64| h3(1).query_cells(&point(Coord { x, y }));
    let looked = |cover: &Cover| {
        let cells = earthcatalog_tests::shapes::all_cells(Resolution::One).into_iter();
        cells.filter(|cell| cover.might_hold(&cell.to_string(), plain_polygons())).count()
    };
    let far: Vec<usize> =
        [(-45.0, 70.0), (-141.0, 60.5), (87.0, 28.0), (0.0, 0.0)].iter().map(|(x, y)| looked(&at(*x, *y))).collect();
    assert!(far.iter().all(|cells| *cells <= 2) && far.contains(&1), "{far:?}");
    let beside = looked(&at(179.0, 70.0));
    assert!((2..20).contains(&beside), "{beside}");
    assert!(at(1.0, 1.0).contains(NONE_CELL));
    assert_eq!(at(1.0, 1.0).reach("no cell at all"), Reach::Touches);
}

#[test]
fn listed_cells_hold_all_that_are_looked_at() {
    for (x, y) in [(-45.0, 70.0), (179.5, 68.0), (0.0, 89.0), (10.0, 3.3)] {
        let shape = point(Coord { x, y });
        let Cover::Cells(listed) = h3(1).listed_cells(&shape) else { panic!("no list") };
        let cover = h3(1).query_cells(&shape);
        for cell in earthcatalog_tests::shapes::all_cells(Resolution::One) {
            assert_eq!(cover.contains(&cell.to_string()), listed.contains(&cell.to_string()), "{cell} of {x} {y}");
        }
        assert!(listed.contains(NONE_CELL));
    }
}

#[test]
fn the_keys_that_the_python_program_gave_real_footprints_are_found() {
    let Some(folder) = earthcatalog_tests::fixtures() else { return };
    let file = File::open(folder.join("upstream/golden/h3_upstream_keys.json.gz")).unwrap();
    let rows: Vec<Value> = serde_json::from_reader(GzDecoder::new(file)).unwrap();
    let (mut compared, mut wrapped) = (0, 0);
    for row in &rows {
        let shape = Shape::from_geojson(&row["geometry"]).unwrap();
        let rings: Rings = serde_json::from_value(row["geometry"]["coordinates"].clone()).unwrap();
        for (resolution, theirs) in row["upstream_keys"].as_object().unwrap() {
            let resolution: u8 = resolution.parse().unwrap();
            let theirs: BTreeSet<String> = serde_json::from_value(theirs.clone()).unwrap();
            every_point_leads_to_a_key(&h3(resolution), &shape, &theirs, plain_polygons()).unwrap();
            // The algorithm written anew gives what the program gave.
            assert_eq!(h3_keys(&rings, resolution), theirs, "{} at {resolution}", row["id"]);
            compared += 1;
        }
        wrapped += u32::from(row["wraps"] == json!(true));
    }
    assert!(compared > 800 && wrapped > 5, "only {compared} covers compared, {wrapped} of them over ±180");
}

fn bounds(written: &[(f64, f64)]) -> [f64; 4] {
    written.iter().fold([f64::MAX, f64::MAX, f64::MIN, f64::MIN], |[west, south, east, north], (x, y)| {
        [west.min(*x), south.min(*y), east.max(*x), north.max(*y)]
    })
}

/// As the program names the tiles of a box.
fn lat_lon_keys(written: &[(f64, f64)], degrees: f64) -> BTreeSet<String> {
    let [west, south, east, north] = bounds(written);
    let mut keys = BTreeSet::new();
    let mut latitude = (south / degrees).floor() * degrees;
    while latitude <= north {
        let mut longitude = (west / degrees).floor() * degrees;
        while longitude <= east {
            keys.insert(format!("r{}c{}", (latitude / degrees).floor(), (longitude / degrees).floor()));
            longitude += degrees;
        }
        latitude += degrees;
    }
    keys
}

fn utm_keys(written: &[(f64, f64)]) -> BTreeSet<String> {
    let [west, south, east, north] = bounds(written);
    let mut keys = BTreeSet::new();
    let mut longitude = west;
    while longitude <= east {
        let zone = (((longitude + 180.0) / 6.0).floor() + 1.0).clamp(1.0, 60.0);
        keys.insert(format!("{zone}{}", if f64::midpoint(south, north) >= 0.0 { "N" } else { "S" }));
        longitude += 6.0;
    }
    keys
}

/// The tokens of the cells of a level that a box in longitude and latitude meets: those of a fine raster over it.
fn s2_keys(written: &[(f64, f64)], level: u32) -> BTreeSet<String> {
    let [west, south, east, north] = bounds(written);
    // Finer than the cells of the finest level used.
    let steps = |length: f64| (0..=300_u32).take_while(move |number| f64::from(*number) < length / 1.2 + 20.0);
    let along = |from: f64, to: f64| {
        let last = f64::from(steps(to - from).last().unwrap_or(1).max(1));
        steps(to - from).map(move |number| from + (to - from) * f64::from(number) / last)
    };
    let places = along(west, east).flat_map(|x| along(south, north).map(move |y| (x, y)));
    places.map(|place| s2_token(place, level)).collect()
}

/// `S2CellId(S2LatLng)`, its ancestor at a level, as a token.
#[expect(clippy::many_single_char_names, reason = "the letters of the S2 library")]
fn s2_token((longitude, latitude): (f64, f64), level: u32) -> String {
    let (lng, lat) = (longitude.to_radians(), latitude.to_radians());
    let [x, y, z] = [lat.cos() * lng.cos(), lat.cos() * lng.sin(), lat.sin()];
    let (face, u, v) = match [x.abs(), y.abs(), z.abs()] {
        [a, b, c] if a >= b && a >= c && x > 0.0 => (0, y / x, z / x),
        [a, b, c] if a >= b && a >= c => (3, z / x, y / x),
        [_, b, c] if b >= c && y > 0.0 => (1, -x / y, z / y),
        [_, b, c] if b >= c => (4, z / y, -x / y),
        _ if z > 0.0 => (2, -x / z, -y / z),
        _ => (5, -y / z, -x / z),
    };
    let share = |plane: f64| {
        if plane >= 0.0 { 0.5 * (1.0 + 3.0 * plane).sqrt() } else { 1.0 - 0.5 * (1.0 - 3.0 * plane).sqrt() }
    };
    let cells = 1_u64 << 30;
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "from 0 to 2^30")]
    let at = |plane: f64| ((share(plane) * f64::from(1_u32 << 30)).max(0.0) as u64).min(cells - 1);
    let (column, row) = (at(u), at(v));
    // Position on the curve of each quarter (column, row), by orientation; and how the orientation turns.
    let positions = [[0, 1, 3, 2], [0, 3, 1, 2], [2, 3, 1, 0], [2, 1, 3, 0]];
    let turns = [1, 0, 0, 3];
    let (mut id, mut orientation) = (face, (face & 1) as usize);
    for bit in (30 - level..30).rev() {
        let quarter = usize::try_from(((column >> bit) & 1) * 2 + ((row >> bit) & 1)).unwrap();
        let position: usize = positions[orientation][quarter];
        id = id << 2 | position as u64;
        orientation ^= turns[position];
    }
    let id = (id << 1 | 1) << (2 * (30 - level));
    format!("{id:016x}").trim_end_matches('0').to_owned()
}

/// Boxes of any size, with a jump at ±180 now and then.
fn written() -> impl Strategy<Value = Vec<(f64, f64)>> {
    let size = prop_oneof![Just(0.0), 0.001_f64..1.0, 1.0_f64..30.0];
    (prop_oneof![3 => -180.0_f64..150.0, 1 => 150.0_f64..180.0], -90.0_f64..90.0, size.clone(), size).prop_map(
        |(west, south, wide, high)| {
            let north = (south + high).min(90.0);
            let east = if west + wide > 180.0 { west + wide - 360.0 } else { west + wide };
            vec![(west, south), (east, south), (east, north), (west, north), (west, south)]
        },
    )
}

proptest! {
    #![proptest_config(cases(150))]

    #[test]
    fn tiles_of_every_kind_are_found(written in written(), size in 0_usize..6, level in 0_u32..5) {
        let shape = polygon(&vec![written.clone()]);
        let degrees = [2.0, 0.5, 5.0, 1.0, 0.7, 0.3][size];
        let kinds = [
            (Tiles::LatLon { degrees }, lat_lon_keys(&written, degrees)),
            (Tiles::Utm, utm_keys(&written)),
            (Tiles::S2, s2_keys(&written, level)),
        ];
        for (tiles, keys) in kinds {
            every_point_leads_to_a_key(&Grid::Tiles(tiles), &shape, &keys, Footprints::default())?;
        }
    }

    #[test]
    fn tiles_of_rings_round_a_pole_are_found((rings, level) in around_a_pole()) {
        let shape = polygon(&rings);
        let kinds = [
            (Tiles::LatLon { degrees: 2.0 }, lat_lon_keys(&rings[0], 2.0)),
            (Tiles::Utm, utm_keys(&rings[0])),
            (Tiles::S2, s2_keys(&rings[0], u32::from(level))),
        ];
        for (tiles, keys) in kinds {
            every_point_leads_to_a_key(&Grid::Tiles(tiles), &shape, &keys, Footprints::default())?;
        }
    }
}

/// Ids and their places from the tests of the S2 library.
#[test]
fn s2_ids_lie_where_the_library_says() {
    for (id, latitude, longitude) in [
        (0x47a1_cbd5_9552_2b39_u64, 49.703_498_679, 11.770_681_595),
        (0x4652_5318_b63b_e0f9, 55.685_376_759, 12.588_490_937),
        (0x52b3_0b71_698e_729d, 45.486_546_517, -93.449_700_022),
        (0x46ed_8886_cfad_da85, 58.299_984_854, 23.049_300_056),
        (0x3663_f18a_24cb_e857, 34.364_439_040, 108.330_699_969),
        (0x2b2b_fd07_6787_c5df, -25.285_264_027, 133.823_116_966),
        (0xb09d_ff88_2a78_09e1, -75.000_000_031, 0.000_000_133),
        (0x94da_a3d0_0000_0001, -24.694_439_215, -47.537_363_213),
        (0x87a1_0000_0000_0001, 38.899_730_392, -99.901_813_021),
        (0x4fc7_6d50_0000_0001, 81.647_200_334, -55.631_712_940),
    ] {
        let leaf = format!("{id:016x}");
        for level in [1, 2, 7, 15] {
            let lowest = 1_u64 << (2 * (30 - level));
            let token = format!("{:016x}", (id & lowest.wrapping_neg()) | lowest);
            let token = token.trim_end_matches('0');
            assert_eq!(s2_token((longitude, latitude), level), token, "{leaf} at {level}");
            let cover = Grid::Tiles(Tiles::S2).query_cells(&point(Coord { x: longitude, y: latitude }));
            assert_eq!(cover.reach(token), Reach::Touches, "{leaf} at {level}");
            let other_side =
                point(Coord { x: if longitude > 0.0 { longitude - 150.0 } else { longitude + 150.0 }, y: -latitude });
            assert_eq!(Grid::Tiles(Tiles::S2).query_cells(&other_side).reach(token), Reach::No, "{leaf} at {level}");
        }
    }
}

#[test]
fn tiles_prune_and_what_is_not_understood_does_not() {
    let tiles = |definition: GridDefinition| Grid::from_definition(&definition, None).unwrap();
    let reaches = |grid: &Grid, keys: &[&str]| {
        let cover = grid.query_cells(&point(Coord { x: -117.0, y: 34.0 }));
        keys.iter().map(|key| cover.reach(key)).collect::<Vec<_>>()
    };
    let utm = tiles(GridDefinition::Utm);
    let found = reaches(&utm, &["11N", "11S", "10N", "12N", "31N", "33N", "61N", "__none__"]);
    let expected = [Reach::Touches, Reach::Touches, Reach::Near, Reach::No, Reach::Near, Reach::No];
    assert_eq!(found[..6], expected);
    assert_eq!(found[6..], [Reach::Touches, Reach::Touches]);
    let squares = tiles(GridDefinition::LatLon { degrees: Some("2".into()) });
    let expected = [Reach::Touches, Reach::No, Reach::Near, Reach::No, Reach::Touches];
    assert_eq!(reaches(&squares, &["r17c-59", "r18c-59", "r3c0", "r-3c0", "rxc1"]), expected);
    for degrees in [None, Some("0"), Some("-2"), Some("two"), Some("NaN")] {
        let unknown = tiles(GridDefinition::LatLon { degrees: degrees.map(str::to_owned) });
        assert_eq!(unknown.query_cells(&point(Coord { x: 1.0, y: 2.0 })), Cover::All, "{degrees:?}");
    }
    for grid in [utm, squares] {
        assert_eq!(grid.item_cells(Some(&point(Coord { x: 1.0, y: 2.0 }))), [NONE_CELL]);
    }
}

#[test]
fn regions_of_another_writer_are_looked_at_everywhere_near_the_antimeridian() {
    let ring = json!([[[100, -90], [180, -90], [180, 90], [100, 90], [100, -90]]]);
    let regions = json!({"type": "FeatureCollection", "features": [
        {"type": "Feature", "id": "east", "properties": {}, "geometry": {"type": "Polygon", "coordinates": ring}},
    ]});
    let grid = Grid::GeoJson(RegionGrid::new(regions.to_string().as_bytes(), "id").unwrap()).of_another_writer();
    assert_eq!(grid.query_cells(&point(Coord { x: 178.0, y: 10.0 })), Cover::All);
    assert_ne!(grid.query_cells(&point(Coord { x: 150.0, y: 10.0 })), Cover::All);
}
