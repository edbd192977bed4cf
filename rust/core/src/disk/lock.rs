//! Locks of whole files: who reads a file keeps others from editing it in place.
//!
//! ```text
//! reader   open ─ shared lock ─ no journal? ─ map ─ close the descriptor …… last array gone: lock gone
//! editor          exclusive lock ─ journal ─ edit ─ no journal ─ lock given back
//! ```
//!
//! A lock of `flock` belongs to the open file, and a map keeps the open file: the kernel gives the lock
//! back when the last descriptor *and the last map* are gone, or the process is, by whatever end. So a
//! reader holds its lock for as long as its arrays live and spends no descriptor on it. Where the kernel
//! is not Linux the lock goes with the descriptor, and readers are not protected against editors.
//!
//! Network file systems keep locks per machine, or per server, or not at all, as somebody has set them up; so
//! files are only edited in place on a disk of this machine, and readers elsewhere need no lock.
//!
//! The locks are advice between programs that ask for them. Programs that know nothing of them read and
//! write as they like.

use std::fs::File;
use std::io;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;

use super::kernel;

/// What came of asking for a lock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lock {
    /// It is ours.
    Held,
    /// Another process or another open file has it.
    Busy,
    /// The file system has no locks.
    Unsupported,
}

/// How long another process may take for an edit.
const PATIENCE: Duration = Duration::from_secs(10);

/// How often readers must have been seen before they are believed in: other editors look for readers
/// too, and while they look they seem to be one.
const LOOKS: u32 = 8;

/// Asks for the lock that excludes all others; does not wait.
pub fn exclusive(file: &File) -> io::Result<Lock> {
    ask(file, FlockOperation::NonBlockingLockExclusive)
}

/// Takes the lock of readers, once no editor is at work.
pub fn to_read(file: &File) -> io::Result<Lock> {
    let mut pause = Pause::new();
    loop {
        match ask(file, FlockOperation::NonBlockingLockShared)? {
            Lock::Busy if pause.wait() => {}
            lock => return Ok(lock),
        }
    }
}

/// Takes the lock of editors: waits for another editor, but not for readers, who may stay for days.
pub fn to_edit(file: &File) -> io::Result<Lock> {
    let mut pause = Pause::new();
    let mut looks = 0_u32;
    loop {
        let lock = exclusive(file)?;
        if lock != Lock::Busy {
            return Ok(lock);
        }
        if ask(file, FlockOperation::NonBlockingLockShared)? == Lock::Held {
            release(file)?;
            looks = looks.saturating_add(1);
        }
        if looks == LOOKS || !pause.wait() {
            return Ok(Lock::Busy);
        }
    }
}

/// Whether the locks of a file hold among all who can reach it: whether it lies on this machine.
pub fn is_local(file: &File, device: u64) -> bool {
    static KNOWN: Mutex<Vec<(u64, bool)>> = Mutex::new(Vec::new());
    // Asking takes a round trip to the server where the answer is no, so it is asked once.
    let mut known = KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some((_, local)) = known.iter().find(|(known, _)| *known == device) {
        return *local;
    }
    let local = kernel::is_on_this_machine(file);
    known.push((device, local));
    local
}

/// Gives the lock back.
pub fn release(file: &File) -> io::Result<()> {
    Ok(flock(file, FlockOperation::Unlock)?)
}

fn ask(file: &File, operation: FlockOperation) -> io::Result<Lock> {
    loop {
        return match flock(file, operation) {
            Ok(()) => Ok(Lock::Held),
            Err(Errno::WOULDBLOCK) => Ok(Lock::Busy),
            Err(Errno::INTR) => continue,
            // Some network file systems.
            Err(Errno::NOSYS | Errno::OPNOTSUPP | Errno::NOLCK | Errno::INVAL) => {
                Ok(Lock::Unsupported)
            }
            Err(error) => Err(error.into()),
        };
    }
}

/// Waits that grow from a tenth of a millisecond to 20 ms, for `PATIENCE` in all.
struct Pause {
    since: Instant,
    next: Duration,
}

impl Pause {
    fn new() -> Self {
        Self {
            since: Instant::now(),
            next: Duration::from_micros(100),
        }
    }

    /// Waits; false when patience is at an end.
    fn wait(&mut self) -> bool {
        std::thread::sleep(self.next);
        self.next = self.next.saturating_mul(2).min(Duration::from_millis(20));
        self.since.elapsed() < PATIENCE
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use memmap2::Mmap;

    #[test]
    fn a_map_keeps_the_lock_of_a_closed_descriptor() {
        let path = std::env::temp_dir().join(format!("asdfits-lock-{}", std::process::id()));
        std::fs::write(&path, b"bytes").unwrap();
        let file = File::open(&path).unwrap();
        assert_eq!(to_read(&file).unwrap(), Lock::Held);
        #[allow(unsafe_code)]
        // SAFETY: the file is of this test alone.
        let map = unsafe { Mmap::map(&file) }.unwrap();
        drop(file);
        let other = File::open(&path).unwrap();
        if cfg!(target_os = "linux") {
            assert_eq!(to_edit(&other).unwrap(), Lock::Busy);
        }
        assert_eq!(to_read(&File::open(&path).unwrap()).unwrap(), Lock::Held);
        drop(map);
        assert_eq!(to_edit(&other).unwrap(), Lock::Held);
        std::fs::remove_file(&path).unwrap();
    }
}
