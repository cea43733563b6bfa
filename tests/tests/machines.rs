//! What holds for every machine: any order of answers gives one output, no failure gives a wrong one.

#![expect(clippy::unwrap_used, reason = "a test stops where it fails, in its helpers too")]

use std::collections::{HashSet, VecDeque};

use bytes::Bytes;
use earthcatalog_core::geometry::Shape;
use earthcatalog_core::grid::{Grid, H3Grid};
use earthcatalog_core::machine::drive;
use earthcatalog_core::query::Query;
use earthcatalog_core::stac::ValidItem;
use earthcatalog_core::{Error, ErrorKind, Machine, Request, Result, Step};
use earthcatalog_tests::generated::cases;
use earthcatalog_tests::made::{Made, Style};
use proptest::prelude::*;
use serde_json::{Value, json};

/// Items round the globe, each as large as to make files of several hundred kilobytes, which are read in pieces.
fn items(count: usize, bytes: usize, years: usize) -> Vec<ValidItem> {
    let item = |number: usize| {
        let (x, y) = (f64::from(u32::try_from(number * 37 % 300).unwrap()) - 150.0, 61.5);
        let mut state = number as u64 + 1;
        let noise: Vec<String> = (0..bytes / 16)
            .map(|_| {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                format!("{state:016x}")
            })
            .collect();
        let item = json!({
            "type": "Feature", "stac_version": "1.0.0", "id": format!("item-{number:04}"), "collection": "made",
            "geometry": {"type": "Polygon", "coordinates": [[[x, y], [x + 9.0, y], [x + 9.0, y + 1.0], [x, y]]]},
            "properties": {"datetime": format!("20{:02}-06-01T00:00:00Z", 10 + number % years), "noise": noise.concat()},
            "links": [], "assets": {},
        });
        ValidItem::from_value(item).unwrap()
    };
    (0..count).map(item).collect()
}

fn table(style: Style) -> Made {
    Made::of(&items(24, 160, 4), Grid::H3(H3Grid::new(1).unwrap()), style)
}

/// One file of more than 128 kB.
fn large(style: Style) -> Made {
    Made::of(&items(24, 20_000, 1), Grid::Unknown("one".into()), style)
}

fn query() -> Query {
    Query::new().area(Shape::from_bbox(&[-120.0, 55.0, 100.0, 65.0]).unwrap()).unwrap()
}

/// Drives a machine, choosing which of the requests in flight is answered next.
fn drive_in_order<M: Machine>(
    machine: &mut M,
    table: &Made,
    mut choose: impl FnMut(usize) -> usize,
) -> Result<Vec<M::Output>> {
    let mut seen = HashSet::new();
    let (mut waiting, mut values) = (VecDeque::<Request>::new(), Vec::new());
    loop {
        match machine.step()? {
            Step::Data(value) => values.push(value),
            Step::Finished => return Ok(values),
            Step::NeedsData(requests) => {
                for request in &requests {
                    assert!(seen.insert(request.id), "request {:?} was listed before", request.id);
                }
                waiting.extend(requests);
                let next = choose(waiting.len()) % waiting.len();
                let request = waiting.remove(next).unwrap();
                machine.supply(request.id, table.read(&request)?)?;
            }
        }
    }
}

fn in_usual_order(table: &Made, query: &Query) -> Vec<Value> {
    table.found(query, table.tasks())
}

proptest! {
    #![proptest_config(cases(40))]

    #[test]
    fn any_order_of_answers_gives_the_same_items_in_the_same_order(choices in proptest::collection::vec(any::<usize>(), 1..50)) {
        for table in [table(Style::Fine), large(Style::Fine)] {
            let mut turns = choices.iter().cycle();
            let mut search = table.search(&query(), table.tasks());
            let found = drive_in_order(&mut search, &table, |_| *turns.next().unwrap()).unwrap();
            prop_assert_eq!(found, in_usual_order(&table, &query()));
        }
    }

    #[test]
    fn broken_bytes_give_an_error_or_items_but_never_a_panic(
        at in any::<prop::sample::Index>(),
        byte in any::<u8>(),
        near_the_end in any::<bool>(),
        style in prop_oneof![Just(Style::Ours), Just(Style::Fine), Just(Style::Plain)],
    ) {
        std::panic::set_hook(Box::new(|_| {}));
        let mut table = Made::of(&items(8, 32, 4), Grid::Unknown("one".into()), style);
        table.spoil(|bytes| {
            let mut bytes = bytes.to_vec();
            let first = if near_the_end { bytes.len().saturating_sub(4000) } else { 0 };
            let position = first + at.index(bytes.len() - first);
            bytes[position] = byte;
            bytes.into()
        });
        let outcome = std::panic::catch_unwind(|| drive(&mut table.search(&query(), table.tasks()), |request| table.read(request)));
        drop(std::panic::take_hook());
        prop_assert!(outcome.is_ok(), "a panic escaped");
    }
}

#[test]
fn the_failure_of_any_request_is_the_failure_of_the_search() {
    for table in [table(Style::Fine), large(Style::Fine)] {
        let total = count_requests(&table);
        assert!(total > 4, "{total} requests prove little");
        for failing in 0..total {
            let mut number = 0;
            let outcome = drive(&mut table.search(&query(), table.tasks()), |request| {
                number += 1;
                if number == failing + 1 {
                    return Err(Error::new(ErrorKind::Unavailable, "the store is away"));
                }
                table.read(request)
            });
            let error = outcome.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Unavailable, "request {failing}");
            assert!(error.to_string().contains("mem://table/"), "names the object: {error}");
        }
    }
}

#[test]
fn a_short_or_long_body_is_refused_before_it_is_decoded() {
    for change in [|bytes: Bytes| bytes.slice(..bytes.len() - 1), |bytes: Bytes| [bytes.as_ref(), b"x"].concat().into()]
    {
        for table in [table(Style::Ours), large(Style::Fine)] {
            for cut in 0..count_requests(&table) {
                let mut number = 0;
                let outcome = drive(&mut table.search(&query(), table.tasks()), |request| {
                    number += 1;
                    let bytes = table.read(request)?;
                    Ok(if number == cut + 1 { change(bytes) } else { bytes })
                });
                assert_eq!(outcome.unwrap_err().kind(), ErrorKind::Unavailable);
            }
        }
    }
}

fn count_requests(table: &Made) -> usize {
    let mut number = 0;
    drive(&mut table.search(&query(), table.tasks()), |request| {
        number += 1;
        table.read(request)
    })
    .unwrap();
    number
}

#[test]
fn answers_that_come_after_the_search_ended_are_ignored() {
    let table = table(Style::Ours);
    let mut search = table.search(&query().max_items(1), table.tasks());
    let (mut waiting, mut found) = (Vec::new(), 0);
    loop {
        match search.step().unwrap() {
            Step::Data(_) => found += 1,
            Step::Finished => break,
            Step::NeedsData(requests) => {
                waiting.extend(requests);
                let request = waiting.remove(0);
                search.supply(request.id, table.read(&request).unwrap()).unwrap();
            }
        }
    }
    assert_eq!(found, 1);
    for request in waiting {
        search.supply(request.id, table.read(&request).unwrap()).unwrap();
    }
    assert!(matches!(search.step().unwrap(), Step::Finished));
}

#[test]
fn a_search_for_ids_reads_less_than_one_for_items() {
    let table = large(Style::Fine);
    let read = |search: &mut dyn Machine<Output = Value>| {
        let mut bytes = 0;
        let mut found = Vec::new();
        loop {
            match search.step().unwrap() {
                Step::Data(item) => found.push(item["id"].clone()),
                Step::Finished => return (found, bytes),
                Step::NeedsData(requests) => {
                    for request in requests {
                        let body = table.read(&request).unwrap();
                        bytes += body.len();
                        search.supply(request.id, body).unwrap();
                    }
                }
            }
        }
    };
    let (items, item_bytes) = read(&mut table.search(&query(), table.tasks()));
    let (ids, id_bytes) = read(&mut table.search(&query(), table.tasks()).ids_only());
    assert_eq!(items, ids);
    assert!(id_bytes * 2 < item_bytes, "{id_bytes} against {item_bytes}");
}

mod listing {
    //! Listing files, on a catalog that the Python program wrote.

    use super::*;
    use earthcatalog::driver::Driver;
    use earthcatalog::read;
    use earthcatalog::store::Stores;
    use earthcatalog_core::catalog::Catalog;
    use earthcatalog_core::search::{ListFiles, Search};

    fn opened() -> Option<Catalog> {
        let folder = earthcatalog_tests::fixtures()?.join("upstream/itslive-5k-s3");
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let driver = Driver::new(Stores::default());
        Some(runtime.block_on(read::open(&driver.stores, folder.to_str().unwrap())).unwrap())
    }

    fn read_local(request: &Request) -> Result<Bytes> {
        let bytes = std::fs::read(request.location.as_str());
        let bytes: Bytes = bytes.map_err(|_| Error::new(ErrorKind::NotFound, "no such object"))?.into();
        Ok(match &request.range {
            earthcatalog_core::Span::Bytes(range) => {
                bytes.slice(usize::try_from(range.start).unwrap()..usize::try_from(range.end).unwrap())
            }
            _ => bytes,
        })
    }

    fn small() -> Query {
        Query::new().bbox(&[-50.5, 69.0, -49.0, 69.6]).unwrap()
    }

    #[test]
    fn manifests_may_come_in_any_order() {
        let Some(catalog) = opened() else { return };
        let in_turn = |last_first: bool| {
            let mut list = ListFiles::matching(&catalog, Query::new()).unwrap();
            let mut waiting = Vec::new();
            loop {
                match list.step().unwrap() {
                    Step::Data(files) => return files,
                    Step::Finished => panic!("no files"),
                    Step::NeedsData(requests) => {
                        waiting.extend(requests);
                        let next = if last_first { waiting.len() - 1 } else { 0 };
                        let request: Request = waiting.remove(next);
                        list.supply(request.id, read_local(&request).unwrap()).unwrap();
                    }
                }
            }
        };
        assert_eq!(in_turn(true), in_turn(false));
    }

    #[test]
    fn the_failure_of_any_request_is_the_failure_of_a_whole_search() {
        let Some(catalog) = opened() else { return };
        let run = |failing: usize| {
            let mut number = 0;
            let mut search = Search::new(&catalog, small()).unwrap();
            let outcome = drive(&mut search, |request| {
                number += 1;
                if number == failing {
                    return Err(Error::new(ErrorKind::NotFound, "no such object"));
                }
                read_local(request)
            });
            (number, outcome)
        };
        let (total, found) = run(0);
        assert_eq!(found.unwrap().len(), 30);
        for failing in 1..=total {
            assert_eq!(run(failing).1.unwrap_err().kind(), ErrorKind::NotFound);
        }
    }
}
