//! What is printed: data on stdout, progress and messages on stderr.

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::io::{self, IsTerminal as _, StdoutLock, Write as _};
use std::time::{Duration, Instant};

/// Prints a message on stderr. Nobody to read it is no error.
pub(crate) fn say(message: &str) {
    let _ = writeln!(io::stderr().lock(), "{message}");
}

/// Stdout, a whole line at a time, so that a reader such as `head` gets each line when it is there.
pub(crate) struct Out(StdoutLock<'static>);

impl Out {
    /// Takes stdout for this command.
    pub(crate) fn new() -> Self {
        Self(io::stdout().lock())
    }

    /// Prints `text` and a line end.
    pub(crate) fn line(&mut self, text: &str) -> io::Result<()> {
        writeln!(self.0, "{text}")
    }

    /// Prints `text` as it is.
    pub(crate) fn text(&mut self, text: &str) -> io::Result<()> {
        self.bytes(text.as_bytes())
    }

    /// Prints bytes as they are.
    pub(crate) fn bytes(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.0.write_all(bytes)
    }

    /// Prints a value as indented JSON.
    pub(crate) fn json(&mut self, value: &serde_json::Value) -> io::Result<()> {
        self.line(&format!("{value:#}"))
    }

    /// Sends what is still held back.
    pub(crate) fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

/// A table with its columns aligned: the first to the left, numbers to the right.
pub(crate) fn table(header: &[&str], rows: &[Vec<String>]) -> String {
    let width = |column: usize| {
        let cells = rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count());
        cells.chain(header.get(column).map(|name| name.len())).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..header.len()).map(width).collect();
    let numeric = |column: usize| {
        let mut cells = rows.iter().filter_map(|row| row.get(column)).peekable();
        cells.peek().is_some() && cells.all(|cell| cell.starts_with(|first: char| first.is_ascii_digit()))
    };
    let right: Vec<bool> = (0..header.len()).map(|column| column > 0 && numeric(column)).collect();
    let line = |cells: Vec<&str>| {
        let padded =
            cells.iter().zip(&widths).zip(&right).map(|((cell, width), right)| {
                if *right { format!("{cell:>width$}") } else { format!("{cell:<width$}") }
            });
        padded.collect::<Vec<_>>().join("  ").trim_end().to_owned() + "\n"
    };
    let body = rows.iter().map(|row| line(row.iter().map(String::as_str).collect()));
    std::iter::once(line(header.to_vec())).chain(body).collect()
}

/// Names and values, one pair a line.
pub(crate) fn pairs(rows: &[(&str, String)]) -> String {
    let width = rows.iter().map(|(name, _)| name.len()).max().unwrap_or(0);
    rows.iter().map(|(name, value)| format!("{name:<width$}  {value}\n")).collect::<Vec<_>>().concat()
}

/// A number of bytes as a person reads it.
pub(crate) fn bytes(number: u64) -> String {
    indicatif::BinaryBytes(number).to_string()
}

/// A number with its thousands set apart.
pub(crate) fn number(number: u64) -> String {
    indicatif::HumanCount(number).to_string()
}

/// Between two lines of progress where there is no terminal.
const LINE_INTERVAL: Duration = Duration::from_secs(5);

/// Progress on stderr: a bar on a terminal, now and then a plain line otherwise. Dropped, the bar goes away.
pub(crate) struct Bar {
    drawn: ProgressBar,
    what: &'static str,
    next_line: Option<Instant>,
}

impl Bar {
    /// Starts to count `what`, up to `total` if that is known.
    pub(crate) fn new(what: &'static str, total: Option<u64>) -> Self {
        let terminal = io::stderr().is_terminal();
        let target = if terminal { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
        let bar = ProgressBar::with_draw_target(total, target);
        let template = match total {
            Some(_) => "{bar:30} {human_pos} of {human_len} {msg}, {eta} left",
            None => "{spinner} {human_pos} {msg}, {per_sec}",
        };
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style);
        }
        bar.set_message(what);
        Self { drawn: bar, what, next_line: (!terminal).then(|| Instant::now() + LINE_INTERVAL) }
    }

    /// Says how many there are by now.
    pub(crate) fn set(&mut self, position: u64) {
        self.drawn.set_position(position);
        let now = Instant::now();
        if self.next_line.is_some_and(|due| now >= due) {
            self.next_line = Some(now + LINE_INTERVAL);
            let of = self.drawn.length().map(|total| format!(" of {}", number(total))).unwrap_or_default();
            say(&format!("{}{of} {}", number(position), self.what));
        }
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        self.drawn.finish_and_clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_aligns_words_to_the_left_and_numbers_to_the_right() {
        let rows = vec![vec!["a".to_owned(), "10".to_owned()], vec!["bcd".to_owned(), "2".to_owned()]];
        assert_eq!(table(&["cell", "rows"], &rows), "cell  rows\na       10\nbcd      2\n");
    }

    #[test]
    fn numbers_are_readable() {
        assert_eq!(number(12_345), "12,345");
        assert_eq!(bytes(2048), "2.00 KiB");
    }
}
