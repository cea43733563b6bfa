//! Web addresses of a catalog's objects.

use earthcatalog_core::location::percent_encoded;
use earthcatalog_core::{Error, Location, Result};

/// The context key that says that an object has no web address; its value is the scheme.
pub(crate) const NO_WEB_ADDRESS: &str = "scheme";

/// Where a catalog was opened: what was said for it holds for all of its objects.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Address {
    location: Location,
    origin: String,
    /// What followed `?`: a signature for a whole folder, for example. Never part of a location, so never shown.
    query: Option<String>,
    /// The region of the S3 endpoint that was opened.
    region: Option<String>,
}

impl Address {
    /// Takes an address apart.
    ///
    /// # Errors
    /// [`earthcatalog_core::ErrorKind::Invalid`] for a location that names nothing, and for one with a password, which
    /// `fetch` refuses and errors would show.
    pub(crate) fn parse(text: &str) -> Result<Self> {
        let text = text.split('#').next().unwrap_or_default();
        let (place, query) = text.split_once('?').map_or((text, None), |(place, query)| (place, Some(query)));
        let location = Location::parse(place)?;
        let origin = origin_of(location.as_str()).unwrap_or_default().to_owned();
        if location.is_web() && origin.contains('@') {
            return Err(Error::invalid("the address holds a user name: say who asks with the option `headers`"));
        }
        let region = region_of(&origin).map(str::to_owned);
        Ok(Self { location, origin, query: query.filter(|query| !query.is_empty()).map(str::to_owned), region })
    }

    /// What to open.
    pub(crate) fn location(&self) -> &Location {
        &self.location
    }

    /// The web address of an object.
    ///
    /// # Errors
    /// [`earthcatalog_core::ErrorKind::Unsupported`] for a place that no web address is known for.
    pub(crate) fn url(&self, location: &Location) -> Result<String> {
        let normal = location.normal();
        let (scheme, rest) = normal.split_once("://").unwrap_or(("", &normal));
        let (bucket, key) = rest.split_once('/').unwrap_or((rest, ""));
        match scheme {
            "http" | "https" => Ok(self.signed(location.as_str())),
            "s3" => Ok(s3_url(bucket, key, self.region.as_deref())),
            "gs" => Ok(format!("https://storage.googleapis.com/{bucket}/{}", encoded(key))),
            _ => {
                let message = "no web address is known for this place: say one with the option `resolve`";
                Err(Error::unsupported(message).with(NO_WEB_ADDRESS, scheme).with("location", location))
            }
        }
    }

    fn signed(&self, url: &str) -> String {
        match (&self.query, origin_of(url)) {
            (Some(query), Some(origin)) if origin.eq_ignore_ascii_case(&self.origin) => format!("{url}?{query}"),
            _ => url.to_owned(),
        }
    }
}

/// Scheme, host and port of a web address.
pub(crate) fn origin_of(url: &str) -> Option<&str> {
    let host = url.find("://")? + 3;
    let end = url.get(host..)?.find('/').map_or(url.len(), |at| host + at);
    url.get(..end)
}

/// Amazon S3, "Methods for accessing a bucket": the bucket as host, or as path where its dots would break the
/// certificate. Without a region the global endpoint finds it.
fn s3_url(bucket: &str, key: &str, region: Option<&str>) -> String {
    let endpoint = region.map_or_else(|| "s3.amazonaws.com".to_owned(), |region| format!("s3.{region}.amazonaws.com"));
    let key = encoded(key);
    if bucket.contains('.') {
        format!("https://{endpoint}/{bucket}/{key}")
    } else {
        format!("https://{bucket}.{endpoint}/{key}")
    }
}

/// A text without the address that a location was asked for at: what signs it is not to be shown.
pub(crate) fn without_address(text: &str, url: &str, location: &Location) -> String {
    let text = text.replace(url, location.as_str());
    match url.split_once('?') {
        Some((_, query)) if !query.is_empty() => text.replace(query, "…"),
        _ => text,
    }
}

/// The region in the host of an S3 endpoint: `s3.us-west-2.amazonaws.com`, with a bucket before it or not.
fn region_of(origin: &str) -> Option<&str> {
    let host = origin.split_once("://")?.1.strip_suffix(".amazonaws.com")?;
    let (_, region) = host.rsplit_once("s3.").or_else(|| host.rsplit_once("s3-"))?;
    let region = region.strip_prefix("dualstack.").unwrap_or(region);
    let region = region.strip_prefix("website-").unwrap_or(region);
    // Like `accelerate`, `website` and `fips` are no regions; all regions have numbers at their ends.
    let named = region.ends_with(|letter: char| letter.is_ascii_digit()) && !region.contains('.');
    named.then_some(region)
}

/// S3 takes a bare `+` in a path for a space.
fn encoded(key: &str) -> String {
    percent_encoded(key).replace('+', "%2B")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(opened: &str, object: &str) -> String {
        Address::parse(opened).unwrap().url(&Location::parse(object).unwrap()).unwrap()
    }

    #[test]
    fn what_signs_the_folder_signs_its_objects_and_no_others() {
        let opened = "https://account.blob.core.windows.net/c/cat/?sv=1&sig=a%2Fb#x";
        assert_eq!(Address::parse(opened).unwrap().location().as_str(), "https://account.blob.core.windows.net/c/cat");
        let object = "https://account.blob.core.windows.net/c/cat/w/x.parquet";
        assert_eq!(url(opened, object), format!("{object}?sv=1&sig=a%2Fb"));
        assert_eq!(url(opened, "https://elsewhere.net/x"), "https://elsewhere.net/x");
        assert_eq!(url("https://h/cat", "https://h/cat/x"), "https://h/cat/x");
    }

    #[test]
    fn buckets_have_web_addresses() {
        assert_eq!(
            url("s3://b/c", "s3://b/c/year=1/a b+c%.parquet"),
            "https://b.s3.amazonaws.com/c/year=1/a%20b%2Bc%25.parquet"
        );
        assert_eq!(url("s3://b.c/d", "s3a://b.c/d/x"), "https://s3.amazonaws.com/b.c/d/x");
        assert_eq!(url("gs://b/c", "gs://b/c/x"), "https://storage.googleapis.com/b/c/x");
    }

    #[test]
    fn the_region_that_was_opened_is_that_of_other_buckets_too() {
        for opened in [
            "https://b.s3.us-west-2.amazonaws.com/c",
            "https://s3.us-west-2.amazonaws.com/b/c",
            "https://b.s3-us-west-2.amazonaws.com",
            "https://b.s3.dualstack.us-west-2.amazonaws.com/c",
            "http://b.s3-website-us-west-2.amazonaws.com/c",
        ] {
            assert_eq!(url(opened, "s3://other/x"), "https://other.s3.us-west-2.amazonaws.com/x", "{opened}");
        }
        for opened in
            ["https://b.s3.amazonaws.com/c", "https://b.s3-accelerate.amazonaws.com", "https://h/s3.us-west-2"]
        {
            assert_eq!(url(opened, "s3://other/x"), "https://other.s3.amazonaws.com/x", "{opened}");
        }
    }

    #[test]
    fn a_place_without_web_address_names_the_option() {
        let address = Address::parse("https://h/cat").unwrap();
        for place in ["az://c/x", "/local/x", "hdfs://n/x"] {
            let error = address.url(&Location::parse(place).unwrap()).unwrap_err();
            assert!(error.message().contains("`resolve`"), "{place}");
        }
    }

    #[test]
    fn secrets_are_not_shown() {
        let error = Address::parse("https://me:secret@h/cat").unwrap_err();
        assert!(error.message().contains("`headers`") && !error.to_string().contains("secret"));
        let (url, location) = ("https://h/x?sig=secret", Location::parse("s3://b/x").unwrap());
        let shown = without_address(&format!("cannot reach {url} (sig=secret)"), url, &location);
        assert_eq!(shown, "cannot reach s3://b/x (…)");
        assert_eq!(without_address("https://h/x: no", "https://h/x", &location), "s3://b/x: no");
    }
}
