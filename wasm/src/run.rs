//! One piece of work on a catalog: its machine is stepped by the host, which also waits for what is read.

use std::cell::RefCell;
use std::rc::Rc;

use earthcatalog_core::catalog::{Catalog as Opened, Open, OpenOptions};
use earthcatalog_core::reads::{Answer, Read, ReadOptions, Reads, RequestLog, Sent, Turn};
use earthcatalog_core::{Error, ErrorKind, Location, Result};
use js_sys::{Object, Promise, Reflect};
use wasm_bindgen::JsValue;
use wasm_bindgen::prelude::wasm_bindgen;

use crate::catalog::{Catalog, State};
use crate::convert::{aborted, error_to_js, is_about_database, object_to_js};
use crate::driver::read;
use crate::explain::{Entry, Report};
use crate::flight::Flights;
use crate::host::Host;
use crate::inbox::{Arrived, Inbox};
use crate::task::{Job, Task};

/// Opening a catalog, a search, a count, a listing: [`advance`](Self::advance) until it says that it waits, then await
/// [`arrival`](Self::arrival), and so on.
///
/// Bytes are parsed in `advance` alone, which JavaScript calls and can catch: where a parser gave up in a promise, the
/// promise would never settle.
#[wasm_bindgen]
pub struct Run {
    host: Rc<Host>,
    work: Work,
    reads: Reads,
    flights: Rc<Flights>,
    inbox: Rc<Inbox>,
    /// What was read before the work began anew.
    before: (RequestLog, Vec<Sent>),
    /// It began anew, which it does once.
    anew: bool,
    /// It failed: its plan can be told, and nothing else is to be had of it.
    failed: bool,
    cancelled: bool,
    cached: u64,
    values: u64,
    started_ms: f64,
    ended_ms: Option<f64>,
}

/// What a run does.
enum Work {
    Open(Box<Open>),
    Task(Box<Task>, Job, Rc<RefCell<State>>),
    /// An object was not as the catalog says: was the catalog replaced? With the error and the work that it ended.
    Reopen(Box<Open>, Error, (Box<Task>, Job, Rc<RefCell<State>>)),
    Ended,
}

impl Run {
    /// Opens a catalog.
    pub(crate) fn open(host: Host) -> Self {
        let machine = opening(&host);
        Self::new(Rc::new(host), Work::Open(machine))
    }

    /// A job on an opened catalog.
    pub(crate) fn of(job: Job, state: &Rc<RefCell<State>>) -> Result<Self> {
        let (host, task) = {
            let state = state.borrow();
            (Rc::clone(&state.host), Task::new(&state.catalog, &job)?)
        };
        Ok(Self::new(host, Work::Task(Box::new(task), job, Rc::clone(state))))
    }

    fn new(host: Rc<Host>, work: Work) -> Self {
        Self {
            reads: reads(&host),
            host,
            work,
            flights: Rc::default(),
            inbox: Rc::default(),
            before: Default::default(),
            anew: false,
            failed: false,
            cancelled: false,
            cached: 0,
            values: 0,
            started_ms: js_sys::Date::now(),
            ended_ms: None,
        }
    }

    fn next(&mut self) -> Result<Turn<JsValue>> {
        loop {
            match self.try_next() {
                Err(error) => self.recover(error)?,
                turn => return turn,
            }
        }
    }

    /// Goes on until there is a value, nothing more, or nothing to do but wait.
    fn try_next(&mut self) -> Result<Turn<JsValue>> {
        loop {
            let turn = match &mut self.work {
                Work::Open(machine) => match self.reads.step(machine.as_mut())? {
                    Turn::Value(opened) => Turn::Value(Catalog::opened(opened, Rc::clone(&self.host)).into()),
                    Turn::Wait => Turn::Wait,
                    Turn::Finished => Turn::Finished,
                },
                Work::Task(task, ..) => self.reads.step(task.as_mut())?,
                Work::Reopen(machine, ..) => match self.reads.step(machine.as_mut())? {
                    Turn::Value(opened) => {
                        self.reopened(opened)?;
                        continue;
                    }
                    Turn::Wait => Turn::Wait,
                    Turn::Finished => Turn::Finished,
                },
                Work::Ended => Turn::Finished,
            };
            match turn {
                Turn::Wait if self.send()? || self.receive()? => {}
                turn => return Ok(turn),
            }
        }
    }

    /// Sends what is due; whether something was answered at once.
    fn send(&mut self) -> Result<bool> {
        let mut answered = false;
        while let Some(next) = self.reads.next() {
            if let Some(body) = self.host.held(&self.flights, &next) {
                self.cached += 1;
                answered = true;
                self.answer(next, Answer::cached(body))?;
                continue;
            }
            // What another reads will be found in the cache.
            let noted = next.volatile || !self.host.turns.are_busy(&next.location, &next.span);
            if noted {
                self.reads.sent(&next);
            }
            self.inbox.expect(read(Rc::clone(&self.host), Rc::clone(&self.flights), next), noted);
        }
        Ok(answered)
    }

    /// Hands over the answer whose arrival was told; whether there was one.
    fn receive(&mut self) -> Result<bool> {
        let Some(Arrived { read, mut answer, noted }) = self.inbox.take() else {
            return Ok(false);
        };
        match (noted, answer.requests) {
            (true, requests) => answer.requests = requests.max(1),
            (false, 0) => self.cached += u64::from(answer.body.is_ok()),
            (false, _) => self.reads.sent(&read),
        }
        self.answer(read, answer)?;
        Ok(true)
    }

    fn answer(&mut self, read: Read, answer: Answer) -> Result<()> {
        match &mut self.work {
            Work::Open(machine) | Work::Reopen(machine, ..) => self.reads.answer(machine.as_mut(), read, answer),
            Work::Task(task, ..) => self.reads.answer(task.as_mut(), read, answer),
            Work::Ended => Ok(()),
        }
    }

    /// After an object that is not there or not what it should be: looks once whether the catalog has another state.
    fn recover(&mut self, error: Error) -> Result<()> {
        if let (ErrorKind::Corrupt, Some(location)) = (error.kind(), location_of(&error)) {
            // What is read next is not to find the same bytes in a cache.
            self.host.doubt(location);
        }
        match std::mem::replace(&mut self.work, Work::Ended) {
            Work::Task(task, job, state) if may_be_replaced(&error) && !self.anew => {
                self.work = Work::Reopen(opening(&self.host), error, (task, job, state));
            }
            // The metadata that the database named may have been replaced since.
            Work::Open(_) if error.kind() == ErrorKind::Corrupt && !self.anew && !is_about_database(&error) => {
                self.work = Work::Open(opening(&self.host));
            }
            Work::Reopen(_, first, (task, job, state)) => {
                self.work = Work::Task(task, job, state);
                return Err(first);
            }
            work => {
                self.work = work;
                return Err(error);
            }
        }
        self.anew = true;
        self.start_anew();
        Ok(())
    }

    /// Begins again with what was opened again: another state than before, or the same without what made no sense.
    fn reopened(&mut self, opened: Opened) -> Result<()> {
        let Work::Reopen(_, error, (task, job, state)) = std::mem::replace(&mut self.work, Work::Ended) else {
            return Err(Error::internal("reopened what was not to be"));
        };
        let is_same = opened.metadata_location() == state.borrow().catalog.metadata_location();
        if is_same && (error.kind() != ErrorKind::Corrupt || self.values > 0) {
            self.work = Work::Task(task, job, state);
            return Err(error);
        }
        if !is_same {
            state.borrow_mut().catalog = opened;
            // What has the name of an object that was replaced may be another.
            self.host.cache.borrow_mut().clear();
        }
        if self.values > 0 {
            self.work = Work::Task(task, job, state);
            let message = "the catalog was replaced while it was read";
            return Err(Error::new(ErrorKind::Changed, message).caused_by(error));
        }
        let task = Task::new(&state.borrow().catalog, &job)?;
        self.work = Work::Task(Box::new(task), job, state);
        self.start_anew();
        Ok(())
    }

    /// Forgets what is under way, and keeps count of what it cost.
    fn start_anew(&mut self) {
        self.before.0 = self.before.0.and(self.reads.log());
        self.before.1.extend_from_slice(self.reads.list());
        self.reads = reads(&self.host);
        self.let_go();
        self.flights = Rc::default();
        self.inbox = Rc::default();
    }

    /// Ends what is under way; a promise of an arrival settles.
    fn let_go(&self) {
        self.flights.end();
        self.inbox.close();
    }

    fn turn(&mut self) -> Result<JsValue, JsValue> {
        let object = Object::new();
        let (key, value) = match self.next() {
            Ok(Turn::Wait) => return Ok(JsValue::UNDEFINED),
            Ok(Turn::Value(value)) => {
                self.values += 1;
                ("value", value)
            }
            Ok(Turn::Finished) => ("done", JsValue::TRUE),
            Err(error) => {
                self.failed = true;
                return Err(error_to_js(&error));
            }
        };
        Reflect::set(&object, &key.into(), &value)?;
        Ok(object.into())
    }

    fn report(&self) -> Report {
        let task = if let Work::Task(task, ..) = &self.work { Some(task.as_ref()) } else { None };
        let catalog = task.map(Task::catalog);
        let mut warnings = catalog.map(|catalog| catalog.warnings().to_vec()).unwrap_or_default();
        warnings.extend(task.into_iter().flat_map(Task::warnings));
        Report {
            plan: task.map(Task::plan).unwrap_or_default(),
            scan: task.map(Task::summary).unwrap_or_default(),
            cost: self.before.0.and(self.reads.log()),
            cached: self.cached,
            ms: self.ended_ms.unwrap_or_else(js_sys::Date::now) - self.started_ms,
            log: self.before.1.iter().chain(self.reads.list()).map(Entry::of).collect(),
            snapshot_id: catalog.and_then(|catalog| catalog.snapshot()).map(|snapshot| snapshot.snapshot_id),
            warnings,
        }
    }
}

#[wasm_bindgen]
impl Run {
    /// Goes on as far as the bytes at hand allow: `{ value }`, `{ done: true }`, or `undefined` while it waits for an
    /// arrival. After an error there is nothing more.
    pub fn advance(&mut self) -> Result<JsValue, JsValue> {
        if self.cancelled {
            return Err(aborted());
        }
        if self.failed {
            self.work = Work::Ended;
        }
        let turn = self.turn();
        let waits = matches!(&turn, Ok(turn) if turn.is_undefined());
        let has_value = matches!(&turn, Ok(turn) if Reflect::has(turn, &"value".into()).unwrap_or(false));
        if !waits && !has_value {
            self.ended_ms.get_or_insert_with(js_sys::Date::now);
            self.let_go();
        }
        turn
    }

    /// Waits until something that was asked for has arrived, or has failed. Resolves to where it came from; to
    /// `undefined` where nothing will come.
    pub fn arrival(&self) -> Promise {
        self.inbox.arrival()
    }

    /// Aborts all that is under way; a promise of an arrival settles.
    pub fn cancel(&mut self) {
        self.cancelled = true;
        self.ended_ms.get_or_insert_with(js_sys::Date::now);
        self.let_go();
    }

    /// How far it is: `filesTotal`, `filesRead`, `items`, `requests`, `bytes`.
    pub fn progress(&self) -> Result<JsValue, JsValue> {
        object_to_js(&self.report().progress()).map_err(|error| error_to_js(&error))
    }

    /// What was pruned, read and sent so far.
    pub fn explain(&self) -> Result<JsValue, JsValue> {
        object_to_js(&self.report().shaped()).map_err(|error| error_to_js(&error))
    }
}

impl Drop for Run {
    fn drop(&mut self) {
        self.let_go();
    }
}

fn opening(host: &Host) -> Box<Open> {
    Box::new(Open::new(host.address.location(), OpenOptions::default()))
}

fn reads(host: &Host) -> Reads {
    Reads::new(ReadOptions { concurrency: host.concurrency, ..ReadOptions::default() })
}

fn location_of(error: &Error) -> Option<Location> {
    let (_, location) = error.context().iter().find(|(key, _)| *key == "location")?;
    Location::parse(location).ok()
}

fn may_be_replaced(error: &Error) -> bool {
    matches!(error.kind(), ErrorKind::NotFound | ErrorKind::Corrupt | ErrorKind::Changed)
}
