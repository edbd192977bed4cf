//! Prints what each line of the standard input means as a plain scalar, for comparison with another resolver.

use std::io::{BufRead, Write};

use asdfits_core::asdf::Scalar;

fn main() -> std::io::Result<()> {
    let mut out = std::io::BufWriter::new(std::io::stdout().lock());
    for line in std::io::stdin().lock().lines() {
        let line = line?;
        match Scalar::from_plain(line.as_str()) {
            Err(_) => writeln!(out, "error")?,
            Ok(Scalar::Null) => writeln!(out, "null")?,
            Ok(Scalar::Bool(value)) => writeln!(out, "bool {value}")?,
            Ok(Scalar::Int(value)) => writeln!(out, "int {value}")?,
            Ok(Scalar::BigInt(big)) => {
                let sign = if big.negative { "-" } else { "" };
                writeln!(out, "big {sign}{}:{}", big.radix, big.digits)?;
            }
            Ok(Scalar::Float(value)) if value.is_nan() => writeln!(out, "float nan")?,
            Ok(Scalar::Float(value)) => writeln!(out, "float {:016x}", value.to_bits())?,
            Ok(Scalar::Str(_)) => writeln!(out, "str")?,
            Ok(Scalar::Date(d)) => writeln!(out, "date {}-{}-{}", d.year, d.month, d.day)?,
            Ok(Scalar::DateTime(t)) => {
                let d = t.date;
                let zone = t
                    .offset
                    .map_or("-".to_owned(), |minutes| minutes.to_string());
                writeln!(
                    out,
                    "time {}-{}-{} {}:{}:{}.{} {zone}",
                    d.year, d.month, d.day, t.hour, t.minute, t.second, t.microsecond
                )?;
            }
            Ok(other) => writeln!(out, "other {other:?}")?,
        }
    }
    Ok(())
}
