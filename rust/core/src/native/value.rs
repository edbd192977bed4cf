//! Numbers that can be averaged and put in order.

/// A number that can be averaged and ordered.
pub(super) trait Value: Copy + Send {
    const BYTES: usize;
    fn read(bytes: &[u8]) -> impl Iterator<Item = Self>;
    fn float(self) -> f64;
    fn is_nan(self) -> bool;
    /// A whole number of the same order, from the top bit down.
    fn key(self) -> u64;
    fn from_key(key: u64) -> Self;
}

macro_rules! value {
    ($kind:ty, $bits:ty, $is_nan:expr, $key:expr, $from_key:expr) => {
        impl Value for $kind {
            const BYTES: usize = size_of::<$kind>();
            #[inline]
            fn read(bytes: &[u8]) -> impl Iterator<Item = Self> {
                let (items, _) = bytes.as_chunks();
                items.iter().map(|item| <$kind>::from_ne_bytes(*item))
            }
            #[allow(clippy::cast_precision_loss, clippy::cast_lossless, reason = "rounds")]
            #[inline]
            fn float(self) -> f64 {
                self as f64
            }
            #[inline]
            fn is_nan(self) -> bool {
                $is_nan(self)
            }
            #[allow(clippy::cast_lossless, reason = "of a macro")]
            #[inline]
            fn key(self) -> u64 {
                let key: $bits = $key(self);
                (key as u64) << (64 - <$bits>::BITS)
            }
            #[allow(clippy::cast_possible_truncation, reason = "the lower bits are 0")]
            #[inline]
            fn from_key(key: u64) -> Self {
                $from_key((key >> (64 - <$bits>::BITS)) as $bits)
            }
        }
    };
}

macro_rules! unsigned {
    ($kind:ty) => {
        value!($kind, $kind, |_| false, |value| value, |key| key);
    };
}

macro_rules! signed {
    ($kind:ty, $bits:ty) => {
        value!(
            $kind,
            $bits,
            |_| false,
            |value: $kind| value.cast_unsigned() ^ (1 << (<$bits>::BITS - 1)),
            |key: $bits| (key ^ (1 << (<$bits>::BITS - 1))).cast_signed()
        );
    };
}

macro_rules! float {
    ($kind:ty, $bits:ty) => {
        value!(
            $kind,
            $bits,
            <$kind>::is_nan,
            // The greater a negative number's bits are, the less it is.
            |value: $kind| {
                let (bits, top) = (value.to_bits(), 1 << (<$bits>::BITS - 1));
                if bits & top == 0 { bits ^ top } else { !bits }
            },
            |key: $bits| {
                let top = 1 << (<$bits>::BITS - 1);
                <$kind>::from_bits(if key & top == 0 { !key } else { key ^ top })
            }
        );
    };
}

unsigned!(u8);
unsigned!(u16);
unsigned!(u32);
unsigned!(u64);
signed!(i8, u8);
signed!(i16, u16);
signed!(i32, u32);
signed!(i64, u64);
float!(f32, u32);
float!(f64, u64);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_have_the_order_of_the_numbers() {
        fn ordered<V: Value + PartialEq + std::fmt::Debug>(values: &[V]) {
            assert!(
                values.windows(2).all(|pair| pair[0].key() < pair[1].key()),
                "{values:?}"
            );
            for value in values {
                assert_eq!(V::from_key(value.key()), *value);
            }
        }
        ordered(&[0_u8, 1, 255]);
        ordered(&[-128_i8, -1, 0, 127]);
        ordered(&[0_u16, 40000]);
        ordered(&[i32::MIN, -5, 0, i32::MAX]);
        ordered(&[0, u64::MAX]);
        ordered(&[
            f32::NEG_INFINITY,
            f32::MIN,
            -1e-40,
            0.0,
            1e-40,
            2.5,
            f32::INFINITY,
        ]);
        ordered(&[f64::NEG_INFINITY, -2.0, 0.0, 1e-310, 1.0, f64::INFINITY]);
    }
}
