//! How tiles lie in an image.
//!
//! Sizes are in numpy's order: the last axis varies fastest. A *band* is a run of bytes of the image that
//! whole tiles fill: a tile of rows as a whole, or the tiles that stand side by side. No two tiles of
//! different bands touch, so that each band has a lock of its own.

/// The grid of tiles over an image.
#[derive(Debug, Clone)]
pub struct Tiles {
    shape: Vec<usize>,
    tile: Vec<usize>,
    /// The axis along which bands follow each other.
    axis: usize,
    /// Values of one step along each axis.
    strides: Vec<usize>,
    count: usize,
}

/// A part of an axis.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Part {
    start: usize,
    length: usize,
}

/// One tile.
#[derive(Debug, Clone)]
pub struct Tile {
    /// The band that it lies in.
    pub band: usize,
    /// The number of its values.
    pub size: usize,
    /// Its parts of the axes from that of the bands on.
    parts: Vec<Part>,
}

impl Tiles {
    /// Lays tiles over an image; `None` where sizes are beyond what can be counted, or a tile has none.
    pub fn new(shape: Vec<usize>, tile: &[usize]) -> Option<Self> {
        let tile: Vec<usize> = shape
            .iter()
            .zip(tile)
            .map(|(&n, &t)| t.min(n.max(1)))
            .collect();
        if tile.len() != shape.len() || tile.contains(&0) {
            return None;
        }
        let mut strides = vec![1; shape.len()];
        let mut size = 1_usize;
        for (stride, &length) in strides.iter_mut().zip(&shape).rev() {
            *stride = size;
            size = size.checked_mul(length)?;
        }
        let grid = shape.iter().zip(&tile).map(|(n, &t)| n.div_ceil(t));
        // An image without axes has no values (FITS 4.0 §4.4.1.1).
        let unit = usize::from(!shape.is_empty());
        let count = grid.fold(unit, usize::saturating_mul);
        let last = shape.len().saturating_sub(1);
        let axis = tile.iter().take_while(|&&t| t == 1).count().min(last);
        Some(Self {
            shape,
            tile,
            axis,
            strides,
            count,
        })
    }

    /// The number of tiles.
    pub fn count(&self) -> usize {
        self.count
    }

    /// The number of values; `new` has counted them.
    pub fn size(&self) -> usize {
        let unit = usize::from(!self.shape.is_empty());
        let lengths = self.shape.iter();
        lengths.fold(unit, |size, &n| size.saturating_mul(n))
    }

    /// The values of a whole tile.
    pub fn tile_size(&self) -> usize {
        self.tile.iter().fold(1, |size, &n| size.saturating_mul(n))
    }

    /// The bands of an image of `width` bytes for each value.
    pub fn bands<'a>(&self, image: &'a mut [u8], width: usize) -> Vec<&'a mut [u8]> {
        let at = |list: &[usize]| list.get(self.axis).copied().unwrap_or(1);
        let step = at(&self.strides).saturating_mul(width);
        let slab = at(&self.shape).saturating_mul(step).max(1);
        let band = at(&self.tile).saturating_mul(step).max(1);
        let slabs = image.chunks_mut(slab);
        slabs.flat_map(|slab| slab.chunks_mut(band)).collect()
    }

    /// The tile with this number; the first axis of FITS runs first.
    pub fn tile(&self, number: usize) -> Tile {
        let mut rest = number;
        let mut parts = Vec::with_capacity(self.shape.len());
        let mut band = 0;
        for (axis, (&length, &tile)) in self.shape.iter().zip(&self.tile).enumerate().rev() {
            if axis == self.axis {
                band = rest;
            }
            let count = length.div_ceil(tile).max(1);
            let start = rest.checked_rem(count).unwrap_or(0).saturating_mul(tile);
            rest = rest.checked_div(count).unwrap_or(0);
            if axis >= self.axis {
                let length = tile.min(length.saturating_sub(start));
                parts.push(Part { start, length });
            }
        }
        parts.reverse();
        let size = parts
            .iter()
            .fold(1, |size: usize, part| size.saturating_mul(part.length));
        if let Some(first) = parts.first_mut() {
            first.start = 0; // within the band
        }
        Tile { band, size, parts }
    }

    /// Whether the tile is the whole of its band.
    pub fn fills(&self, tile: &Tile) -> bool {
        let lengths = self.shape.iter().skip(self.axis).skip(1);
        let parts = tile.parts.iter().skip(1);
        parts
            .zip(lengths)
            .all(|(part, &length)| part.length == length)
    }

    /// Copies the bytes of a tile to their places in its band.
    pub fn scatter(&self, tile: &Tile, from: &[u8], band: &mut [u8], width: usize) {
        let strides: Vec<usize> = self.strides.iter().skip(self.axis).copied().collect();
        let row = tile.parts.last().map_or(1, |part| part.length);
        let mut counts = vec![0_usize; tile.parts.len().saturating_sub(1)];
        let offset = |counts: &[usize]| {
            let steps = counts.iter().chain([&0]).zip(&tile.parts).zip(&strides);
            steps.fold(0_usize, |sum, ((count, part), stride)| {
                let step = part.start.saturating_add(*count).saturating_mul(*stride);
                sum.saturating_add(step)
            })
        };
        for from in from.chunks_exact(row.saturating_mul(width).max(1)) {
            let start = offset(&counts).saturating_mul(width);
            let to = band.get_mut(start..).unwrap_or_default();
            if let Some(to) = to.get_mut(..from.len()) {
                to.copy_from_slice(from);
            }
            for (count, part) in counts.iter_mut().zip(&tile.parts).rev() {
                *count = count.saturating_add(1);
                if *count < part.length {
                    break;
                }
                *count = 0;
            }
        }
    }
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

    #[test]
    fn every_value_is_in_one_tile_and_goes_to_its_place() {
        for (shape, tile) in [
            (vec![10], vec![3]),
            (vec![5, 7], vec![1, 7]),
            (vec![5, 7], vec![2, 3]),
            (vec![5, 7], vec![1, 3]),
            (vec![3, 4, 5], vec![1, 3, 2]),
            (vec![3, 4, 5], vec![2, 4, 5]),
            (vec![3, 4, 5], vec![2, 1, 5]),
            (vec![3, 4, 5], vec![1, 1, 1]),
            (vec![2, 3, 4, 5], vec![9, 9, 9, 9]),
            (vec![1, 1, 6], vec![1, 1, 4]),
        ] {
            let tiles = Tiles::new(shape.clone(), &tile).unwrap();
            let size = tiles.size();
            let mut image = vec![0_u8; size * 2];
            let mut bands = tiles.bands(&mut image, 2);
            let mut found = 0;
            for number in 0..tiles.count() {
                let tile = tiles.tile(number);
                let band = &mut bands[tile.band];
                if tiles.fills(&tile) {
                    assert_eq!(band.len(), tile.size * 2);
                }
                let mark = u16::try_from(number + 1).unwrap().to_ne_bytes();
                tiles.scatter(&tile, &mark.repeat(tile.size), band, 2);
                found += tile.size;
            }
            assert_eq!(found, size);
            // By the definition: the number of the tile from the place of the value.
            for (place, mark) in image.as_chunks::<2>().0.iter().enumerate() {
                let mut rest = place;
                let (mut number, mut factor) = (0, 1);
                for (&n, &t) in shape.iter().zip(&tile).rev() {
                    let t = t.min(n);
                    number += (rest % n) / t * factor;
                    factor *= n.div_ceil(t);
                    rest /= n;
                }
                assert_eq!(
                    usize::from(u16::from_ne_bytes(*mark)),
                    number + 1,
                    "{shape:?} {tile:?}"
                );
            }
        }
    }

    #[test]
    fn impossible_sizes_are_refused() {
        assert!(Tiles::new(vec![4], &[0]).is_none());
        assert!(Tiles::new(vec![usize::MAX, 2], &[1, 1]).is_none());
        for (shape, tile) in [(vec![0, 3], vec![1, 3]), (vec![], vec![])] {
            let nothing = Tiles::new(shape, &tile).unwrap();
            assert_eq!((nothing.count(), nothing.size()), (0, 0));
            assert!(nothing.bands(&mut [], 4).is_empty());
        }
    }
}
