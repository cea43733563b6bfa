//! Catalogs with a bin for each year, month or day: written as asked, and pruned without losing anything.

use earthcatalog_core::catalog::TimeBin;
use earthcatalog_core::catalog::properties::{GridDefinition, Layout};
use earthcatalog_core::query::{Interval, Query, TemporalRule};
use earthcatalog_core::stac::ValidItem;
use earthcatalog_tests::folder::Folder;
use serde_json::{Value, json};

/// Instants at the edges of bins, intervals over them, and none.
fn items() -> Vec<Value> {
    let times = [
        json!({"datetime": "2020-12-31T23:59:59.999999Z"}),
        json!({"datetime": "2021-01-01T00:00:00Z"}),
        json!({"datetime": "2021-01-31T23:30:00-01:00"}),
        json!({"datetime": "2021-02-28T12:00:00Z"}),
        json!({"datetime": "1969-12-31T23:59:59Z"}),
        json!({"datetime": null, "start_datetime": "2020-12-01T00:00:00Z", "end_datetime": "2021-03-01T00:00:00Z"}),
        json!({"datetime": "2021-06-15T12:00:00Z", "start_datetime": "2019-01-01T00:00:00Z", "end_datetime": "2023-01-01T00:00:00Z"}),
        json!({"datetime": null}),
    ];
    let item = |(number, properties): (usize, Value)| {
        json!({
            "type": "Feature", "stac_version": "1.0.0", "id": format!("item-{number}"),
            "geometry": {"type": "Point", "coordinates": [10.0, 50.0]},
            "properties": properties, "links": [], "assets": {},
        })
    };
    times.into_iter().enumerate().map(item).collect()
}

fn grids() -> [(GridDefinition, Option<Value>); 2] {
    let ring = json!([[[0, 40], [20, 40], [20, 60], [0, 60], [0, 40]]]);
    let regions = json!({"type": "FeatureCollection", "features": [
        {"type": "Feature", "properties": {"name": "a/../b"}, "geometry": {"type": "Polygon", "coordinates": ring}},
    ]});
    let by_name = GridDefinition::GeoJson { boundaries_path: String::new(), id_field: "name".to_owned() };
    [(GridDefinition::H3 { resolution: 1 }, None), (by_name, Some(regions))]
}

#[test]
fn every_bin_gives_the_same_answers_under_both_rules() {
    let valid: Vec<ValidItem> = items().into_iter().map(|item| ValidItem::from_value(item).unwrap()).collect();
    for (grid, boundaries) in grids() {
        for time_bin in TimeBin::ALL {
            let place = Folder::new(Layout { grid: grid.clone(), time_bin }, boundaries.as_ref());
            assert_eq!(place.ingest(&items()).items_failed, 0);
            assert_eq!(place.catalog().time_bin(), Some(time_bin));
            assert_eq!(place.ids(Query::new()).len(), valid.len());
            for rule in [TemporalRule::Overlap, TemporalRule::Datetime] {
                for text in ["2021", "2021-01", "2021-02-01", "2021-02", "../1970", "2021-01-01T00:00:00Z", "2022/.."] {
                    let interval = Interval::parse(text).unwrap();
                    let matches =
                        |item: &&ValidItem| rule.matches(&interval, item.datetime_us, item.start_us, item.end_us);
                    let expected: Vec<&str> = valid.iter().filter(matches).map(|item| item.id.as_str()).collect();
                    let found = place.ids(Query::new().datetime(text).unwrap().temporal(rule));
                    assert_eq!(found, expected, "{text} {rule:?} by {time_bin} in {grid:?}");
                }
            }
        }
    }
}

#[test]
fn finer_bins_leave_more_out() {
    let files = TimeBin::ALL.map(|time_bin| {
        let place = Folder::new(Layout { grid: GridDefinition::H3 { resolution: 1 }, time_bin }, None);
        assert_eq!(place.ingest(&items()).items_failed, 0);
        let query = Query::new().datetime("2021-02-01").unwrap().temporal(TemporalRule::Datetime);
        let (_, report) = place.search(query).unwrap();
        (report.plan.files_total, report.plan.after_bounds)
    });
    // The years 1969, 2020, 2021 and none; eight days and none.
    assert_eq!(files, [(4, 1), (6, 1), (7, 1)]);
}
