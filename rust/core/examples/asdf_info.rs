//! Prints what ASDF files hold: versions, the size of the tree, the blocks with the MD5 of their data.

use std::io::Write;

use asdfits_core::asdf::AsdfFile;
use md5::Digest;

fn main() -> std::io::Result<()> {
    let mut out = std::io::BufWriter::new(std::io::stdout().lock());
    for path in std::env::args().skip(1) {
        let bytes = std::fs::read(&path)?;
        let file = match AsdfFile::parse(&bytes, 0) {
            Ok(file) => file,
            Err(error) => {
                writeln!(out, "{path}: {error}")?;
                continue;
            }
        };
        let standard = file.standard().unwrap_or("-");
        writeln!(
            out,
            "{path}: {} {standard} {} nodes",
            file.version(),
            file.tape().len()
        )?;
        for block in file.blocks() {
            match block.data(&bytes, 0) {
                Err(error) => writeln!(out, "  {error}")?,
                Ok(data) => {
                    let sum = u128::from_be_bytes(md5::Md5::digest(&data).into());
                    let holds = block.checksum_holds(block.stored(&bytes));
                    writeln!(out, "  {} {} {sum:032x} {holds:?}", block.at, data.len())?;
                }
            }
        }
    }
    Ok(())
}
