//! The page of a catalog that is published without the explorer: what it is, and how to read it.

use super::{ICEBERG, Published};

/// The page as HTML. It runs nothing and loads nothing.
pub(super) fn page(published: &Published) -> String {
    let base = published.base.to_string();
    let endpoint = published.base.join(ICEBERG).to_string();
    let table = format!("{}.{}", published.namespace, published.table);
    let ways = [
        (
            "DuckDB",
            format!(
                "INSTALL iceberg; LOAD iceberg;\nATTACH '' AS catalog (TYPE iceberg, ENDPOINT '{endpoint}', \
                 AUTHORIZATION_TYPE 'none');\nFROM catalog.{table} LIMIT 10;"
            ),
        ),
        (
            "PyIceberg",
            format!(
                "from pyiceberg.catalog.rest import RestCatalog\n\ntable = RestCatalog(\"catalog\", \
                 uri=\"{endpoint}\").load_table(\"{table}\")\nrows = table.scan(limit=10).to_arrow()"
            ),
        ),
        (
            "Polars",
            "import polars\n\nrows = polars.scan_iceberg(table).head(10).collect()  # table as above".to_owned(),
        ),
        ("earthcatalog", format!("earthcatalog search {base} --bbox=-60,60,-20,84 --datetime 2020 -n 10")),
    ];
    let shown: Vec<String> = ways
        .iter()
        .map(|(name, code)| format!("<h2>{name}</h2>\n<pre><code>{}</code></pre>\n", escaped(code)))
        .collect();
    let ways = shown.concat();
    let (name, description) = (escaped(&published.name()), escaped(&published.description()));
    format!(
        r#"<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>{name}</title>
<style>
body {{ max-width: 46rem; margin: 3rem auto; padding: 0 1rem; font: 1rem/1.5 system-ui, sans-serif }}
pre {{ padding: 0.75rem 1rem; overflow: auto; border: 1px solid #8888; border-radius: 0.375rem }}
</style>
<h1>{name}</h1>
<p>{description}</p>
<p>As a <a href="collection.json">STAC Collection</a>.</p>
{ways}</html>
"#
    )
}

/// A text as HTML shows it.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            _ => escaped.push(letter),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::escaped;

    #[test]
    fn a_text_is_no_markup() {
        assert_eq!(escaped("<b a=\"1\">&</b>"), "&lt;b a=&quot;1&quot;&gt;&amp;&lt;/b&gt;");
    }
}
