//! YAML by itself: what the parser made of a text, for comparison with other parsers.

use std::collections::HashMap;
use std::path::Path;

use asdfits_core::Error;
use asdfits_core::asdf::{Kind, NodeId, Scalar, Style, Tape};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyAny;

use crate::error::raise;
use crate::value::yaml_scalar;

/// (what, style, number of the anchor, tag, text)
type Event = (
    &'static str,
    &'static str,
    Option<usize>,
    Option<String>,
    String,
);

/// The events of a YAML document; None where the fast tier leaves the decision to the strict one.
#[pyfunction]
#[pyo3(signature = (text, tier = "both"))]
pub fn yaml_events(py: Python<'_>, text: &[u8], tier: &str) -> PyResult<Option<Vec<Event>>> {
    let parse = || match tier {
        "both" => Ok(Some(Tape::parse(text, 0))),
        "fast" => Ok(Tape::parse_fast(text, 0).map(Ok)),
        "strict" => Ok(Some(Tape::parse_strict(text, 0))),
        _ => Err(format!(
            "found the tier {tier:?}, expected fast, strict or both"
        )),
    };
    let Some(tape) = py.detach(parse).map_err(PyValueError::new_err)? else {
        return Ok(None);
    };
    let tape = tape.map_err(|error| raise(&error, Path::new("<text>")))?;
    let mut events = Vec::new();
    if let Some(root) = tape.root() {
        put(&tape, text, root, &mut HashMap::new(), &mut events);
    }
    Ok(Some(events))
}

/// Appends the events of a node; the parser bounds the depth.
fn put(
    tape: &Tape,
    text: &[u8],
    id: NodeId,
    anchors: &mut HashMap<NodeId, usize>,
    events: &mut Vec<Event>,
) {
    if let Some(target) = tape.alias(id) {
        events.push(("*", "", anchors.get(&target).copied(), None, String::new()));
        return;
    }
    let count = anchors.len();
    let anchor = tape
        .is_anchored(id)
        .then(|| *anchors.entry(id).or_insert(count));
    let style = match tape.style(id) {
        Style::Plain => "",
        Style::Single => "'",
        Style::Double => "\"",
        Style::Literal => "|",
        Style::Folded => ">",
        Style::Block => "block",
        Style::Flow => "flow",
    };
    let tag = tape.tag(id).map(str::to_owned);
    let (open, close) = match tape.kind(id) {
        Kind::Sequence => ("[", "]"),
        Kind::Mapping => ("{", "}"),
        Kind::Scalar | Kind::Alias => {
            let value = tape.text(id, text).into_owned();
            events.push(("scalar", style, anchor, tag, value));
            return;
        }
    };
    events.push((open, style, anchor, tag, String::new()));
    for child in tape.children(id) {
        put(tape, text, child, anchors, events);
    }
    events.push((close, "", None, None, String::new()));
}

/// What a plain scalar without a tag means.
#[pyfunction]
pub fn yaml_plain<'py>(py: Python<'py>, text: &str) -> PyResult<Bound<'py, PyAny>> {
    match Scalar::from_plain(text) {
        Ok(scalar) => yaml_scalar(py, scalar),
        Err(message) => Err(raise(&Error::format(0, message), Path::new("<text>"))),
    }
}
