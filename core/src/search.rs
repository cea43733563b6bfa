//! Searches: manifest list, manifests, plan, scan.
