//! What has arrived for a run, and who waits for it.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::future::Future;
use std::rc::Rc;

use earthcatalog_core::reads::{Answer, Read};
use js_sys::{Function, Promise};
use wasm_bindgen::JsValue;
use wasm_bindgen_futures::spawn_local;

use crate::flight::call;

/// An answer on its way to the machine.
#[derive(Debug)]
pub(crate) struct Arrived {
    pub(crate) read: Read,
    pub(crate) answer: Answer,
    /// It was noted as sent when it began.
    pub(crate) noted: bool,
}

/// Reads under way and answers that arrived. Reads go on while nobody waits for them: a caller that takes its time
/// between two values does not make them time out.
#[derive(Debug, Default)]
pub(crate) struct Inbox {
    under_way: Cell<usize>,
    arrived: RefCell<VecDeque<Arrived>>,
    /// Somebody knows where the first of them came from.
    told: Cell<bool>,
    /// They settle the promises of those who wait.
    waiting: RefCell<Vec<Function>>,
    closed: Cell<bool>,
}

impl Inbox {
    /// Begins a read, which was `noted` as sent or will be when it turns out to be.
    pub(crate) fn expect(self: &Rc<Self>, read: impl Future<Output = (Read, Answer)> + 'static, noted: bool) {
        self.under_way.set(self.under_way.get() + 1);
        let inbox = Rc::clone(self);
        spawn_local(async move {
            let (read, answer) = read.await;
            inbox.under_way.set(inbox.under_way.get() - 1);
            if !inbox.closed.get() {
                inbox.arrived.borrow_mut().push_back(Arrived { read, answer, noted });
                inbox.tell();
            }
        });
    }

    /// The answer whose arrival was told last, once: should its bytes stop the reader, it is known where they came from.
    pub(crate) fn take(&self) -> Option<Arrived> {
        if self.told.replace(false) { self.arrived.borrow_mut().pop_front() } else { None }
    }

    /// A promise of where the next answer to be taken came from; of nothing, if none will come.
    pub(crate) fn arrival(&self) -> Promise {
        Promise::new(&mut |resolve, _| {
            self.waiting.borrow_mut().push(resolve);
            if !self.arrived.borrow().is_empty() || self.under_way.get() == 0 || self.closed.get() {
                self.tell();
            }
        })
    }

    /// Lets go what arrived and what will arrive; who waits is told.
    pub(crate) fn close(&self) {
        self.closed.set(true);
        self.arrived.borrow_mut().clear();
        self.tell();
    }

    fn tell(&self) {
        let waiting = self.waiting.take();
        let location = self.arrived.borrow().front().map(|arrived| JsValue::from(arrived.read.location.as_str()));
        self.told.set(self.told.get() || (location.is_some() && !waiting.is_empty()));
        let location = location.unwrap_or(JsValue::UNDEFINED);
        for resolve in &waiting {
            call(resolve, &location);
        }
    }
}
