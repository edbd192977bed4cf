//! The cards and arrays of a file beside its tree.

use asdfits_core::overlay::{Array, Keyword, Kinds, Mapping};
use pyo3::prelude::*;

/// What a model class maps to FITS.
#[pyclass(frozen, module = "asdfits._core")]
pub struct Rows {
    pub(crate) mapping: Mapping,
}

/// (HDU, keyword, path, in a list, kinds, texts)
pub type KeywordRow = (
    String,
    String,
    Vec<String>,
    bool,
    String,
    Option<Vec<String>>,
);

#[pymethods]
impl Rows {
    #[new]
    fn new(
        keywords: Vec<KeywordRow>,
        arrays: Vec<(String, Vec<String>, bool)>,
        longest: usize,
    ) -> Self {
        let arrays = arrays
            .into_iter()
            .map(|(hdu, path, in_list)| Array { hdu, path, in_list });
        Self {
            mapping: Mapping::new(keywords_of(keywords), arrays.collect(), longest),
        }
    }
}

/// Keywords as the core has them.
pub fn keywords_of(keywords: Vec<KeywordRow>) -> Vec<Keyword> {
    keywords
        .into_iter()
        .map(|(hdu, keyword, path, in_list, kinds, texts)| Keyword {
            hdu,
            keyword,
            path,
            in_list,
            kinds: Kinds::new(&kinds),
            texts: texts.map(|texts| texts.into_iter().collect()),
        })
        .collect()
}
