//! `lock`: says who holds a catalog's lock, or removes it.

use earthcatalog::lock::{break_lock, status};
use serde_json::json;

use super::{Exit, Failure, print, stores};
use crate::cli::{Common, Lock, LockAction};

pub(super) async fn run(arguments: Lock, common: &Common) -> Result<Exit, Failure> {
    match arguments.action {
        LockAction::Status { catalog } => {
            let stores = stores(common);
            let base = super::base_of(&stores, &catalog).await?;
            let Some(status) = status(&stores, &base).await? else {
                print(&json!({ "locked": false }), &[("locked", "no".to_owned())], common)?;
                return Ok(Exit::Done);
            };
            let locked = if status.expired { "no: it has expired" } else { "yes" };
            let holder = status.holder;
            let text = [
                ("locked", locked.to_owned()),
                ("owner", holder.owner.clone()),
                ("host", holder.host.clone()),
                ("since", holder.since.clone()),
                ("until", holder.until.clone()),
            ];
            let mut value = json!(holder);
            value["locked"] = json!(!status.expired);
            print(&value, &text, common)?;
        }
        LockAction::Break { catalog } => {
            let stores = stores(common);
            let base = super::base_of(&stores, &catalog).await?;
            let broken = break_lock(&stores, &base).await?;
            let text = broken.as_ref().map_or_else(|| "nobody".to_owned(), ToString::to_string);
            print(&json!({ "broken": broken }), &[("taken from", text)], common)?;
        }
    }
    Ok(Exit::Done)
}
