//! FITS values and YAML scalars as Python objects.

use asdfits_core::asdf::{Date, Scalar};
use asdfits_core::fits::{Card, Value};
use pyo3::IntoPyObjectExt;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyComplex, PyList};

/// The value of a card: str, bool, int, float, complex, or None where it is undefined.
///
/// A value that follows no rule is given as the text that stands there.
pub fn fits_value<'py>(py: Python<'py>, value: &Value<'_>) -> PyResult<Bound<'py, PyAny>> {
    match value {
        Value::Undefined => Ok(py.None().into_bound(py)),
        Value::Logical(value) => value.into_bound_py_any(py),
        Value::Integer(value) => value.into_bound_py_any(py),
        Value::BigInteger(digits) => integer(py, digits, 10),
        Value::Float(value) => value.into_bound_py_any(py),
        Value::Complex(real, imaginary) => {
            Ok(PyComplex::from_doubles(py, *real, *imaginary).into_any())
        }
        Value::Text(text) | Value::Invalid(text) => text.as_ref().into_bound_py_any(py),
    }
}

/// A card as `[keyword, value, comment]`.
pub fn fits_card<'py>(py: Python<'py>, card: &Card<'_>) -> PyResult<Bound<'py, PyList>> {
    PyList::new(
        py,
        [
            card.keyword.as_ref().into_bound_py_any(py)?,
            fits_value(py, &card.value)?,
            card.comment().as_ref().into_bound_py_any(py)?,
        ],
    )
}

/// A resolved YAML scalar.
pub fn yaml_scalar<'py>(py: Python<'py>, scalar: Scalar<'_>) -> PyResult<Bound<'py, PyAny>> {
    match scalar {
        Scalar::Bool(value) => value.into_bound_py_any(py),
        Scalar::Int(value) => value.into_bound_py_any(py),
        Scalar::BigInt(number) => {
            let sign = if number.negative { "-" } else { "" };
            integer(py, &format!("{sign}{}", number.digits), number.radix)
        }
        Scalar::Float(value) => value.into_bound_py_any(py),
        Scalar::Str(text) | Scalar::Tagged { text, .. } => text.as_ref().into_bound_py_any(py),
        Scalar::Date(Date { year, month, day }) => py
            .import("datetime")?
            .getattr("date")?
            .call1((year, month, day)),
        Scalar::DateTime(t) => {
            let datetime = py.import("datetime")?;
            let zone = match t.offset {
                None => py.None().into_bound(py),
                Some(0) => datetime.getattr("timezone")?.getattr("utc")?,
                Some(minutes) => {
                    let delta = datetime
                        .getattr("timedelta")?
                        .call1((0, 0, 0, 0, minutes))?;
                    datetime.getattr("timezone")?.call1((delta,))?
                }
            };
            let Date { year, month, day } = t.date;
            datetime.getattr("datetime")?.call1((
                year,
                month,
                day,
                t.hour,
                t.minute,
                t.second,
                t.microsecond,
                zone,
            ))
        }
        Scalar::Binary(bytes) => Ok(PyBytes::new(py, &bytes).into_any()),
        // Null, and what only a newer core would know.
        _ => Ok(py.None().into_bound(py)),
    }
}

/// An integer of any size: Python reads the digits itself.
fn integer<'py>(py: Python<'py>, digits: &str, radix: u32) -> PyResult<Bound<'py, PyAny>> {
    py.import("builtins")?
        .getattr("int")?
        .call1((digits, radix))
}
