//! Lists of OpenAI's clients, a page at a time: each begins behind the last of the one before.

use axum::extract::{Query, rejection::QueryRejection};
use serde_json::{Value, json};

use crate::failure::HttpFailure;

/// What a list is asked with.
pub(super) fn asked<T>(query: Result<Query<T>, QueryRejection>) -> Result<T, HttpFailure> {
    match query {
        Ok(Query(asked)) => Ok(asked),
        Err(rejected) => Err(HttpFailure::wrong("query", rejected.body_text())),
    }
}

/// How many a page has: so many at most, and as many as that where nobody says.
pub(super) fn limit(asked: Option<usize>, (usual, most): (usize, usize)) -> Result<usize, HttpFailure> {
    match asked {
        None => Ok(usual),
        Some(limit) if (1..=most).contains(&limit) => Ok(limit),
        Some(limit) => {
            Err(HttpFailure::wrong("limit", format!("limit is a number from 1 to {most}, and not {limit}")))
        }
    }
}

/// The page of so many of these that begins behind the one of a name, where one is named. Only what stands on it is written.
pub(super) fn page<T>(
    all: &[T],
    (name, document): (impl Fn(&T) -> String, impl Fn(&T) -> Value),
    (after, limit): (Option<&str>, usize),
) -> Result<Value, HttpFailure> {
    let begin = match after {
        None => 0,
        Some(after) => {
            let place = all.iter().position(|one| name(one) == after);
            1 + place.ok_or_else(|| HttpFailure::wrong("after", "after names nothing of this list"))?
        }
    };
    let data: Vec<Value> = all.iter().skip(begin).take(limit).map(document).collect();
    let id = |one: Option<&Value>| one.map(|one| one["id"].clone());
    Ok(json!({
        "object": "list", "first_id": id(data.first()), "last_id": id(data.last()),
        "has_more": all.len() > begin + limit, "data": data,
    }))
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    #[test]
    fn pages_follow_each_other_and_leave_nothing_out() {
        let all: Vec<usize> = (0..5).collect();
        let written = Cell::new(0);
        let page = |after: Option<&str>, limit: usize| {
            let document = |number: &usize| {
                written.set(written.get() + 1);
                json!({ "id": number.to_string() })
            };
            super::page(&all, (usize::to_string, document), (after, limit))
        };
        let mut after: Option<String> = None;
        let mut seen = Vec::new();
        loop {
            let page = page(after.as_deref(), 2).unwrap();
            seen.extend(page["data"].as_array().unwrap().iter().map(|one| one["id"].clone()));
            after = page["last_id"].as_str().map(str::to_owned);
            if page["has_more"] == false {
                break;
            }
        }
        assert_eq!(seen, ["0", "1", "2", "3", "4"]);
        assert_eq!(written.get(), all.len(), "what is on no page is not written");
        let none = page(Some("4"), 2).unwrap();
        assert_eq!((&none["data"], &none["last_id"]), (&json!([]), &Value::Null));
        assert!(page(Some("9"), 2).is_err());
        assert_eq!(limit(None, (20, 100)), Ok(20));
        assert_eq!(limit(Some(100), (20, 100)), Ok(100));
        assert!(limit(Some(0), (20, 100)).is_err() && limit(Some(101), (20, 100)).is_err());
    }
}
