//! Loops over items, compiled twice: for every processor, and for those with AVX2.
//!
//! Reversing bytes is one instruction for 32 of them with AVX2, and a dozen for 16 without. There is one
//! text of each loop; the compiler vectorises it for both, and which one runs is asked of the processor.

/// Does work in the form that suits this processor.
///
/// `work` and all that it calls in its loops have to be inlined here, as only what stands in a function is
/// compiled for the features of that function.
#[inline]
pub(crate) fn vectorised(work: impl FnOnce()) {
    #[cfg(target_arch = "x86_64")]
    if std::arch::is_x86_feature_detected!("avx2") {
        #[allow(unsafe_code)]
        // SAFETY: the processor has just said that it has AVX2, and nothing else is asked of it.
        unsafe {
            with_avx2(work);
        }
        return;
    }
    work();
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
fn with_avx2(work: impl FnOnce()) {
    work();
}

/// Writes `change` of each item of `from` to `to`: whole items, as many as both hold.
#[inline(always)]
#[allow(clippy::inline_always, reason = "see `vectorised`")]
pub(crate) fn each<const N: usize, const M: usize>(
    from: &[u8],
    to: &mut [u8],
    change: impl Fn([u8; N]) -> [u8; M],
) {
    let (from, _) = from.as_chunks::<N>();
    let (to, _) = to.as_chunks_mut::<M>();
    for (to, from) in to.iter_mut().zip(from) {
        *to = change(*from);
    }
}
