//! Where items wait until all are known.

use std::collections::VecDeque;
use std::fmt::Debug;

use crate::Result;

/// Frames of bytes, given back in the order in which they were put: memory, or a file of the host's.
pub trait Spool: Debug {
    /// Keeps a frame.
    ///
    /// # Errors
    /// Those of what it is kept in.
    fn put(&mut self, frame: Vec<u8>) -> Result<()>;

    /// The next frame; `None` when all are taken. Nothing is put after the first was taken.
    ///
    /// # Errors
    /// Those of what it is kept in.
    fn take(&mut self) -> Result<Option<Vec<u8>>>;
}

/// A spool in memory.
#[derive(Debug, Default)]
pub struct MemorySpool(VecDeque<Vec<u8>>);

impl Spool for MemorySpool {
    fn put(&mut self, frame: Vec<u8>) -> Result<()> {
        self.0.push_back(frame);
        Ok(())
    }

    fn take(&mut self) -> Result<Option<Vec<u8>>> {
        Ok(self.0.pop_front())
    }
}
