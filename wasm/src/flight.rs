//! What is under way for one run: requests and pauses, which can all be ended at once.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;

use earthcatalog_core::{Error, Result, limits};
use js_sys::{Function, Promise, Reflect};
use wasm_bindgen::closure::Closure;
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;
use web_sys::AbortController;

use crate::cache::Cache;

/// The requests and pauses of one run.
#[derive(Debug)]
pub(crate) struct Flights {
    /// Whole objects that came where a part was asked for. They are held as long as the run, whatever the session's
    /// cache may hold: their other parts would each bring the whole object again.
    pub(crate) wholes: RefCell<Cache>,
    /// When something last came for any of them, or was asked for, in ms since 1970.
    heard_ms: Rc<Cell<f64>>,
    ended: Cell<bool>,
    next: Cell<u64>,
    /// What ends each.
    under_way: RefCell<HashMap<u64, Ending>>,
}

#[derive(Debug)]
enum Ending {
    Abort(AbortController),
    Resume(Function),
}

impl Default for Flights {
    fn default() -> Self {
        Self {
            wholes: RefCell::new(Cache::new(limits::OBJECT_BYTES)),
            heard_ms: Rc::default(),
            ended: Cell::default(),
            next: Cell::default(),
            under_way: RefCell::default(),
        }
    }
}

impl Flights {
    /// Ends what is under way; what is begun later ends at once.
    pub(crate) fn end(&self) {
        self.ended.set(true);
        self.wholes.borrow_mut().clear();
        // Taken out first: whoever hears of the end may call back.
        for ending in self.under_way.take().into_values() {
            match ending {
                Ending::Abort(controller) => controller.abort(),
                Ending::Resume(resume) => call(&resume, &JsValue::UNDEFINED),
            }
        }
    }

    pub(crate) fn have_ended(&self) -> bool {
        self.ended.get()
    }

    /// Waits so long, or until the end.
    pub(crate) async fn pause(&self, ms: f64) {
        if self.have_ended() {
            return;
        }
        let mut listed = None;
        let promise = Promise::new(&mut |resolve, _| {
            let entry = Entry::new(self, Ending::Resume(resolve.clone()));
            listed = Some((entry, Timer::new(&resolve, ms)));
        });
        // A promise that only resolves.
        drop(JsFuture::from(promise).await);
        drop(listed);
    }
}

/// A place in the list of what is under way.
#[derive(Debug)]
struct Entry<'f> {
    flights: &'f Flights,
    number: u64,
}

impl<'f> Entry<'f> {
    fn new(flights: &'f Flights, ending: Ending) -> Self {
        let number = flights.next.replace(flights.next.get() + 1);
        flights.under_way.borrow_mut().insert(number, ending);
        Self { flights, number }
    }
}

impl Drop for Entry<'_> {
    fn drop(&mut self) {
        self.flights.under_way.borrow_mut().remove(&self.number);
    }
}

/// One request. It is aborted when none of the run's requests heard anything for too long, and when it is dropped before
/// it landed. Requests beyond what a browser sends at once wait for others: these must not count as silence.
#[derive(Debug)]
pub(crate) struct Flight<'f> {
    pub(crate) controller: AbortController,
    flights: &'f Flights,
    patience_ms: Rc<Cell<f64>>,
    landed: Cell<bool>,
    _watch: Watch,
    _entry: Entry<'f>,
}

impl<'f> Flight<'f> {
    /// A request to a server that may keep silent for so long.
    pub(crate) fn new(flights: &'f Flights, patience_ms: f64) -> Result<Self> {
        let controller =
            AbortController::new().map_err(|_| Error::unsupported("there is no `AbortController` here"))?;
        if flights.have_ended() {
            controller.abort();
        }
        flights.heard_ms.set(js_sys::Date::now());
        let patience_ms = Rc::new(Cell::new(patience_ms));
        let watch = Watch::new(controller.clone(), Rc::clone(&flights.heard_ms), Rc::clone(&patience_ms));
        let entry = Entry::new(flights, Ending::Abort(controller.clone()));
        Ok(Self { controller, flights, patience_ms, landed: Cell::new(false), _watch: watch, _entry: entry })
    }

    /// Something came.
    pub(crate) fn hear(&self) {
        self.flights.heard_ms.set(js_sys::Date::now());
    }

    /// Silence is no sign from here on: allows so many times more of it.
    pub(crate) fn be_patient(&self, times: f64) {
        self.patience_ms.set(self.patience_ms.get() * times);
    }

    /// All of its body came.
    pub(crate) fn land(&self) {
        self.landed.set(true);
    }

    /// Whether it was aborted, in time or with all others.
    pub(crate) fn is_aborted(&self) -> bool {
        self.controller.signal().aborted()
    }
}

impl Drop for Flight<'_> {
    fn drop(&mut self) {
        // A connection whose body nobody reads would stay open.
        if !self.landed.get() {
            self.controller.abort();
        }
    }
}

/// Aborts a request after a silence, unless it is dropped. A host without timers has no time-outs.
#[derive(Debug)]
struct Watch {
    interval: JsValue,
    _check: Closure<dyn FnMut()>,
}

impl Watch {
    fn new(controller: AbortController, heard_ms: Rc<Cell<f64>>, patience_ms: Rc<Cell<f64>>) -> Self {
        let every_ms = (patience_ms.get() / 10.0).min(1000.0);
        let check = Closure::new(move || {
            if js_sys::Date::now() - heard_ms.get() >= patience_ms.get() {
                controller.abort();
            }
        });
        let set: Result<Function, JsValue> = global("setInterval").dyn_into();
        let interval = set.and_then(|set| set.call2(&JsValue::UNDEFINED, check.as_ref(), &every_ms.into()));
        Self { interval: interval.unwrap_or(JsValue::UNDEFINED), _check: check }
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        if let Ok(clear) = global("clearInterval").dyn_into::<Function>() {
            call(&clear, &self.interval);
        }
    }
}

/// Calls back after a while, unless it is dropped. A host without timers has no time-outs.
#[derive(Debug)]
struct Timer(JsValue);

impl Timer {
    fn new(callback: &Function, ms: f64) -> Self {
        let set: Result<Function, JsValue> = global("setTimeout").dyn_into();
        let Ok(set) = set else {
            return Self(JsValue::UNDEFINED);
        };
        Self(set.call2(&JsValue::UNDEFINED, callback, &ms.into()).unwrap_or(JsValue::UNDEFINED))
    }
}

impl Drop for Timer {
    fn drop(&mut self) {
        if let Ok(clear) = global("clearTimeout").dyn_into::<Function>() {
            call(&clear, &self.0);
        }
    }
}

/// Calls a function of which nothing is to be known.
pub(crate) fn call(function: &Function, value: &JsValue) {
    drop(function.call1(&JsValue::UNDEFINED, value));
}

/// What the host has under a name.
pub(crate) fn global(name: &str) -> JsValue {
    Reflect::get(&js_sys::global(), &name.into()).unwrap_or(JsValue::UNDEFINED)
}
