//! Many files at once, as columns for Arrow.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use asdfits_core::overlay::Mapping;
use asdfits_core::scan::{
    self, Cell, Column, FarInput, Found, Input, Key, Plan, Type, Wanted, Which,
};
use asdfits_core::{Error, ErrorKind};
use pyo3::exceptions::{PyOverflowError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use crate::far::Stretches;
use crate::overlay::{KeywordRow, keywords_of};

/// What is wanted of each file, and what is known of the classes.
#[pyclass(frozen, module = "asdfits._core")]
pub struct Scanner {
    inner: scan::Scanner,
}

/// (is FITS, dimensions, has DQ, is a reference file, has a second SCI)
type GuessRow = (bool, usize, bool, bool, bool);

/// The name of a class, or what it is guessed from.
#[derive(IntoPyObject)]
enum KeyRow {
    Named(String),
    Guess(GuessRow),
}

/// (class, keywords, the columns and list items of each, HDUs that are completed, longest list)
type PlanRow = (
    String,
    Vec<KeywordRow>,
    Vec<Vec<(usize, Option<usize>)>>,
    Vec<String>,
    usize,
);

/// (bits of validity, offsets, data)
type Buffers<'py> = (
    Bound<'py, PyBytes>,
    Bound<'py, PyBytes>,
    Bound<'py, PyBytes>,
);

/// (number of the file, kind of error, number of the operating system's error, message)
type Fault = (usize, &'static str, Option<i32>, String);

/// sizes, times of change, columns, faults, warnings, files of guessed class, files to be opened,
/// (file, column) of values of another type
type Answer<'py> = (
    Buffers<'py>,
    Buffers<'py>,
    Vec<Buffers<'py>>,
    Vec<Fault>,
    Vec<(usize, String)>,
    Vec<usize>,
    Vec<usize>,
    Vec<(usize, usize)>,
);

/// (headers and tree, size, time of change)
type FarRow = (Option<Py<Stretches>>, Option<u64>, Option<i64>);

fn input(far: &HashMap<usize, FarRow>) -> impl Fn((usize, PathBuf)) -> Input + '_ {
    |(number, path)| match far.get(&number) {
        None => Input::Path(path),
        Some((at_hand, size, modified)) => {
            let at_hand = at_hand.as_ref().map(|held| held.get().held());
            let (size, modified) = (*size, *modified);
            Input::Far(
                path,
                FarInput {
                    at_hand,
                    size,
                    modified,
                },
            )
        }
    }
}

#[pymethods]
impl Scanner {
    #[new]
    fn new(columns: Vec<(String, Vec<String>, String)>) -> PyResult<Self> {
        let wanted = columns.into_iter().map(|(kind, words, type_)| {
            let type_ = match type_.as_str() {
                "text" => Type::Text,
                "integer" => Type::Integer,
                "float" => Type::Float,
                "logical" => Type::Logical,
                _ => return Err(PyValueError::new_err(format!("no type {type_:?}"))),
            };
            Ok((wanted(&kind, words)?, type_))
        });
        Ok(Self {
            inner: scan::Scanner::new(wanted.collect::<PyResult<_>>()?),
        })
    }

    /// Scans files on `jobs` threads.
    ///
    /// `learn` is called with a name or a guess when the first file is met that says so. `far` has what was
    /// fetched of those that are no files of a disk, by their number.
    #[pyo3(signature = (paths, jobs, learn, far = None))]
    fn run<'py>(
        &self,
        py: Python<'py>,
        paths: Vec<PathBuf>,
        jobs: usize,
        learn: Py<PyAny>,
        far: Option<HashMap<usize, FarRow>>,
    ) -> PyResult<Answer<'py>> {
        let far = far.unwrap_or_default();
        let files: Vec<Input> = paths.into_iter().enumerate().map(input(&far)).collect();
        let raised = Mutex::new(None);
        let learn = |key: &Key| {
            let answer = Python::attach(|py| -> PyResult<Option<PlanRow>> {
                learn.call1(py, (key_row(key),))?.extract(py)
            });
            let plan = answer.unwrap_or_else(|error| {
                *raised.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
                None
            });
            plan.map(|(class, keywords, targets, odd, longest)| Plan {
                class,
                mapping: Mapping::new(keywords_of(keywords), Vec::new(), longest),
                targets,
                odd,
            })
        };
        let scanned = py.detach(|| {
            let found = self.inner.run(&files, jobs, &learn);
            columns(&self.inner, &found).map(|columns| (columns, found))
        });
        if let Some(error) = raised.into_inner().unwrap_or_else(PoisonError::into_inner) {
            return Err(error);
        }
        let Some((columns, found)) = scanned else {
            let message = "a column holds more than 2 GiB of text; scan fewer files at a time";
            return Err(PyOverflowError::new_err(message));
        };
        Ok(answer(py, columns, found))
    }
}

/// Sizes, times of change, and the columns.
fn columns(scanner: &scan::Scanner, found: &[Found]) -> Option<[Vec<Column>; 2]> {
    let numbers = |get: fn(&Found) -> Option<i64>| {
        let cells: Vec<Option<Cell>> = found.iter().map(|f| get(f).map(Cell::Integer)).collect();
        Column::new(Type::Integer, cells.iter().map(Option::as_ref))
    };
    let sizes = numbers(|found| i64::try_from(found.size?).ok())?;
    let modified = numbers(|found| found.modified)?;
    Some([vec![sizes, modified], scanner.columns(found)?])
}

fn answer(py: Python<'_>, columns: [Vec<Column>; 2], found: Vec<Found>) -> Answer<'_> {
    let bytes = |bytes: &[u8]| PyBytes::new(py, bytes);
    let buffers = |c: &Column| (bytes(&c.validity), bytes(&c.offsets), bytes(&c.data));
    let [own, columns] = &columns;
    let [sizes, modified] = [0, 1].map(|n| {
        own.get(n)
            .map_or_else(|| buffers(&Column::default()), buffers)
    });
    let mut answer: Answer<'_> = (
        sizes,
        modified,
        columns.iter().map(buffers).collect(),
        Vec::new(),
        Vec::new(),
        Vec::new(),
        Vec::new(),
        Vec::new(),
    );
    for (number, found) in found.into_iter().enumerate() {
        if let Some(error) = found.fault {
            answer.3.push((
                number,
                kind(&error, found.is_cut),
                error.errno,
                error.to_string(),
            ));
        }
        let warnings = found.warnings.iter();
        answer.4.extend(warnings.map(|w| (number, w.to_string())));
        answer.5.extend(found.guessed.then_some(number));
        answer.6.extend(found.unsettled.then_some(number));
        answer
            .7
            .extend(found.unfit.into_iter().map(|c| (number, c)));
    }
    answer
}

/// The kind of a fault, by which Python names it.
fn kind(error: &Error, is_cut: bool) -> &'static str {
    match error.kind {
        ErrorKind::Io(_) => "system",
        ErrorKind::Truncated if is_cut => "truncated",
        ErrorKind::Unsupported => "unsupported",
        _ => "format",
    }
}

fn key_row(key: &Key) -> KeyRow {
    match key {
        Key::Named(name) => KeyRow::Named(name.clone()),
        Key::Guess(g) => KeyRow::Guess((
            g.is_fits,
            g.dimensions,
            g.has_quality,
            g.is_reference,
            g.has_second,
        )),
    }
}

/// What a column holds, from a word for its kind and the words that say more.
fn wanted(kind: &str, words: Vec<String>) -> PyResult<Wanted> {
    Ok(match (kind, words.as_slice()) {
        ("path", _) => Wanted::Path(words),
        ("name", _) => Wanted::Name(words),
        ("model", _) => Wanted::Model,
        ("number", [number, keyword]) => Wanted::Card {
            hdu: Which::Number(number.parse()?),
            keyword: keyword.clone(),
        },
        ("card", [name, keyword]) => Wanted::Card {
            hdu: Which::First(name.clone()),
            keyword: keyword.clone(),
        },
        ("card", [name, version, keyword]) => Wanted::Card {
            hdu: Which::Version(name.clone(), version.parse()?),
            keyword: keyword.clone(),
        },
        ("class", _) => Wanted::Class,
        ("format", _) => Wanted::Format,
        ("hash", _) => Wanted::Hash,
        ("hdus", _) => Wanted::Hdus,
        ("count", [name]) => Wanted::Count(name.clone()),
        ("shape", [name]) => Wanted::Shape(name.clone()),
        _ => {
            let message = format!("no kind of column {kind:?} with {words:?}");
            return Err(PyValueError::new_err(message));
        }
    })
}
