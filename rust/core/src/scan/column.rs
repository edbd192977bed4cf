//! Columns in the form that Arrow keeps them in: a bit for each value that is there, then the values.

/// What a column holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Type {
    /// UTF-8.
    Text,
    /// 64 bits, signed.
    Integer,
    /// 64 bits.
    Float,
    /// True or false.
    Logical,
}

/// A value.
#[derive(Debug, Clone, PartialEq)]
pub enum Cell {
    /// Text.
    Text(String),
    /// An integer.
    Integer(i64),
    /// A number.
    Float(f64),
    /// True or false.
    Logical(bool),
}

impl Cell {
    /// The value as what a column holds; `None` where it is none. Everything can be text.
    pub fn fitting(self, kind: Type) -> Option<Self> {
        Some(match (kind, self) {
            (Type::Text, cell) => Self::Text(cell.text()),
            (Type::Float, Self::Integer(value)) =>
            {
                #[expect(
                    clippy::cast_precision_loss,
                    reason = "a column of numbers is of doubles"
                )]
                Self::Float(value as f64)
            }
            #[expect(
                clippy::cast_possible_truncation,
                reason = "the cast saturates, and is compared"
            )]
            (Type::Integer, Self::Float(value)) if is_whole(value) => Self::Integer(value as i64),
            (Type::Integer, cell @ Self::Integer(_))
            | (Type::Float, cell @ Self::Float(_))
            | (Type::Logical, cell @ Self::Logical(_)) => cell,
            _ => return None,
        })
    }

    /// The value as Python writes it.
    fn text(self) -> String {
        match self {
            Self::Text(text) => text,
            Self::Integer(value) => value.to_string(),
            Self::Float(value) if value.is_finite() => {
                let text = format!("{value:?}");
                match text.split_once('e') {
                    None => text,
                    Some((digits, power)) => match power.strip_prefix('-') {
                        Some(power) => format!("{digits}e-{power:0>2}"),
                        None => format!("{digits}e+{power:0>2}"),
                    },
                }
            }
            Self::Float(value) => value.to_string().to_ascii_lowercase(),
            Self::Logical(true) => "True".to_owned(),
            Self::Logical(false) => "False".to_owned(),
        }
    }
}

/// Whether a number is an integer that a double tells from its neighbours.
fn is_whole(value: f64) -> bool {
    value.fract() == 0.0 && value.abs() < 9_007_199_254_740_992.0
}

/// A column as Arrow keeps it, least byte first.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Column {
    /// A bit for each value, set where there is one.
    pub validity: Vec<u8>,
    /// For text: where each value starts, and the end of the last; 32 bits each.
    pub offsets: Vec<u8>,
    /// The values: bits, 64-bit numbers, or text without separators.
    pub data: Vec<u8>,
}

impl Column {
    /// Arranges cells, each of which fits `kind`; `None` where text goes beyond 2 GiB.
    pub fn new<'a>(kind: Type, cells: impl Iterator<Item = Option<&'a Cell>>) -> Option<Self> {
        let mut column = Self::default();
        if kind == Type::Text {
            column.offsets.extend(0_i32.to_le_bytes());
        }
        let mut logical = Vec::new();
        let mut there = Vec::new();
        for cell in cells {
            there.push(cell.is_some());
            match cell {
                Some(Cell::Text(text)) => column.data.extend(text.as_bytes()),
                Some(Cell::Integer(value)) => column.data.extend(value.to_le_bytes()),
                Some(Cell::Float(value)) => column.data.extend(value.to_le_bytes()),
                Some(Cell::Logical(value)) => logical.push(*value),
                None if kind == Type::Logical => logical.push(false),
                None if kind == Type::Text => {}
                None => column.data.extend([0; 8]),
            }
            if kind == Type::Text {
                let end = i32::try_from(column.data.len()).ok()?;
                column.offsets.extend(end.to_le_bytes());
            }
        }
        if kind == Type::Logical {
            column.data = bits(&logical);
        }
        column.validity = bits(&there);
        Some(column)
    }
}

/// Eight values in a byte, the first in the lowest bit.
fn bits(values: &[bool]) -> Vec<u8> {
    let byte = |eight: &[bool]| {
        let bits = eight.iter().zip(0_u32..);
        bits.fold(0, |byte, (&set, place)| {
            byte | u8::from(set).checked_shl(place).unwrap_or(0)
        })
    };
    values.chunks(8).map(byte).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_become_what_the_column_holds_or_nothing() {
        let fit = |cell: Cell, kind| cell.fitting(kind);
        assert_eq!(fit(Cell::Integer(3), Type::Float), Some(Cell::Float(3.0)));
        assert_eq!(fit(Cell::Float(3.0), Type::Integer), Some(Cell::Integer(3)));
        assert_eq!(fit(Cell::Float(3.5), Type::Integer), None);
        assert_eq!(fit(Cell::Float(1e300), Type::Integer), None);
        assert_eq!(fit(Cell::Text("3".into()), Type::Integer), None);
        assert_eq!(fit(Cell::Logical(true), Type::Integer), None);
        for (cell, text) in [
            (Cell::Float(1.0), "1.0"),
            (Cell::Float(1e16), "1e+16"),
            (Cell::Float(-1.5e-7), "-1.5e-07"),
            (Cell::Float(f64::NAN), "nan"),
            (Cell::Float(f64::NEG_INFINITY), "-inf"),
            (Cell::Logical(false), "False"),
        ] {
            assert_eq!(fit(cell, Type::Text), Some(Cell::Text(text.into())));
        }
    }

    #[test]
    fn columns_lie_as_arrow_has_them() {
        let cells = [
            Some(Cell::Text("ab".into())),
            None,
            Some(Cell::Text("c".into())),
        ];
        let column = Column::new(Type::Text, cells.iter().map(Option::as_ref)).unwrap();
        assert_eq!(column.validity, [0b101]);
        assert_eq!(
            column.offsets,
            [0, 0, 0, 0, 2, 0, 0, 0, 2, 0, 0, 0, 3, 0, 0, 0]
        );
        assert_eq!(column.data, b"abc");
        let cells: Vec<_> = (0..9)
            .map(|n| (n != 1).then_some(Cell::Logical(n > 6)))
            .collect();
        let column = Column::new(Type::Logical, cells.iter().map(Option::as_ref)).unwrap();
        assert_eq!(
            (column.validity, column.data),
            (vec![0b1111_1101, 1], vec![0b1000_0000, 1])
        );
    }
}
