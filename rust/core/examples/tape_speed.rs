//! Measures how fast a YAML file becomes a tape: `cargo run --release --example tape_speed -- FILE [ROUNDS [NAME…]]`.
//!
//! Each round runs every contender once, so that a busy machine slows all of them alike; the table gives the
//! median and the best of the rounds in CPU time. The floor is a count of the newlines, one pass over memory.

#![allow(
    clippy::cast_precision_loss,
    clippy::naive_bytecount,
    reason = "a measurement; the naive count is the floor that a plain loop can reach"
)]

use std::hint::black_box;
use std::io::Write;
use std::time::Instant;

use asdfits_core::asdf::Tape;

/// CPU seconds of this process; 0 where the system does not say (the table then shows nothing of use).
fn cpu_seconds() -> f64 {
    let Ok(stat) = std::fs::read_to_string("/proc/self/schedstat") else {
        return 0.0;
    };
    stat.split_whitespace()
        .next()
        .and_then(|n| n.parse::<f64>().ok())
        .unwrap_or(0.0)
        / 1e9
}

fn newlines(text: &[u8]) -> usize {
    text.iter().filter(|&&b| b == b'\n').count()
}

fn fast(text: &[u8]) -> usize {
    Tape::parse_fast(text, 0).map_or(0, |tape| tape.len())
}

fn strict(text: &[u8]) -> usize {
    Tape::parse_strict(text, 0).map_or(0, |tape| tape.len())
}

/// The events of a port of libyaml, thrown away.
fn libyaml(text: &[u8]) -> usize {
    let mut input = text;
    let mut parser = libyaml_safer::Parser::new();
    parser.set_input_string(&mut input);
    parser.take_while(Result::is_ok).count()
}

type Contender = (&'static str, fn(&[u8]) -> usize);

/// CPU seconds of one run, averaged over enough runs for the clock's coarse steps.
fn measure(contender: Contender, text: &[u8]) -> (f64, usize) {
    let (clock, cpu) = (Instant::now(), cpu_seconds());
    let mut runs = 0.0;
    loop {
        let result = black_box(contender.1(black_box(text)));
        runs += 1.0;
        if clock.elapsed().as_millis() >= 100 {
            return ((cpu_seconds() - cpu) / runs, result);
        }
    }
}

fn main() -> std::io::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [path, rest @ ..] = arguments.as_slice() else {
        return Err(std::io::Error::other("expected a file"));
    };
    let rounds = rest.first().and_then(|n| n.parse().ok()).unwrap_or(9);
    let text = std::fs::read(path)?;
    let mut contenders: Vec<Contender> = vec![
        ("newlines", newlines),
        ("fast", fast),
        ("strict", strict),
        ("libyaml", libyaml),
    ];
    contenders.retain(|(name, _)| rest.len() < 2 || rest.iter().any(|wanted| wanted == name));
    let mut times = vec![Vec::new(); contenders.len()];
    let mut results = vec![0; contenders.len()];
    for _ in 0..rounds {
        for ((contender, times), result) in contenders.iter().zip(&mut times).zip(&mut results) {
            let (time, nodes) = measure(*contender, &text);
            times.push(time);
            *result = nodes;
        }
    }
    let size = text.len() as f64 / 1e6;
    let mut out = std::io::stdout().lock();
    let mut slowest = 0.0;
    let mut medians = Vec::new();
    for times in &mut times {
        times.sort_by(f64::total_cmp);
        let median = times.get(times.len() / 2).copied().unwrap_or(0.0);
        medians.push((median, times.first().copied().unwrap_or(0.0)));
        slowest = median;
    }
    for (((name, _), (median, best)), result) in contenders.iter().zip(medians).zip(results) {
        writeln!(
            out,
            "{name:10} {:8.2} ms {:8.1} MB/s (best {:8.1}), the last takes {:5.1} times as long; result {result}",
            median * 1e3,
            size / median,
            size / best,
            slowest / median,
        )?;
    }
    Ok(())
}
