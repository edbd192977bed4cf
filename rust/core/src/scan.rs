//! Many files at once: what their headers and chosen places of their trees say, in columns.
//!
//! ```text
//! path ─ open, lock, undo ─ headers, tree ─ class? ─ plan of the class ─ cells ─┐
//! path ─ …                                                             ─ cells ─┤ columns
//! ```
//!
//! A file is read, not mapped: a map of a file that another program cuts short kills the process, and
//! a scan meets such files. Data and binary blocks are not read. Which card stands for which place of a
//! tree is a plan that the caller makes for each class, when the first file of it is met. A file comes
//! back undecided where the rule of [`crate::overlay`] needs more than bytes.

use std::cell::OnceCell;
use std::collections::HashMap;
use std::fs::OpenOptions;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use rustix::fs::OFlags;

use crate::asdf::{Kind, NodeId, Scalar};
use crate::bytes::{Load, Partial};
use crate::far::{Look, Stretches};
use crate::fits::{self, Value};
use crate::overlay::Mapping;
use crate::{Bytes, Error, ErrorKind, Product, Result, disk, source};

mod column;

pub use column::{Cell, Column, Type};

/// What a column holds of each file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wanted {
    /// The value at a path of the model: names, and positions in lists.
    Path(Vec<String>),
    /// As `Path`, but a FITS file is known by its own name.
    Name(Vec<String>),
    /// As `Path`, but the class is known by what the file opens as; nothing where it was guessed.
    Model,
    /// The value of a card, as it stands.
    Card {
        /// The HDU.
        hdu: Which,
        /// The keyword, in upper case.
        keyword: String,
    },
    /// The class that the file opens as.
    Class,
    /// `fits` or `asdf`.
    Format,
    /// Whether the hash in the tree proves the headers: `matches`, `differs`, `absent`; nothing without a tree.
    Hash,
    /// The number of HDUs.
    Hdus,
    /// The number of HDUs with this name.
    Count(String),
    /// The shape of the first HDU with this name, in numpy's order: `2048x2048`.
    Shape(String),
}

/// An HDU.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Which {
    /// By its number.
    Number(usize),
    /// The first of a name.
    First(String),
    /// By name and EXTVER.
    Version(String, i64),
}

/// How the values of a class are found.
#[derive(Debug)]
pub struct Plan {
    /// The class.
    pub class: String,
    /// The keywords of the class that columns ask for.
    pub mapping: Mapping,
    /// For each row of the mapping, the columns that it stands for, with the list item.
    pub targets: Vec<Vec<(usize, Option<usize>)>>,
    /// HDUs that a reader of this class completes: their files are not judged here.
    pub odd: Vec<String>,
}

/// How a file says what it is.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Key {
    /// By a name.
    Named(String),
    /// By its arrays, where it has no name that is known.
    Guess(Guess),
}

/// What the class of a file is guessed from.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "four facts, as they are asked for"
)]
pub struct Guess {
    /// Whether it is a FITS file.
    pub is_fits: bool,
    /// The dimensions of the first SCI array.
    pub dimensions: usize,
    /// Whether it has an HDU named DQ.
    pub has_quality: bool,
    /// Whether it says that it is a reference file.
    pub is_reference: bool,
    /// Whether there is a second SCI array.
    pub has_second: bool,
}

/// A file that is scanned.
#[derive(Debug)]
pub enum Input {
    /// A file on a disk.
    Path(PathBuf),
    /// A file that is far away, under its name.
    Far(PathBuf, FarInput),
}

/// What was fetched of a file that is far away.
#[derive(Debug, Default)]
pub struct FarInput {
    /// Its headers and its tree; all of it if it is gzip. `None` where nothing could be fetched.
    pub at_hand: Option<Stretches>,
    /// Bytes of the file.
    pub size: Option<u64>,
    /// When it was changed last, in microseconds since 1970.
    pub modified: Option<i64>,
}

/// The columns, and what is known of classes.
#[derive(Debug, Default)]
pub struct Scanner {
    wanted: Vec<(Wanted, Type)>,
    plans: RwLock<HashMap<Key, Option<Arc<Plan>>>>,
}

/// Makes the plan for a name or a guess; `None` for a name that is no class, or a guess that finds none.
pub type Learn<'a> = &'a (dyn Fn(&Key) -> Option<Plan> + Sync);

/// What was found of one file.
#[derive(Debug, Default)]
pub struct Found {
    /// Bytes of the file.
    pub size: Option<u64>,
    /// When it was changed last, in microseconds since 1970.
    pub modified: Option<i64>,
    /// A cell for each column.
    pub cells: Vec<Option<Cell>>,
    /// The columns whose value does not fit their type.
    pub unfit: Vec<usize>,
    /// What keeps the file from being read as a whole.
    pub fault: Option<Error>,
    /// Whether the fault is that the file ends too early, so that it opens all the same.
    pub is_cut: bool,
    /// What is wrong but was read around.
    pub warnings: Vec<Error>,
    /// Whether the class was guessed.
    pub guessed: bool,
    /// Whether the values at paths have to be taken from a model.
    pub unsettled: bool,
}

impl Scanner {
    /// Nothing is known of any class yet.
    pub fn new(wanted: Vec<(Wanted, Type)>) -> Self {
        Self {
            wanted,
            ..Self::default()
        }
    }

    /// The plan for a name or a guess; it is asked for once.
    fn plan(&self, key: &Key, learn: Learn<'_>) -> Option<Arc<Plan>> {
        let known = self.plans.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(plan) = known.get(key) {
            return plan.clone();
        }
        drop(known);
        // Whoever comes second finds it here.
        let mut known = self.plans.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(plan) = known.get(key) {
            return plan.clone();
        }
        let plan = learn(key).map(Arc::new);
        known.insert(key.clone(), plan.clone());
        plan
    }

    /// Scans files on `jobs` threads; the answers are in the order of the files.
    pub fn run(&self, files: &[Input], jobs: usize, learn: Learn<'_>) -> Vec<Found> {
        let next = AtomicUsize::new(0);
        let all = Mutex::new(Vec::with_capacity(files.len()));
        let work = || {
            let mut own = Vec::new();
            loop {
                let number = next.fetch_add(1, Ordering::Relaxed);
                let Some(input) = files.get(number) else {
                    break;
                };
                let found = match input {
                    Input::Path(path) => self.scan(path, learn),
                    Input::Far(path, far) => self.scan_far(path, far, learn),
                };
                own.push((number, found));
            }
            let mut all = all.lock().unwrap_or_else(PoisonError::into_inner);
            all.append(&mut own);
        };
        std::thread::scope(|scope| {
            for _ in 1..jobs.min(files.len()) {
                scope.spawn(work);
            }
            work();
        });
        let mut all = all.into_inner().unwrap_or_else(PoisonError::into_inner);
        all.sort_unstable_by_key(|(number, _)| *number);
        all.into_iter().map(|(_, found)| found).collect()
    }

    /// The columns of what was found.
    pub fn columns(&self, found: &[Found]) -> Option<Vec<Column>> {
        let column = |(number, (_, kind)): (usize, &(Wanted, Type))| {
            let cells = found.iter().map(|found| found.cells.get(number)?.as_ref());
            Column::new(*kind, cells)
        };
        self.wanted.iter().enumerate().map(column).collect()
    }

    /// Scans one file; whatever is wrong with it is part of the answer.
    pub fn scan(&self, path: &Path, learn: Learn<'_>) -> Found {
        let mut found = Found::default();
        if let Err(error) = self.read(path, learn, &mut found) {
            found.fault = Some(error);
            if found.size.is_none()
                && let Ok(metadata) = std::fs::metadata(path)
            {
                found.stamp(&metadata);
            }
        }
        found
    }

    fn scan_far(&self, path: &Path, far: &FarInput, learn: Learn<'_>) -> Found {
        let mut found = Found {
            size: far.size,
            modified: far.modified,
            ..Found::default()
        };
        if let Some(at_hand) = &far.at_hand
            && let Err(error) = self.read_far(path, at_hand, learn, &mut found)
        {
            found.fault = Some(error);
        }
        found
    }

    fn read_far(
        &self,
        path: &Path,
        at_hand: &Stretches,
        learn: Learn<'_>,
        found: &mut Found,
    ) -> Result<()> {
        if at_hand.tail(0).starts_with(source::GZIP) {
            let bytes = source::gunzip(at_hand.tail(0))?;
            return self.fill(path, bytes.as_slice(), learn, found);
        }
        self.fill(path, Look::new(at_hand), learn, found)
    }

    fn read(&self, path: &Path, learn: Learn<'_>, found: &mut Found) -> Result<()> {
        // Without this flag a pipe would keep the scan waiting for a writer.
        let flags = i32::try_from(OFlags::NONBLOCK.bits()).unwrap_or(0);
        let file = OpenOptions::new()
            .read(true)
            .custom_flags(flags)
            .open(path)?;
        let metadata = file.metadata()?;
        if metadata.is_dir() {
            return Err(source::is_folder());
        }
        if !metadata.is_file() {
            let kind = ErrorKind::Io(std::io::ErrorKind::Unsupported);
            return Err(disk::plain(kind, "is no regular file"));
        }
        let file = disk::to_read(path, file)?;
        let metadata = file.metadata()?;
        found.stamp(&metadata);
        let mut partial = Partial::open(file, metadata.len())?;
        if partial.tail(0).starts_with(source::GZIP) {
            partial.load_range(0, u64::MAX)?;
            partial = partial.replaced(source::gunzip)?;
        }
        self.fill(path, partial, learn, found)
    }

    /// Fills in what the bytes of a file say, wherever they come from.
    pub fn fill<S: Load>(
        &self,
        path: &Path,
        source: S,
        learn: Learn<'_>,
        found: &mut Found,
    ) -> Result<()> {
        let needs_tree = |wanted: &Wanted| {
            matches!(
                wanted,
                Wanted::Path(_) | Wanted::Name(_) | Wanted::Model | Wanted::Hash
            )
        };
        let with_tree = self.wanted.iter().any(|(wanted, _)| needs_tree(wanted));
        let (product, fault) = Product::read_partly(source, with_tree)?;
        found.warnings.clone_from(&product.layout.warnings);
        let is_cut = |warning: &Error| warning.kind != ErrorKind::Format;
        // A tree that cannot be read keeps the file from being opened, a cut does not.
        found.fault = fault.or_else(|| {
            let place = found.warnings.iter().position(is_cut)?;
            found.is_cut = true;
            Some(found.warnings.remove(place))
        });
        let file = Opened {
            path,
            product: &product,
        };
        let named = file
            .name()
            .and_then(|name| self.plan(&Key::Named(name), learn));
        found.guessed = named.is_none();
        let plan = named.or_else(|| self.plan(&Key::Guess(file.guess()), learn));
        let plan = plan.as_deref();
        let hdus = &product.layout.hdus;
        found.unsettled =
            plan.is_some_and(|plan| hdus.iter().any(|hdu| plan.odd.contains(&hdu.name)));
        self.cells(&file, plan, found);
        Ok(())
    }

    fn cells<S: Bytes>(&self, file: &Opened<'_, S>, plan: Option<&Plan>, found: &mut Found) {
        // The hash is taken of all headers, so only where something depends on it.
        let proof = OnceCell::new();
        let proof = || *proof.get_or_init(|| file.proof(found.guessed));
        let mut sight = Sight::default();
        let mut cells: Vec<Option<Answer>> = Vec::with_capacity(self.wanted.len());
        for (wanted, _) in &self.wanted {
            cells.push(match (wanted, plan) {
                (Wanted::Model, _) if found.guessed => None,
                (Wanted::Model | Wanted::Class, plan) => {
                    plan.map(|plan| Cell::Text(plan.class.clone()).into())
                }
                (Wanted::Hash, _) => file.hash_state(proof),
                (wanted, _) => file.answer(wanted, &mut sight),
            });
        }
        let unsettled = plan.is_some_and(|plan| file.lay_over(plan, proof, &mut cells));
        found.unsettled |= unsettled;
        let answers = cells.into_iter().zip(&self.wanted).enumerate();
        let cells = answers.map(|(number, (answer, (_, kind)))| match answer? {
            Answer::Cell(cell) => {
                let fitting = cell.fitting(*kind);
                if fitting.is_none() {
                    found.unfit.push(number);
                }
                fitting
            }
            Answer::Open => {
                found.unsettled = true;
                None
            }
        });
        found.cells = cells.collect();
    }
}

impl Found {
    fn stamp(&mut self, metadata: &std::fs::Metadata) {
        self.size = Some(metadata.len());
        let whole = metadata.mtime().checked_mul(1_000_000);
        let part = metadata.mtime_nsec().checked_div(1000);
        self.modified = whole.zip(part).and_then(|(a, b)| a.checked_add(b));
    }
}

/// What stands at a wanted place.
#[derive(Debug)]
enum Answer {
    /// A value.
    Cell(Cell),
    /// Something that is more than a scalar, or that has to be converted by who knows its meaning.
    Open,
}

impl From<Cell> for Answer {
    fn from(cell: Cell) -> Self {
        Self::Cell(cell)
    }
}

/// The branch of the tree that was looked up last: neighbours are asked for one after the other.
#[derive(Debug, Default)]
struct Sight<'w> {
    branch: &'w [String],
    place: Option<Place>,
}

/// Where a path leads.
#[derive(Debug, Clone, Copy)]
enum Place {
    At(NodeId),
    /// Nothing is there.
    Absent,
    /// A value or an object stands on the way.
    Blocked,
}

struct Opened<'a, S> {
    path: &'a Path,
    product: &'a Product<S>,
}

impl<S: Bytes> Opened<'_, S> {
    fn is_fits(&self) -> bool {
        !self.product.layout.hdus.is_empty()
    }

    /// A value of the primary header.
    fn primary(&self, keyword: &str) -> Value<'_> {
        let first = self.product.layout.hdus.first();
        first.map_or(Value::Undefined, |hdu| {
            hdu.header(&self.product.source).value(keyword)
        })
    }

    /// What the file says that it is.
    fn name(&self) -> Option<String> {
        if self.is_fits() {
            return match self.primary("DATAMODL") {
                Value::Text(name) => Some(name.into_owned()),
                _ => None,
            };
        }
        let path = ["meta", "model_type"].map(str::to_owned);
        match self.place(&path) {
            Place::At(node) => match self.scalar(node) {
                Some(Answer::Cell(Cell::Text(name))) => Some(name),
                _ => None,
            },
            _ => None,
        }
    }

    fn guess(&self) -> Guess {
        let layout = &self.product.layout;
        let science = layout.versioned("SCI", 1);
        Guess {
            is_fits: self.is_fits(),
            dimensions: science
                .and_then(|n| layout.hdus.get(n))
                .map_or(0, |hdu| hdu.axes.len()),
            has_quality: layout.first("DQ").is_some(),
            is_reference: self.primary("REFTYPE") != Value::Undefined,
            has_second: layout.versioned("SCI", 2).is_some(),
        }
    }

    /// What the hash in the tree says of the headers.
    fn proof(&self, guessed: bool) -> Proof {
        let Some(stored) = self.stored_hash() else {
            return Proof::Absent;
        };
        if guessed {
            return Proof::Fails;
        }
        let (source, hdus) = (&self.product.source, &self.product.layout.hdus);
        if fits::header_digest(source, hdus) == stored {
            Proof::Holds
        } else if fits::unclean(source, hdus).is_empty() {
            Proof::Fails
        } else {
            Proof::Open
        }
    }

    fn hash_state(&self, proof: impl Fn() -> Proof) -> Option<Answer> {
        self.product.asdf.as_ref().filter(|_| self.is_fits())?;
        let state = match proof() {
            Proof::Absent => "absent",
            Proof::Holds => "matches",
            Proof::Fails => "differs",
            Proof::Open => return Some(Answer::Open),
        };
        Some(Cell::Text(state.to_owned()).into())
    }

    fn stored_hash(&self) -> Option<String> {
        match self.place(&["_fits_hash".to_owned()]) {
            Place::At(node) => match self.scalar(node) {
                Some(Answer::Cell(Cell::Text(hash))) => Some(hash),
                _ => None,
            },
            _ => None,
        }
    }

    fn answer<'w>(&self, wanted: &'w Wanted, sight: &mut Sight<'w>) -> Option<Answer> {
        let layout = &self.product.layout;
        match wanted {
            Wanted::Name(_) if self.is_fits() => {
                let name = self.path.file_name()?.to_string_lossy().into_owned();
                Some(Cell::Text(name).into())
            }
            Wanted::Path(path) | Wanted::Name(path) => match self.near(path, sight) {
                Place::At(node) => self.scalar(node),
                Place::Absent => None,
                Place::Blocked => Some(Answer::Open),
            },
            // What depends on the class or on the hash is known to the caller.
            Wanted::Model | Wanted::Class | Wanted::Hash => None,
            Wanted::Card { hdu, keyword } => self.card(hdu, keyword),
            Wanted::Format => {
                let format = if self.is_fits() { "fits" } else { "asdf" };
                Some(Cell::Text(format.to_owned()).into())
            }
            Wanted::Hdus => count(layout.hdus.len()),
            Wanted::Count(name) => count(layout.hdus.iter().filter(|h| h.name == *name).count()),
            Wanted::Shape(name) => {
                let hdu = layout.hdus.get(layout.first(name)?)?;
                let header = hdu.header(&self.product.source);
                let sizes: Vec<String> = if hdu.kind == fits::Kind::Compressed {
                    // The axes of the image stand beside those of the table that it is packed in.
                    let axes = (1..=999).map_while(|n| header.integer(&format!("ZNAXIS{n}")));
                    axes.map(|size| size.to_string()).collect()
                } else {
                    hdu.axes.iter().map(u64::to_string).collect()
                };
                let sizes: Vec<String> = sizes.into_iter().rev().collect();
                (!sizes.is_empty()).then(|| Cell::Text(sizes.join("x")).into())
            }
        }
    }

    fn card(&self, hdu: &Which, keyword: &str) -> Option<Answer> {
        let layout = &self.product.layout;
        let number = match hdu {
            Which::Number(number) => *number,
            Which::First(name) if name == "PRIMARY" => 0,
            Which::First(name) => layout.first(name)?,
            Which::Version(name, version) => layout.versioned(name, *version)?,
        };
        let header = layout.hdus.get(number)?.header(&self.product.source);
        of_card(&header.value(keyword))
    }

    /// Where a path leads, from the branch that was looked up last.
    fn near<'w>(&self, path: &'w [String], sight: &mut Sight<'w>) -> Place {
        let Some((last, branch)) = path.split_last() else {
            return Place::Absent;
        };
        let place = match sight.place {
            Some(place) if sight.branch == branch => place,
            _ => self.place(branch),
        };
        *sight = Sight {
            branch,
            place: Some(place),
        };
        self.step(place, last)
    }

    fn place(&self, path: &[String]) -> Place {
        let root = self
            .product
            .asdf
            .as_ref()
            .and_then(|a| a.file.tape().root());
        let root = root.map_or(Place::Absent, Place::At);
        path.iter().fold(root, |place, step| self.step(place, step))
    }

    fn step(&self, place: Place, step: &str) -> Place {
        let (Place::At(node), Some(asdf)) = (place, &self.product.asdf) else {
            return place;
        };
        let (tape, text) = (asdf.file.tape(), self.product.yaml());
        // The root has the tag of all trees, and a tagged branch stands for an object.
        if node != 0 && tape.tag(node).is_some() {
            return Place::Blocked;
        }
        let below = match tape.kind(node) {
            Kind::Mapping => tape.get(text, node, step),
            Kind::Sequence => match step.parse() {
                Ok(place) => tape.children(node).nth(place),
                Err(_) => return Place::Blocked,
            },
            _ => return Place::Blocked,
        };
        below.map_or(Place::Absent, |node| Place::At(tape.resolve(node)))
    }

    fn scalar(&self, node: NodeId) -> Option<Answer> {
        let tape = self.product.asdf.as_ref()?.file.tape();
        if tape.kind(node) != Kind::Scalar || tape.tag(node).is_some() {
            return Some(Answer::Open);
        }
        Some(match tape.scalar(node, self.product.yaml()) {
            Ok(Scalar::Null) => return None,
            Ok(Scalar::Bool(value)) => Cell::Logical(value).into(),
            Ok(Scalar::Int(value)) => Cell::Integer(value).into(),
            Ok(Scalar::Float(value)) => Cell::Float(value).into(),
            Ok(Scalar::Str(text)) => Cell::Text(text.into_owned()).into(),
            _ => Answer::Open,
        })
    }

    /// Lays the cards over the tree's values; true where a model has to judge.
    fn lay_over(
        &self,
        plan: &Plan,
        proof: impl Fn() -> Proof,
        cells: &mut [Option<Answer>],
    ) -> bool {
        // Hashing all headers takes less than comparing their cards.
        if !self.is_fits() || proof() == Proof::Holds {
            return false;
        }
        let mut unsettled = false;
        let cards = self.product.mapped_beside(&plan.mapping);
        for card in cards.into_iter().filter(|card| !card.equal) {
            let targets = plan.targets.get(card.row).into_iter().flatten();
            for &(number, _) in targets.filter(|(_, item)| *item == card.item) {
                let Some(cell) = cells.get_mut(number) else {
                    continue;
                };
                match (&cell, proof()) {
                    (Some(Answer::Open), _) | (_, Proof::Open) => unsettled = true,
                    _ if !card.fits => unsettled = true,
                    _ => *cell = of_card(&card.value),
                }
            }
        }
        unsettled
    }
}

/// What the hash in a tree says of the headers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Proof {
    /// There is none.
    Absent,
    /// They are those that the tree was written with.
    Holds,
    /// They are not.
    Fails,
    /// Some card needs repair before it can be hashed.
    Open,
}

/// The value of a card as a cell.
fn of_card(value: &Value<'_>) -> Option<Answer> {
    Some(match value {
        Value::Undefined => return None,
        Value::Logical(value) => Cell::Logical(*value).into(),
        Value::Integer(value) => Cell::Integer(*value).into(),
        Value::Float(value) => Cell::Float(*value).into(),
        Value::Text(text) | Value::Invalid(text) => Cell::Text(text.as_ref().to_owned()).into(),
        Value::BigInteger(digits) => Cell::Text(digits.clone()).into(),
        Value::Complex(real, imaginary) => Cell::Text(format!("({real}, {imaginary})")).into(),
    })
}

fn count(number: usize) -> Option<Answer> {
    i64::try_from(number).ok().map(|n| Cell::Integer(n).into())
}
