//! What plain and tagged scalars mean, with values taken from the reference implementation.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use asdfits_core::asdf::{BigInt, Date, DateTime, Scalar, Tape};

fn plain(text: &str) -> Scalar<'_> {
    Scalar::from_plain(text).unwrap()
}

/// The value of a document that is one scalar.
fn tagged(text: &str) -> Result<String, String> {
    let text = format!("--- {text}\n");
    let tape = Tape::parse(text.as_bytes(), 0).map_err(|error| error.to_string())?;
    let value = tape
        .scalar(0, text.as_bytes())
        .map_err(|error| error.to_string())?;
    Ok(format!("{value:?}"))
}

#[test]
fn integers() {
    for (text, value) in [
        ("0", 0),
        ("-0", 0),
        ("+1", 1),
        ("010", 8),
        ("0b101", 5),
        ("0x1F", 31),
        ("-0x1f", -31),
        ("1_000", 1000),
        ("0_", 0),
        ("190:20:30", 685_230),
        ("1:30", 90),
        ("-1:30", -90),
        ("9223372036854775807", i64::MAX),
        ("-9223372036854775808", i64::MIN),
        ("00", 0),
    ] {
        assert_eq!(plain(text), Scalar::Int(value), "{text}");
    }
    let big = |negative, radix, digits: &str| {
        Scalar::BigInt(BigInt {
            negative,
            radix,
            digits: digits.to_owned(),
        })
    };
    assert_eq!(
        plain("9223372036854775808"),
        big(false, 10, "9223372036854775808")
    );
    assert_eq!(
        plain("-0x1_0000000000000000"),
        big(true, 16, "10000000000000000")
    );
    // 1 * 60 ** 39, beyond 128 bits, plus 7.
    let sixties = format!("1{}:7", ":0".repeat(38));
    let value = big(
        false,
        10,
        "2227915756473955677973140996096000000000000000000000000000000000000007",
    );
    assert_eq!(plain(&sixties), value);
    for text in ["0x_", "0b_"] {
        assert!(Scalar::from_plain(text).is_err(), "{text}");
    }
}

#[test]
fn floats() {
    for (text, value) in [
        ("1.", 1.0),
        (".5", 0.5),
        ("1.e+5", 1e5),
        ("1.0E+03", 1000.0),
        ("1_0.5", 10.5),
        ("1:30.5", 90.5),
        ("5.0e-324", 5e-324),
        ("+.inf", f64::INFINITY),
        ("-.INF", f64::NEG_INFINITY),
        ("1.0e+400", f64::INFINITY),
        ("-0.0", 0.0),
    ] {
        assert_eq!(plain(text), Scalar::Float(value), "{text}");
    }
    assert!(matches!(plain(".NaN"), Scalar::Float(value) if value.is_nan()));
    assert!(matches!(plain("-0.0"), Scalar::Float(value) if value.is_sign_negative()));
}

#[test]
fn words() {
    for text in ["yes", "Yes", "YES", "on", "true", "True"] {
        assert_eq!(plain(text), Scalar::Bool(true), "{text}");
    }
    for text in ["no", "NO", "off", "Off", "false", "FALSE"] {
        assert_eq!(plain(text), Scalar::Bool(false), "{text}");
    }
    for text in ["", "~", "null", "Null", "NULL"] {
        assert_eq!(plain(text), Scalar::Null, "{text}");
    }
    for text in [
        "y",
        "n",
        "yEs",
        "nULL",
        "1e5",
        "1e+5",
        "1.5e5",
        "-.5",
        "+.5",
        "-.nan",
        "08",
        "0o10",
        "1:60",
        "0:1",
        ".INf",
        ".",
        "-",
        "_1",
        "0b2",
        "0xg",
        "1.0e",
        "2020-1-1",
        "20200-01-01",
        "2020-01-01 1:2:3",
        "\u{661}",
    ] {
        assert_eq!(plain(text), Scalar::Str(text.into()), "{text}");
    }
    assert!(matches!(
        plain("="),
        Scalar::Tagged {
            tag: "tag:yaml.org,2002:value",
            ..
        }
    ));
    assert!(matches!(
        plain("<<"),
        Scalar::Tagged {
            tag: "tag:yaml.org,2002:merge",
            ..
        }
    ));
}

#[test]
fn dates_and_times() {
    let date = Date {
        year: 2020,
        month: 2,
        day: 29,
    };
    assert_eq!(plain("2020-02-29"), Scalar::Date(date));
    let moment = DateTime {
        date,
        hour: 2,
        minute: 3,
        second: 4,
        microsecond: 0,
        offset: None,
    };
    assert_eq!(plain("2020-02-29 02:03:04"), Scalar::DateTime(moment));
    assert_eq!(plain("2020-2-29T2:03:04"), Scalar::DateTime(moment));
    let moment = DateTime {
        microsecond: 123_456,
        offset: Some(-330),
        ..moment
    };
    assert_eq!(
        plain("2020-02-29 02:03:04.1234569 -5:30"),
        Scalar::DateTime(moment)
    );
    let moment = DateTime {
        microsecond: 500_000,
        offset: Some(0),
        ..moment
    };
    assert_eq!(plain("2020-02-29t02:03:04.5Z"), Scalar::DateTime(moment));
    for text in [
        "2020-13-01",
        "2019-02-29",
        "0000-01-01",
        "2020-01-01 24:00:00",
        "2020-01-01 00:00:60",
        "2020-01-01 00:00:00+24",
    ] {
        assert!(Scalar::from_plain(text).is_err(), "{text}");
    }
}

#[test]
fn tags_decide() {
    for (text, value) in [
        ("! 12", "Int(12)"),
        ("! '12'", "Int(12)"),
        ("! ''", "Null"),
        ("!", "Str(\"\")"),
        ("!x 12", "Str(\"12\")"),
        ("!x", "Str(\"\")"),
        ("'12'", "Str(\"12\")"),
        ("!!int \"3\"", "Int(3)"),
        ("!!str 1", "Str(\"1\")"),
        ("!!float 1", "Float(1.0)"),
        ("!!float 1e5", "Float(100000.0)"),
        ("!!bool Yes", "Bool(true)"),
        ("!!null x", "Null"),
        ("!!python/tuple x", "Str(\"x\")"),
        ("!!binary AAEC/w==", "Binary([0, 1, 2, 255])"),
        ("!!binary 'AA EC'", "Binary([0, 1, 2])"),
        (
            "!!timestamp '2020-01-02'",
            "Date(Date { year: 2020, month: 1, day: 2 })",
        ),
        ("|\n  12", "Str(\"12\\n\")"),
    ] {
        assert_eq!(tagged(text).as_deref(), Ok(value), "{text}");
    }
    for text in [
        "!!int x",
        "!!int ''",
        "!!bool maybe",
        "!!float x",
        "!!binary A",
        "!!binary AAE",
        "!!binary é",
        "!!timestamp x",
    ] {
        assert!(tagged(text).is_err(), "{text}");
    }
}

#[test]
fn base64_follows_python() {
    // Padding ends the data; stray bytes are passed over.
    for (text, value) in [
        ("QQ==QQ==", "Binary([65])"),
        ("Q*Q=*=", "Binary([65])"),
        ("''", "Binary([])"),
        ("QUI=", "Binary([65, 66])"),
    ] {
        assert_eq!(
            tagged(&format!("!!binary {text}")).as_deref(),
            Ok(value),
            "{text}"
        );
    }
}
