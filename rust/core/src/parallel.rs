//! Many jobs on all cores, each numbered; the first fault in their order is the one that is told.

use std::num::NonZero;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use crate::Result;

/// Runs `job` for every number below `count`, `batch` of them at a time on each core.
///
/// Each core makes a `scratch` of its own and keeps it from job to job. Once a job fails, no job with a
/// higher number begins; jobs begin in order, so that the error of the lowest number comes back however
/// the cores take turns.
///
/// ```
/// use std::sync::atomic::{AtomicUsize, Ordering};
///
/// let sum = AtomicUsize::new(0);
/// asdfits_core::parallel::each(10, 3, || (), |(), number| {
///     sum.fetch_add(number, Ordering::Relaxed);
///     Ok(())
/// }).unwrap();
/// assert_eq!(sum.into_inner(), 45);
/// ```
pub fn each<S>(
    count: usize,
    batch: usize,
    scratch: impl Fn() -> S + Sync,
    job: impl Fn(&mut S, usize) -> Result<()> + Sync,
) -> Result<()> {
    let batch = batch.max(1);
    let cores = std::thread::available_parallelism().map_or(1, NonZero::get);
    let workers = cores.min(count.div_ceil(batch));
    let next = AtomicUsize::new(0);
    let failed = AtomicUsize::new(usize::MAX);
    let fault = Mutex::new(None);
    let work = || {
        let mut scratch = scratch();
        loop {
            let from = next.fetch_add(batch, Ordering::Relaxed);
            for number in from..count.min(from.saturating_add(batch)) {
                if number > failed.load(Ordering::Relaxed) {
                    return;
                }
                if let Err(error) = job(&mut scratch, number) {
                    let mut fault = fault.lock().unwrap_or_else(PoisonError::into_inner);
                    if number <= failed.fetch_min(number, Ordering::Relaxed) {
                        *fault = Some(error);
                    }
                    return;
                }
            }
            if from >= count {
                return;
            }
        }
    };
    std::thread::scope(|scope| {
        for _ in 1..workers {
            scope.spawn(work);
        }
        work();
    });
    let fault = fault.into_inner();
    fault
        .unwrap_or_else(PoisonError::into_inner)
        .map_or(Ok(()), Err)
}

#[cfg(test)]
#[allow(
    clippy::arithmetic_side_effects,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::float_cmp,
    reason = "small numbers, compared exactly"
)]
mod tests {
    use super::*;
    use crate::Error;

    #[test]
    fn every_job_runs_once_and_the_first_fault_is_told() {
        let ran: Vec<AtomicUsize> = (0..1000).map(|_| AtomicUsize::new(0)).collect();
        each(
            1000,
            7,
            || (),
            |(), n| {
                ran[n].fetch_add(1, Ordering::Relaxed);
                Ok(())
            },
        )
        .unwrap();
        assert!(ran.iter().all(|n| n.load(Ordering::Relaxed) == 1));
        for _ in 0..50 {
            let error = each(
                1000,
                1,
                || (),
                |(), n| match n {
                    200.. => Err(Error::format(n as u64, "")),
                    _ => Ok(()),
                },
            );
            assert_eq!(error.unwrap_err().at, Some(200));
        }
        each(0, 1, || (), |(), _| Err(Error::format(0, ""))).unwrap();
    }
}
