//! ASDF files as a whole: headers, the end of the tree, blocks, index, compression, damage.

#![allow(
    clippy::arithmetic_side_effects,
    clippy::cast_possible_truncation,
    clippy::format_collect,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a test may panic"
)]

use std::io::Write;

use asdfits_core::ErrorKind;
use asdfits_core::asdf::{AsdfFile, Compression, MAGIC, Scalar, decompress};
use md5::Digest;

const TREE: &str = "#ASDF 1.0.0\n#ASDF_STANDARD 1.6.0\n%YAML 1.1\n%TAG ! tag:stsci.edu:asdf/\n--- !core/asdf-1.1.0\na: 1\n...\n";

/// What a block header says, where it differs from the data.
struct Header {
    size: u16,
    flags: u32,
    compression: [u8; 4],
    allocated: u64,
    used: u64,
    data_size: u64,
    checksum: [u8; 16],
}

impl Header {
    fn of(stored: &[u8]) -> Self {
        let n = stored.len() as u64;
        let checksum = md5::Md5::digest(stored).into();
        Self {
            size: 48,
            flags: 0,
            compression: [0; 4],
            allocated: n,
            used: n,
            data_size: n,
            checksum,
        }
    }

    fn block(&self, stored: &[u8]) -> Vec<u8> {
        let mut out = MAGIC.to_vec();
        out.extend(self.size.to_be_bytes());
        out.extend(self.flags.to_be_bytes());
        out.extend(self.compression);
        for n in [self.allocated, self.used, self.data_size] {
            out.extend(n.to_be_bytes());
        }
        out.extend(self.checksum);
        out.resize(out.len() + usize::from(self.size.saturating_sub(48)), 0xaa);
        out.extend(stored);
        out
    }
}

fn block(stored: &[u8]) -> Vec<u8> {
    Header::of(stored).block(stored)
}

fn file(parts: &[&[u8]]) -> Vec<u8> {
    [&[TREE.as_bytes()], parts].concat().concat()
}

fn contents(bytes: &[u8]) -> Vec<Vec<u8>> {
    let file = AsdfFile::parse(bytes, 0).unwrap();
    file.blocks()
        .iter()
        .map(|block| block.stored(bytes).to_vec())
        .collect()
}

#[test]
fn the_parts_of_a_file_are_found() {
    let bytes = file(&[&block(b"abc"), &block(b"")]);
    let file = AsdfFile::parse(&bytes, 1000).unwrap();
    assert_eq!((file.version(), file.standard()), ("1.0.0", Some("1.6.0")));
    let text = &bytes[file.yaml()];
    assert!(text.starts_with(b"%YAML 1.1\n") && text.ends_with(b"\n...\n"));
    let a = file.tape().get(text, 0, "a").unwrap();
    assert_eq!(file.tape().scalar(a, text), Ok(Scalar::Int(1)));
    assert_eq!(
        file.tape().at(a),
        1000 + (TREE.find("1\n...").unwrap() as u64)
    );
    let [first, second] = file.blocks() else {
        panic!("two blocks")
    };
    assert_eq!(
        (first.at as usize, first.data_len, second.data_len),
        (TREE.len(), 3, 0)
    );
    assert_eq!(first.checksum_holds(first.stored(&bytes)), Some(true));
    assert_eq!(first.data(&bytes, 0).unwrap().as_ref(), b"abc");
}

#[test]
fn a_checksum_that_does_not_hold_is_told() {
    let header = Header {
        checksum: [1; 16],
        ..Header::of(b"abc")
    };
    let bytes = file(&[&header.block(b"abc")]);
    let file = AsdfFile::parse(&bytes, 0).unwrap();
    assert_eq!(
        file.blocks()[0].checksum_holds(file.blocks()[0].stored(&bytes)),
        Some(false)
    );
    // Nobody asked: the data can be read all the same.
    assert!(file.blocks()[0].data(&bytes, 0).is_ok());
}

#[test]
fn a_file_may_have_no_tree() {
    for text in [
        "#ASDF 1.0.0\n",
        "#ASDF 1.0.0\n#ASDF_STANDARD 1.5.0\n# a comment\n",
        "#ASDF 1.0.0",
    ] {
        let file = AsdfFile::parse(text.as_bytes(), 0).unwrap();
        assert!(file.tape().is_empty() && file.yaml().is_empty() && file.blocks().is_empty());
    }
    let bytes = [b"#ASDF 1.0.0\n", block(b"xy").as_slice()].concat();
    assert_eq!(contents(&bytes), [b"xy"]);
}

#[test]
fn what_is_no_asdf_file_is_refused() {
    for text in [
        "",
        "#ASDX 1.0.0\n",
        "SIMPLE  =",
        "#ASDF 1.0.0\n\n%YAML 1.1\n---\n...\n",
        "#ASDF 1.0.0\nhello\n",
    ] {
        let error = AsdfFile::parse(text.as_bytes(), 50).unwrap_err();
        assert_eq!(error.kind, ErrorKind::Format, "{text:?}");
        assert!(error.at >= Some(50));
    }
}

#[test]
fn the_tree_ends_at_the_exact_line() {
    let head = "#ASDF 1.0.0\n%YAML 1.1\n---\na: b\n";
    for end in ["...\n", "...", "...\r\n"] {
        assert!(
            AsdfFile::parse(format!("{head}{end}").as_bytes(), 0).is_ok(),
            "{end:?}"
        );
    }
    for end in ["", "... \n", "... # x\n", "....\n", "..\n", "...\r"] {
        let error = AsdfFile::parse(format!("{head}{end}").as_bytes(), 0).unwrap_err();
        assert_eq!(error.kind, ErrorKind::Truncated, "{end:?}");
    }
    let crlf = "#ASDF 1.0.0\r\n#ASDF_STANDARD 1.6.0\r\n%YAML 1.1\r\n---\r\na: b\r\n...\r\n";
    let file = AsdfFile::parse(crlf.as_bytes(), 0).unwrap();
    assert_eq!((file.standard(), file.tape().len()), (Some("1.6.0"), 3));
}

#[test]
fn padding_long_headers_and_spare_room_are_passed_over() {
    let long = Header {
        size: 60,
        allocated: 10,
        ..Header::of(b"abc")
    }
    .block(b"abc.......");
    let bytes = file(&[&[0; 700], &long, &block(b"next"), &[0; 2880]]);
    assert_eq!(contents(&bytes), [b"abc".to_vec(), b"next".to_vec()]);
}

#[test]
fn a_streamed_block_reaches_to_the_end() {
    let header = Header {
        flags: 1,
        allocated: 0,
        used: 0,
        data_size: 0,
        checksum: [0; 16],
        ..Header::of(b"")
    };
    let bytes = file(&[&block(b"one"), &header.block(b"all the rest")]);
    assert_eq!(
        contents(&bytes),
        [b"one".to_vec(), b"all the rest".to_vec()]
    );
    let file = AsdfFile::parse(&bytes, 0).unwrap();
    assert!(file.blocks()[1].streamed && !file.blocks()[1].truncated);
    assert_eq!(
        file.blocks()[1].checksum_holds(file.blocks()[1].stored(&bytes)),
        None
    );
}

#[test]
fn claims_beyond_the_file_are_clamped_and_flagged() {
    for claim in [4, 1 << 63, u64::MAX] {
        let header = Header {
            allocated: claim,
            used: claim,
            data_size: claim,
            ..Header::of(b"abc")
        };
        let bytes = file(&[&header.block(b"abc")]);
        let file = AsdfFile::parse(&bytes, 0).unwrap();
        let block = &file.blocks()[0];
        assert!(block.truncated);
        assert_eq!((block.data_len, block.used), (3, claim));
        assert_eq!(
            block.data(&bytes, 0).unwrap_err().kind,
            ErrorKind::Truncated
        );
    }
}

#[test]
fn headers_that_contradict_themselves_are_refused() {
    let headers = [
        Header {
            size: 47,
            ..Header::of(b"abc")
        },
        Header {
            allocated: 2,
            ..Header::of(b"abc")
        },
        Header {
            data_size: 4,
            ..Header::of(b"abc")
        },
        Header {
            flags: 1,
            compression: *b"zlib",
            ..Header::of(b"abc")
        },
    ];
    for header in headers {
        let error = AsdfFile::parse(&file(&[&header.block(b"abc")]), 9).unwrap_err();
        assert_eq!(error.kind, ErrorKind::Format);
        assert!(error.at >= Some(9 + TREE.len() as u64));
    }
    let whole = block(b"abc");
    for end in 4..whole.len() - 3 {
        let error = AsdfFile::parse(&file(&[&whole[..end]]), 0).unwrap_err();
        assert_eq!(error.kind, ErrorKind::Truncated, "{end}");
    }
}

fn index(offsets: &[usize]) -> Vec<u8> {
    let lines: String = offsets.iter().map(|n| format!("- {n}\n")).collect();
    format!("#ASDF BLOCK INDEX\n%YAML 1.1\n---\n{lines}...\n").into_bytes()
}

#[test]
fn the_index_helps_only_where_the_chain_is_broken() {
    let (one, two) = (block(b"one"), block(b"second"));
    let starts = [TREE.len(), TREE.len() + one.len()];
    let whole = file(&[&one, &two, &index(&starts)]);
    assert_eq!(contents(&whole).len(), 2);
    // An index that is wrong does no harm.
    for wrong in [
        index(&[1, 2]),
        index(&starts[..1]),
        b"#ASDF BLOCK INDEX\n- {".to_vec(),
    ] {
        assert_eq!(contents(&file(&[&one, &two, &wrong])).len(), 2);
    }
    // Junk between the blocks breaks the chain.
    let shifted = [TREE.len(), TREE.len() + one.len() + 5];
    let broken = file(&[&one, b"junk!", &two, &index(&shifted)]);
    assert_eq!(contents(&broken), [b"one".to_vec(), b"second".to_vec()]);
    // Without an index what was found stands.
    assert_eq!(contents(&file(&[&one, b"junk!", &two])).len(), 1);
}

fn lz4(data: &[u8], step: usize) -> Vec<u8> {
    let mut out = Vec::new();
    for part in data.chunks(step) {
        let packed = lz4_flex::block::compress_prepend_size(part);
        out.extend((packed.len() as u32).to_be_bytes());
        out.extend(packed);
    }
    out
}

fn zlib(data: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(data).unwrap();
    encoder.finish().unwrap()
}

fn bzip2(data: &[u8]) -> Vec<u8> {
    let mut encoder = bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::default());
    encoder.write_all(data).unwrap();
    encoder.finish().unwrap()
}

#[test]
fn compressed_blocks_are_read() {
    let data: Vec<u8> = (0..30_000_u32)
        .flat_map(|n| (n / 7).to_le_bytes())
        .collect();
    let packed = [
        (*b"zlib", zlib(&data)),
        (*b"bzp2", bzip2(&data)),
        (*b"lz4\0", lz4(&data, 1 << 16)),
    ];
    for (label, stored) in packed {
        let kind = Compression::from_label(label).unwrap();
        let header = Header {
            compression: label,
            data_size: data.len() as u64,
            ..Header::of(&stored)
        };
        let bytes = file(&[&header.block(&stored)]);
        let file = AsdfFile::parse(&bytes, 0).unwrap();
        let block = &file.blocks()[0];
        assert_eq!(block.checksum_holds(block.stored(&bytes)), Some(true));
        assert_eq!(block.data(&bytes, 0).unwrap().as_ref(), data, "{kind:?}");
        // Any other size than announced is an error, and so is a missing end.
        for wrong in [0, 1, data.len() as u64 - 1, data.len() as u64 + 1, u64::MAX] {
            assert!(
                decompress(&stored, kind, wrong).is_err(),
                "{kind:?} {wrong}"
            );
        }
        let cut = &stored[..stored.len() - 20];
        assert!(
            decompress(cut, kind, data.len() as u64).is_err(),
            "{kind:?}"
        );
        // No byte of the stored data makes it panic.
        for at in (0..stored.len()).step_by(stored.len() / 31 + 1) {
            let mut damaged = stored.clone();
            damaged[at] ^= 0x55;
            let _ = decompress(&damaged, kind, data.len() as u64);
        }
    }
    assert_eq!(decompress(&[], Compression::Lz4, 0), Ok(Vec::new()));
}

#[test]
fn an_lz4_frame_cannot_claim_memory() {
    let mut frame = 8_u32.to_be_bytes().to_vec();
    frame.extend(u32::MAX.to_le_bytes());
    frame.extend([0; 4]);
    let error = decompress(&frame, Compression::Lz4, u64::MAX).unwrap_err();
    assert!(error.message.contains("claims to hold"), "{error}");
}

#[test]
fn an_unknown_compression_is_unsupported() {
    let header = Header {
        compression: *b"blsc",
        ..Header::of(b"abc")
    };
    let bytes = file(&[&header.block(b"abc")]);
    let file = AsdfFile::parse(&bytes, 0).unwrap();
    assert_eq!(
        file.blocks()[0].data(&bytes, 0).unwrap_err().kind,
        ErrorKind::Unsupported
    );
}

#[test]
fn no_byte_makes_a_file_panic() {
    let starts = [TREE.len()];
    let header = Header {
        compression: *b"zlib",
        data_size: 3,
        ..Header::of(&zlib(b"abc"))
    };
    let bytes = file(&[&header.block(&zlib(b"abc")), &index(&starts)]);
    for at in 0..bytes.len() {
        for value in [
            0,
            b'\n',
            b'-',
            0xff,
            bytes[at] ^ 1,
            bytes[at].wrapping_add(1),
        ] {
            let mut damaged = bytes.clone();
            damaged[at] = value;
            match AsdfFile::parse(&damaged, 0) {
                Ok(file) => {
                    for block in file.blocks() {
                        let _ = block.data(&damaged, 0);
                    }
                }
                Err(error) => assert!(error.at <= Some(bytes.len() as u64)),
            }
        }
        let _ = AsdfFile::parse(&bytes[..at], 0);
    }
}
