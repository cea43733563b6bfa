//! Texts without regard to case or accents.

/// A text by which texts that differ in case alone are equal: the full case folding of Unicode, but for dotless i.
pub(super) fn casei(text: &str) -> String {
    // Lower first for capital sharp s, then upper for what becomes two letters or has two small forms.
    text.chars().flat_map(char::to_lowercase).flat_map(char::to_uppercase).flat_map(char::to_lowercase).collect()
}

/// A text without diacritics: letters of Latin, Greek and Cyrillic script decompose as Unicode says (NFD), and
/// combining marks go.
pub(super) fn accenti(text: &str) -> String {
    text.chars().filter(|letter| !is_mark(*letter)).map(without_marks).collect()
}

fn is_mark(letter: char) -> bool {
    matches!(letter, '\u{300}'..='\u{36F}' | '\u{1AB0}'..='\u{1AFF}' | '\u{1DC0}'..='\u{1DFF}' | '\u{20D0}'..='\u{20FF}' | '\u{FE20}'..='\u{FE2F}')
}

fn without_marks(letter: char) -> char {
    let code = u32::from(letter);
    let block = BASES.iter().rev().find(|(first, _)| *first <= code);
    let base = block.and_then(|(first, bases)| bases.chars().nth(usize::try_from(code - first).ok()?));
    base.filter(|base| *base != '.').unwrap_or(letter)
}

/// Blocks of letters with marks: the first code, and the base of each letter from there on; a dot where it has none.
#[rustfmt::skip]
const BASES: [(u32, &str); 5] = [
    (0x00C0, concat!(
        "AAAAAA.CEEEEIIII.NOOOOO..UUUUY..aaaaaa.ceeeeiiii.nooooo..uuuuy.yAaAaAaCcCcCcCcDd..EeEeEeEeEeGgGg",
        "GgGgHh..IiIiIiIiI...JjKk.LlLlLl....NnNnNn...OoOoOo..RrRrRrSsSsSsSsTtTt..UuUuUuUuUuUuWwYyYZzZzZz.",
        "................................Oo.............Uu............................AaIiOoUuUuUuUuUu.Aa",
        "AaÆæ..GgKkOoOoƷʒj...Gg..NnAaÆæØøAaAaEeEeIiIiOoOoRrRrUuUuSsTt..Hh......AaEeOoOoOoOoYy............",
        "................",
    )),
    (0x0386, "Α·ΕΗΙ.Ο.ΥΩι.........................ΙΥαεηιυ.........................ιυουω....ϒϒ"),
    (0x0400, concat!(
        "ЕЕ.Г...І....КИУ..........И...............................и......................ее.г...і....киу.",
        "......................Ѵѵ..........",
    )),
    (0x04C0, ".Жж.............АаАа..Ее..ӘәЖжЗз..ИиИиОо..ӨөЭэУуУуУуЧч..Ыы......"),
    (0x1E00, concat!(
        "AaBbBbBbCcDdDdDdDdDdEeEeEeEeEeFfGgHhHhHhHhHhIiIiKkKkKkLlLlLlLlMmMmMmNnNnNnNnOoOoOoOoPpPpRrRrRrRr",
        "SsSsSsSsSsTtTtTtTtUuUuUuUuUuVvVvWwWwWwWwWwXxXxYyZzZzZzhtwy.ſ....AaAaAaAaAaAaAaAaAaAaAaAaEeEeEeEe",
        "EeEeEeEeIiIiOoOoOoOoOoOoOoOoOoOoOoOoUuUuUuUuUuUuUuYyYyYyYy......ααααααααΑΑΑΑΑΑΑΑεεεεεε..ΕΕΕΕΕΕ..",
        "ηηηηηηηηΗΗΗΗΗΗΗΗιιιιιιιιΙΙΙΙΙΙΙΙοοοοοο..ΟΟΟΟΟΟ..υυυυυυυυ.Υ.Υ.Υ.ΥωωωωωωωωΩΩΩΩΩΩΩΩααεεηηιιοουυωω..",
        "ααααααααΑΑΑΑΑΑΑΑηηηηηηηηΗΗΗΗΗΗΗΗωωωωωωωωΩΩΩΩΩΩΩΩααααα.ααΑΑΑΑΑ.ι..¨ηηη.ηηΕΕΗΗΗ᾿᾿᾿ιιιι..ιιΙΙΙΙ.῾῾῾",
        "υυυυρρυυΥΥΥΥΡ¨¨`..ωωω.ωωΟΟΩΩΩ´..",
    )),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn case_is_folded_in_every_script() {
        for (one, other) in [
            ("\u{39f}\u{3b4}\u{3bf}\u{3c2}", "\u{39f}\u{394}\u{39f}\u{3a3}"),
            ("Stra\u{df}e", "STRASSE"),
            ("\u{1e9e}", "ss"),
            ("\u{c9}T\u{c9}", "\u{e9}t\u{e9}"),
            ("\u{130}", "i\u{307}"),
        ] {
            assert_eq!(casei(one), casei(other));
        }
        assert_ne!(casei("e"), casei("\u{e9}"));
    }

    #[test]
    fn accents_go_and_letters_stay() {
        for (with, without) in [
            ("d\u{e9}b\u{e1}rqu\u{e9}r", "debarquer"),
            ("K\u{f8}benhavn", "K\u{f8}benhavn"),
            ("e\u{301}", "e"),
            ("\u{1ec7}\u{1eed}", "eu"),
            ("\u{3ac}\u{1f00}\u{439}", "\u{3b1}\u{3b1}\u{438}"),
            ("\u{c5}.\u{d7}", "A.\u{d7}"),
            ("plain", "plain"),
        ] {
            assert_eq!(accenti(with), without, "{with}");
        }
    }
}
