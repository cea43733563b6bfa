//! Bytes of immutable objects, kept for the session up to a bound.

use std::collections::HashMap;

use bytes::Bytes;
use earthcatalog_core::reads::cut;
use earthcatalog_core::{Location, Span};

/// What was read of immutable objects. Beyond its bound the bodies that were longest not asked for are dropped.
#[derive(Debug)]
pub(crate) struct Cache {
    bound_bytes: u64,
    held_bytes: u64,
    clock: u64,
    objects: HashMap<Location, Vec<Body>>,
}

/// Bytes of an object from an offset on.
#[derive(Debug)]
struct Body {
    start: u64,
    bytes: Bytes,
    whole: bool,
    used: u64,
}

impl Body {
    fn end(&self) -> u64 {
        self.start + self.bytes.len() as u64
    }

    fn find(&self, span: &Span) -> Option<Bytes> {
        match span {
            _ if self.whole => span.of_whole(&self.bytes),
            Span::Bytes(range) if self.start <= range.start && range.end <= self.end() => {
                Some(cut(&self.bytes, self.start, range))
            }
            _ => None,
        }
    }
}

impl Cache {
    /// An empty cache.
    pub(crate) fn new(bound_bytes: u64) -> Self {
        Self { bound_bytes, held_bytes: 0, clock: 0, objects: HashMap::new() }
    }

    /// Whether it holds anything, ever.
    pub(crate) fn is_off(&self) -> bool {
        self.bound_bytes == 0
    }

    /// The bytes of a span, if they are held.
    pub(crate) fn find(&mut self, location: &Location, span: &Span) -> Option<Bytes> {
        self.clock += 1;
        let bodies = self.objects.get_mut(location)?;
        bodies.iter_mut().find_map(|body| {
            let found = body.find(span)?;
            body.used = self.clock;
            Some(found)
        })
    }

    /// Keeps a part of an object, in place of those that lie within it.
    pub(crate) fn keep_part(&mut self, location: &Location, start: u64, bytes: Bytes) {
        let end = start + bytes.len() as u64;
        let body = Body { start, bytes, whole: false, used: 0 };
        self.keep(location, body, |other| !other.whole && start <= other.start && other.end() <= end);
    }

    /// Keeps an object, in place of its parts.
    pub(crate) fn keep_whole(&mut self, location: &Location, bytes: Bytes) {
        self.keep(location, Body { start: 0, bytes, whole: true, used: 0 }, |_| true);
    }

    /// Lets go what is held of an object.
    pub(crate) fn forget(&mut self, location: &Location) {
        self.drop_bodies(location, |_| true);
    }

    /// Lets go everything.
    pub(crate) fn clear(&mut self) {
        self.objects.clear();
        self.held_bytes = 0;
    }

    fn keep(&mut self, location: &Location, mut body: Body, instead_of: impl Fn(&Body) -> bool) {
        let bytes = body.bytes.len() as u64;
        // It would drive out everything else for nothing.
        if bytes > self.bound_bytes {
            return;
        }
        self.drop_bodies(location, instead_of);
        self.clock += 1;
        body.used = self.clock;
        self.held_bytes += bytes;
        self.objects.entry(location.clone()).or_default().push(body);
        while self.held_bytes > self.bound_bytes && self.drop_oldest() {}
    }

    fn drop_oldest(&mut self) -> bool {
        let bodies = self.objects.iter().flat_map(|(location, bodies)| bodies.iter().map(move |body| (location, body)));
        let Some((location, used)) = bodies.map(|(location, body)| (location, body.used)).min_by_key(|(_, used)| *used)
        else {
            return false;
        };
        let location = location.clone();
        self.drop_bodies(&location, |body| body.used == used);
        true
    }

    fn drop_bodies(&mut self, location: &Location, dropped: impl Fn(&Body) -> bool) {
        let Some(bodies) = self.objects.get_mut(location) else { return };
        bodies.retain(|body| {
            let kept = !dropped(body);
            self.held_bytes -= if kept { 0 } else { body.bytes.len() as u64 };
            kept
        });
        if bodies.is_empty() {
            self.objects.remove(location);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn location(name: &str) -> Location {
        Location::parse(name).unwrap()
    }

    #[test]
    fn a_whole_object_answers_every_span_of_it() {
        let mut cache = Cache::new(100);
        cache.keep_part(&location("/a"), 2, Bytes::from_static(b"cd"));
        assert_eq!(cache.find(&location("/a"), &Span::Whole), None);
        cache.keep_whole(&location("/a"), Bytes::from_static(b"abcdef"));
        let mut find =
            |span| cache.find(&location("/a"), &span).map(|bytes| String::from_utf8(bytes.to_vec()).unwrap());
        assert_eq!(find(Span::Whole).as_deref(), Some("abcdef"));
        assert_eq!(find(Span::Prefix(3)).as_deref(), Some("abc"));
        assert_eq!(find(Span::Tail(2)).as_deref(), Some("ef"));
        assert_eq!(find(Span::Tail(20)).as_deref(), Some("abcdef"));
        assert_eq!(find(Span::Bytes(1..3)).as_deref(), Some("bc"));
        assert_eq!(find(Span::Bytes(4..9)), None);
        assert_eq!(cache.held_bytes, 6);
    }

    #[test]
    fn parts_answer_what_lies_in_one_of_them() {
        let mut cache = Cache::new(100);
        cache.keep_part(&location("/a"), 10, Bytes::from_static(b"abcd"));
        cache.keep_part(&location("/a"), 14, Bytes::from_static(b"ef"));
        let mut find = |range| cache.find(&location("/a"), &Span::Bytes(range));
        assert_eq!(find(11..13), Some(Bytes::from_static(b"bc")));
        assert_eq!(find(13..15), None);
        assert_eq!(find(5..12), None);
        cache.keep_part(&location("/a"), 9, Bytes::from_static(b".abcdef"));
        assert_eq!(cache.held_bytes, 7);
    }

    #[test]
    fn what_was_longest_not_asked_for_goes_first_of_one_object_too() {
        for names in [["/a", "/b", "/c"], ["/a", "/a", "/a"]] {
            let mut cache = Cache::new(10);
            let [a, b, c] = names.map(location);
            cache.keep_part(&a, 0, Bytes::from_static(b"12345"));
            cache.keep_part(&b, 100, Bytes::from_static(b"12345"));
            assert!(cache.find(&a, &Span::Bytes(0..5)).is_some());
            cache.keep_part(&c, 200, Bytes::from_static(b"123"));
            assert!(cache.find(&b, &Span::Bytes(100..105)).is_none());
            assert!(cache.find(&a, &Span::Bytes(0..5)).is_some());
            assert!(cache.find(&c, &Span::Bytes(200..203)).is_some());
            assert_eq!(cache.held_bytes, 8);
        }
    }

    #[test]
    fn what_is_larger_than_the_bound_drives_nothing_out() {
        let mut cache = Cache::new(3);
        cache.keep_part(&location("/a"), 0, Bytes::from_static(b"1"));
        cache.keep_whole(&location("/b"), Bytes::from_static(b"12345"));
        assert!(cache.find(&location("/a"), &Span::Bytes(0..1)).is_some());
        assert!(cache.find(&location("/b"), &Span::Bytes(0..5)).is_none());
    }

    #[test]
    fn what_is_forgotten_is_not_held() {
        let mut cache = Cache::new(10);
        cache.keep_whole(&location("/a"), Bytes::from_static(b"1"));
        cache.keep_whole(&location("/b"), Bytes::from_static(b"23"));
        cache.forget(&location("/a"));
        assert!(cache.find(&location("/a"), &Span::Whole).is_none());
        assert_eq!(cache.held_bytes, 2);
        cache.clear();
        assert!(cache.find(&location("/b"), &Span::Whole).is_none());
        assert_eq!(cache.held_bytes, 0);
    }
}
