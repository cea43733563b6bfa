//! One reader at a time for the same bytes: the others wait, and then find them in the cache.

use std::cell::RefCell;
use std::collections::HashMap;
use std::future::poll_fn;
use std::task::{Poll, Waker};

use earthcatalog_core::{Location, Span};

/// What is being read, and who waits for it.
#[derive(Debug, Default)]
pub(crate) struct Turns(RefCell<HashMap<Key, Vec<Waker>>>);

/// An object and its first and last byte.
type Key = (Location, u64, u64);

/// The right to read some bytes, until it is dropped.
#[derive(Debug)]
pub(crate) struct Turn<'t> {
    turns: &'t Turns,
    key: Key,
}

fn key(location: &Location, span: &Span) -> Key {
    let (start, end) = match span {
        Span::Whole => (0, u64::MAX),
        Span::Prefix(most) => (0, *most),
        Span::Bytes(range) => (range.start, range.end),
        Span::Tail(most) => (u64::MAX - *most, u64::MAX),
    };
    (location.clone(), start, end)
}

impl Turns {
    /// The turn, unless somebody has it.
    pub(crate) fn take(&self, location: &Location, span: &Span) -> Option<Turn<'_>> {
        let key = key(location, span);
        let mut busy = self.0.borrow_mut();
        if busy.contains_key(&key) {
            return None;
        }
        busy.insert(key.clone(), Vec::new());
        Some(Turn { turns: self, key })
    }

    /// Whether somebody reads these bytes, or the whole object.
    pub(crate) fn are_busy(&self, location: &Location, span: &Span) -> bool {
        self.blocking(location, span).is_some()
    }

    /// Waits while somebody reads these bytes, or the whole object. Whether there was anybody.
    pub(crate) async fn wait(&self, location: &Location, span: &Span) -> bool {
        let Some(key) = self.blocking(location, span) else {
            return false;
        };
        let mut waiting = false;
        poll_fn(|context| match self.0.borrow_mut().get_mut(&key) {
            // Once woken it is over even if another has the turn by now: the bytes may be there.
            Some(wakers) if !waiting => {
                wakers.push(context.waker().clone());
                waiting = true;
                Poll::Pending
            }
            _ => Poll::Ready(()),
        })
        .await;
        true
    }

    fn blocking(&self, location: &Location, span: &Span) -> Option<Key> {
        let busy = self.0.borrow();
        [key(location, &Span::Whole), key(location, span)].into_iter().find(|key| busy.contains_key(key))
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        let waiting = self.turns.0.borrow_mut().remove(&self.key);
        waiting.unwrap_or_default().into_iter().for_each(Waker::wake);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::pin::pin;
    use std::task::Context;

    fn poll(future: impl Future<Output = bool>) -> Poll<bool> {
        pin!(future).poll(&mut Context::from_waker(Waker::noop()))
    }

    #[test]
    fn who_reads_the_whole_object_holds_up_its_parts_and_not_the_reverse() {
        let (a, b) = (Location::parse("/a").unwrap(), Location::parse("/b").unwrap());
        let turns = Turns::default();
        let part = turns.take(&a, &Span::Bytes(0..5));
        assert!(part.is_some() && turns.take(&a, &Span::Bytes(0..5)).is_none());
        assert!(turns.are_busy(&a, &Span::Bytes(0..5)));
        for span in [Span::Bytes(0..6), Span::Whole] {
            assert_eq!(poll(turns.wait(&a, &span)), Poll::Ready(false));
        }
        let whole = turns.take(&a, &Span::Whole);
        assert!(whole.is_some() && turns.are_busy(&a, &Span::Bytes(0..6)) && !turns.are_busy(&b, &Span::Whole));
    }

    #[test]
    fn who_waits_is_woken_when_the_turn_ends() {
        let a = Location::parse("/a").unwrap();
        let turns = Turns::default();
        let whole = turns.take(&a, &Span::Whole);
        let mut waiting = pin!(turns.wait(&a, &Span::Bytes(0..5)));
        let mut context = Context::from_waker(Waker::noop());
        assert_eq!(waiting.as_mut().poll(&mut context), Poll::Pending);
        assert_eq!(turns.0.borrow().values().map(Vec::len).sum::<usize>(), 1);
        drop(whole);
        assert_eq!(waiting.as_mut().poll(&mut context), Poll::Ready(true));
        assert!(!turns.are_busy(&a, &Span::Whole));
    }
}
