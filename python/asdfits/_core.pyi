"""The compiled half: bytes of FITS and ASDF files as plain values and buffers."""

from collections.abc import Callable, Sequence
from os import PathLike
from typing import Any, final

from typing_extensions import Buffer

class FormatError(ValueError):
    """The bytes of a file break the FITS or ASDF standard."""

class UnsupportedError(FormatError):
    """The file is legal, but asdfits does not read this part of it."""

@final
class Region:
    """Bytes of a file as a buffer: writes stay in this process, or there are none."""

    def __len__(self) -> int: ...
    def __buffer__(self, flags: int, /) -> memoryview: ...
    def __release_buffer__(self, buffer: memoryview, /) -> None: ...

@final
class Hdu:
    """What the layout says of one HDU; positions are bytes from the start of the file."""

    @property
    def index(self) -> int:
        """Place in the file, the primary HDU being 0."""
    @property
    def name(self) -> str:
        """EXTNAME in upper case; PRIMARY for an unnamed first HDU, else empty."""
    @property
    def version(self) -> int:
        """EXTVER, 1 where it is missing."""
    @property
    def label(self) -> str:
        """How messages name it: ``HDU 3 (DQ,1)``."""
    @property
    def kind(self) -> str:
        """PRIMARY, IMAGE, BINTABLE, TABLE, COMPRESSED, GROUPS or OTHER."""
    @property
    def bitpix(self) -> int:
        """Bits of one value; negative for floating point."""
    @property
    def shape(self) -> list[int]:
        """Sizes in numpy's order: the last varies fastest."""
    @property
    def at(self) -> int:
        """Start of the header."""
    @property
    def data_at(self) -> int:
        """Start of the data."""
    @property
    def announced(self) -> int:
        """Bytes of data that the header announces, without padding."""
    @property
    def data_len(self) -> int:
        """Bytes of data that the file holds."""
    @property
    def heap(self) -> int:
        """PCOUNT: bytes after the table proper."""

# (name, TFORM letter, repeat, byte within the row, bytes, TDIM), TUNIT, TSCAL, TZERO, TNULL
_Column = tuple[tuple[str, str, int, int, int, list[int]], str | None, float, float, int | None]

# (HDU, keyword, path, in a list, kinds, texts)
_KeywordRow = tuple[str, str, list[str], bool, str, list[str] | None]

@final
class Rows:
    """What a model class maps to FITS, ready for look-ups from either side."""

    def __new__(
        cls,
        keywords: list[_KeywordRow],
        arrays: list[tuple[str, list[str], bool]],
        longest: int,
    ) -> Rows:
        """Arrange (HDU, keyword, path, in a list, kinds, texts) and (HDU, path, in a list).

        `kinds` are the values that fit the schema for certain, of `s`, `b`, `i`, `f`, and `texts` those
        that do if not any text does. An EXTVER above `longest` is no position in a list.
        """

# (kind, words, type)
_ScanColumn = tuple[str, list[str], str]
# (class, keywords, columns and list items of each keyword, HDUs that are completed, longest list)
_Plan = tuple[str, list[_KeywordRow], list[list[tuple[int, int | None]]], list[str], int]
# A name, or (is FITS, dimensions of SCI, has DQ, is a reference file, has a second SCI)
_Key = str | tuple[bool, int, bool, bool, bool]
# Bits of validity, offsets of texts, values, as Arrow has them
_Buffers = tuple[bytes, bytes, bytes]

@final
class Scanner:
    """What is wanted of each of many files, and what is known of the classes."""

    def __new__(cls, columns: list[_ScanColumn]) -> Scanner:
        """Take the columns: their kind, the words that say more, and their type."""
    def run(
        self,
        paths: list[str],
        jobs: int,
        learn: Callable[[_Key], _Plan | None],
        far: dict[int, tuple[Stretches | None, int | None, int | None]] | None = None,
    ) -> tuple[
        _Buffers,
        _Buffers,
        list[_Buffers],
        list[tuple[int, str, int | None, str]],
        list[tuple[int, str]],
        list[int],
        list[int],
        list[tuple[int, int]],
    ]:
        """Scan files on `jobs` threads.

        `learn` gives the plan for a name or a guess, when the first file is met that says so. `far` has
        the headers and tree, size and time of change of files that are not on a disk, by their number.

        Returns (sizes, times of change in microseconds, columns, faults as (file, kind, errno,
        message), warnings, files whose class was guessed, files that a model has to judge, (file,
        column) of values of another type).
        """

@final
class Product:
    """An open FITS or ASDF file."""

    @staticmethod
    def open(path: str | PathLike[str], edit: bool = False) -> Product:
        """Map a file and read its structure and its tree; no pixel is read.

        An edit of the file that was cut off is undone first. As long as the product or an array of it
        lives, nobody edits the file in place. To `edit` it, nobody else may read it: BlockingIOError if
        somebody does, or if the file cannot be edited in place at all (several names, a network).
        """
    @staticmethod
    def far(stretches: Stretches, reader: Any, name: str) -> Product:
        """Make a product of the headers and the tree that were fetched of a file.

        Where data are asked for, ``reader.read(place, length)`` gives them, as a buffer.
        """
    @property
    def is_far(self) -> bool:
        """Whether data have to be fetched when they are asked for."""
    @property
    def locked(self) -> bool:
        """Whether the file was opened to be edited."""
    def unlock(self) -> None:
        """Let others open a file again that was opened to be edited; to be called in any case."""
    @staticmethod
    def from_bytes(data: bytes, name: str = "<bytes>") -> Product:
        """Read the structure and the tree of a file in memory."""
    @property
    def path(self) -> str:
        """The path as given."""
    @property
    def size(self) -> int:
        """Bytes of the file, decompressed."""
    @property
    def is_fits(self) -> bool:
        """Whether the file is FITS; else it is plain ASDF."""
    @property
    def warnings(self) -> list[str]:
        """Faults that did not keep the file from being read."""
    def __len__(self) -> int: ...
    def hdu(self, index: int) -> Hdu:
        """Return what the layout says of an HDU."""
    def names(self) -> list[tuple[str, int]]:
        """Return (name, version) of every HDU."""
    def find(self, name: str, version: int | None = None) -> int | None:
        """Return the first HDU of a name, or the first with this version, or None."""
    def cards(self, index: int) -> list[list[Any]]:
        """Return all cards of a header as [keyword, value, comment]."""
    def values(self, index: int) -> dict[str, Any]:
        """Return keyword -> value of a header; of equal keywords the first counts."""
    def value(self, index: int, keyword: str) -> Any:
        """Return the value of one keyword, or None."""
    def commentary(self, index: int, keyword: str) -> list[str]:
        """Return the texts of all cards with a commentary keyword, such as HISTORY."""
    def beside(
        self, rows: Rows, exact: bool = False
    ) -> tuple[
        list[tuple[int, int | None, int, Any, bool, bool]],
        list[tuple[int, list[list[Any]]]],
        list[tuple[int, int | None, int, int | None]],
    ]:
        """Return the mapped cards that the tree does not settle, cards that are not mapped, the arrays.

        A mapped card is (row, list item, HDU, value, whether the tree holds the same, whether the value
        fits the schema for certain); where both are true it is left out. The unmapped are (HDU, cards),
        without those that say how data are stored; with `exact` a keyword that the schema spells in
        lower case is one of them. Arrays are as in `arrays_beside`.
        """
    def arrays_beside(self, rows: Rows) -> list[tuple[int, int | None, int, int | None]]:
        """Return (row, list item, HDU, node) of each array whose HDU the file has.

        The node is the array of the tree that links to this very HDU, if one does.
        """
    def header_bytes(self, index: int) -> bytes:
        """Return the raw bytes of a header, padding included."""
    def image(self, index: int) -> tuple[int, list[int], float, float, int | None]:
        """Return (BITPIX, shape, BSCALE, BZERO, BLANK) of an image, compressed or not."""
    def table(self, index: int) -> tuple[int, int, list[_Column]]:
        """Return (bytes of a row, rows, columns) of a binary table."""
    def decompress(self, index: int, flip: bool) -> Region:
        """Return the pixels of a compressed image as its ZBITPIX says, in native byte order.

        With `flip` the top bit of integers is flipped, as the unsigned convention asks for.
        """
    def region(self, at: int, length: int) -> Region:
        """Return writable memory over `length` bytes from byte `at`."""
    def unchanged(self, at: int, length: int) -> Region:
        """Return the same bytes as they are in the file, read-only, whatever was written to a region."""
    def header_hash(self) -> tuple[str, list[int]]:
        """Return the SHA-256 of all headers but ASDF, and the HDUs with cards that need repair."""
    @property
    def asdf(self) -> tuple[int | None, int, int, int, int, str | None] | None:
        """(HDU, place, length, bytes of YAML, blocks, standard) of the ASDF file, or None."""
    @property
    def yaml(self) -> bytes:
        """The text of the tree."""
    def tree(self, owner: object, memo: dict[int, Any], lazy: bool = False) -> Any:
        """Return the tree: dicts, lists, scalars; tagged parts are `Deferred`, branches too if `lazy`.

        `memo` receives node -> object for nodes that have an alias, so that each is made once. `owner`
        is what deferred parts name as theirs.
        """
    def lookup(self, path: list[str | int], owner: object, memo: dict[int, Any]) -> Any:
        """Return the part of the tree at a path, or None where nothing is."""
    @property
    def has_table(self) -> bool:
        """Whether an HDU other than ASDF is a binary table."""
    @property
    def missing_links(self) -> list[str]:
        """The sources ``fits:...`` in the tree that name no HDU of the file."""
    def linked(self, source: str) -> int | None:
        """Return the HDU that a source ``fits:NAME,VER`` or ``fits:INDEX`` names, or None."""
    def block(self, number: int) -> tuple[int, int, int, bytes]:
        """Return (place, bytes stored, bytes unpacked, compression) of a binary block.

        Negative numbers count from the end, as a streamed block is -1.
        """
    def unpack(self, number: int) -> Region:
        """Return the data of a block without its compression, never more than its header announces."""
    def block_checksums(self) -> list[bool | None]:
        """Return for each block whether its data have the MD5 of its header; None where it has none."""

# (name, version, start of the header, start of the data, end with padding, bytes of data)
_FarHdu = tuple[str, int, int, int, int | None, int]

@final
class Stretches:
    """What was fetched of a file that is far away."""

    def __new__(cls, size: int) -> Stretches:
        """Begin with nothing of a file of `size` bytes."""
    def add(self, at: int, bytes: bytes) -> None:  # noqa: A002
        """Take bytes of the file; those that are there already stay."""
    def survey(
        self, with_blocks: bool
    ) -> tuple[list[_FarHdu], tuple[int, int] | None, tuple[int, int] | None]:
        """Walk as far as the bytes go.

        Returns (HDUs, place and length of the ASDF file once it is reached, place and length of what is
        wanted next, None once headers and tree are here, `with_blocks` the headers of binary blocks).
        """

@final
class Numbers:
    """A rectangular list of numbers in the tree, read into memory without making Python numbers."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Sizes from the outermost list inwards."""
    @property
    def dtype(self) -> str:
        """Type code of the numbers for numpy: ``?``, ``i8`` or ``f8``."""
    @property
    def data(self) -> Region:
        """The numbers in native byte order, the innermost list varying fastest."""

@final
class Deferred:
    """A part of the tree that is made when it is touched: a plain branch, or a tagged object."""

    @property
    def owner(self) -> Any:
        """The open file that the part belongs to."""
    @property
    def plain(self) -> bool:
        """Whether the part is a dict or a list that needs no conversion."""
    @property
    def tag(self) -> str:
        """The whole tag; empty where there is none."""
    @property
    def node(self) -> int:
        """Number of the node: equal for every alias of it."""
    @property
    def at(self) -> int:
        """Place of the node in the file."""
    @property
    def yaml(self) -> str:
        """The YAML text of the part as it stands in the file."""
    def content(self, memo: dict[int, Any], lazy: bool = False) -> Any:
        """Return the part without its tag; tagged parts inside stay deferred, branches too if `lazy`.

        In the content of a `core/ndarray` node a list of plain numbers comes as `Numbers`.
        """
    def build(
        self,
        memo: dict[int, Any],
        wrap: Callable[[str, Any], Any],
        finish: Callable[[Any], Any],
    ) -> Any:
        """Return the object that the part stands for.

        `wrap` marks the content of a node with its tag, `finish` makes the object; nodes that have an
        alias are finished one by one and kept in `memo`.
        """

def emit(
    tree: Any,
    handles: list[tuple[str, str]],
    orders: list[tuple[str, list[str]]],
    default: Callable[[Any], Any] | None = None,
    link: Callable[[Any, int | str], int | str] | None = None,
    made: Callable[[Any, int], Any] | None = None,
) -> bytes:
    """Return the text of a tree; see `asdfits.emit.dump`.

    `orders` gives the keys that come first under tags that begin like its entries.
    """

# (what, style, number of the anchor, tag, text)
_Event = tuple[str, str, int | None, str | None, str]

def yaml_events(text: bytes, tier: str = "both") -> list[_Event] | None:
    """Return the events of a YAML document, or None where the fast tier does not decide.

    What happens is ``scalar``, ``[``, ``]``, ``{``, ``}`` or ``*`` for an alias; `tier` is ``fast``,
    ``strict`` or ``both``.
    """

def yaml_plain(text: str) -> Any:
    """Return what a plain scalar without a tag means."""

# A value of a card: None stands for an undefined one; numpy's scalars count as what they hold.
_CardValue = Any

def render_header(
    cards: Sequence[tuple[str, _CardValue, str | None]], *, end: bool = True
) -> bytes:
    """Return cards as astropy renders them, with END and padding unless `end` is false.

    ValueError names the keyword, the value and what keeps it from being a card.
    """

def render_card(keyword: str, value: _CardValue, comment: str | None = None) -> bytes:
    """Return the records of one card, 80 bytes each."""

def header_cards(header: bytes) -> list[tuple[str, int, int]]:
    """Return (keyword in upper case, start, end) of every card before END.

    CONTINUE records belong to the card that they continue.
    """

def sha256_headers(parts: Sequence[bytes | tuple[Product, int, int]]) -> str:
    """Return the SHA-256 over bytes and pieces of open files (product, place, length), in hex."""

# ("bits", 1 | 2 | 4 | 8, reverse the bytes, flip the top bit) | ("logical", 1)
# | ("scaled", BITPIX, BSCALE, BZERO, BLANK or None)
_Read = tuple[Any, ...]

def convert(
    source: Buffer,
    target: Buffer,
    fields: list[tuple[int, int, int, _Read]],
    region: Region | None = None,
) -> None:
    """Write the values of the numbers of an array to another with as many elements and no gaps.

    Each field is (place in an element of `source`, place in one of `target`, how many numbers, how they
    are read). All cores work, and other threads of Python go on; nobody writes to either meanwhile.
    `region` is the memory of a file that `source` lies in: it is let go as soon as it was read.

    ValueError: the memory does not fit, may not be written to, or overlaps.
    """

def reduce(
    source: Buffer,
    read: _Read,
    number: str,
    mask: tuple[Buffer, _Read, int] | None,
    percentiles: list[float],
    region: Region | None = None,
) -> tuple[int, float, float, float, list[float]]:
    """Return count, mean, least, greatest and percentiles of the numbers that are not masked or NaN.

    `number` is the type once they are read, such as ``f4``; `mask` is (flags, how they are read, bits of
    which none is set where a number counts).
    """

# bytes-like | ("swap", buffer, width, flip the top bit) | ("sign", buffer, width)
# | ("copy", product, place, length) | ("zeros", count) | ("pad", byte)
_Part = Buffer | tuple[Any, ...]

def write_file(
    path: str | PathLike[str], parts: list[_Part], *, fsync: bool = True, mode: int | None = None
) -> int:
    """Write a file from its parts and return its length; the path has the old file or all of the new.

    Buffers are contiguous, and nobody writes to them meanwhile. ``swap`` reverses the bytes of items
    of 2, 4 or 8 bytes (1 with the top bit flipped: BZERO = -128), ``sign`` flips the top bit of
    big-endian items, ``copy`` takes bytes of an open file, ``pad`` fills up to a multiple of 2880.
    """

def edit_file(
    path: str | PathLike[str],
    edits: list[tuple[int, bytes]],
    length: int | None = None,
    *,
    fsync: bool = True,
    product: Product | None = None,
) -> None:
    """Overwrite some bytes of a file in place and set its length: all of it or nothing.

    `product` is the file if it was opened to be edited; its bytes are stale afterwards. Without it
    BlockingIOError says that somebody has the file open. What is the same already is not written.
    """

def recover_file(path: str | PathLike[str]) -> bool:
    """Put the old bytes back if an edit of the file was cut off; say whether there were any."""

def checksum(part: _Part, start: int = 0) -> int:
    """Return the sum of a part as FITS takes it, added to `start`, the sum of the parts before it.

    All parts but the last have multiples of 4 bytes; padding counts as zeros.
    """

def datasum(product: Product, at: int, length: int) -> int:
    """Return the sum of bytes of an open file."""

def checksum_text(sum: int, complement: bool = True) -> str:  # noqa: A002
    """Return a sum as the 16 letters of CHECKSUM, by default such that they undo the sum."""
