//! Many files at once, as columns for Arrow.

use std::path::PathBuf;
use std::sync::{PoisonError, RwLock};

use asdfits_core::overlay::Mapping;
use asdfits_core::scan::{self, Cell, Column, Found, Guess, Key, Plan, Type, Wanted, Which};
use asdfits_core::{Error, ErrorKind};
use pyo3::exceptions::{PyOverflowError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use crate::overlay::{KeywordRow, keywords_of};

/// What is wanted of each file, and what is known of the classes.
#[pyclass(frozen, module = "asdfits._core")]
pub struct Scanner {
    inner: RwLock<scan::Scanner>,
}

/// (is FITS, dimensions, has DQ, is a reference file, has a second SCI)
type GuessRow = (bool, usize, bool, bool, bool);

/// The name of a class, or what it is guessed from.
#[derive(FromPyObject, IntoPyObject)]
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
        let inner = scan::Scanner {
            wanted: wanted.collect::<PyResult<_>>()?,
            ..scan::Scanner::default()
        };
        Ok(Self {
            inner: RwLock::new(inner),
        })
    }

    /// Lets files of a name or guess be of a class; of none where there is no class.
    fn learn(&self, py: Python<'_>, key: KeyRow, plan: Option<PlanRow>) {
        let plan = plan.map(|(class, keywords, targets, odd, longest)| Plan {
            class,
            mapping: Mapping::new(keywords_of(keywords), Vec::new(), longest),
            targets,
            odd,
        });
        let key = match key {
            KeyRow::Named(name) => Key::Named(name),
            KeyRow::Guess((is_fits, dimensions, has_quality, is_reference, has_second)) => {
                Key::Guess(Guess {
                    is_fits,
                    dimensions,
                    has_quality,
                    is_reference,
                    has_second,
                })
            }
        };
        py.detach(|| {
            let mut inner = self.inner.write().unwrap_or_else(PoisonError::into_inner);
            inner.plans.insert(key, plan);
        });
    }

    /// Scans files on `jobs` threads: the keys that have to be learnt first, or else the answers.
    fn run<'py>(
        &self,
        py: Python<'py>,
        paths: Vec<PathBuf>,
        jobs: usize,
    ) -> PyResult<(Vec<KeyRow>, Option<Answer<'py>>)> {
        let scanned = py.detach(|| {
            let inner = self.inner.read().unwrap_or_else(PoisonError::into_inner);
            let found = inner.run(&paths, jobs);
            let mut unknown = Vec::new();
            for key in found.iter().filter_map(|found| found.unknown.as_ref()) {
                if !unknown.contains(key) {
                    unknown.push(key.clone());
                }
            }
            let columns = unknown
                .is_empty()
                .then(|| Some((columns(&inner, &found)?, found)));
            (unknown, columns)
        });
        match scanned {
            (unknown, None) => Ok((unknown.into_iter().map(key_row).collect(), None)),
            (_, Some(Some((columns, found)))) => Ok((Vec::new(), Some(answer(py, columns, found)))),
            (_, Some(None)) => {
                let message = "a column holds more than 2 GiB of text; scan fewer files at a time";
                Err(PyOverflowError::new_err(message))
            }
        }
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
            answer
                .3
                .push((number, kind(&error), error.errno, error.to_string()));
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

fn kind(error: &Error) -> &'static str {
    match error.kind {
        ErrorKind::Io(_) => "system",
        ErrorKind::Truncated => "truncated",
        ErrorKind::Unsupported => "unsupported",
        _ => "format",
    }
}

fn key_row(key: Key) -> KeyRow {
    match key {
        Key::Named(name) => KeyRow::Named(name),
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
